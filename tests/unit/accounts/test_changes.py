import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.accounts import changes
from bridge.accounts.changes import PASSWORD_OCTETS, DeviceOrder
from bridge.accounts.directory import apop_context
from bridge.errors import RegisterError, StateError
from bridge.names import DeviceName
from bridge.storage.register import Device, RegisterSnapshot
from bridge.vault.seal import SecretSeal
from tests.contract.storage_harness import PANEL, SqliteUnderTest, account, device, fill

SEAL = SecretSeal(bytes(32))
SECRET = "secret"
NOW = 1_800_000_000.0
SENTENCE = r"^[A-Z0-9'\"].*\.$"


def hashed(password: str) -> str:
    return f"hash of {password}"


def new(order: DeviceOrder, password: str = SECRET) -> object:
    return changes.new_device(order, password, hashed, SEAL, NOW)


# ---- names


@pytest.mark.parametrize("name", ["a", "A9", "front-desk", "a.b_c-d", "0", "x" * 64])
def test_names_of_accounts_are_plain(name: str) -> None:
    assert changes.new_account(name, "folder", {}).name == name


@pytest.mark.parametrize(
    "name", ["", "-x", ".x", "_x", "a b", "a/b", "a\n", "ü", "x" * 65, "a'b", "a@b", "\x00"]
)
def test_anything_else_is_no_name_of_an_account(name: str) -> None:
    with pytest.raises(RegisterError, match=SENTENCE):
        changes.new_account(name, "folder", {})


@pytest.mark.parametrize("name", ["p", "printer+fax@example.org", "x" * 63])
def test_a_device_may_be_named_like_an_address(name: str) -> None:
    assert changes.new_device(DeviceOrder(name, "m"), "p", hashed, SEAL, NOW).name == name


@pytest.mark.parametrize("name", ["", "@x", "a b", "a\r", "ü", "x" * 64, "DOM\\user"])
def test_anything_else_is_no_name_of_a_device(name: str) -> None:
    with pytest.raises(RegisterError, match=SENTENCE):
        new(DeviceOrder(name, "m"))


@pytest.mark.parametrize("alias", ["DOM\\user", "a b", "!", "x" * 128])
def test_an_alias_is_what_a_device_may_send(alias: str) -> None:
    made = changes.new_device(DeviceOrder("d", "m", (alias,)), "p", hashed, SEAL, NOW)
    assert made.aliases == (alias,)


@pytest.mark.parametrize("alias", ["", " a", "a ", "a\tb", "a\r\nQUIT", "ü", "x" * 129])
def test_an_alias_that_no_command_can_carry_is_refused(alias: str) -> None:
    with pytest.raises(RegisterError, match=SENTENCE):
        new(DeviceOrder("d", "m", ("fine", alias)))


@given(st.text())
def test_a_refusal_is_one_line_whatever_the_name(name: str) -> None:
    with pytest.raises(RegisterError) as raised:
        changes.new_account(f"/{name}", "folder", {})
    assert str(raised.value).isprintable()


# ---- devices


def test_a_new_device_has_its_password_hashed_and_nothing_else() -> None:
    made = changes.new_device(DeviceOrder("d", "m"), "secret", hashed, SEAL, NOW)
    assert (made.password, made.apop_secret, made.aliases, made.allow) == (
        "hash of secret",
        None,
        (),
        (),
    )


@pytest.mark.parametrize("password", ["x", "x" * PASSWORD_OCTETS, "pass word", "geheim-ü"])
def test_a_password_is_anything_a_panel_can_type(password: str) -> None:
    assert new(DeviceOrder("d", "m"), password)


@pytest.mark.parametrize(
    "password", ["", "x" * (PASSWORD_OCTETS + 1), "ü" * 65, "a\n", "a\x00b", "\x7f"]
)
def test_a_password_that_cannot_be_used_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(RegisterError, match=SENTENCE) as raised:
        new(DeviceOrder("d", "m"), password)
    assert not password or password not in str(raised.value)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.168.0.0/16", "192.168.0.0/16"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:127.0.0.0/104", "127.0.0.0/8"),  # peers are known by their IPv4 address
    ],
)
def test_a_network_is_kept_in_one_spelling(given_text: str, kept: str) -> None:
    made = changes.new_device(
        DeviceOrder("d", "m", allow=(given_text,)), "p", hashed, SEAL, NOW
    )
    assert made.allow == (kept,)
    assert ipaddress.ip_network(kept)


@pytest.mark.parametrize("text", ["", "printer", "192.0.2.7/24", "192.0.2.0/33", "1.2.3", "*"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(RegisterError, match="is no network; write it like"):
        new(DeviceOrder("d", "m", allow=("10.0.0.0/8", text)))


def test_apop_needs_the_password_back_and_seals_it_to_the_device() -> None:
    made = changes.new_device(DeviceOrder("d", "m", apop=True), "geheim-ü", hashed, SEAL, NOW)
    assert made.apop_secret is not None
    assert SEAL.open(made.apop_secret, apop_context("d")) == "geheim-ü".encode()
    with pytest.raises(StateError):
        SEAL.open(made.apop_secret, apop_context("e"))


@pytest.mark.parametrize("apop", [False, True])
def test_a_new_password_keeps_apop_as_it_was(*, apop: bool) -> None:
    old = changes.new_device(
        DeviceOrder("d", "m", ("x",), ("::1",), apop), "old", hashed, SEAL, NOW
    )
    made = changes.with_password(old, "new", hashed, SEAL, NOW + 5)
    assert made.password == "hash of new"
    assert (old.made, old.password_made) == (NOW, NOW)
    assert (made.made, made.password_made) == (NOW, NOW + 5)
    assert (made.aliases, made.allow) == (old.aliases, old.allow)
    secret = made.apop_secret
    opened = None if secret is None else SEAL.open(secret, apop_context("d"))
    assert opened == (b"new" if apop else None)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("apop", [False, True])
def test_a_new_password_can_bring_apop_or_take_it_away(*, before: bool, apop: bool) -> None:
    old = changes.new_device(DeviceOrder("d", "m", (), (), before), "old", hashed, SEAL, NOW)
    made = changes.with_password(old, "new", hashed, SEAL, NOW, apop)
    assert (made.apop_secret is not None) == apop


def test_a_new_password_is_held_to_the_same_rules() -> None:
    with pytest.raises(RegisterError):
        changes.with_password(device(), "", hashed, SEAL, NOW)


# ---- finding and replacing


def test_what_is_registered_is_found_by_its_name() -> None:
    snapshot = RegisterSnapshot((account(),), (), (device(),))
    assert changes.find_account(snapshot, "office") == account()
    assert changes.find_device(snapshot, "panel") == device()


@pytest.mark.parametrize("name", ["", "Office", "PANEL", "x"])
def test_what_is_not_registered_is_not_found(name: str) -> None:
    snapshot = RegisterSnapshot((account(),), (), (device(),))
    with pytest.raises(RegisterError, match="popbridge account list"):
        changes.find_account(snapshot, name)
    with pytest.raises(RegisterError, match="popbridge device list"):
        changes.find_device(snapshot, name)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteUnderTest]:
    made = SqliteUnderTest(tmp_path)
    yield made
    made.close()


def renewed(old: Device) -> Device:
    return changes.with_password(old, "new", hashed, SEAL, NOW)


async def test_a_password_is_replaced_durably(storage: SqliteUnderTest) -> None:
    await fill(storage)
    await storage.register.add_device(device(PANEL))
    await changes.replace_password(storage.register, PANEL, renewed)
    storage.crash()
    (stored,) = (await storage.register.snapshot()).devices
    assert stored.password == "hash of new"


async def test_the_password_of_nobody_is_not_replaced(storage: SqliteUnderTest) -> None:
    with pytest.raises(RegisterError):
        await changes.replace_password(storage.register, DeviceName("nobody"), renewed)
