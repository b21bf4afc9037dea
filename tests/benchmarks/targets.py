"""What a figure is to reach, and whether the rounds reached it.

A relative target compares with the peer of the same round, so that whatever else the machine was doing in that round
weighs on both sides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Rounds = Sequence[float]


@dataclass(frozen=True, slots=True)
class Target:
    """A bound per event loop, on the value itself or on its ratio to the peer's."""

    asyncio: float
    uvloop: float
    relative: bool = False
    at_least: bool = False
    unit: str = ""

    def bound(self, loop: str) -> float:
        """Return the bound for `asyncio` or `uvloop`."""
        return self.uvloop if loop == "uvloop" else self.asyncio

    def describe(self) -> str:
        """Write the target as the table shows it."""
        sign = ">=" if self.at_least else "<="
        suffix = " x Dovecot" if self.relative else self.unit and f" {self.unit}"
        speed = "" if self.uvloop == self.asyncio else f" (uvloop {self.uvloop:g})"
        return f"{sign} {self.asyncio:g}{suffix}{speed}"

    def verdict(self, loop: str, values: Rounds, peer: Rounds) -> str:
        """Return `reached` or `short` by the median of the rounds, or `no peer`."""
        if self.relative and not peer:
            return "no peer"
        reached = median(ratios(values, peer) if self.relative else values)
        bound = self.bound(loop)
        good = reached >= bound if self.at_least else reached <= bound
        return "reached" if good else "short"


def relative(asyncio: float, uvloop: float | None = None, *, at_least: bool = False) -> Target:
    """Make a target that is a ratio to the peer."""
    speed = asyncio if uvloop is None else uvloop
    return Target(asyncio, speed, relative=True, at_least=at_least)


def at_most(unit: str, asyncio: float, uvloop: float | None = None) -> Target:
    """Make a target that is a ceiling in the figure's own unit."""
    return Target(asyncio, asyncio if uvloop is None else uvloop, unit=unit)


def at_least(unit: str, asyncio: float, uvloop: float | None = None) -> Target:
    """Make a target that is a floor in the figure's own unit."""
    speed = asyncio if uvloop is None else uvloop
    return Target(asyncio, speed, at_least=True, unit=unit)


def ratios(values: Rounds, peer: Rounds) -> list[float]:
    """Divide round by round; rounds in which the peer cost nothing measurable are left out."""
    return [value / other for value, other in zip(values, peer, strict=False) if other > 0]


def verdict_of_all(target: Target | None, columns: Mapping[str, Rounds], peer: Rounds) -> str:
    """Join the loops' verdicts: one word where they agree, else one for each."""
    if target is None or not columns:
        return "-"
    words = {loop: target.verdict(loop, values, peer) for loop, values in columns.items()}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{loop} {word}" for loop, word in words.items())
