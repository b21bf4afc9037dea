"""The peer: Debian's Dovecot 2.3 with a configuration of its own, tuned for many short sessions.

As root its mail processes run as the system user `nobody`, because Dovecot refuses to serve mail as root; as anybody
else every part of it runs as that user, without chroot.
"""

import grp
import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mail import MailSet, link_maildir
from popclient import HOST, PASSWORD
from servers import Running, free_port, launch

from bridge.vault.passwords import best_scheme, hash_password

_PROGRAM = "/usr/sbin/dovecot"
_POP3 = Path("/usr/lib/dovecot/pop3")
_MAIL_USER = "nobody"
_SESSIONS = 2000

_CONFIG = """\
protocols = pop3
listen = {host}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = required
ssl_min_protocol = TLSv1.2
ssl_cert = <{rsa}
ssl_key = <{rsa}
ssl_alt_cert = <{p256}
ssl_alt_key = <{p256}
disable_plaintext_auth = yes
auth_mechanisms = plain
auth_cache_size = 16 M
auth_cache_ttl = 1 hour
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
mail_max_userip_connections = 0
default_vsz_limit = 2 G
default_client_limit = {twice}
default_process_limit = {sessions}
passdb {{
  driver = passwd-file
  args = {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 2
  client_limit = {sessions}
}}
service pop3 {{
  service_count = 0
  process_min_avail = 2
  process_limit = {sessions}
}}
"""

# Without root nothing can change its user or its root folder, so every part is told not to try.
_UNPRIVILEGED = """\
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service pop3-login {{
  chroot =
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True, slots=True)
class Certificates:
    """The two server certificates; each file holds a key and its chain."""

    rsa: Path
    p256: Path


def version() -> str:
    """Return Dovecot's version, or "" where it is not installed."""
    if not (Path(_PROGRAM).exists() and _POP3.exists()):
        return ""
    done = subprocess.run([_PROGRAM, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def why_missing() -> str:
    """Return why there is no peer to measure against, or "" when there is one."""
    found = version()
    if not found:
        return (
            "Dovecot's POP3 server is not installed; on Debian: apt-get install dovecot-pop3d"
        )
    if not found.startswith("2.3."):
        return (
            f"Dovecot {found} is installed, but this benchmark writes the configuration of 2.3"
        )
    return ""


class Dovecot:
    """Dovecot, tuned, on a loopback port, with the same mail and the same certificates as ours."""

    name = "Dovecot tuned"

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        """Keep everything below `folder`, which must be short: it holds Unix sockets."""
        self._folder = folder
        self._certificates = certificates
        as_root = os.geteuid() == 0
        self._owner = pwd.getpwnam(_MAIL_USER) if as_root else pwd.getpwuid(os.geteuid())
        self._as_root = as_root

    def prepare(self, sets: Sequence[MailSet], messages: Path) -> None:
        """Give every user of every set a Maildir linked to `messages`/SET."""
        (self._folder / "mail").mkdir(parents=True)
        users = []
        for mail in sets:
            secret = _slow_hash() if mail.slow_hash else f"{{PLAIN}}{PASSWORD}"
            for number in range(mail.users):
                user = mail.user(number)
                link_maildir(self._folder / "mail" / user, messages / mail.name)
                users.append(f"{user}:{secret}\n")
        (self._folder / "passwd").write_text("".join(users), encoding="ascii")
        if self._as_root:
            self._give_away(self._folder / "mail")

    def start(self, cores: set[int]) -> Running:
        """Start it in the foreground; the configuration is written anew with a free port."""
        port = free_port()
        config = self._folder / "dovecot.conf"
        config.write_text(self._config(port), encoding="ascii")
        config.chmod(0o600)
        command = [_PROGRAM, "-F", "-c", str(config)]
        return launch(command, port, cores, self._folder / "output")

    def _config(self, port: int) -> str:
        text = _CONFIG.format(
            host=HOST,
            folder=self._folder,
            rsa=self._certificates.rsa,
            p256=self._certificates.p256,
            uid=self._owner.pw_uid,
            gid=self._owner.pw_gid,
            port=port,
            sessions=_SESSIONS,
            twice=2 * _SESSIONS,
        )
        if self._as_root:
            return text
        group = grp.getgrgid(self._owner.pw_gid).gr_name
        return text + _UNPRIVILEGED.format(user=self._owner.pw_name, group=group)

    def _give_away(self, top: Path) -> None:
        """Give the folders, not the linked files, to the user the mail processes run as."""
        for folder, _, _ in os.walk(top):
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)


def _slow_hash() -> str:
    """Return the password under the very hash that a device of ours gets, its costs included."""
    return f"{{{best_scheme().upper()}}}{hash_password(PASSWORD)}"


def make_certificates(folder: Path) -> Certificates:
    """Make two self-signed certificates in `folder`, for a run in which ours has made none."""
    keys = {
        "rsa": ("-newkey", "rsa:2048"),
        "p256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    }
    for name, how in keys.items():
        key, path = folder / f"{name}.key", folder / f"{name}.pem"
        command = ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=localhost", "-days", "30"]
        command += [*how, "-keyout", str(key), "-out", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        path.write_bytes(path.read_bytes() + key.read_bytes())
    return Certificates(rsa=folder / "rsa.pem", p256=folder / "p256.pem")
