from collections.abc import Mapping

from bridge.storage.audit import VALUE_CHARACTERS, AuditEvent, Difference
from bridge.storage.settings import Change, SettingsInForce, changes

USUAL = {
    "state_dir": "/s",
    "listener.pop3s.port": "995",
    "listener.pop3s.apop": "false",
    "limits.connections": "500",
    "alerts.command": "d0",
}
HIDDEN = frozenset({"alerts.command"})


def settings(
    more: Mapping[str, str] | None = None, without: frozenset[str] = frozenset()
) -> SettingsInForce:
    values = {key: value for key, value in USUAL.items() if key not in without}
    return SettingsInForce({**values, **(more or {})}, HIDDEN)


def told(before: SettingsInForce | None, now: SettingsInForce) -> list[Change]:
    return list(changes(before, now, settings()))


def fax(port: str = "1110") -> dict[str, str]:
    return {"listener.fax.port": port, "listener.fax.apop": "false"}


def test_what_is_as_it_was_is_not_told() -> None:
    assert told(settings(fax()), settings(fax())) == []


def test_each_setting_that_changed_is_a_change_with_its_old_and_its_new_value() -> None:
    now = settings({"limits.connections": "300", "listener.pop3s.port": "1995"})
    assert told(settings(), now) == [
        (AuditEvent.SETTING_CHANGED, (Difference("listener.pop3s.port", "995", "1995"),)),
        (AuditEvent.SETTING_CHANGED, (Difference("limits.connections", "500", "300"),)),
    ]


def test_of_a_secret_it_is_told_that_it_changed() -> None:
    (change,) = told(settings(), settings({"alerts.command": "d1"}))
    assert change == (
        AuditEvent.SETTING_CHANGED,
        (Difference("alerts.command", None, None),),
    )


def test_a_listener_comes_and_goes_as_one_with_what_was_chosen_of_it() -> None:
    name, port = (
        Difference("listener", None, "fax"),
        Difference("listener.fax.port", None, "1110"),
    )
    assert told(settings(), settings(fax())) == [(AuditEvent.LISTENER_ADDED, (name, port))]
    name, port = (
        Difference("listener", "fax", None),
        Difference("listener.fax.port", "1110", None),
    )
    assert told(settings(fax()), settings()) == [(AuditEvent.LISTENER_REMOVED, (name, port))]


def test_what_an_older_version_did_not_know_was_as_usual() -> None:
    """An upgrade alone tells nothing; a choice made along with it is told."""
    unknown = frozenset({"limits.connections", "listener.pop3s.apop"})
    assert told(settings(without=unknown), settings()) == []
    (change,) = told(settings(without=unknown), settings({"limits.connections": "300"}))
    assert change[1] == (Difference("limits.connections", "500", "300"),)
    (change,) = told(settings(without=unknown), settings({"listener.pop3s.apop": "true"}))
    assert change[1] == (Difference("listener.pop3s.apop", "false", "true"),)


def test_what_is_no_setting_any_more_is_told_as_ended() -> None:
    (change,) = told(settings({"tls.certificates.0.key": "/k"}), settings())
    assert change[1] == (Difference("tls.certificates.0.key", "/k", None),)
    (change,) = told(settings(), settings({"tls.certificates.0.key": "/k"}))
    assert change[1] == (Difference("tls.certificates.0.key", None, "/k"),)


def test_at_first_one_change_tells_of_all_that_is_not_as_usual() -> None:
    now = settings({"limits.connections": "300", "alerts.command": "d1", **fax()})
    assert told(None, now) == [
        (
            AuditEvent.SETTINGS_NOTED,
            (
                Difference("limits.connections", None, "300"),
                Difference("alerts.command", None, None),
                Difference("listener.fax.port", None, "1110"),
            ),
        )
    ]
    assert told(None, settings()) == [(AuditEvent.SETTINGS_NOTED, ())]


def test_a_long_value_is_compared_in_full_and_told_cut() -> None:
    long = "x" * VALUE_CHARACTERS
    (change,) = told(settings({"state_dir": f"{long}1"}), settings({"state_dir": f"{long}2"}))
    assert change[1] == (Difference("state_dir", f"{long}...", f"{long}..."),)
