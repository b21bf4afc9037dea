"""No durable write, request or answer of the product is left out of the crash scenarios without a reason."""

from providers.contract import DispositionKind
from tests.system.crash_cloud import DISPOSITIONS
from tests.system.crash_list import SCENARIOS
from tests.system.crash_sites import sites
from tests.system.crash_table import listed_sites

DEMO = "the demonstration's own mail, made anew when it is missing"
FAILED = "only after an error of the disk, and the next start sweeps the same"
PROVING = "`account check` sets what is set already"
READING = "asks and changes nothing"
SHUTIL = "its steps are those of os.unlink and os.rmdir, and are listed as such"

DEMO = "the demonstration's own mail, made anew when it is missing"
FAILED = "only after an error of the disk, and the next start sweeps the same"
LINKLESS = (
    "only on a file system without links; the message stays where it was until the rename"
)
PROVING = "`account check` sets what is set already"
READING = "asks and changes nothing"
SHUTIL = "its steps are those of os.unlink and os.rmdir, and are listed as such"
PROBE = "a probe writes a row that nobody reads"
OLD = "what is old enough goes tomorrow"
SEEN = "one transaction about the last minute, which a bridge that is killed may forget"
WATCHED = (
    "one transaction about the last hour, which a bridge that is killed may not have watched"
)
UPGRADED = "once after an upgrade: the kill after it is in tests/unit/sync/test_oldheaders.py"
STORING = "its octets count once they are synced, a step later"

UNVISITED = {
    "bridge/app/backup/create.py:_sweep unlink": "takes away what a start takes away too",
    "bridge/app/setup/demo.py:_make_mail mkdir": DEMO,
    "bridge/app/setup/demo.py:_make_mail write": DEMO,
    "bridge/app/setup/demo.py:prepare write": DEMO,
    "bridge/app/health/wellness.py:_write_a_row INSERT": PROBE,
    "bridge/app/health/wellness.py:Health._try_database COMMIT": PROBE,
    "bridge/app/health/selflogin.py:_say answer": "asks the bridge's own door, and changes nothing",
    "bridge/app/hooks/loginhook.py:_write_line answer": "a neighbour is told of the next login as well",
    "bridge/wholefile.py:_give_name rename": "only on a file system without links",
    "bridge/app/backup/restore.py:_remove_if_unused rmdir": FAILED,
    "bridge/app/backup/restore.py:_remove_if_unused unlink": FAILED,
    "bridge/app/backup/restore.py:_staging shutil": SHUTIL,
    "bridge/app/backup/restore.py:_store shutil": STORING,
    "bridge/app/backup/restore.py:_store write": STORING,
    "bridge/app/state.py:sweep_left_over shutil": SHUTIL,
    "bridge/cli/cert.py:ca write": "a copy of what is public, for whoever asked for it",
    "bridge/shaper/rlimits.py:confine write": "of a process that holds nothing of ours",
    "bridge/session/session.py:Session._start_tls send": "an answer that promises no more than TLS",
    "bridge/storage/sqlite/audit.py:SqliteAuditLog._delete COMMIT": OLD,
    "bridge/storage/sqlite/sightings.py:SqliteSightings.add_watched COMMIT": WATCHED,
    "bridge/storage/sqlite/sightings.py:SqliteSightings.forget COMMIT": SEEN,
    "bridge/storage/sqlite/sightings.py:SqliteSightings.record COMMIT": SEEN,
    "bridge/storage/sqlite/spool/spool.py:SqliteSpool.withdraw COMMIT": FAILED,
    "bridge/storage/sqlite/unread.py:SqliteUnreadHeaders.leave COMMIT": UPGRADED,
    "bridge/storage/sqlite/unread.py:SqliteUnreadHeaders.take_back COMMIT": UPGRADED,
    "bridge/storage/sqlite/spool/spool.py:SqliteSpool.retry COMMIT": "the steps of drop, one by one",
    "bridge/wholefile.py:replace_file unlink": FAILED,
    "bridge/wholefile.py:write_draft unlink": FAILED,
    "providers/folder/clearing.py:_claim create": LINKLESS,
    "providers/folder/clearing.py:_rename_over_claim rename": LINKLESS,
    "providers/folder/clearing.py:_rename_over_claim unlink": LINKLESS,
    "GmailMailbox._list request": READING,
    "GmailMailbox.prove_right request": PROVING,
    "GoogleIdentity.reach request": READING,
    "GraphMailbox.prove_right request": PROVING,
}
"""Places that no scenario comes by, and why that is no gap."""


def test_every_place_is_visited_by_a_scenario_or_says_why_not() -> None:
    visited = {site for listed in listed_sites().values() for site in listed}
    assert sites() - visited == set(UNVISITED)


def test_every_scenario_has_its_places_listed() -> None:
    assert set(listed_sites()) == set(SCENARIOS)


def test_every_disposition_is_carried_out_in_the_clouds() -> None:
    assert {one.partition(":")[0] for one in DISPOSITIONS.values()} == set(DispositionKind)
