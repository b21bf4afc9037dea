from pathlib import Path

import pytest

from providers.contract import DispositionKind
from providers.folder.mailbox import FolderMailbox
from providers.registry import PROVIDERS, open_mailbox


async def test_the_folder_provider_is_opened_by_its_name(tmp_path: Path) -> None:
    mailbox = open_mailbox("folder", {"path": str(tmp_path)})
    assert isinstance(mailbox, FolderMailbox)
    assert DispositionKind.PURGE in mailbox.dispositions
    await mailbox.close()


def test_an_unknown_provider_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"'imap'.*choose from folder"):
        open_mailbox("imap", {})


def test_an_unknown_setting_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no setting dir: it takes path"):
        open_mailbox("folder", {"dir": "mail"})


@pytest.mark.parametrize("settings", [{}, {"path": ""}])
def test_a_folder_without_a_path_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs the setting path"):
        open_mailbox("folder", settings)


def test_every_provider_says_what_it_is_and_takes() -> None:
    for entry in PROVIDERS.values():
        assert entry.summary
        assert entry.settings
