import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Cursor, CursorExpired, Unreachable
from providers.microsoft import wire
from providers.microsoft.wire import DeltaCursor, ListCursor

GRAPH = "https://graph.microsoft.com"
NEXT = "@odata.nextLink"
DELTA = "@odata.deltaLink"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda one: (
        st.lists(one, max_size=4) | st.dictionaries(st.text(max_size=8), one, max_size=4)
    ),
)
ids = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


# ---- links


ELSEWHERE = [
    "https://graph.microsoft.com.evil.example/v1.0/me",
    "https://evil.example/graph.microsoft.com",
    "https://evil.example?https://graph.microsoft.com/",
    "https://evil.example#https://graph.microsoft.com/",
    "https://graph.microsoft.com@evil.example/",
    "https://graph.microsoft.com:443@evil.example/",
    "https://evil.example\\@graph.microsoft.com/",
    "https://graph.microsoft.com\\.evil.example/",
    "https://graph.microsoft.com%2eevil.example/",
    "https://graph.microsoft.com./",
    "https://user@graph.microsoft.com/",
    "https://user:pass@graph.microsoft.com/",
    "https://@graph.microsoft.com/",
    "https://graph.microsoft.com:8443/",
    "https://graph.microsoft.com:0/",
    "https://graph.microsoft.com:port/",
    "https://graph.microsoft.com:99999/",
    "http://graph.microsoft.com/",
    "http://graph.microsoft.com:443/",
    "ftp://graph.microsoft.com/",
    "//graph.microsoft.com/v1.0/me",
    "/v1.0/me/messages",
    "graph.microsoft.com/v1.0",
    "https:///v1.0/me",
    "https://graph.microsoft.us/",
    "https://[",
    "https://[graph.microsoft.com]/",
    "https://graph.microsoft.com\u2100/",
    "javascript:alert(1)",
    " ",
]


@pytest.mark.parametrize("link", ELSEWHERE)
@pytest.mark.parametrize("name", [NEXT, DELTA])
def test_a_link_to_anywhere_else_is_refused(name: str, link: str) -> None:
    with pytest.raises(Unreachable, match="not the host that this account names"):
        wire.read_page({"value": [], name: link}, GRAPH)


def test_the_text_of_a_refused_link_names_its_host_and_no_more_of_it() -> None:
    link = "https://user:hidden@evil.example/?$deltatoken=hidden"
    with pytest.raises(Unreachable) as caught:
        wire.read_page({"value": [], NEXT: link}, GRAPH)
    assert "evil.example" in str(caught.value)
    assert "hidden" not in str(caught.value)


@given(st.text(max_size=30))
def test_no_link_crashes_the_reading_of_a_page(rest: str) -> None:
    with pytest.raises(Unreachable):
        wire.read_page({"value": [], NEXT: f"https://x{rest}"}, GRAPH)


@pytest.mark.parametrize(
    ("link", "origin"),
    [
        ("https://graph.microsoft.com/v1.0/me", GRAPH),
        ("https://graph.microsoft.com:443/v1.0/me", GRAPH),
        ("https://GRAPH.Microsoft.com/v1.0/me", GRAPH),
        ("https://graph.microsoft.com/v1.0/me", f"{GRAPH}:443"),
        ("https://localhost:8443/v1.0/me", "https://localhost:8443"),
        ("https://127.0.0.1:8443/v1.0/me?a=b", "https://127.0.0.1:8443/"),
        ("https://[::1]:8443/v1.0/me", "https://[::1]:8443"),
    ],
)
def test_a_link_to_the_host_the_account_names_is_followed(link: str, origin: str) -> None:
    assert wire.is_at(link, origin)


def test_the_port_of_an_address_counts() -> None:
    assert not wire.is_at("https://localhost:8444/", "https://localhost:8443")
    assert not wire.is_at("https://localhost/", "https://localhost:8443")


# ---- cursors

LINK = f"{GRAPH}/v1.0/me/mailFolders('AA')/messages/delta?$deltatoken=abc"


@given(st.text(), st.text(), st.lists(ids, max_size=5))
def test_the_cursor_of_a_list_is_read_back(key: str, folder: str, listed: list[str]) -> None:
    cursor = wire.list_cursor(key, folder, listed)
    assert wire.read_cursor(cursor, key, GRAPH) == ListCursor(folder, wire.digest_of(listed))


@given(st.text(), st.text())
def test_the_cursor_of_a_delta_is_read_back(key: str, folder: str) -> None:
    cursor = wire.delta_cursor(key, folder, LINK)
    assert wire.read_cursor(cursor, key, GRAPH) == DeltaCursor(folder, LINK)


@pytest.mark.parametrize(
    "cursor",
    [wire.list_cursor(f"{GRAPH}/v1.0/me/inbox", "AA", ["1"]),
     wire.delta_cursor(f"{GRAPH}/v1.0/me/inbox", "AA", LINK)],
    ids=["list", "delta"],
)  # fmt: skip
@pytest.mark.parametrize(
    "key",
    [
        f"{GRAPH}/v1.0/me/archive",
        f"{GRAPH}/v1.0/users/scans%40example.com/inbox",
        "https://graph.microsoft.us/v1.0/me/inbox",
        f"{GRAPH}/v1.0/me/",
    ],
    ids=["folder", "mailbox", "cloud", "default folder"],
)
def test_a_cursor_of_elsewhere_has_expired(cursor: Cursor, key: str) -> None:
    with pytest.raises(CursorExpired):
        wire.read_cursor(cursor, key, GRAPH)


@pytest.mark.parametrize("link", ELSEWHERE)
def test_a_delta_cursor_of_another_host_has_expired(link: str) -> None:
    with pytest.raises(CursorExpired):
        wire.read_cursor(wire.delta_cursor("k", "AA", link), "k", GRAPH)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "7",
        "{}",
        "[]",
        "abcd",
        '"abcd"',
        "[" * 100_000,
        "9" * 5000,
        '["graph-list-1", "k", "AA"]',
        '["graph-list-1", "k", "AA", "digest", 1]',
        '["graph-list-1", "k", "AA", null]',
        '["graph-list-1", "k", null, "digest"]',
        '["graph-list-1", 7, "AA", "digest"]',
        '["graph-list-2", "k", "AA", "digest"]',
        '["graph-delta-2", "k", "AA", "https://graph.microsoft.com/"]',
        '[["graph-list-1"], "k", "AA", "digest"]',
        '{"graph-list-1": 1, "k": 2, "AA": 3, "digest": 4, "x": 5}',
        "folder-7:1234",
    ],
)
def test_a_cursor_of_another_provider_or_version_has_expired(text: str) -> None:
    with pytest.raises(CursorExpired):
        wire.read_cursor(Cursor(text), "k", GRAPH)


@given(st.text() | anything.map(json.dumps))
def test_whatever_text_a_cursor_is_it_is_read_or_has_expired(text: str) -> None:
    with pytest.raises(CursorExpired):
        wire.read_cursor(Cursor(text), "a key that nothing here has", GRAPH)


@given(st.lists(anything, min_size=1, max_size=5), anything)
def test_a_cursor_with_our_key_alone_is_read_or_has_expired(
    around: list[object], kind: object
) -> None:
    try:
        read = wire.read_cursor(Cursor(json.dumps([kind, "k", *around])), "k", GRAPH)
    except CursorExpired:
        return
    assert isinstance(read, ListCursor | DeltaCursor)


@given(st.lists(ids, unique=True, max_size=8), st.randoms(use_true_random=False))
def test_a_digest_tells_the_messages_and_not_their_order(
    listed: list[str], rnd: random.Random
) -> None:
    shuffled = rnd.sample(listed, len(listed))
    assert wire.digest_of(shuffled) == wire.digest_of(listed)
    assert wire.digest_of([*listed, "one more"]) != wire.digest_of(listed)
    if listed:
        assert wire.digest_of(listed[1:]) != wire.digest_of(listed)


def test_the_border_between_two_ids_counts() -> None:
    assert wire.digest_of(["ab", "c"]) != wire.digest_of(["a", "bc"])
