"""No value of ours spells a secret when it is spelled itself: in a traceback, a log or a message.

A field is taken for secret by its name or its type; those that are named so and are none, are listed.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import attrs
import pytest

import bridge
import providers
from bridge.pop3.commands import Apop, Auth, Pass, User
from bridge.pop3.events import CheckDigest, CheckPassword
from bridge.pop3.sasl import Credentials
from bridge.pop3.table import SaslResponse
from providers.caller import Request
from providers.identity import AddressInvitation, CodeInvitation
from providers.transport import HttpAnswer
from tests.canary import CANARY

SECRET = re.compile(
    r"password|passphrase|secret|token|grant|credential|digest|cache|verifier|assertion|environ"
    r"|response|sealed|memory|buffer|body|headers|\bkey|code$"
)
"""Names of fields that may hold a secret, or what was sent to or by somebody who knows one."""

HOLDS_SECRETS = re.compile(r"\bGrant\b|\bbytes\b|bytearray|Mapping\[str, str\]")

NO_SECRETS = {
    "Arrival": "what is noted of a message",
    "Alert": "a sentence for the owner",
    "CertificateInfo": "its key is an algorithm, its text a name",
    "CertificateFiles": "paths",
    "Content": "a digest of mail, made to be shown",
    "Close": "our own farewell",
    "DeviceKnobs.quirks": "settings, on and off",
    "DeviceOrder.quirks": "settings, on and off",
    "EmlFacts": "sizes",
    "Fault": "what is wrong with a file",
    "Finding": "a sentence for the owner",
    "GoogleGrant.expires_at": "a time",
    "Imprint": "a digest of mail",
    "Line": "redacted before it is kept",
    "ListCursor": "a digest of a list",
    "_Verdict.likeness": "a digest of mail",
    "Imprint.mark": "a digest of mail",
    "Looker.old_headers": "what reads headers, not what it reads",
    "Part": "a sentence for the owner; or what is asked of a mailbox",
    "PartAnswer": "mail",
    "Profile": "what a machine can hold, of any password",
    "ProviderEntry": "names of settings",
    "Send": "our own replies",
    "SendMessage": "our own reply",
    "ShapingConfig.memory_octets": "a limit",
    "Settings": "addresses and names, kept where everybody may read them",
    "StartTls": "our own reply",
    "VaultConfig": "a path",
    "WatchConfig.password_days": "an age",
    "Wish.headers": "a choice",
}
"""Classes, or fields, whose names only sound so."""

OBJECTS = re.compile(
    r"((typing|collections\.abc)\.)?(IO|Iterator|AsyncGenerator|Callable)\["
    r"|(\w+\.)*(float|int|bool|Path|ResponseCode|Grants|Tokens|SecretSeal)\b"
)
"""Types that hold no secret, or whose repr is Python's own and spells nothing."""


def modules() -> Iterator[ModuleType]:
    for package in (bridge, providers):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def classes() -> dict[str, type[Any]]:
    return {
        f"{one.__module__}.{one.__qualname__}": one
        for module in modules()
        for one in vars(module).values()
        if inspect.isclass(one) and attrs.has(one) and one.__module__ == module.__name__
    }


def may_be_secret(owner: type[Any], field: "attrs.Attribute[Any]") -> bool:
    if {owner.__name__, f"{owner.__name__}.{field.name}"} & NO_SECRETS.keys():
        return False
    kind = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
    if OBJECTS.match(kind):
        return False
    return bool(SECRET.search(field.name) or HOLDS_SECRETS.search(kind))


def test_every_field_that_may_hold_a_secret_stays_out_of_the_repr() -> None:
    shown = [
        f"{name}.{field.name}: {field.type}"
        for name, owner in classes().items()
        for field in attrs.fields(owner)
        if field.repr and may_be_secret(owner, field)
    ]
    assert shown == []


def test_the_list_of_what_is_no_secret_names_only_what_there_is() -> None:
    names = {one.rpartition(".")[2] for one in classes()}
    assert {one.partition(".")[0] for one in NO_SECRETS} <= names


@pytest.mark.parametrize(
    "value",
    [
        Request(
            "POST", "https://x/token", {"Authorization": f"Bearer {CANARY}"}, CANARY.encode()
        ),
        HttpAnswer(200, {"Location": f"http://localhost/?code={CANARY}"}, CANARY.encode()),
        CodeInvitation(CANARY, "https://x", 1.0, 1.0, CANARY),
        AddressInvitation(f"https://x/?state={CANARY}", CANARY),
        User(CANARY),
        Pass(CANARY),
        Apop(CANARY, CANARY),
        Auth("PLAIN", CANARY.encode()),
        CheckPassword(CANARY, CANARY),
        CheckDigest(CANARY, "<1@x>", CANARY),
        SaslResponse(CANARY.encode()),
        Credentials(CANARY, CANARY),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_said_to_us_and_to_a_service_does_not_spell_itself(value: object) -> None:
    assert CANARY not in repr(value)
    assert CANARY not in f"{value}"
