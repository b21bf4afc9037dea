"""Follows the pages of a service that may be broken: never in a circle, and never without an end."""

import hashlib

from providers.contract import Unreachable

MAX_PAGES = 10_000
"""Pages of one look: two million messages at 200 a page, far more than a folder holds."""


class Trail:
    """The links or tokens that one look has followed."""

    def __init__(self) -> None:
        """Have followed none yet."""
        self._seen: set[bytes] = set()

    def step(self, mark: str) -> None:
        """Accept the next link or token.

        Raises:
            Unreachable: it was followed before, or there are too many.
        """
        seen = hashlib.sha256(mark.encode("utf-8", "surrogatepass")).digest()[:16]
        if seen in self._seen or len(self._seen) >= MAX_PAGES:
            raise Unreachable("the service's list of messages has no end")
        self._seen.add(seen)
