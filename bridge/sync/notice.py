"""Writes the short notice that stands in a maildrop for a message that can never be had.

What the original was is shown in the notice's body, never in its header, and as it was written:
nothing is decoded, and what is not ASCII only comes as near to it as plain letters can.
"""

import unicodedata
from email.message import EmailMessage
from email.utils import formatdate

from providers.contract import Envelope

TEXT_CHARACTERS = 200
"""How much of a foreign text a notice repeats: enough to find the message by, little enough to print."""


def notice(remote_name: str, reason: str, envelope: Envelope, when: float) -> bytes:
    """Return RFC 5322 octets, 7-bit, that say which message is missing and why.

    `when` is in seconds since the epoch. Whatever the texts hold, it is made printable, one line
    each; what the envelope does not tell is left out.
    """
    message = _begun("A message could not be fetched", when)
    lines = _told(envelope)
    lines += [f"Message: {_plain(remote_name)}", f"Reason:  {_plain(reason)}"]
    message.set_content(
        "popbridge could not fetch a message and has put this notice in its place.\n\n"
        + "\n".join(lines)
        + "\n\nThe message itself was left where it is. Deleting this notice does not touch it.\n",
        charset="us-ascii",  # what every machine reads that reads any text
        cte="7bit",
    )
    return message.as_bytes()


def unshaped_notice(spool_id: int, reason: str, envelope: Envelope, when: float) -> bytes:
    """Return RFC 5322 octets, 7-bit, that say which message cannot be printed, why, and how to get at it."""
    message = _begun("A message could not be printed", when)
    lines = _told(envelope)
    lines += [f"Message: {spool_id}", f"Reason:  {_plain(reason)}"]
    message.set_content(
        "popbridge could not bring a message into the form that this device takes\n"
        "and has put this notice in its place.\n\n"
        + "\n".join(lines)
        + "\n\nWhoever looks after popbridge gets the message as it came with\n"
        f"    popbridge message show {spool_id} --original\n"
        "In the mailbox it was left where it is. Deleting this notice does not touch it.\n",
        charset="us-ascii",  # what every machine reads that reads any text
        cte="7bit",
    )
    return message.as_bytes()


def _begun(subject: str, when: float) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "popbridge <popbridge@localhost>"
    message["To"] = "undisclosed-recipients:;"
    message["Subject"] = subject
    message["Date"] = formatdate(when)
    message["Auto-Submitted"] = "auto-generated"
    return message


def _told(envelope: Envelope) -> list[str]:
    told = {"From:": envelope.sender, "Subject:": envelope.subject, "Date:": envelope.date}
    return [f"{name:8} {_plain(text)}" for name, text in told.items() if text.strip()]


def _plain(text: str) -> str:
    """Return the beginning of `text` in printable ASCII."""
    composed = unicodedata.normalize("NFC", text[:TEXT_CHARACTERS])
    return "".join(map(_plain_character, composed))[:TEXT_CHARACTERS]


def _plain_character(character: str) -> str:
    """Return a character without its accents, or "?" where that is not printable ASCII."""
    parts = unicodedata.normalize("NFKD", character)
    letters = "".join(part for part in parts if not unicodedata.combining(part))
    return letters if letters.isascii() and letters.isprintable() and letters else "?"
