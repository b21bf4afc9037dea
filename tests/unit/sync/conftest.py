from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sync.looking import Looking


@pytest.fixture
def looking(tmp_path: Path) -> Iterator[Looking]:
    made = Looking(tmp_path)
    yield made
    made.storage.close()
