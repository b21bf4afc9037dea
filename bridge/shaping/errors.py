"""What shaping raises."""


class Unshapeable(Exception):
    """A message that no shape can be made of; the text says why, for the admin and on the notice.

    It will fail again the same way, so its reader is told by a notice and nobody tries again. `why` may stand in
    a log; `details` may name what is in the message, and may not.
    """

    def __init__(self, why: str, details: str = "") -> None:
        super().__init__(f"{why} {details}".rstrip())
        self.why = why
        self.details = details


class Skipped(Unshapeable):
    """A message that the owner wishes to be left out without a word to the device."""
