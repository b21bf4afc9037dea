"""Options and fixtures that every test folder shares."""

import asyncio
import signal
from collections.abc import Callable

import pytest
import uvloop

pytest_plugins = ["tests.secrecy"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--event-loop",
        choices=["asyncio", "uvloop"],
        default="asyncio",
        help="the loop that asynchronous tests run on",
    )


def pytest_configure() -> None:
    # A shell that starts a job in the background has it ignore Ctrl-C, and every program below it too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_asyncio_loop_factories(
    config: pytest.Config,
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    name = config.getoption("--event-loop")
    factories = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {name: factories[name]}
