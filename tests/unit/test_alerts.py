"""Every reason for an alert is explained to who gets it."""

from pathlib import Path

import pytest

from bridge.alerts import Alert, AlertReason, unheard

DOCUMENT = Path(__file__).parents[2] / "docs/alerts.md"


@pytest.mark.parametrize("reason", AlertReason)
def test_every_reason_is_documented(reason: AlertReason) -> None:
    assert f"| `{reason}` |" in DOCUMENT.read_text("utf-8")


def test_where_nobody_is_told_nothing_happens() -> None:
    unheard(Alert(AlertReason.GRANT_LOST, "gone"))
