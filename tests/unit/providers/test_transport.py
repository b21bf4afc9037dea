"""Asking over real sockets and real TLS; what may be wrong with a body is in test_transport_bodies.py."""

import asyncio
import socket
from email.utils import formatdate
from pathlib import Path

import pytest
import trustme

from bridge.clock import SystemClock
from providers.contract import Unreachable
from providers.transport import HEADER_OCTETS, HttpAnswer, HttpClient, Patience
from tests.fakes.faults import Answer, Hang, Refuse, Trickle, WrongLength, html
from tests.fakes.plain import JSON, PlainService, started
from tests.fakes.relay import Relay, carrying

SECRET = "a-token-nobody-may-see"
BEARER = {"Authorization": f"Bearer {SECRET}"}


async def failed(client: HttpClient, url: str) -> str:
    """Return how asking fails, in both ways alike, without a secret."""
    texts = set()
    with pytest.raises(Unreachable) as told:
        await client.ask("GET", url, headers=BEARER)
    texts.add(str(told.value))
    with pytest.raises(Unreachable) as told:
        async with client.stream("GET", url, headers=BEARER):
            pass
    texts.add(str(told.value))
    [text] = texts
    assert SECRET not in text
    assert "\n" not in text
    return text


# ---- what is sent, and what comes back


async def test_an_answer_is_told_with_its_status_headers_and_body(
    service: PlainService, client: HttpClient
) -> None:
    service.truth = Answer(418, b"short and stout", {"X-Kind": "pot"})
    answer = await client.ask("GET", service.url, headers={})
    assert (answer.status, answer.body) == (418, b"short and stout")
    assert answer.headers["x-KIND"] == "pot"


async def test_a_request_is_sent_to_the_letter(
    service: PlainService, client: HttpClient
) -> None:
    """A nextLink and a quoted id come from the service: an octet changed, and it knows them not."""
    path = "/v1.0/me/a%2Fb%3D%3d/$value?$filter=x%20eq%20'y'&q=a+b&$skiptoken=%7e~%41"
    await client.ask("POST", service.url + path, headers={"X-One": "1"}, body=b"\x00body")
    [asked] = service.asked
    assert (asked.method, asked.raw_path, asked.body) == ("POST", path, b"\x00body")
    assert asked.headers["X-One"] == "1"
    assert asked.headers["User-Agent"] == "popbridge"
    assert asked.headers["Accept-Encoding"] == "identity"


async def test_who_wants_another_coding_may_ask_for_it(
    service: PlainService, client: HttpClient
) -> None:
    await client.ask("GET", service.url, headers={"Accept-Encoding": "gzip"})
    assert service.asked[0].headers.getall("Accept-Encoding") == ["gzip"]


async def test_neither_cookies_nor_netrc_say_who_we_are(
    service: PlainService,
    client: HttpClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password mine\n", "utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    service.truth = Answer(200, b"", {"Set-Cookie": "a=b"})
    for _ in range(2):
        await client.ask("GET", service.url, headers={})
    for asked in service.asked:
        assert not {"Cookie", "Authorization"} & set(asked.headers)


async def test_an_answer_without_a_body_is_whole(
    service: PlainService, client: HttpClient
) -> None:
    service.truth = Answer(204)
    assert (await client.ask("PATCH", service.url, headers={}, body=b"{}")).status == 204


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(
    service: PlainService, client: HttpClient, status: int
) -> None:
    service.truth = Answer(status, b"", {"Location": f"{service.url}/trap"})
    text = await failed(client, service.url)
    assert "redirect" in text
    assert service.requests("trap") == []


async def test_headers_of_some_kilobytes_are_taken_and_endless_ones_are_not(
    service: PlainService, client: HttpClient
) -> None:
    service.truth = Answer(200, b"", {"X-Long": "x" * 20_000})
    assert len((await client.ask("GET", service.url, headers={})).headers["X-Long"]) == 20_000
    service.truth = Answer(200, b"", {"X-Long": SECRET + "x" * HEADER_OCTETS})
    await failed(client, service.url)


@pytest.mark.parametrize(
    ("status", "is_success"), [(199, False), (200, True), (299, True), (300, False)]
)
def test_success_is_a_status_of_two_hundreds(*, status: int, is_success: bool) -> None:
    assert HttpAnswer(status, {}).is_success is is_success


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe{", b"[" * 100_000])
def test_what_is_no_json_comes_from_somebody_else(body: bytes) -> None:
    with pytest.raises(Unreachable, match=r"status 200.* not JSON.*proxy or a captive portal"):
        HttpAnswer(200, {}, body).json()
    assert HttpAnswer(200, {}, JSON).json() == {"value": [1, 2, 3]}


@pytest.mark.parametrize(
    ("kind", "body", "is_page"),
    [
        ("text/HTML; charset=utf-8", b"", True),
        ("application/xhtml+xml", b"x", True),
        ("application/json", b"\r\n <!DOCTYPE html>", True),
        ("application/json", b"{}", False),
        ("", b"", False),
    ],
)
def test_a_page_for_people_is_known_by_its_kind_or_its_first_octet(
    *, kind: str, body: bytes, is_page: bool
) -> None:
    assert HttpAnswer(200, {"Content-Type": kind}, body).is_page is is_page


# ---- reaching a host


@pytest.mark.parametrize("off", [-900.0, 0.0, 900.0])
async def test_a_host_that_is_reached_tells_how_far_its_clock_is_ahead_of_ours(
    service: PlainService, client: HttpClient, off: float
) -> None:
    date = formatdate(SystemClock().now() + off, usegmt=True)
    service.truth = Answer(401, JSON, {"Date": date})
    answer = await client.reach(f"{service.url}/v1.0/")
    assert answer.host == "localhost"
    assert answer.clock_ahead == pytest.approx(off, abs=5)
    assert "Authorization" not in service.asked[0].headers


async def test_a_host_without_a_date_has_a_clock_nobody_knows(
    service: PlainService, client: HttpClient
) -> None:
    service.script("", WrongLength(0))  # what the fake writes by hand has no Date
    assert (await client.reach(service.url)).clock_ahead is None


@pytest.mark.parametrize("status", [200, 403, 502])
async def test_a_page_for_people_is_not_the_host(
    service: PlainService, client: HttpClient, status: int
) -> None:
    service.truth = html(status)
    with pytest.raises(
        Unreachable, match="localhost answers with a page for people; is a proxy"
    ):
        await client.reach(service.url)


# ---- hosts that cannot be asked


async def test_a_certificate_of_an_unknown_ca_is_refused_before_a_word_is_said(
    service: PlainService,
) -> None:
    client = HttpClient()
    text = await failed(client, service.url)
    assert text.startswith("the certificate of localhost is not trusted (")
    assert "CERTIFICATE_VERIFY_FAILED" in text
    assert text.endswith("name its CA with --ca")
    assert service.asked == []
    await client.close()


async def test_a_certificate_of_another_host_is_refused(
    ca: trustme.CA, client: HttpClient
) -> None:
    async with started(ca, "elsewhere.test") as service:
        text = await failed(client, f"https://localhost:{service.port}/")
    assert "not trusted" in text
    assert "Hostname mismatch" in text
    assert service.asked == []


async def test_a_ca_file_that_went_away_is_told(service: PlainService, tmp_path: Path) -> None:
    client = HttpClient(ca=str(tmp_path / "gone.pem"))
    assert "No such file" in await failed(client, service.url)
    await client.close()


async def test_a_name_that_does_not_resolve_says_so(client: HttpClient) -> None:
    """RFC 6761 section 6.4: nothing is ever called .invalid."""
    text = await failed(client, "https://graph.invalid/v1.0/")
    assert text.startswith(
        "the name graph.invalid cannot be resolved; check this machine's DNS"
    )


async def test_a_port_where_nobody_listens_says_so(client: HttpClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        text = await failed(client, f"https://127.0.0.1:{taken.getsockname()[1]}/")
    assert text.startswith("127.0.0.1 cannot be asked: ")


@pytest.mark.parametrize("url", ["https://[", "https://x:99999/", "ftp://x/", "nothing", ""])
async def test_an_address_that_is_none_is_one_sentence(client: HttpClient, url: str) -> None:
    assert "cannot be asked" in await failed(client, url + "?q=" + SECRET)


async def test_a_host_that_takes_the_connection_and_is_silent_is_given_up(ca_file: str) -> None:
    client = HttpClient(ca=ca_file, patience=Patience(0.1, 9.0, 9.0))
    async with carrying(Relay(is_mute=True)) as mute, asyncio.timeout(5):
        assert "did not answer" in await failed(client, f"https://localhost:{mute.port}/")
    await client.close()


@pytest.mark.parametrize("fault", [Hang(), Trickle(3)])
@pytest.mark.parametrize("patience", [Patience(9.0, 0.1, 9.0), Patience(9.0, 9.0, 0.1)])
async def test_a_service_that_never_answers_whole_is_given_up(
    service: PlainService,
    ca_file: str,
    fault: Hang | Trickle,
    patience: Patience,
) -> None:
    """Silence ends the wait, and so does the whole time, however little by little it goes."""
    client = HttpClient(ca=ca_file, patience=patience)
    service.truth = Answer(500, b"a failed answer is not streamed")
    service.always("", fault)
    async with asyncio.timeout(5):
        assert "localhost did not answer in time" in await failed(client, service.url)
    await client.close()


async def test_a_connection_that_is_cut_before_the_answer_is_told(
    service: PlainService, client: HttpClient
) -> None:
    service.always("", Refuse())
    assert "localhost cannot be asked: " in await failed(client, service.url)
    assert len(service.asked) <= 4  # the library itself asks once more where nothing was lost


# ---- connections


async def test_a_connection_is_used_again(service: PlainService, client: HttpClient) -> None:
    async with carrying(Relay(service.port)) as wire:
        for _ in range(5):
            answer = await client.ask("GET", f"https://localhost:{wire.port}/", headers={})
            assert answer.body == JSON
        assert wire.connections == 1


async def test_a_connection_that_died_while_it_waited_is_made_anew(
    service: PlainService, client: HttpClient
) -> None:
    async with carrying(Relay(service.port)) as wire:
        for _ in range(3):
            answer = await client.ask("GET", f"https://localhost:{wire.port}/", headers={})
            assert answer.body == JSON
            await wire.cut()
        assert wire.connections == 3


async def test_there_are_never_more_connections_than_were_allowed(
    service: PlainService, ca_file: str
) -> None:
    client = HttpClient(ca=ca_file, connections=2)
    service.latency = 0.02
    async with carrying(Relay(service.port)) as wire:
        url = f"https://localhost:{wire.port}/"
        await asyncio.gather(*(client.ask("GET", url, headers={}) for _ in range(6)))
        assert wire.connections == service.most_in_flight == 2
        await client.close()


async def test_a_cancelled_request_leaves_no_connection_behind(
    service: PlainService, ca_file: str
) -> None:
    client = HttpClient(ca=ca_file, connections=1)
    service.script("", Hang())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.ask("GET", service.url, headers={})
    assert (await client.ask("GET", service.url, headers={})).body == JSON
    await client.close()


async def test_closing_is_possible_at_any_time_and_twice(
    service: PlainService, client: HttpClient
) -> None:
    await HttpClient().close()
    async with carrying(Relay(service.port)) as wire:
        await client.ask("GET", f"https://localhost:{wire.port}/", headers={})
        await client.close()
        await client.close()


# ---- the proxy of the environment


async def test_the_proxy_of_the_environment_is_used_and_tls_goes_through_it(
    service: PlainService, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with carrying(Relay(service.port, is_proxy=True)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass@127.0.0.1:{proxy.port}")
        for _ in range(2):
            assert (await client.ask("GET", service.url, headers=BEARER)).body == JSON
        [head] = proxy.heads
        assert head.startswith(f"CONNECT localhost:{service.port} HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic bWU6cGFzcw==" in head
        assert SECRET not in head


async def test_a_host_that_the_environment_excepts_is_asked_directly(
    service: PlainService, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with carrying(Relay(service.port, is_proxy=True)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "example.com,localhost")
        assert (await client.ask("GET", service.url, headers={})).body == JSON
        assert proxy.heads == []


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "503 Busy"])
async def test_a_proxy_that_answers_for_itself_is_told_without_its_password(
    service: PlainService, client: HttpClient, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    page = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
    async with carrying(Relay(is_proxy=True, answer=page.encode())) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:{SECRET}@127.0.0.1:{proxy.port}")
        text = await failed(client, service.url)
    assert text == f"localhost cannot be asked: the proxy on the way says {status[:3]}"
    assert service.asked == []


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://me:{}@127.0.0.1:9", "localhost cannot be asked: "),
        ("me:{}@x", "localhost cannot be asked: its address is none, or that of the proxy"),
        ("http://me:{}@proxy.invalid:1", "the name proxy.invalid cannot be resolved"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_one_sentence(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, proxy: str, said: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy.format(SECRET))
    assert (await failed(client, "https://localhost:1/")).startswith(said)
