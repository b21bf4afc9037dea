"""Says in a few lines what a message is about that is not read whole: what came back, and why."""

from bridge.shaping.headers.fields import Field, first
from bridge.shaping.leaves import Part

_SHOWN = {"from": "From", "to": "To", "date": "Date", "subject": "Subject"}


def named(title: str, header: tuple[Field, ...]) -> str:
    """Return a title and the lines by which people know a message."""
    shown = [(label, first(header, key)) for key, label in _SHOWN.items()]
    return "\n".join([title, *(f"{label}: {field.text}" for label, field in shown if field)])


def delivery_status(part: Part) -> str:
    """Return what a delivery report says of each recipient (RFC 3464 section 2.3)."""
    groups = [child.header for child in part.children]
    return "\n".join(line for group in groups for line in _recipient(group))


def _recipient(fields: tuple[Field, ...]) -> list[str]:
    found = [
        first(fields, key) for key in ("final-recipient", "action", "status", "diagnostic-code")
    ]
    who, action, status, why = [
        field.text.rpartition("; ")[2] if field else "" for field in found
    ]
    if not who:
        return []
    code = f" ({status})" if status else ""
    return [f"{who}: {action or 'no action told'}{code}{': ' + why if why else ''}"]
