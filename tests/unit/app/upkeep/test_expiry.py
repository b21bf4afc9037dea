"""What nobody renews by itself is told before it ends, and nothing else is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.alerts import AlertReason
from bridge.app.accounts.opener import OpenAccount
from bridge.app.upkeep.expiry import certificates_ending, credentials_ending
from bridge.config import AlertsConfig, Config
from bridge.storage.sightings import DAY_SECONDS
from bridge.tls.issuer import create_ca, describe_certificates
from tests.contract.storage_harness import OFFICE
from tests.fakes.mailbox import FakeMailbox, FakeService
from tests.unit.accounts.enrolled import Enrolled

BORN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "tls").mkdir()
    create_ca(tmp_path / "tls", BORN)
    return Config(state_dir=tmp_path, alerts=AlertsConfig(certificate_days=21))


def ca_end(config: Config) -> float:
    return describe_certificates(config.state_dir / "tls/ca.pem")[0].not_after.timestamp()


@pytest.mark.parametrize(
    ("days", "said"), [(21, ""), (20, "ends in 20 days"), (-1, "ended on")]
)
def test_the_lan_ca_is_told_of_in_time(config: Config, days: int, said: str) -> None:
    now = ca_end(config) - days * DAY_SECONDS
    alerts = list(certificates_ending(config, now))
    assert [one.reason for one in alerts] == [AlertReason.CERTIFICATE_ENDING] * bool(said)
    assert all(said in one.text for one in alerts)


def test_a_certificate_that_cannot_be_read_is_told_of(config: Config) -> None:
    (config.state_dir / "tls/ca.pem").write_text("none", "ascii")
    assert len(list(certificates_ending(config, 0.0))) == 1


@pytest.fixture
async def enrolled(tmp_path: Path) -> Iterator[Enrolled]:
    enrolled = Enrolled(tmp_path / "storage")
    await enrolled.enrol()
    yield enrolled
    enrolled.storage.close()


@pytest.mark.parametrize(("ends", "count"), [(None, 0), (22.0, 0), (20.0, 1), (-3.0, 1)])
async def test_an_apps_secret_is_told_of_in_time(
    enrolled: Enrolled, ends: float | None, count: int
) -> None:
    now = enrolled.clock.now()
    enrolled.identity.credential_ends = None if ends is None else now + ends * DAY_SECONDS
    opened = OpenAccount(FakeMailbox(FakeService()), enrolled.identity, enrolled.tokens)
    alerts = await credentials_ending([(OFFICE, opened)], enrolled.grants, 21, now)
    assert [one.account for one in alerts] == [OFFICE] * count
    assert all("popbridge account enrol office" in one.text for one in alerts)
