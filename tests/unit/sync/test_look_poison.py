"""A refusal ends neither a list of many pages nor the look at other folders."""

import attrs
import pytest

from providers.contract import AccessRefused, FolderName
from tests.contract.storage_harness import FAX, PRINTER, maildrop
from tests.unit.sync.looking import Looking, mail

A, B = mail("a"), mail("b")
OTHER = FolderName("Other")


async def test_a_message_that_is_refused_hides_no_later_page(looking: Looking) -> None:
    await looking.register()
    looking.service.page_messages = 1
    refused = looking.service.put(A)
    looking.service.put(B)
    looking.service.trouble[refused] = AccessRefused("not this one")
    report = await looking.look()
    assert (report.announced, report.delivered) == (2, 1)
    assert await looking.listed() == [B]


async def test_a_folder_whose_only_message_is_refused_stops_no_other_folder(
    looking: Looking,
) -> None:
    await looking.register(maildrop(PRINTER), attrs.evolve(maildrop(FAX), folder=OTHER))
    looking.service.trouble[looking.service.put(A)] = AccessRefused("not this one")
    looking.service.put(B, OTHER)
    with pytest.raises(AccessRefused):
        await looking.look()
    assert await looking.listed(PRINTER) == []
    assert await looking.listed(FAX) == [B]
