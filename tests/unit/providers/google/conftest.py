"""A Gmail mailbox over the fakes, and retries without their pauses."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina

from providers.caller import TRIES
from tests.unit.providers.google.gmail_desk import HASTY, Desk, gmail_desk


@pytest.fixture
def impatient() -> Iterator[None]:
    """Try as often as ever, without the pauses in between."""
    stamina.set_testing(True, attempts=TRIES, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
async def desk(tmp_path: Path, impatient: None) -> AsyncIterator[Desk]:
    del impatient
    async with gmail_desk(tmp_path, HASTY) as desk:
        yield desk
