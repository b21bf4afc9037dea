"""A spool for one test; a file that tries every engine, or fills it otherwise, has a fixture of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.storage_harness import SqliteUnderTest, fill


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    storage = SqliteUnderTest(tmp_path)
    await fill(storage)
    yield storage
    storage.close()
