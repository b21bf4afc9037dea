"""`popbridge simulate` polls a bridge at work, over real TLS and in clear, with a device's own login."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bridge.accounts.devicechange import DeviceKnobs
from tests.system.running_bridge import PASSWORD, Home, running

PLAIN = b"From: a@example.org\r\nSubject: x\r\n\r\n.dots\r\nand more\r\n"
HTML = b"From: a@example.org\r\nContent-Type: text/html\r\n\r\n<p>x\r\n"
PANEL_PASSWORD = "Geheim1234567890"
CLEAR = {
    "name": "plain",
    "tls": "none",
    "require_tls_for_auth": False,
    "plaintext_from": ["127.0.0.0/8"],
    "apop": True,
}


@pytest.fixture
def loop_name() -> str:
    return "asyncio"


@pytest.fixture
def house(home: Home) -> Home:
    """A home whose printer has a password that every machine can hold, and two messages."""
    home.configure(({"name": "pop3s"}, CLEAR))
    home.offline.set_password("printer", PANEL_PASSWORD)
    home.put("1.eml", PLAIN)
    home.put("2.eml", HTML)
    home.sync()
    return home


def simulated(
    home: Home, *words: str, password: str = PANEL_PASSWORD
) -> tuple[int, dict[str, Any]]:
    done = home.run(
        "simulate", "printer", "--password-stdin", "--json", *words, text=password + "\n"
    )
    return done.returncode, json.loads(done.stdout)


def bodies_listed(home: Home) -> int:
    done = home.run("message", "list", "--state", "ready", "--json")
    return len(json.loads(done.stdout))


def refused(answer: dict[str, Any]) -> Sequence[str]:
    return [one["refused"] for one in answer["documents"]]


def test_a_dry_poll_says_what_is_printed_and_takes_nothing(house: Home) -> None:
    with running(house):
        code, answer = simulated(house, "--profile", "ricoh-ifax")
        assert code == 1
        assert answer["listener"] == "pop3s"
        assert answer["error"] == ""
        assert refused(answer) == ["", "text/html is nothing it can use"]
        assert answer["documents"][0]["octets"] == len(PLAIN)
        assert bodies_listed(house) == 2


def test_take_deletes_what_the_machine_would(house: Home) -> None:
    """Ricoh deletes a file it cannot use too: upstream both are moved, none is lost."""
    with running(house):
        assert simulated(house, "--profile", "ricoh-ifax", "--take")[0] == 1
        assert bodies_listed(house) == 0
        house.sync()
    assert {path.read_bytes() for path in house.mail().rglob("*.eml")} == {PLAIN, HTML}


def test_star_keeps_what_it_prints_and_fetchmail_takes_any_type(house: Home) -> None:
    with running(house):
        code, answer = simulated(house, "--profile", "star", "--take")
        assert (code, bodies_listed(house)) == (1, 2)
        assert answer["listener"] == "plain"
        code, answer = simulated(house, "--profile", "software", "--take")
        assert (code, refused(answer)) == (0, ["", ""])
        assert bodies_listed(house) == 0


def test_a_listener_with_modern_tls_is_warned_of_and_one_for_old_machines_is_not(
    house: Home,
) -> None:
    with running(house):
        assert 'policy = "legacy12"' in simulated(house, "--profile", "sharp")[1]["warnings"][0]
    house.configure(({"name": "pop3s", "policy": "legacy12"},))
    with running(house):
        assert simulated(house, "--profile", "sharp")[1]["warnings"] == []


def test_stls_and_apop_are_said_where_the_machine_says_them(house: Home) -> None:
    house.configure(({"name": "stls", "tls": "starttls"},))
    with running(house):
        code, answer = simulated(house, "--profile", "auth-only")
        assert (code, answer["connected"], answer["documents"]) == (0, True, [])
        code, answer = simulated(house, "--profile", "kyocera-print", "--apop")
        assert (code, answer["connected"]) == (1, False)
        assert "offers no APOP" in answer["error"]


def test_apop_in_clear_needs_no_network_for_passwords(house: Home) -> None:
    house.offline.set_password("printer", PANEL_PASSWORD, apop=True)
    house.configure(({"name": "pop3s"}, {"name": "plain", "tls": "none", "apop": True}))
    with running(house):
        _, answer = simulated(house, "--profile", "ricoh-ifax", "--apop")
        assert (answer["listener"], answer["connected"]) == ("plain", True)


def test_a_machine_that_deletes_nothing_is_not_said_to(house: Home) -> None:
    with running(house):
        words = ("simulate", "printer", "--profile", "star")
        assert "--take" not in house.run(*words, text=PANEL_PASSWORD + "\n").stdout


def test_a_disabled_device_is_named_before_anything_is_tried(house: Home) -> None:
    house.offline.disable_device("printer")
    done = house.run("simulate", "printer", text=PANEL_PASSWORD + "\n")
    assert "is disabled (by hand)" in done.stderr
    assert "popbridge device enable printer" in done.stderr


def test_a_wrong_password_is_what_the_panel_would_show(house: Home) -> None:
    with running(house):
        code, answer = simulated(house, "--profile", "sharp", password="Falsch123456789")
        assert code == 1
        assert "login error: wrong user or password" in answer["error"]
        house.offline.change_device("printer", DeviceKnobs(quirks={"resp_codes": "off"}))
        code, answer = simulated(house, "--profile", "sharp", password="Falsch123456789")
        assert "login error: wrong user or password" in answer["error"], "without a code too"
        done = house.run(
            "simulate", "printer", "--profile", "sharp", text=PANEL_PASSWORD + "\n"
        )
        assert "Connected. 1 document received, 1 refused." in done.stdout
        assert "Nothing was deleted" in done.stdout
        assert PANEL_PASSWORD not in done.stdout + done.stderr


def test_what_cannot_be_simulated_is_one_sentence(house: Home, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PANEL_PASSWORD + "\n", "utf-8")
    with_file = ("--profile", "pbs-epson", "--password-file", str(file))
    assert "No bridge is running" in house.run("simulate", "printer", *with_file).stderr
    assert "There is no device fax" in house.run("simulate", "fax", *with_file).stderr
    done = house.run("simulate", "printer", "--profile", "star", text=PASSWORD + "\n")
    assert "cannot hold that password" in done.stderr
    assert PASSWORD not in done.stderr
    house.configure(({"name": "pop3s"},))
    with running(house):
        assert "No listener serves" in house.run("simulate", "printer", *with_file).stderr
    house.configure(({**CLEAR, "plaintext_from": ["10.0.0.0/8"]},))
    with running(house):
        said = house.run("simulate", "printer", *with_file).stderr
        assert "`plaintext_from` of listener plain" in said
    house.configure(({**CLEAR, "plaintext_from": ["127.0.0.0/8"]},))
    with running(house):
        assert house.run("simulate", "printer", *with_file).returncode == 0


def test_the_devices_own_profile_counts_where_none_is_named(house: Home) -> None:
    with running(house):
        assert simulated(house)[1]["profile"] == "generic-mfp"
        house.offline.change_device("printer", DeviceKnobs(profile="star"))
        assert simulated(house)[1]["profile"] == "star"
        assert simulated(house, "--profile", "sharp")[1]["profile"] == "sharp"


def test_a_star_leaves_what_its_memory_would_not_hold(house: Home) -> None:
    house.put("3.eml", b"Subject: x\r\n\r\n" + b"receipt\r\n" * 8_000)
    house.sync()
    house.offline.change_device("printer", DeviceKnobs(profile="star"))
    with running(house):
        done = house.run("simulate", "printer", "--take", text=PANEL_PASSWORD + "\n")
        assert "memory is taken to hold 64000 (our choice)" in done.stdout
        assert "see `maildrop change --size`" in done.stdout
        assert bodies_listed(house) == 3


def test_a_simulated_poll_is_no_sign_of_the_devices_life(house: Home) -> None:
    """Not in its sightings, its addresses, its login delay; what it took is told under a name of its own."""
    house.configure(({"name": "pop3s"},), watch={"new_address": "refuse"})
    house.offline.change_device("printer", DeviceKnobs(login_delay="600"))
    with running(house) as bridge:
        for _ in range(2):
            code, answer = simulated(house, "--profile", "software")
            assert (code, answer["warnings"], answer["error"]) == (0, [], "")
        assert house.offline.addresses() == []
        closed = bridge.log.wait_for("session-closed", 2, device="printer (simulated)")
        assert closed
        assert house.run("device", "admit", "printer", "192.168.1.40", "--only").returncode == 0
        assert simulated(house, "--profile", "software")[1]["error"] == ""
        assert [one.address for one in house.offline.addresses()] == ["192.168.1.40"]
        stranger = bridge.connect()
        assert stranger.log_in("printer", PANEL_PASSWORD).startswith(b"-ERR [AUTH]")
        stranger.close()
        assert simulated(house, "--profile", "software", "--take")[0] == 0
    assert house.offline.read(lambda state: state.sightings.sightings()) == []
    told = json.loads(house.run("audit", "--json").stdout)
    takers = {one.get("device", "") for one in told if one.get("event") in {"sent", "expunged"}}
    assert "printer" not in takers
    assert "printer (simulated)" in house.run("message", "show", "1").stdout
