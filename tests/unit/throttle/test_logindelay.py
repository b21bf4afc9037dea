import pytest

from bridge.errors import LoginTooSoon, RegisterError
from bridge.names import DeviceName
from bridge.throttle.logindelay import MAX_SECONDS, Announced, LoginDelays, announced, parse

FAX, CAMERA = DeviceName("fax"), DeviceName("camera")


@pytest.mark.parametrize(
    ("usual", "own", "said"),
    [
        (0, [], Announced(0)),
        (60, [], Announced(60)),
        (60, [None, None], Announced(60)),
        (60, [60, None], Announced(60)),
        (60, [60, 60], Announced(60)),
        (60, [30, None], Announced(60, differs=True)),
        (0, [30, None], Announced(30, differs=True)),
        (60, [0, 0], Announced(0)),
        (60, [0, 30], Announced(30, differs=True)),
    ],
)
def test_the_largest_delay_of_any_device_is_announced_and_whether_they_differ(
    usual: int, own: list[int | None], said: Announced
) -> None:
    """RFC 2449 section 6.5: the largest value MUST, the token USER SHOULD be said."""
    assert announced(usual, own) == said


def test_a_device_may_log_in_again_when_its_delay_is_over_and_no_sooner() -> None:
    delays = LoginDelays()
    delays.refuse_early(FAX, 60, 100.0)
    delays.logged_in(FAX, 100.0)
    for now in (100.0, 130.0, 159.9):
        with pytest.raises(LoginTooSoon, match=f"{now - 100:.0f} seconds ago.* 60"):
            delays.refuse_early(FAX, 60, now)
    delays.refuse_early(FAX, 60, 160.0)


def test_a_refused_login_does_not_count() -> None:
    """Or a machine that polls too often would never be let in again."""
    delays = LoginDelays()
    delays.logged_in(FAX, 100.0)
    for now in (130.0, 159.0):
        with pytest.raises(LoginTooSoon):
            delays.refuse_early(FAX, 60, now)
    delays.refuse_early(FAX, 60, 160.0)


def test_a_device_waits_for_itself_alone_and_not_without_a_delay() -> None:
    delays = LoginDelays()
    delays.logged_in(FAX, 100.0)
    delays.refuse_early(CAMERA, 60, 100.0)
    delays.refuse_early(FAX, 0, 100.0)


def test_a_device_that_is_made_anew_need_not_wait() -> None:
    delays = LoginDelays()
    delays.logged_in(FAX, 100.0)
    delays.logged_in(CAMERA, 100.0)
    delays.forget_all_but([CAMERA, DeviceName("new")])
    delays.refuse_early(FAX, 60, 101.0)
    with pytest.raises(LoginTooSoon):
        delays.refuse_early(CAMERA, 60, 101.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("60", 60), (str(MAX_SECONDS), MAX_SECONDS), ("listener", None)],
)
def test_a_delay_is_written_in_seconds(text: str, seconds: int | None) -> None:
    assert parse(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1.5", "86401", "1 m", "\u0661", "9" * 5000, "off"])
def test_what_is_no_delay_is_refused(text: str) -> None:
    with pytest.raises(RegisterError, match="no login delay; write seconds"):
        parse(text)
