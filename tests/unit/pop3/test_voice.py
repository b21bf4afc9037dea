import pytest

from bridge.pop3.commands import Capa, Lang, Last, Stat, Top, Uidl, Utf8
from bridge.pop3.events import NotExpunged
from bridge.pop3.quirks import STANDARD, with_settings
from bridge.pop3.replies import ResponseCode
from bridge.pop3.voice import Voice


def voice(**settings: str) -> Voice:
    return Voice(with_settings(STANDARD, settings))


@pytest.mark.parametrize("settings", [{}, {"wording": "short"}])
def test_a_status_line_always_has_a_text(settings: dict[str, str]) -> None:
    """A bare +OK broke Mail::POP3Client."""
    assert len(voice(**settings).ok("Yes").split()) > 1
    assert len(voice(**settings).err("No").split()) > 1


def test_without_response_codes_no_refusal_has_brackets() -> None:
    mute = voice(resp_codes="off")
    for code in ResponseCode:
        assert b"[" not in mute.refusal(code) + mute.last_refusal(code)


def test_a_temporary_error_alone_is_told_in_another_way() -> None:
    told = voice(temp_error="in-use")
    assert told.refusal(ResponseCode.SYS_TEMP).startswith(b"-ERR [IN-USE] ")
    assert told.refusal(ResponseCode.SYS_PERM).startswith(b"-ERR [SYS/PERM] ")
    assert told.goodbye(NotExpunged())[0].startswith(b"-ERR [IN-USE] Nothing was deleted")


def test_a_command_is_hidden_by_its_own_quirk_alone() -> None:
    assert [voice(top="off").knows(one) for one in (Capa, Uidl, Top, Last, Stat)] == [
        True, True, False, False, True,
    ]  # fmt: skip
    assert voice(last="on").knows(Last)


def test_what_came_with_capa_is_hidden_with_it() -> None:
    for one in (Capa, Utf8, Lang):
        assert voice().knows(one)
        assert not voice(capa="off").knows(one)
