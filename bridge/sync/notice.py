"""Writes the short notice that stands in a maildrop for a message that can never be had."""

from email.message import EmailMessage
from email.utils import formatdate

NAME_CHARACTERS = 200
"""How much of a remote name a notice repeats: enough to find it by, little enough to print."""


def notice(remote_name: str, reason: str, when: float) -> bytes:
    """Return RFC 5322 octets, 7-bit, that say which message is missing and why.

    `when` is in seconds since the epoch. Whatever the texts hold, it is made printable.
    """
    message = EmailMessage()
    message["From"] = "popbridge <popbridge@localhost>"
    message["To"] = "undisclosed-recipients:;"
    message["Subject"] = "A message could not be fetched"
    message["Date"] = formatdate(when)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        "popbridge could not fetch a message and has put this notice in its place.\n"
        f"\nMessage: {_plain(remote_name)}\nReason:  {_plain(reason)}\n"
        "\nThe message itself was left where it is. Deleting this notice does not touch it.\n",
        cte="7bit",
    )
    return message.as_bytes()


def _plain(text: str) -> str:
    shown = text[:NAME_CHARACTERS]
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in shown)
