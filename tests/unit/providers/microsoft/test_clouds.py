from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.microsoft.clouds import ACCESSES, AUTHS, CLOUDS, Settings, read_settings

ID = "0b3f9a52-6a0c-4c44-9b1c-5b0d6f6a2f11"


def read(**settings: str) -> Settings:
    return read_settings({"client_id": ID, **settings})


def test_a_client_id_alone_is_an_account_of_the_global_cloud() -> None:
    assert read() == Settings(
        client_id=ID,
        tenant="organizations",
        auth="device",
        mailbox="",
        access="change",
        graph_url="https://graph.microsoft.com",
        authority="https://login.microsoftonline.com",
        has_purge=True,
        ca="",
        secret_ends="",
    )


@pytest.mark.parametrize(
    ("cloud", "authority", "graph"),
    [
        ("global", "login.microsoftonline.com", "graph.microsoft.com"),
        ("usgov", "login.microsoftonline.us", "graph.microsoft.us"),
        ("dod", "login.microsoftonline.us", "dod-graph.microsoft.us"),
        ("china", "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_own_hosts(cloud: str, authority: str, graph: str) -> None:
    """learn.microsoft.com/graph/deployments."""
    settings = read(cloud=cloud)
    assert settings.authority == f"https://{authority}"
    assert settings.graph_url == f"https://{graph}"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_only_the_global_cloud_deletes_for_good(cloud: str) -> None:
    """learn.microsoft.com/graph/api/message-permanentdelete."""
    assert read(cloud=cloud).has_purge is (cloud == "global")


@pytest.mark.parametrize(
    ("name", "given_", "taken"),
    [
        ("graph_url", "https://localhost:8443", "https://localhost:8443"),
        ("graph_url", "https://localhost:8443/", "https://localhost:8443"),
        ("graph_url", "https://gate.example/graph//", "https://gate.example/graph"),
        ("graph_url", "https://[::1]:8443", "https://[::1]:8443"),
        ("graph_url", "", "https://graph.microsoft.com"),
        ("authority", "https://login.example/", "https://login.example"),
        ("authority", "", "https://login.microsoftonline.com"),
    ],
)
def test_the_hosts_can_be_overridden(name: str, given_: str, taken: str) -> None:
    assert getattr(read(**{name: given_}), name) == taken


@pytest.mark.parametrize("option", ["graph_url", "authority"])
@pytest.mark.parametrize(
    "address",
    [
        "http://graph.microsoft.com",
        "HTTPS//graph.microsoft.com",
        "graph.microsoft.com",
        "https://",
        "https:///",
        "https:///v1.0",
        "https://:443",
        "https://graph.microsoft.com?x",
        "https://graph.microsoft.com#x",
        "https://user:pass@graph.microsoft.com",
        "https://graph.microsoft.com:port",
        "https://graph.microsoft.com:0",
        "https://graph.microsoft.com:99999",
        "https://graph.microsoft.com\\x",
        "https://[::1",
        "https://graph microsoft.com",
        " https://graph.microsoft.com",
        "https://graph.microsoft.com\n",
    ],
)
def test_an_address_that_is_none_is_refused_by_its_option(option: str, address: str) -> None:
    with pytest.raises(ValueError, match=f"--{option.replace('_', '-')} must be an address"):
        read(**{option: address})


@given(st.text(max_size=20))
def test_whatever_address_is_given_it_has_a_host_or_is_refused(text: str) -> None:
    try:
        settings = read(graph_url=f"https://{text}")
    except ValueError:
        return
    parts = urlsplit(settings.graph_url)
    assert parts.hostname
    assert parts.username is None
    assert not settings.graph_url.endswith("/")
    assert parts.port != 0


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("access", ACCESSES)
def test_every_way_and_access_that_is_offered_is_taken(auth: str, access: str) -> None:
    settings = read(auth=auth, access=access, tenant="example.com", mailbox="scans@example.com")
    assert (settings.auth, settings.access) == (auth, access)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"client_id": ""}, "--client-id"),
        ({"client_id": " "}, "--client-id"),
        ({"client_id": f"{ID}; Remove-Mailbox"}, "--client-id"),
        ({"client_id": "$(calc)"}, "--client-id"),
        ({"tenant": ""}, "--tenant"),
        ({"tenant": "a/b"}, "--tenant"),
        ({"tenant": ".."}, "--tenant"),
        ({"tenant": "example.com?x"}, "--tenant"),
        ({"cloud": "moon"}, "global, usgov, dod, china"),
        ({"auth": "password"}, "device, browser, app"),
        ({"access": "all"}, "read, change, purge"),
        ({"auth": "app", "mailbox": "a@b"}, "--tenant"),
        ({"auth": "app", "mailbox": "a@b", "tenant": "common"}, "--tenant"),
        ({"auth": "app", "mailbox": "a@b", "tenant": "consumers"}, "--tenant"),
        ({"auth": "app", "tenant": "example.com"}, "--mailbox"),
        ({"auth": "app", "tenant": "example.com", "mailbox": ""}, "--mailbox"),
        ({"mailbox": "a@b/../../me"}, "--mailbox"),
        ({"mailbox": "a b@c"}, "--mailbox"),
        ({"mailbox": "o'brien@example.com"}, "an object id"),
        ({"mailbox": 'a"@b'}, "--mailbox"),
        ({"mailbox": "a`@b"}, "--mailbox"),
        ({"mailbox": "a;b@c"}, "--mailbox"),
        ({"mailbox": "a@b\n"}, "--mailbox"),
        ({"mailbox": "a" * 255}, "--mailbox"),
        ({"secret_ends": "31.05.2027"}, "2027-05-31"),
        ({"secret_ends": "2027-02-30"}, "2027-05-31"),
    ],
)
def test_settings_that_do_not_go_together_say_what_to_give(
    settings: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        read(**settings)


def test_a_missing_client_id_is_asked_for() -> None:
    with pytest.raises(ValueError, match="--client-id"):
        read_settings({})


@pytest.mark.parametrize(
    "mailbox",
    [
        "",
        "scans@example.com",
        "first.last+print@sub.example.com",
        "8f2b1c3d-0000-4444-8888-123456789abc",
        "a" * 254,
    ],
)
def test_addresses_and_object_ids_are_mailboxes(mailbox: str) -> None:
    assert read(mailbox=mailbox).mailbox == mailbox


def test_the_last_day_of_a_secret_is_kept() -> None:
    assert read(secret_ends="2027-05-31").secret_ends == "2027-05-31"


def test_the_file_of_a_private_ca_is_kept() -> None:
    assert read(ca="/etc/ssl/proxy.pem").ca == "/etc/ssl/proxy.pem"
