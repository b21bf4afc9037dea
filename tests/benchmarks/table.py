"""Write a table: ours beside the peer where there is one, a row for each figure.

A cell is the median of the rounds with their least and greatest; the ratio is taken round by round before its median.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from figures import Figure
from targets import Rounds, ratios, verdict_of_all

LOOPS = ("asyncio", "uvloop")
PEER = "Dovecot tuned"
_NOTHING = "-"
_HEAD = ("figure", "unit", *LOOPS, PEER, "ours / Dovecot", "target", "verdict")
_OF_PEER = (4, 5)


@dataclass(slots=True)
class Readings:
    """What the rounds of one figure gave, by contender."""

    figure: Figure
    values: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Contenders that could not be measured; a failed one has no values."""

    def of(self, contender: str) -> list[float]:
        """Return the contender's rounds; none when it failed or was not asked."""
        return [] if contender in self.failures else self.values.get(contender, [])


def render(rows: Sequence[Readings], *, peer: bool = True) -> str:
    """Return the table as aligned text that is Markdown too; without `peer` it has no such columns."""
    cells = [_HEAD, *(_row(readings) for readings in rows)]
    if not peer:
        cells = [tuple(c for n, c in enumerate(line) if n not in _OF_PEER) for line in cells]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [_line(line, widths) for line in cells]
    lines.insert(1, _line(["-" * width for width in widths], widths))
    return "\n".join(lines)


def as_data(rows: Sequence[Readings]) -> list[dict[str, object]]:
    """Return every round of every figure, for --json."""
    return [
        {
            "name": readings.figure.name,
            "title": readings.figure.title,
            "unit": readings.figure.unit,
            "target": _target(readings.figure),
            "rounds": readings.values,
            "failures": readings.failures,
            "verdict": _verdict(readings),
        }
        for readings in rows
    ]


def spread(values: Rounds, digits: int) -> str:
    """Write a median with the least and the greatest, or just the value of a single round."""
    if not values:
        return _NOTHING
    middle = f"{median(values):.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def _row(readings: Readings) -> tuple[str, ...]:
    figure = readings.figure
    columns = [_cell(readings, name) for name in (*LOOPS, PEER)]
    return (
        figure.title,
        figure.unit,
        *columns,
        _ratio(readings),
        _target(figure),
        _verdict(readings),
    )


def _cell(readings: Readings, contender: str) -> str:
    if contender in readings.failures:
        return "failed"
    return spread(readings.of(contender), readings.figure.digits)


def _ratio(readings: Readings) -> str:
    """Write both loops' ratios in the order of their columns."""
    peer = readings.of(PEER)
    written = [spread(ratios(readings.of(loop), peer), 2) for loop in LOOPS]
    return " / ".join(written) if set(written) != {_NOTHING} else _NOTHING


def _target(figure: Figure) -> str:
    return figure.target.describe() if figure.target else _NOTHING


def _verdict(readings: Readings) -> str:
    return verdict_of_all(readings.figure.target, _ours(readings), readings.of(PEER))


def _ours(readings: Readings) -> Mapping[str, Rounds]:
    return {loop: values for loop in LOOPS if (values := readings.of(loop))}


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
