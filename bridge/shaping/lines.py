"""Lines of text: cut between words where they are too long for a device."""


def wrapped(text: str, limit: int) -> str:
    """Return `text` with no line longer than `limit` characters; cut at blanks where there are any.

    Linear; what is short enough stays as it is, blanks at its end excepted.
    """
    if all(len(line) <= limit for line in text.split("\n")):
        return text
    return "\n".join(piece for line in text.split("\n") for piece in _cut(line, limit))


def signature_dropped(text: str) -> str:
    """Return `text` without what stands below its last line of "-- " (RFC 3676 section 4.3)."""
    lines = text.split("\n")
    for index in range(len(lines) - 1, -1, -1):
        if lines[index] in {"-- ", "--"}:
            return "\n".join(lines[:index]).rstrip("\n")
    return text


def _cut(line: str, limit: int) -> list[str]:
    pieces: list[str] = []
    start = 0
    while len(line) - start > limit:
        end = line.rfind(" ", start + 1, start + limit + 1)
        if end < 0 or not line[start:end].strip():
            end = start + limit
        pieces.append(line[start:end].rstrip())
        start = end + (line[end : end + 1] == " ")
    return [*pieces, line[start:]]
