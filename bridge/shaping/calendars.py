"""Calendar entries (RFC 5545) as a few lines of text."""

import re

MOST_EVENTS = 20
"""More events than this are a calendar, not an invitation."""

_FOLD = re.compile(r"\n[ \t]")
_STAMP = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})\d{2}(Z?))?")
_ESCAPED = re.compile(r"\\(.)")
_METHODS = {
    "REQUEST": "Invitation",
    "CANCEL": "Cancelled",
    "REPLY": "Reply",
    "COUNTER": "Another time is proposed",
}
_SHOWN = {
    "DTSTART": "From",
    "DTEND": "To",
    "LOCATION": "Where",
    "ORGANIZER": "Organizer",
    "RRULE": "Repeats",
}


def calendar_text(source: str) -> str:
    """Return what a calendar says of its events; times as they are written, with the zone they name.

    `source` has line feeds as line ends. Linear.
    """
    method = "Calendar entry"
    events: list[dict[str, str]] = []
    inside: list[str] = []
    for line in _FOLD.sub("", source).split("\n"):
        name, parameters, value = _property(line)
        if name == "METHOD":
            method = _METHODS.get(value.upper(), method)
        elif name == "BEGIN":
            inside.append(value.upper())
            if value.upper() == "VEVENT":
                events.append({})
        elif name == "END" and inside:
            inside.pop()
        elif events and inside[-1:] == ["VEVENT"]:
            events[-1].setdefault(name, _spoken(name, parameters, value))
    lines = [line for event in events[:MOST_EVENTS] for line in _told(method, event)]
    if len(events) > MOST_EVENTS:
        lines.append(f"... and {len(events) - MOST_EVENTS} more events.")
    return "\n".join(lines)


def _told(method: str, event: dict[str, str]) -> list[str]:
    shown = [f"{label}: {event[name]}" for name, label in _SHOWN.items() if event.get(name)]
    return [f"{method}: {event.get('SUMMARY') or '(no title)'}", *shown]


def _property(line: str) -> tuple[str, str, str]:
    """Return name, parameters and value; a colon within quotes belongs to a parameter."""
    found = re.match(r"([A-Za-z0-9-]{1,60})((?:;(?:[^\":]++|\"[^\"]*+\")*+)?):(.*)", line)
    return (found[1].upper(), found[2], found[3].strip()) if found else ("", "", "")


def _spoken(name: str, parameters: str, value: str) -> str:
    if name in {"DTSTART", "DTEND"}:
        return _moment(parameters, value)
    if name == "ORGANIZER":
        named = re.search(r";CN=(?:\"([^\"]*)\"|([^;]*))", parameters, re.IGNORECASE)
        address = re.sub(r"^mailto:", "", value, flags=re.IGNORECASE)
        return f"{named[1] or named[2]} <{address}>" if named else address
    return _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], value)


def _moment(parameters: str, value: str) -> str:
    found = _STAMP.match(value)
    if not found:
        return value
    day = f"{found[1]}-{found[2]}-{found[3]}"
    if not found[4]:
        return day
    zone = re.search(r";TZID=\"?([^;\"]*)", parameters, re.IGNORECASE)
    named = " UTC" if found[6] else f" ({zone[1]})" if zone else ""
    return f"{day} {found[4]}:{found[5]}{named}"
