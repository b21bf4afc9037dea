"""Certificates that are good, and some that have ended."""

import datetime as dt
from pathlib import Path

import pytest

from tests.unit.app.doors import make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the handshakes are real
    return make_certificates(tmp_path_factory.mktemp("tls"), now)


@pytest.fixture(scope="session")
def ended_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(
        tmp_path_factory.mktemp("ended"), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    )
