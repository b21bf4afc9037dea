import base64
import re
import string
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bridge.errors import OwnerError, SpoolUnavailable
from bridge.vault import passwords
from bridge.vault.passwords import (
    HashScheme,
    PasswordVerifier,
    exert,
    generate_password,
    hash_password,
)

ORIGIN = "192.0.2.9"


@pytest.fixture
async def verifier() -> AsyncIterator[PasswordVerifier]:
    verifier = PasswordVerifier(remembered=2)
    yield verifier
    verifier.close()


@pytest.fixture(scope="module")
def stored() -> str:
    return hash_password("Ab3 dé\udcff:")


def test_a_generated_password_has_16_characters_any_panel_can_type() -> None:
    passwords = {generate_password() for _ in range(200)}

    assert len(passwords) == 200
    assert {len(password) for password in passwords} == {16}
    # 3200 draws of 62 characters: that one never comes has a chance of 1 in 10**21.
    assert set("".join(passwords)) == set(string.ascii_letters + string.digits)


def test_a_hash_is_argon2id_at_the_setting_of_owasp_and_others_can_verify_it() -> None:
    text = hash_password("secret")

    assert text.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert Argon2id.verify_phc_encoded(b"secret", text) is None


def test_hashing_twice_gives_two_strings_without_the_password() -> None:
    first, second = hash_password("secret"), hash_password("secret")

    assert first != second
    assert "secret" not in first


@pytest.mark.parametrize("password", ["", "x" * 513, "é" * 257])
def test_an_empty_or_over_long_password_is_not_hashed(password: str) -> None:
    with pytest.raises(OwnerError, match="between 1 and 512 octets"):
        hash_password(password)


async def test_the_right_password_is_right_whatever_characters_it_has(
    verifier: PasswordVerifier, stored: str
) -> None:
    assert await verifier.verify(stored, "Ab3 dé\udcff:", ORIGIN) is True


@pytest.mark.parametrize(
    "password", ["", "Ab3 dé\udcff", "ab3 dé\udcff:", "Ab3 dé\udcff: ", "Ab3 dé\udcfe:"]
)
async def test_any_other_password_is_wrong_and_never_remembered(
    verifier: PasswordVerifier, stored: str, password: str
) -> None:
    assert await verifier.verify(stored, password, ORIGIN) is False
    assert not verifier.remembered(stored, password)


async def test_512_octets_are_verified_and_513_are_not(verifier: PasswordVerifier) -> None:
    text = hash_password("x" * 512)
    longer = Argon2id(salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=8)
    longer_text = longer.derive_phc_encoded(b"x" * 513)

    assert await verifier.verify(text, "x" * 512, ORIGIN) is True
    assert await verifier.verify(longer_text, "x" * 513, ORIGIN) is False


async def test_a_device_that_does_not_exist_has_no_password(verifier: PasswordVerifier) -> None:
    for password in ("", "secret", "x" * 513):
        assert await verifier.verify(None, password, ORIGIN) is False


def test_the_decoy_asks_for_the_same_work_as_a_real_hash(verifier: PasswordVerifier) -> None:
    def form(text: str) -> str:
        return re.sub(r"[^$]", "x", text)

    def setting(text: str) -> list[str]:
        return text.split("$")[:4]

    real = hash_password("secret")
    decoy = verifier._decoy  # noqa: SLF001 - what must be alike is hidden, and time is no test

    assert setting(decoy) == setting(real)
    assert form(decoy) == form(real)


async def test_a_verified_password_is_remembered_for_that_very_hash(
    verifier: PasswordVerifier, stored: str
) -> None:
    assert not verifier.remembered(stored, "Ab3 dé\udcff:")

    await verifier.verify(stored, "Ab3 dé\udcff:", ORIGIN)

    assert verifier.remembered(stored, "Ab3 dé\udcff:")
    assert not verifier.remembered(stored, "Ab3 dé\udcff")
    assert not verifier.remembered(hash_password("Ab3 dé\udcff:"), "Ab3 dé\udcff:")


async def test_a_remembered_password_needs_no_worker(stored: str) -> None:
    verifier = PasswordVerifier()
    await verifier.verify(stored, "Ab3 dé\udcff:", ORIGIN)
    verifier.close()

    assert await verifier.verify(stored, "Ab3 dé\udcff:", ORIGIN) is True
    with pytest.raises(SpoolUnavailable):
        await verifier.verify(stored, "another", ORIGIN)


async def test_what_was_used_longest_ago_is_forgotten_first(verifier: PasswordVerifier) -> None:
    hashes = {name: hash_password(name, HashScheme.SCRYPT) for name in ("a", "b", "c")}
    await verifier.verify(hashes["a"], "a", ORIGIN)
    await verifier.verify(hashes["b"], "b", ORIGIN)
    assert verifier.remembered(hashes["a"], "a")

    await verifier.verify(hashes["c"], "c", ORIGIN)

    remembered = [name for name, text in hashes.items() if verifier.remembered(text, name)]
    assert remembered == ["a", "c"]


async def test_another_process_remembers_nothing(
    verifier: PasswordVerifier, stored: str
) -> None:
    await verifier.verify(stored, "Ab3 dé\udcff:", ORIGIN)
    other = PasswordVerifier()

    assert not other.remembered(stored, "Ab3 dé\udcff:")
    other.close()


async def test_where_argon2id_is_missing_scrypt_stands_in(verifier: PasswordVerifier) -> None:
    text = hash_password("secret", HashScheme.SCRYPT)

    assert text.startswith("$scrypt$ln=14,r=8,p=1$")
    assert await verifier.verify(text, "secret", ORIGIN) is True
    assert await verifier.verify(text, "Secret", ORIGIN) is False


async def test_a_scrypt_string_made_elsewhere_is_verified(verifier: PasswordVerifier) -> None:
    """The password and the costs of RFC 7914 section 12, third vector."""
    salt = b"SodiumChloride16"
    digest = Scrypt(salt, 32, n=2**14, r=8, p=1).derive(b"pleaseletmein")
    parts = (base64.b64encode(part).decode().rstrip("=") for part in (salt, digest))
    text = "$".join(["", "scrypt", "ln=14,r=8,p=1", *parts])

    assert await verifier.verify(text, "pleaseletmein", ORIGIN) is True


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "$argon2id$",
        "$argon2id$v=19$m=19456,t=2,p=1$!!$!!",
        "$argon2id$v=19$m=99999999,t=2,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$argon2id$v=19$m=8,t=0,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=30,r=8,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=0,r=8,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=14,r=0,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=14,r=8,p=1$" + "A" * 25 + "$" + "A" * 43,
        "$2b$12$bcryptisnotours",
    ],
)
async def test_a_stored_string_of_another_form_matches_nothing(
    verifier: PasswordVerifier, text: str
) -> None:
    assert await verifier.verify(text, "secret", ORIGIN) is False


def test_exertion_does_the_work_of_a_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoRoom:
        @staticmethod
        def verify_phc_encoded(_octets: bytes, _text: str) -> None:
            raise MemoryError

    exert()
    monkeypatch.setattr(passwords, "Argon2id", NoRoom)
    with pytest.raises(MemoryError):
        exert()
