import attrs
import pytest

from bridge.pop3.events import (
    CheckDigest,
    CheckPassword,
    Close,
    MachineLimits,
    Send,
    StartTls,
    Terms,
)


def test_the_limits_are_those_of_the_standards() -> None:
    """RFC 2449 section 4: 255 octets of a command; RFC 5034 section 4: 12288 of a SASL line."""
    limits = MachineLimits()
    assert limits.command_octets == 255
    assert limits.sasl_octets == 12288


@pytest.mark.parametrize(
    "effect", [CheckPassword("mrose", "hush"), CheckDigest("mrose", "<1@x>", "hush")]
)
def test_no_secret_shows_in_an_effect_that_is_printed(effect: object) -> None:
    """The name too: a person at a panel may type the password there."""
    assert "Check" in repr(effect)
    assert "mrose" not in repr(effect)
    assert "hush" not in repr(effect)


@pytest.mark.parametrize(
    "value",
    [
        Send(b""),
        StartTls(b""),
        Close(b"", "quit"),
        MachineLimits(),
        Terms("ready", password_allowed=True, stls_offered=False),
    ],
)
def test_what_machine_and_session_hand_each_other_cannot_be_changed(value: object) -> None:
    assert attrs.has(type(value))
    field = attrs.fields(type(value))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, field, None)
