"""The soak itself is run by `make soak`; here it is seen to work, and to say so when something grows."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from tests.soak.household import Pace, household
from tests.soak.ledger import Ledger
from tests.soak.samples import MEASURES, Sample, judge, table, told

QUICK = Pace(poll=0.3, mail=0.2, fault=2.0, look=1.0)
PATIENCE = 60.0


def steady(minutes: int = 30) -> list[Sample]:
    """Return what a bridge leaves that fills its caches once, and needs the same from then on."""
    return [
        Sample(
            seconds=60.0 * minute,
            memory=(60 + min(minute, 5)) << 20,
            descriptors=20 + minute % 3,
            bodies=(minute % 4) << 18,
            database=minute << 18,
            requests=100 * minute,
            sessions=200 * minute,
            printed=100 * minute,
        )
        for minute in range(minutes)
    ]


def flat(samples: Sequence[Sample]) -> dict[str, bool]:
    return {one.measure.name: one.is_flat for one in judge(samples)}


def test_what_fills_in_the_beginning_and_stays_is_flat() -> None:
    assert flat(steady()) == {measure.name: True for measure in MEASURES}


@pytest.mark.parametrize(
    ("measure", "growth"),
    [
        ("memory", {"memory": 1 << 19}),
        ("descriptors", {"descriptors": 1}),
        ("bodies", {"bodies": 1 << 19}),
        ("database per message", {"database": 1 << 20}),
        ("requests per minute", {"requests": 0}),
    ],
)
def test_what_grows_is_not(measure: str, growth: dict[str, int]) -> None:
    """Each for itself; requests grow by five a minute more in every minute."""
    samples = [
        attrs.evolve(
            sample,
            **{name: getattr(sample, name) + step * minute for name, step in growth.items()},
        )
        for minute, sample in enumerate(steady())
    ]
    if measure.startswith("requests"):
        samples = [
            attrs.evolve(sample, requests=sample.requests + 5 * minute * minute)
            for minute, sample in enumerate(samples)
        ]
    if measure.startswith("database"):
        samples = [attrs.evolve(sample, printed=100) for sample in samples]
    assert [name for name, is_flat in flat(samples).items() if not is_flat] == [measure]


def test_the_table_shows_the_last_sample_and_the_verdict_every_measure() -> None:
    samples = steady()
    assert table(samples, rows=5)[-1].split()[0] == f"{samples[-1].seconds:.0f}"
    assert [line.endswith("flat") for line in told(judge(samples))] == [True] * len(MEASURES)


def test_the_ledger_knows_what_must_not_happen() -> None:
    ledger = Ledger()
    octets = ledger.send(100)
    ledger.confirmed([ledger.retrieved(octets)])
    assert (ledger.open, ledger.faults) == (0, [])
    ledger.retrieved(octets)
    ledger.retrieved(octets[:-1])
    assert [text.partition("was")[2] for text in ledger.faults] == [
        " deleted, and printed again",
        " altered, or is none",
        " deleted, and printed again",
    ]


@pytest.mark.slow
def test_a_household_prints_every_message_once_though_services_fail(tmp_path: Path) -> None:
    with household(tmp_path, devices=4, pace=QUICK) as made, made.at_work():
        assert made.wait_until(
            lambda: len(made.ledger.deleted) > 20 and made.faults > 0, PATIENCE
        )
        sample = made.sample()
        made.calm.set()
        made.heal()
        assert made.wait_until(lambda: made.ledger.open == 0, PATIENCE)
        assert made.ledger.faults == []
    assert sample.memory > 1 << 20
    assert sample.descriptors > 3
    assert sample.requests > 0
    assert sample.printed > 20
