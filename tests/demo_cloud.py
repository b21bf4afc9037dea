"""Runs the bridge against imitations of Microsoft 365 and Gmail on 127.0.0.1: an enrolment without a tenant.

`make demo-cloud` runs it. It prints lines to copy and paste, and then what changes in the two mailboxes.
Everything lies in demo-cloud-state/, which each start makes anew.
"""

import argparse
import asyncio
import json
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from bridge.app.setup.initialise import initialise
from bridge.app.setup.samples import samples
from bridge.clock import SystemClock
from bridge.config import load_config
from bridge.errors import OwnerError
from tests.fakes.cloud import Cloud

PASSWORD = "print-Me-4-ever"
MARK = "made by make demo-cloud; each start makes this folder anew\n"
CONFIG = """\
state_dir = "state"

[[listener]]
name = "pop3s"
bind = "127.0.0.1"
port = {port}

[sync]
interval = 2
nudge_gap = 0
"""


@attrs.frozen
class Place:
    """Where the demo lies; its lines are typed in that folder, whose config.toml the command finds."""

    folder: Path
    port: int

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def programs(self) -> Path:
        return Path(sys.executable).parent


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("demo-cloud-state"))
    asked = parser.parse_args(arguments)
    try:
        place = prepared(asked.folder.absolute())
    except (FileExistsError, OwnerError) as error:
        say(str(error))
        return 1
    return asyncio.run(run(place))


def prepared(folder: Path) -> Place:
    """Make the folder anew, with a bridge that has no account yet.

    Raises:
        FileExistsError: it is somebody else's folder.
    """
    mark = folder / "README"
    if folder.exists() and not (mark.exists() and mark.read_text("utf-8") == MARK):
        raise FileExistsError(f"{folder} is not of this demo; choose another with --folder.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    mark.write_text(MARK, "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = Place(folder, int(probe.getsockname()[1]))
    place.config.write_text(CONFIG.format(port=place.port), "utf-8")
    initialise(load_config(place.config), {}, SystemClock())
    return place


async def run(place: Place) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Cloud(place.folder) as cloud:
        cloud.entra.device_interval = 1
        for octets in samples().values():
            cloud.graph.mailbox.put(octets)
            cloud.gmail.mailbox.put(octets)
        client = place.folder / "client.json"
        client.write_text(json.dumps(cloud.google_signin.client_file()), "utf-8")
        with (place.folder / "bridge.log").open("wb") as log:
            bridge = await asyncio.create_subprocess_exec(
                place.programs / "popbridge",
                "serve",
                cwd=place.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=log,
            )
            try:
                for line in lines(place, cloud):
                    say(line)
                await watch(cloud, stop, lambda: bridge.returncode is not None)
            finally:
                if bridge.returncode is None:
                    bridge.terminate()
                await bridge.wait()
        for violation in (one for service in cloud.services for one in service.violations):
            say(f"against the contract: {violation}")
    return 0


def lines(place: Place, cloud: Cloud) -> list[str]:
    """Return what a newcomer copies and pastes, in the order in which they do."""
    entra, google = cloud.entra, "popbridge account add gmail --provider google"
    office = f"popbridge account add office --provider microsoft --client-id {entra.client_id}"
    office += f" --tenant example.com --graph-url {cloud.graph.url} --authority {entra.url}"
    google += f" --client-file client.json --gmail-url {cloud.gmail.url}"
    google += f" --token-url {cloud.google_signin.url}/token"
    return [
        "",
        "Imitations of Microsoft 365 and Gmail run on 127.0.0.1, each with sample mail, and a bridge that",
        "has no account yet; its log is bridge.log in the folder below. Paste into another terminal:",
        "",
        f"  cd {shlex.quote(str(place.folder))}; PATH={shlex.quote(str(place.programs))}:$PATH",
        "",
        "1. Add an account of Microsoft 365, and enrol it:",
        f"  {office} --ca cloud-ca.pem",
        "  popbridge account enrol office",
        "It waits for somebody to type its code. You are that person, in a third terminal (cd as above):",
        f'  curl -s --cacert cloud-ca.pem "{cloud.entra.url}/devicelogin?code=THE-CODE"',
        "Is everything in order?",
        "  popbridge account check office",
        "",
        "2. Show its inbox to a printer, and be that printer: fetch a message, and delete it:",
        *_road("hall", "office", "printer", place.port),
        "",
        "3. The same with Gmail, where the browser ends on an address that is pasted back:",
        f"  {google} --ca cloud-ca.pem",
        "  popbridge account enrol gmail",
        "You are the browser, in a third terminal; it prints the address to paste:",
        "  curl -s --cacert cloud-ca.pem -o /dev/null -w '%{redirect_url}\\n' 'THE-ADDRESS'",
        "And to a fax machine:",
        *_road("fax", "gmail", "faxbox", place.port),
        "",
        "What happens in the two mailboxes is told here. Ctrl-C stops everything.",
        "",
    ]


def _road(maildrop: str, account: str, device: str, port: int) -> list[str]:
    curl = f"  curl --cacert state/tls/ca.pem --user {device}:{PASSWORD}"
    add = f"popbridge device add {device} --maildrop {maildrop} --password-stdin"
    return [
        f"  popbridge maildrop add {maildrop} --account {account}",
        f"  echo {PASSWORD} | {add}",
        f"{curl} pop3s://127.0.0.1:{port}/1",
        f"{curl} --list-only -X DELE pop3s://127.0.0.1:{port}/1",
    ]


async def watch(cloud: Cloud, stop: asyncio.Event, has_ended: Callable[[], bool]) -> None:
    """Tell what changes upstream, until stopped."""
    told: dict[str, str] = {}
    while not stop.is_set() and not has_ended():
        for name, now in (("Microsoft 365", _graph(cloud)), ("Gmail", _gmail(cloud))):
            if told.get(name) != now:
                told[name] = now
                say(f"{name}: {now}")
        try:
            async with asyncio.timeout(0.5):
                await stop.wait()
        except TimeoutError:
            continue
    if has_ended():
        say("The bridge has ended; see its log.")


def _graph(cloud: Cloud) -> str:
    mailbox = cloud.graph.mailbox
    folders = ("inbox", "Printed", "deleteditems")
    return ", ".join(f"{len(mailbox.messages_in(one))} in {one}" for one in folders)


def _gmail(cloud: Cloud) -> str:
    mailbox = cloud.gmail.mailbox
    labels = [one for one in ("INBOX", "Printed", "TRASH") if mailbox.label_named(one)]
    return ", ".join(f"{len(mailbox.ids_labelled(one))} in {one}" for one in labels)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
