import sys

import pytest
import uvloop

from bridge.app.process.eventloop import loop_factory
from bridge.errors import ConfigError


def test_stock_asyncio_is_taken_where_it_is_chosen() -> None:
    assert loop_factory("asyncio") is None


@pytest.mark.parametrize("chosen", ["auto", "uvloop"])
def test_uvloop_is_taken_where_it_is_there(chosen: str) -> None:
    assert loop_factory(chosen) is uvloop.new_event_loop


def test_without_uvloop_stock_asyncio_does_unless_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory("auto") is None
    with pytest.raises(ConfigError, match=r"popbridge\[speed\]"):
        loop_factory("uvloop")
