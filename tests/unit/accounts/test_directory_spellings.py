"""Logins as panels spell them, and guesses at them."""

import pytest

from bridge.errors import LoginRefused
from tests.unit.accounts.logging_in import (
    HERE,
    RIGHT,
    desk,
    device,
    refused,
)


@pytest.mark.parametrize("login", ["OFFICE\\panel", "panel@example.org", " pan el"])
async def test_a_device_logs_in_as_its_panel_spells_it(login: str) -> None:
    at = await desk()
    assert (await at.directory.check_password(login, RIGHT, HERE)).name == "Panel"


async def test_guesses_at_all_spellings_of_a_name_are_counted_as_one() -> None:
    at = await desk()
    spellings = ["Panel", "A\\panel", "panel@a.example", " pan el"]
    assert [
        await refused(at, login, address=f"10.0.{number}.1")
        for number, login in enumerate(spellings)
    ] == [1, 2, 4, 8]


async def test_the_delay_does_not_tell_that_two_names_are_one_devices() -> None:
    """A stranger with two addresses would learn by it that both exist."""
    at = await desk()
    for number in range(4):
        await refused(at, "Panel", address=f"10.0.{number}.1")
    later = ("alias", "Strasse", "nobody")
    delays = [await refused(at, one, address=f"10.1.{n}.1") for n, one in enumerate(later)]
    assert delays == [1, 1, 1]


@pytest.mark.parametrize(
    ("login", "shown"), [("PANEL", "PANEL"), ("secret\\panel", "Panel"), ("secret", "")]
)
async def test_a_failed_login_shows_no_more_than_names(
    login: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    await refused(await desk(), login)
    (record,) = caplog.records
    assert vars(record)["event_fields"]["login"] == shown


async def test_a_login_that_may_mean_two_devices_has_a_reason_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at = await desk(device("scan@b.example"), device("scan@a.example"))
    caplog.set_level("WARNING")
    assert await refused(at, "scan", RIGHT) == 1
    with pytest.raises(LoginRefused, match="may mean more than one device"):
        await at.directory.check_password("OFFICE\\scan", RIGHT, HERE)
    fields = [vars(record)["event_fields"] for record in caplog.records]
    told = [(one["login"], one["reason"]) for one in fields]
    assert told == [("scan@a.example,scan@b.example", "ambiguous")] * 2
