"""Every crash scenario by its name: one that is not listed here is neither killed nor counted."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from bridge.shaping.wish import Deliver
from tests.system.crash_backup import BackingUp, Restoring
from tests.system.crash_cloud import GOOGLE, MICROSOFT, CloudDisposing, Looking
from tests.system.crash_commands import (
    ChangingAPassword,
    Commanding,
    Configuring,
    Initialising,
    Migrating,
    Renewing,
)
from tests.system.crash_grants import APP, Enrolling, Losing, Rotating, RotatingForGood
from tests.system.crash_messages import Ordering
from tests.system.crash_pages import Paging
from tests.system.crash_scenario import Scenario, Stage
from tests.system.crash_shaping import Converting, Shaping
from tests.system.crash_spool import Delivering, Disposing, Filing, HangingUp, Visiting
from tests.system.crash_watch import DisablingUnseen
from tests.system.running_bridge import PASSWORD

_ACCOUNT = ("account", "add", "second", "--provider", "folder", "--path", "{mail}/second")
_DEVICE = ("device", "add", "fax", "--maildrop", "office", "--password-stdin")
_DISABLE = ("device", "disable", "printer")
_ENABLE = ("device", "enable", "printer")
_NO_DEVICE = ("device", "remove", "printer")
_MAILDROP = ("maildrop", "add", "second", "--account", "office", "--on-dele", "keep")
_NO_MAILDROP = ("maildrop", "remove", "office", "--yes")

SCENARIOS: Final[Mapping[str, Callable[[Stage], Scenario]]] = {
    "init": Initialising,
    "migration from schema 1": partial(Migrating, version=1),
    "migration from schema 2": partial(Migrating, version=2),
    "certificate renewal": Renewing,
    "config.toml edited": Configuring,
    "account add": partial(Commanding, words=_ACCOUNT),
    "device add": partial(Commanding, words=_DEVICE, text=f"{PASSWORD}\n"),
    "device admit": partial(Commanding, words=("device", "admit", "printer", "192.0.2.9")),
    "device disable": partial(Commanding, words=_DISABLE),
    "device enable": partial(Commanding, words=_ENABLE, before=(_DISABLE,)),
    "device passwd": ChangingAPassword,
    "device remove": partial(Commanding, words=_NO_DEVICE),
    "maildrop add": partial(Commanding, words=_MAILDROP),
    "maildrop change": partial(
        Commanding, words=("maildrop", "change", "office", "--on-dele", "keep")
    ),
    "maildrop remove": partial(Commanding, words=_NO_MAILDROP, before=(_NO_DEVICE,)),
    "account remove": partial(
        Commanding, words=("account", "remove", "office"), before=(_NO_DEVICE, _NO_MAILDROP)
    ),
    "deliver": Delivering,
    "deliver, shaped, and QUIT": Shaping,
    "deliver, raw headers": Converting,
    "session and QUIT": Visiting,
    "session without QUIT": HangingUp,
    "unseen device disabled": DisablingUnseen,
    "disposition, folder, move": partial(Disposing, on_dele="move:Printed"),
    "disposition, folder, purge": partial(Disposing, on_dele="purge"),
    "disposition, Maildir": Filing,
    "disposition, Graph": partial(CloudDisposing, side=MICROSOFT),
    "disposition, Gmail": partial(CloudDisposing, side=GOOGLE),
    "backup": BackingUp,
    "restore": Restoring,
    "message redeliver and drop": Ordering,
    "message redeliver and drop, shaped": partial(Ordering, deliver=Deliver.PRINT),
    "test page": Paging,
    "token rotation": partial(Rotating, side=MICROSOFT),
    "token rotation, old token spent": partial(RotatingForGood, side=MICROSOFT),
    "grant lost": partial(Losing, side=MICROSOFT),
    "gone, unreadable and doubled mail": partial(Looking, side=MICROSOFT),
    "enrolment by code": partial(Enrolling, side=MICROSOFT),
    "enrolment in a browser": partial(Enrolling, side=GOOGLE),
    "enrolment of an app": partial(Enrolling, side=APP),
}
