"""The benchmark's state folder is filled by our own functions: what changes there must change here.

`make bench` is not run by the suite, and takes minutes until it would fail.
"""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def loop_name() -> str:
    return "asyncio"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The benchmark's own modules, which find each other by their folder."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return {name: importlib.import_module(name) for name in ("mail", "ours", "load", "figures")}


@pytest.mark.slow
def test_a_filled_folder_serves_its_herd(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    mail, ours, load = modules["mail"], modules["ours"], modules["load"]
    few = mail.MailSet("few", count=3, octets=400, users=2)
    (tmp_path / "messages").mkdir()
    mail.write_messages(tmp_path / "messages" / "few", few)
    filled = ours.prepare(tmp_path / "ours", [few], tmp_path / "messages")
    server = ours.Ours(tmp_path / "asyncio", filled, "asyncio").start({0, 1})
    try:
        job = load.Job(
            kind="herd",
            port=server.port,
            server=server.pid,
            user=few.pattern,
            messages=3,
            users=2,
            sessions=2,
        )
        result = load.run(job)
    finally:
        server.stop()
    assert (result.errors, result.sessions, result.messages) == (0, 4, 4)
    assert len(result.delays) == len(result.other_delays) == 2
