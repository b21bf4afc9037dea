"""One bridge for every client of a test run, and a mailbox for every test."""

from collections.abc import Iterator

import pytest

from tests.clients.bridge_for_clients import (
    ClientsBridge,
    Mailbox,
    awkward_messages,
    running,
)


@pytest.fixture(scope="session", params=["asyncio", "uvloop"])
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClientsBridge]:
    with running(tmp_path_factory.mktemp("bridge"), str(request.param)) as bridge:
        yield bridge


@pytest.fixture
def mailbox(bridge: ClientsBridge) -> Mailbox:
    return bridge.mailbox(awkward_messages())


@pytest.fixture
def apop_mailbox(bridge: ClientsBridge) -> Mailbox:
    return bridge.mailbox(awkward_messages(), apop=True)
