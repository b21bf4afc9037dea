"""Sees what ends before long, and that nobody renews by itself: certificates and apps' credentials."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from bridge.accounts.grants import Grants
from bridge.alerts import Alert, AlertReason
from bridge.app.accounts.opener import OpenAccount
from bridge.app.state import Places
from bridge.config import Config
from bridge.errors import PopbridgeError
from bridge.names import AccountName
from bridge.storage.sightings import DAY_SECONDS
from bridge.tls.issuer import describe_certificates


def certificates_ending(config: Config, now: float) -> Iterator[Alert]:
    """Yield an alert for the LAN CA, or each certificate of the owner's own, that ends soon.

    What the LAN CA issued is not among them: the running bridge renews that.
    """
    own = [files.certificate for files in config.tls.certificates]
    for path in own or [Places(config.state_dir).tls / "ca.pem"]:
        try:
            info = describe_certificates(path)[0]
        except PopbridgeError as error:
            yield Alert(AlertReason.CERTIFICATE_ENDING, str(error))
            continue
        days = _days(info.not_after.timestamp(), now)
        if days < config.alerts.certificate_days:
            text = f"the certificate {path.name} {_ends(days, info.not_after.timestamp())}"
            hint = "popbridge check says what to do"
            yield Alert(AlertReason.CERTIFICATE_ENDING, f"{text}; {hint}")


async def credentials_ending(
    accounts: Iterable[tuple[AccountName, OpenAccount]], grants: Grants, days: int, now: float
) -> list[Alert]:
    """Return an alert for each account whose app's secret or certificate ends soon.

    Raises:
        PopbridgeError: the register cannot answer.
    """
    alerts = []
    for name, opened in accounts:
        kept = await grants.load(name) if opened.identity is not None else None
        ends = opened.identity.ends(kept.grant) if opened.identity and kept else None
        if ends is not None and _days(ends, now) < days:
            text = f"the app's secret or certificate {_ends(_days(ends, now), ends)}"
            hint = f"make a new one and run `popbridge account enrol {name}`"
            alerts.append(
                Alert(AlertReason.CERTIFICATE_ENDING, f"{text}; {hint}", account=name)
            )
    return alerts


def _days(ends: float, now: float) -> int:
    return int((ends - now) // DAY_SECONDS)


def _ends(days: int, ends: float) -> str:
    day = f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
    return f"ended on {day}" if days < 0 else f"ends in {days} days, on {day}"
