"""Says what dispositions mean in labels."""

import pytest

from providers.contract import DispositionKind, RemoteId
from providers.google.labelling import DELETION, NOTHING, LabelChange, change_for, grouped

A, B = RemoteId("a"), RemoteId("b")


@pytest.mark.parametrize(
    ("kind", "source", "target", "change"),
    [
        ("keep", "INBOX", "", NOTHING),
        ("purge", "INBOX", "", DELETION),
        ("mark-read", "INBOX", "", LabelChange(remove=("UNREAD",))),
        ("label", "INBOX", "Label_2", LabelChange(("Label_2",))),
        ("trash", "INBOX", "", LabelChange(("TRASH",), ("INBOX",))),
        ("trash", "Label_1", "", LabelChange(("TRASH",), ("Label_1",))),
        ("trash", "", "", LabelChange(("TRASH",), ("INBOX",))),
        ("trash", "TRASH", "", LabelChange(("TRASH",))),
        ("trash", "SENT", "", LabelChange(("TRASH",))),
        ("move", "INBOX", "Label_2", LabelChange(("Label_2",), ("INBOX",))),
        ("move", "Label_1", "Label_2", LabelChange(("Label_2",), ("Label_1",))),
        ("move", "Label_2", "Label_2", LabelChange(("Label_2",))),
        ("move", "", "Label_2", LabelChange(("Label_2",), ("INBOX",))),
        ("move", "DRAFT", "Label_2", LabelChange(("Label_2",))),
        ("archive", "INBOX", "", LabelChange(remove=("INBOX",))),
        ("archive", "Label_1", "", LabelChange(remove=("Label_1", "INBOX"))),
        ("archive", "", "", LabelChange(remove=("INBOX",))),
        ("archive", "SENT", "", LabelChange(remove=("INBOX",))),
        ("move", None, "Label_2", LabelChange(("Label_2",))),
        ("trash", None, "", LabelChange(("TRASH",))),
        ("archive", None, "", LabelChange(remove=("INBOX",))),
    ],
)
def test_each_disposition_is_a_change_of_labels(
    kind: str, source: str | None, target: str, change: LabelChange
) -> None:
    assert change_for(DispositionKind(kind), source, target) == change


def test_no_change_both_gives_and_takes_a_label() -> None:
    """Gmail refuses that, for ever."""
    sources = [None, "", "INBOX", "TRASH", "SENT", "Label_1"]
    for kind in DispositionKind:
        for source in sources:
            for target in ["Label_1", "TRASH", "INBOX"]:
                change = change_for(kind, source, target)
                assert not set(change.add) & set(change.remove)
                assert not {"SENT", "DRAFT", "CHAT"} & {*change.add, *change.remove}


def test_messages_of_the_same_change_go_together_each_once() -> None:
    read, trash = LabelChange(remove=("UNREAD",)), LabelChange(("TRASH",))
    assert grouped([(A, read), (B, trash), (B, read), (A, read)]) == {read: [A, B], trash: [B]}


def test_what_changes_nothing_is_in_no_group() -> None:
    assert grouped([(A, NOTHING), (B, DELETION)]) == {DELETION: [B]}
