"""Knows the labels of a mailbox by name and by id, and when to ask for them again."""

from typing import Any

import attrs
import pytest

from providers.contract import CursorExpired, FolderMissing, FolderName
from providers.google.failures import NameTaken
from providers.google.labels import Labels
from providers.google.requests import Priced, Requests


@attrs.define
class Mailbox:
    """Answers what Gmail would, and counts."""

    names: dict[str, str] = attrs.field(factory=dict)
    listed: int = 0
    made: list[str] = attrs.field(factory=list)
    taken: dict[str, str] | None = None
    """Where it is not None, no label can be made: these were made by somebody else meanwhile."""

    async def ask(self, asked: Priced) -> Any:  # noqa: ANN401 - any JSON
        if asked.request.method == "POST":
            if self.taken is not None:
                self.names |= self.taken
                raise NameTaken("Gmail answers 409 (alreadyExists)", 1)
            self.made.append(f"Label_{len(self.names) + 1}")
            return {"id": self.made[-1]}
        self.listed += 1
        return {"labels": [{"id": i, "name": name} for name, i in self.names.items()]}


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox({"Printed": "Label_1", "CHAT": "CHAT"})


@pytest.fixture
def labels(mailbox: Mailbox) -> Labels:
    return Labels(Requests("https://gmail.example"), mailbox.ask)


async def test_what_is_known_is_not_asked_for_again(labels: Labels, mailbox: Mailbox) -> None:
    for name in ("Printed", "PRINTED", " printed "):
        assert await labels.of_folder(FolderName(name)) == "Label_1"
    assert mailbox.listed == 1


async def test_gmails_own_labels_and_searches_need_no_list(
    labels: Labels, mailbox: Mailbox
) -> None:
    assert await labels.of_folder(FolderName("")) == "INBOX"
    assert await labels.of_folder(FolderName("id:Label_7")) == "Label_7"
    assert await labels.of_folder(FolderName("query:in:inbox")) == ""
    assert await labels.to_take(FolderName("starred")) == "STARRED"
    assert await labels.to_take(FolderName("query:in:inbox")) == ""
    await labels.check_name(FolderName("id:Label_7"), "Label_7")
    assert mailbox.listed == 0


async def test_a_name_that_is_not_known_is_looked_for_each_time(
    labels: Labels, mailbox: Mailbox
) -> None:
    for _ in range(2):
        with pytest.raises(FolderMissing, match="no label Faxes"):
            await labels.of_folder(FolderName("Faxes"))
    mailbox.names["Faxes"] = "Label_2"
    assert await labels.of_folder(FolderName("Faxes")) == "Label_2"
    assert mailbox.listed == 3


async def test_a_label_to_give_is_made_where_it_is_missing(
    labels: Labels, mailbox: Mailbox
) -> None:
    assert await labels.to_give("Printed") == "Label_1"
    assert await labels.to_give("Done") == "Label_3"
    assert await labels.to_give("done") == "Label_3"
    assert mailbox.made == ["Label_3"]


@pytest.mark.parametrize("target", ["id:Label_9", "SENT", "chat", "query:x", "id:"])
async def test_what_cannot_be_given_is_not_made(
    labels: Labels, mailbox: Mailbox, target: str
) -> None:
    assert await labels.to_give(target) == ""
    assert mailbox.made == []


async def test_a_label_that_is_gone_cannot_be_taken(labels: Labels) -> None:
    assert await labels.to_take(FolderName("Printed")) == "Label_1"
    assert await labels.to_take(FolderName("id:Label_1")) == "Label_1"
    assert await labels.to_take(FolderName("id:Label_9")) is None
    assert await labels.to_take(FolderName("Nowhere")) is None


async def test_a_name_that_is_taken_is_looked_for_once_more(
    labels: Labels, mailbox: Mailbox
) -> None:
    mailbox.taken = {}
    with pytest.raises(NameTaken):
        await labels.to_give("Done")
    mailbox.taken = {"Done": "Label_5"}
    assert await labels.to_give("Done") == "Label_5"


@pytest.mark.parametrize("now", [{}, {"Printed": "Label_2"}, {"Faxes": "Label_1"}])
async def test_a_name_that_means_another_label_now_is_noticed(
    labels: Labels, mailbox: Mailbox, now: dict[str, str]
) -> None:
    printed = FolderName("Printed")
    await labels.check_name(printed, await labels.of_folder(printed))
    mailbox.names = now
    with pytest.raises(CursorExpired):
        await labels.check_name(printed, "Label_1")


async def test_what_was_forgotten_is_asked_for_again(labels: Labels, mailbox: Mailbox) -> None:
    await labels.of_folder(FolderName("Printed"))
    labels.forget()
    await labels.of_folder(FolderName("Printed"))
    assert mailbox.listed == 2
