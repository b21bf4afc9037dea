"""Writes docs/faults.md: for every call and every fault, what an hour of it looks like.

`make faults` plays the whole matrix and writes the page; each cell's test holds its own row to it.
"""

import logging
import re
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path

import attrs

from tests.faults.cell import NEW, OLD, Ended, run
from tests.faults.fault_kinds import CELLS
from tests.faults.own_time import loops_own_time
from tests.faults.upstream_calls import CALLS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

HEAD = """# Faults upstream

Made by `make faults`, which plays every cell of this page; do not edit it. Each call that the bridge
makes upstream meets each fault for an hour, on the real sync road over real TLS, while a device looks.
The bridge looks every five minutes here. Before the hour {old} messages are in the maildrop, of which the
device deletes one or three; then {new} new ones arrive.

In every cell, also where a row does not say so: the device logs in; what was in the maildrop stays there;
what RETR sends is a message, whole and unaltered; nothing deleted comes back; and when the fault is over,
all that is missing arrives, once, and each deletion is carried out upstream, once.

- **device**: what it can have at the end of the hour. "all" is also what is new.
- **orders**: whether the deletions had been carried out upstream by then.
- **requests**: how often the call was made in that hour, or the host tried.
- **status**: what `popbridge status` says then; empty where the account does not count as failing.

A fault is named by its status and what is special about it. `401-claims` carries a claims challenge.
`429-seconds` asks for 20 seconds, `429-date` names a moment 90 seconds ahead, `429-unsaid` says nothing.
`500-done` obeys and then says that it failed; `500-conversion` is a message that cannot be made MIME.
`connect-refused`, `dns` and `tls` are a host that is away from the first such call on: nobody listens, its
name has no address, a stranger shows a certificate. `hang` never answers, `trickle` sends an octet every
five seconds, `reset` tears the connection in the middle of the body. `cut-json` ends early and HTTP sees
nothing wrong, `cut-body` is shorter than its head says, `wrong-length` longer. `gzip` is compressed though
nobody asked for it, `gzip-cut` lacks its end, `endless` has none, `empty-200` has no body.

Two answers are believed, since a good service gives them too: `404` to an order means that the message is
gone, and `500-conversion` that it can never be had; then nothing more is done to it upstream. In the place of
a message that can never be had stands a notice, also where `endless` has run beyond the longest message.

Not in here, since nobody could see them: MIME from Graph that is cut where HTTP says it is whole (it has
no length or checksum of its own), and an empty answer where a good one is empty too.
"""

_TABLE = "| fault | device | orders | requests | status |\n|---|---|---|---|---|\n"

MANY = 20
WOBBLE = 5
"""By so many requests a cell may differ from run to run: lanes end in any order."""

_UNTOLD = re.compile(r" \(\[SSL.*\.c:\d+\)\)| \('127\.0\.0\.1', \d+\)")
"""What each version of a library says in words of its own."""

Key = tuple[str, str]
"""The names of a call and of a fault."""


@attrs.frozen
class Row:
    """What an hour of a fault has come to."""

    device: str
    orders: str
    requests: str
    status: str

    def is_like(self, other: "Row") -> bool:
        """Tell whether two runs of a cell may well end so."""
        mine, its = int(self.requests), int(other.requests)
        is_close = abs(mine - its) <= WOBBLE
        alike = attrs.evolve(self, requests=other.requests)
        if (
            min(mine, its) > MANY
        ):  # of a host that goes away, one lane may be served before another
            alike = attrs.evolve(alike, device=other.device)
        return is_close and alike == other

    @classmethod
    def of(cls, ended: Ended) -> "Row":
        new = sum(one in ended.seen for one in NEW)
        device = "all" if new == len(NEW) else f"{new} new" if new else "what was here"
        notices = sum(one not in NEW and b"could not be fetched" in one for one in ended.seen)
        device += f", {notices} as a notice" if notices else ""
        orders = "done" if ended.orders_done else "wait"
        return cls(device, orders, str(ended.requests), _UNTOLD.sub("", ended.trouble))


def render(rows: Mapping[Key, Row]) -> str:
    """Return the page; faults of a call that come to the same share a row."""
    parts = [HEAD.format(old=len(OLD), new=len(NEW))]
    for call in CALLS:
        parts.append(f"\n## {call.name}\n\n{call.told}\n\n{_TABLE}")
        same: dict[Row, list[str]] = {}
        for (name, kind), row in rows.items():
            if name == call.name:
                same.setdefault(row, []).append(kind)
        for row, kinds in same.items():
            cells = (", ".join(kinds), row.device, row.orders, row.requests, row.status)
            parts.append("| " + " | ".join(cells) + " |\n")
    return "".join(parts)


def parse(page: str) -> dict[Key, Row]:
    """Return the rows of a page."""
    rows, call = {}, ""
    for line in page.splitlines():
        call = line.removeprefix("## ") if line.startswith("## ") else call
        if call and line.startswith("| ") and not line.startswith("| fault "):
            kinds, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows |= {(call, kind): Row(*cells) for kind in kinds.split(", ")}
    return rows


def main() -> None:
    """Play every cell, two at a time, and write the page."""
    logging.disable()
    with get_context("spawn").Pool(2) as pool:
        rows = dict(pool.map(_play, range(len(CELLS)), chunksize=8))
    told = parse(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    kept = {key: row for key, row in told.items() if key in rows and row.is_like(rows[key])}
    PAGE.write_text(render({**rows, **kept}), "utf-8")
    sys.stdout.write(f"{PAGE.name}: {len(rows)} cells\n")


def _play(number: int) -> tuple[Key, Row]:
    logging.disable()
    call, kind = CELLS[number]
    with tempfile.TemporaryDirectory() as folder, loops_own_time():
        return _key(number), Row.of(run(Path(folder), call.scene, call, kind))


def _key(number: int) -> Key:
    call, kind = CELLS[number]
    return call.name, kind.name


if __name__ == "__main__":
    main()
