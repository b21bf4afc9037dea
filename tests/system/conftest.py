"""Homes and bridges for the system tests, each once on stock asyncio and once on uvloop."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.pop_client import assert_ok
from tests.system.running_bridge import (
    Home,
    RunningBridge,
    make_home,
    make_template,
    running,
    wait_for_connections,
)

SHARED_LISTENERS = (
    {"name": "pop3s"},
    {
        "name": "plain",
        "tls": "none",
        "apop": True,
        "require_tls_for_auth": False,
        "plaintext_from": ["127.0.0.2/32"],
    },
)
"""TLS for everybody; plaintext and APOP, of which the former is for one address alone."""

Start = Callable[[], RunningBridge]


@pytest.fixture(scope="session", params=["asyncio", "uvloop"])
def loop_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def home(template: Path, tmp_path: Path, loop_name: str) -> Home:
    return make_home(template, tmp_path, loop_name)


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running(home))


@pytest.fixture(scope="module")
def shared(
    template: Path, tmp_path_factory: pytest.TempPathFactory, loop_name: str
) -> Iterator[RunningBridge]:
    """A bridge for tests that leave nothing behind but maildrops of their own."""
    home = make_home(template, tmp_path_factory.mktemp("shared"), loop_name)
    home.configure(SHARED_LISTENERS, limits={"connections_per_address": 100})
    with running(home) as bridge:
        yield bridge
        bridge.clients.close()
        wait_for_connections(bridge, 0)


@pytest.fixture
def maildrop(shared: RunningBridge, request: pytest.FixtureRequest) -> str:
    """A maildrop for one test on the shared bridge, with a device of the same name."""
    name = f"drop{hash(request.node.nodeid):x}".replace("-", "m")
    shared.home.add_maildrop(name)
    shared.home.add_device(name, name)
    shared.home.sync(name)  # the look a new account begins with is over: the next nudge counts
    assert_ok(shared.log_in(name).quit())  # uses up the one look that a login brings forward
    shared.home.sync(name)  # and that one is over too
    return name
