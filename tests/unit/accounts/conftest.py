from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.accounts.enrolled import Enrolled


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Enrolled]:
    made = Enrolled(tmp_path)
    yield made
    made.storage.close()
