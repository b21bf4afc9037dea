"""What a bridge holds and has asked for, sampled while it runs, and whether that stays flat."""

from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

WARM_UP = 1 / 3
"""Share of the samples that are not judged: caches and pools fill in the beginning."""


@attrs.frozen
class Sample:
    """One moment; everything but `seconds` and `descriptors` is in octets or a count since the start."""

    seconds: float
    memory: int
    descriptors: int
    bodies: int
    database: int
    requests: int
    sessions: int
    printed: int


@attrs.frozen
class Measure:
    """One thing that must stay flat: its fitted line may rise by no more than `allowed` over what is judged."""

    name: str
    unit: str
    allowed: float
    of: Callable[[Sequence[Sample], int], float]
    divisor: float = 1.0


def _rate(of: Callable[[Sample], int]) -> Callable[[Sequence[Sample], int], float]:
    """Return how much was added per minute between a sample and the one before."""

    def rate(samples: Sequence[Sample], index: int) -> float:
        now, before = samples[index], samples[max(0, index - 1)]
        passed = now.seconds - before.seconds
        return 60 * (of(now) - of(before)) / passed if passed > 0 else 0.0

    return rate


MEASURES = (
    Measure("memory", "MiB", 4.0, lambda s, i: s[i].memory, 1 << 20),
    Measure("descriptors", "", 12.0, lambda s, i: s[i].descriptors),
    Measure("bodies", "MiB", 4.0, lambda s, i: s[i].bodies, 1 << 20),
    # What is known of a message that is gone stays: its tombstone, and its history for a time.
    Measure("database per message", "KiB", 1.0, lambda s, i: _per_message(s[i]), 1 << 10),
    Measure("requests per minute", "", 60.0, _rate(lambda one: one.requests)),
)


@attrs.frozen
class Verdict:
    """How a measure has done: its first and last judged value by the fitted line."""

    measure: Measure
    first: float
    last: float

    @property
    def is_flat(self) -> bool:
        return self.last - self.first <= self.measure.allowed


def judge(samples: Sequence[Sample]) -> list[Verdict]:
    """Return what the samples after the warm-up say of every measure."""
    begin = max(1, int(len(samples) * WARM_UP))
    verdicts = []
    for measure in MEASURES:
        indices = range(begin, len(samples))
        values = [measure.of(samples, index) / measure.divisor for index in indices]
        times = [samples[index].seconds for index in indices]
        verdicts.append(Verdict(measure, *_line(times, values)))
    return verdicts


def table(samples: Sequence[Sample], rows: int = 20) -> list[str]:
    """Return some of the samples for people, the last one among them."""
    step = max(1, len(samples) // rows)
    chosen = [*samples[:-1:step], samples[-1]]
    lines = ["seconds  RSS MiB  fds  bodies MiB  database MiB  requests  sessions  printed"]
    for one in chosen:
        mib = [size / (1 << 20) for size in (one.memory, one.bodies, one.database)]
        lines.append(
            f"{one.seconds:7.0f}  {mib[0]:7.1f}  {one.descriptors:3d}  {mib[1]:10.2f}"
            f"  {mib[2]:12.2f}  {one.requests:8d}  {one.sessions:8d}  {one.printed:7d}"
        )
    return lines


def told(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the verdicts for people."""
    return [
        f"{one.measure.name:22} {one.first:9.2f} -> {one.last:9.2f} {one.measure.unit:4}"
        f" (may rise by {one.measure.allowed:g})  {'flat' if one.is_flat else 'NOT FLAT'}"
        for one in verdicts
    ]


def octets_below(folder: Path) -> int:
    """Return the octets of all files of a folder; those that go meanwhile count for nothing."""
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _per_message(sample: Sample) -> float:
    return sample.database / max(1, sample.printed)


def _line(times: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the first and the last value of the line that fits best (least squares)."""
    if not values:
        return 0.0, 0.0
    middle, level = sum(times) / len(times), sum(values) / len(values)
    spread = sum((time - middle) ** 2 for time in times)
    lift = sum((t - middle) * (v - level) for t, v in zip(times, values, strict=True))
    slope = lift / spread if spread else 0.0
    return level + slope * (times[0] - middle), level + slope * (times[-1] - middle)
