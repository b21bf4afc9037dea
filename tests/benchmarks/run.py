"""Measure every figure, ours beside tuned Dovecot in the same run, the cloud road, and shaping; print a table of each.

Rounds alternate: in each round every contender has one turn, and who goes first moves on by one, so that a machine
that grows slower or busier during the run favours nobody.

Exit codes: 0 measured (whether or not a target was reached), 1 a figure could not be measured, 2 there is no peer
and --without-peer was not given.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cloud
import cloud_figures
import dovecot
import figures
import machine
import ours
import scans
import shaping_figures
from figures import FULL, QUICK, Figure, Scale, Turn
from load import LoadFailedError
from mail import MailSet, write_messages
from popclient import RefusedError
from servers import Contender, StartFailedError
from table import LOOPS, PEER, Readings, as_data, render

_NO_PEER = 2
_GROWTH_ROUNDS = 3  # a figure without a target shows a shape, and needs fewer
_FAILURES = (
    LoadFailedError,
    StartFailedError,
    ours.CommandFailedError,
    RefusedError,
    OSError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as asked and return the exit code."""
    signal.signal(signal.SIGTERM, _terminated)  # so that every `finally` runs
    asked = _parser().parse_args(arguments)
    scale = QUICK if asked.quick else FULL
    rounds = asked.rounds or (2 if asked.quick else 5)
    chosen, on_cloud, shaped = _chosen(asked.only, scale, quick=asked.quick)
    loops = () if asked.peer_only else LOOPS
    missing = "left out by --without-peer" if asked.without_peer else dovecot.why_missing()
    facts = machine.facts(rounds)
    _say("\n".join(f"{name:12} {value}" for name, value in facts.items()))
    if missing:
        _say(f"No peer: {missing}")
    rows: list[Readings] = []
    with tempfile.TemporaryDirectory(prefix="popbench-") as name:
        bench = Bench(Path(name), scale, rounds)
        if chosen:
            bench.set_up(chosen, loops=loops, peer=not missing)
            rows += [row for figure in chosen for row in bench.measure(figure)]
            _say("\n".join(["", render(rows), *bench.tls_lines()]))
        if on_cloud and loops:
            rows += _measure_cloud(Path(name), on_cloud, scale, rounds)
        if shaped and loops:
            rows += _measure_shaping(Path(name), shaped, scale, rounds)
    failures = [
        f"{row.figure.name}, {who}: {why}" for row in rows for who, why in row.failures.items()
    ]
    _say("\n".join(failures))
    if asked.json:
        data = {"machine": facts, "figures": as_data(rows)}
        Path(asked.json).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    if chosen and missing and not asked.without_peer:
        return _NO_PEER
    return 1 if failures else 0


class Bench:
    """The contenders of one run, all below one temporary folder."""

    def __init__(self, folder: Path, scale: Scale, rounds: int) -> None:
        """Own `folder`, which others may enter: Dovecot's mail processes are another user."""
        folder.chmod(0o755)
        self._folder = folder
        self._scale = scale
        self._rounds = rounds
        self._cores = machine.cores()
        self._contenders: list[Contender] = []
        self._negotiated: dict[str, set[str]] = {}

    def set_up(self, chosen: Sequence[Figure], *, loops: Sequence[str], peer: bool) -> None:
        """Write the mail the figures need and make every contender ready to start."""
        sets = sorted({mail for figure in chosen for mail in figure.sets}, key=lambda s: s.name)
        messages = self._folder / "messages"
        for mail in sets:
            _note(f"writing {mail.count} x {mail.octets} octets")
            write_messages(messages / mail.name, mail)
        certificates = self._set_up_ours(sets, messages, loops)
        if peer:
            _note("setting up Dovecot")
            if certificates is None:
                certificates = dovecot.make_certificates(self._folder)
            contender = dovecot.Dovecot(self._folder / "dovecot", certificates)
            contender.prepare(sets, messages)
            self._contenders.append(contender)

    def set_up_cloud(self, sky: cloud.Cloud) -> None:
        """Make ours at the fake cloud the only contenders."""
        self._contenders = [cloud.CloudLoop(sky, loop) for loop in _usable(LOOPS)]

    def set_up_shaping(self, folders: scans.Scans) -> None:
        """Make ours at folders of scans the only contenders."""
        self._contenders = [scans.ScanLoop(folders, loop) for loop in _usable(LOOPS)]

    def measure(self, figure: Figure) -> list[Readings]:
        """Give every contender one turn in every round; a failed one sits out the rest.

        The first row is the figure's own, the others are those beside it.
        """
        rows = [Readings(figure), *(Readings(other) for other in figure.beside)]
        able = [c for c in self._contenders if figure.peer or c.name != PEER]
        with contextlib.ExitStack() as stack:
            turns = {c.name: self._turn(c, figure) for c in able}
            for number in range(
                self._rounds if figure.target else min(self._rounds, _GROWTH_ROUNDS)
            ):
                first = number % max(1, len(able))
                for contender in able[first:] + able[:first]:
                    if contender.name not in rows[0].failures:
                        self._take(turns[contender.name], rows, stack)
        for name, turn in turns.items():
            self._negotiated.setdefault(name, set()).update(turn.negotiated)
        return rows

    def tls_lines(self) -> list[str]:
        """Say what each contender negotiated; where they differ, the figures are not comparable."""
        return [
            f"TLS, {name}: {', '.join(sorted(n))}" for name, n in self._negotiated.items() if n
        ]

    def _set_up_ours(
        self, sets: Sequence[MailSet], messages: Path, loops: Sequence[str]
    ) -> dovecot.Certificates | None:
        usable = _usable(loops)
        if not usable:
            return None
        _note("setting up popbridge")
        filled = ours.prepare(self._folder / "ours", sets, messages)
        self._contenders += [ours.Ours(self._folder / loop, filled, loop) for loop in usable]
        return ours.certificates(filled)

    def _turn(self, contender: Contender, figure: Figure) -> Turn:
        if figure.every_core:
            return Turn(contender, None, self._scale, set(self._cores.every), None)
        cores = self._cores.spread if figure.spread_cores else self._cores.server
        return Turn(contender, None, self._scale, set(cores), self._cores.client)

    def _take(self, turn: Turn, rows: Sequence[Readings], stack: contextlib.ExitStack) -> None:
        figure, name = rows[0].figure, turn.contender.name
        try:
            if figure.server != "none" and turn.server is None:
                turn.server = turn.contender.start(turn.server_cores)
                stack.callback(turn.server.stop)
            values = [row.figure.measure(turn) for row in rows]
        except _FAILURES as error:
            for row in rows:
                row.failures[name] = f"{type(error).__name__}: {error}"
            _note(f"{figure.name}, {name}: {rows[0].failures[name]}")
        else:
            for row, value in zip(rows, values, strict=True):
                row.values.setdefault(name, []).append(value)
                of = row.figure
                _note(f"{of.name}, {name}: {value:.{of.digits}f} {of.unit}")
        if figure.server == "fresh" and turn.server:
            turn.server.stop()
            turn.server = None


def _measure_cloud(
    folder: Path, chosen: Sequence[Figure], scale: Scale, rounds: int
) -> list[Readings]:
    """Measure the figures of the cloud road, and print their table."""
    bench = Bench(folder, scale, rounds)
    _note("starting the fake cloud")
    with contextlib.closing(cloud.Cloud(folder / "cloud", machine.cores().client)) as sky:
        bench.set_up_cloud(sky)
        rows = [row for figure in chosen for row in bench.measure(figure)]
    _say("\n" + render(rows, peer=False))
    return rows


def _measure_shaping(
    folder: Path, chosen: Sequence[Figure], scale: Scale, rounds: int
) -> list[Readings]:
    """Measure the figures of shaping, and print their table."""
    bench = Bench(folder, scale, rounds)
    _note("setting up folders of scans")
    bench.set_up_shaping(scans.Scans(folder / "scans"))
    rows = [row for figure in chosen for row in bench.measure(figure)]
    _say("\n" + render(rows, peer=False))
    return rows


def _usable(loops: Sequence[str]) -> list[str]:
    """Return the event loops that ours can run on, and say why others cannot."""
    reasons = {loop: ours.why_missing(loop) for loop in loops}
    for loop, reason in reasons.items():
        if reason:
            _say(f"No {loop}: {reason}")
    return [loop for loop, reason in reasons.items() if not reason]


def _chosen(
    only: Sequence[str], scale: Scale, *, quick: bool
) -> tuple[list[Figure], list[Figure], list[Figure]]:
    """Return the figures asked for, those of the cloud road, and those of shaping.

    By default these are all, or if quick those with a target.
    """
    aimed, growth = figures.targets(scale), figures.growth(scale)
    every = (
        [*aimed, *growth],
        cloud_figures.cloud_figures(cloud_figures.QUICK if quick else cloud_figures.FULL),
        shaping_figures.shaping_figures(
            shaping_figures.QUICK if quick else shaping_figures.FULL
        ),
    )
    names = [figure.name for figures_of in every for figure in figures_of]
    if unknown := set(only) - set(names):
        raise SystemExit(
            f"--only {min(unknown)}: there is no such figure; there are {', '.join(names)}"
        )

    def is_wanted(figure: Figure) -> bool:
        return figure.name in only if only else not quick or figure.target is not None

    main, on_cloud, shaped = (
        [figure for figure in figures_of if is_wanted(figure)] for figures_of in every
    )
    return main, on_cloud, shaped


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--rounds", type=int, default=0, help="rounds (default: 5, or 2 if quick)"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="less work a round, and only figures that have a target",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this figure"
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write every round of every figure there"
    )
    parser.add_argument("--without-peer", action="store_true", help="measure ours alone")
    parser.add_argument("--peer-only", action="store_true", help="measure Dovecot alone")
    return parser


def _terminated(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _note(text: str) -> None:
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
