import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from providers.contract import DispositionKind
from providers.folder.mailbox import FolderMailbox
from providers.microsoft.identity import EntraIdentity
from providers.microsoft.mailbox import GraphMailbox
from providers.registry import PROVIDERS, ProviderEntry, entry_for, open_identity, open_mailbox
from tests.fakes.identity import FakeTokens

APP = {"client_id": "0a1b2c3d-0000-0000-0000-000000000000"}


async def test_the_folder_provider_is_opened_by_its_name(tmp_path: Path) -> None:
    mailbox = open_mailbox("folder", {"path": str(tmp_path)})
    assert isinstance(mailbox, FolderMailbox)
    assert DispositionKind.PURGE in mailbox.dispositions
    await mailbox.close()


def test_a_folder_needs_no_sign_in(tmp_path: Path) -> None:
    assert open_identity("folder", {"path": str(tmp_path)}) is None


async def test_both_halves_of_microsoft_are_opened_by_its_name_and_nothing_is_contacted() -> (
    None
):
    tokens = FakeTokens()
    mailbox = open_mailbox("microsoft", APP, tokens)
    identity = open_identity("microsoft", APP)
    assert isinstance(mailbox, GraphMailbox)
    assert isinstance(identity, EntraIdentity)
    assert tokens.asked == 0
    await mailbox.close()
    await identity.close()


@pytest.mark.parametrize(("provider", "settings"), [("microsoft", APP)])
def test_a_cloud_without_tokens_is_refused(provider: str, settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs an account that can be enrolled"):
        open_mailbox(provider, settings)


def test_an_unknown_provider_is_refused_with_the_names_there_are() -> None:
    names = "folder, microsoft, google"
    for opening in (open_mailbox, open_identity, entry_for):
        with pytest.raises(ValueError, match=rf"'imap'.*choose from {names}$"):
            opening("imap", {})


def test_unknown_settings_are_refused_as_the_options_they_were_given_by() -> None:
    for opening in (open_mailbox, open_identity, entry_for):
        with pytest.raises(ValueError, match=r"folder has no option --cloud, --dir; leave"):
            opening("folder", {"dir": "mail", "path": "/", "cloud": "x"})
        with pytest.raises(ValueError, match=r"microsoft has no option --path"):
            opening("microsoft", {**APP, "path": "/"})


@pytest.mark.parametrize(
    "opening",
    [
        lambda s: open_mailbox("microsoft", s, FakeTokens()),
        lambda s: open_identity("microsoft", s),
    ],
)
def test_what_a_provider_cannot_use_is_refused_by_both_its_halves(opening: object) -> None:
    assert callable(opening)
    with pytest.raises(ValueError, match="--client-id"):
        opening({})


@pytest.mark.parametrize("settings", [{}, {"path": ""}])
def test_a_folder_without_a_path_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs the setting path"):
        open_mailbox("folder", settings)


def test_every_provider_says_what_it_is_and_takes() -> None:
    for entry in PROVIDERS.values():
        assert entry.summary
        assert entry.settings
        assert len(set(entry.settings)) == len(entry.settings)


def test_nobody_can_add_a_provider_while_the_bridge_runs() -> None:
    with pytest.raises(TypeError):
        cast("dict[str, ProviderEntry]", PROVIDERS)["imap"] = PROVIDERS["folder"]


LOADED = """
import sys
from providers.registry import open_identity, open_mailbox
open_mailbox("folder", {"path": "/"})
open_identity("folder", {"path": "/"})
print(*sorted(name for name in sys.modules if name.split(".")[0] in CLOUDS or name in NAMED))
"""


def test_a_bridge_over_a_folder_never_loads_what_only_a_cloud_needs() -> None:
    clouds = {"aiohttp", "msal", "google", "googleapiclient", "stamina", "requests"}
    named = {"providers.microsoft", "providers.google", "providers.transport"}
    script = LOADED.replace("CLOUDS", repr(clouds)).replace("NAMED", repr(named))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("\n", "")
