"""A service on loopback over real TLS, and a client that trusts it, whatever the environment says."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from providers.caller import Caller
from providers.transport import HttpClient, Patience
from tests.fakes.identity import FakeTokens
from tests.fakes.plain import AT_ONCE, PlainService, judge, started, trusted


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    return trusted(ca, Path(tmp_path_factory.mktemp("ca")))


@pytest.fixture
async def service(ca: trustme.CA) -> AsyncIterator[PlainService]:
    async with started(ca) as service:
        yield service


@pytest.fixture
async def client(ca_file: str) -> AsyncIterator[HttpClient]:
    client = HttpClient(ca=ca_file, patience=Patience(2.0, 2.0, 5.0))
    yield client
    await client.close()


@pytest.fixture
def tokens() -> FakeTokens:
    return FakeTokens()


@pytest.fixture
async def caller(ca_file: str, tokens: FakeTokens) -> AsyncIterator[Caller]:
    """Yield a caller whose client would bear more than it asks for at once."""
    http = HttpClient(ca=ca_file, connections=20)
    yield Caller(http, tokens, judge, AT_ONCE, logging.getLogger("test.caller"))
    await http.close()
