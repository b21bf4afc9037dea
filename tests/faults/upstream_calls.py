"""Every call that the sync road makes upstream, and the scene of mail and settings in which it is made."""

import re
from typing import Literal
from urllib.parse import quote

import attrs

Provider = Literal["microsoft", "google"]


@attrs.frozen
class Scene:
    """What stands around a call.

    The device deletes `deletes` messages before the fault begins, `on_dele` is what that means upstream.
    With `pages` lists are answered two messages at a time; with `cursor_lost` the service has forgotten
    what was seen; with `token_over` a day has passed and the access token with it; with `unconvertible`
    a message arrives that the service can never turn into MIME.
    """

    provider: Provider
    on_dele: str = "trash"
    deletes: int = 1
    pages: bool = False
    cursor_lost: bool = False
    token_over: bool = False
    unconvertible: bool = False


@attrs.frozen
class Call:
    """One call: `pattern` finds it among "METHOD path?query"; a `part` travels inside a batch."""

    name: str
    service: Literal["graph", "entra", "gmail", "google_signin"]
    pattern: str
    scene: Scene
    part: bool = False

    def is_of(self, line: str) -> bool:
        return re.search(self.pattern, line) is not None

    def about(self, message_id: str) -> "Call":
        """Return the same call about one message alone."""
        named = re.escape(quote(message_id, safe=""))
        return attrs.evolve(self, pattern=f"(?=.*{named}){self.pattern}")

    @property
    def told(self) -> str:
        """Return one line about when it is made."""
        scene, where = self.scene, " (in a batch)" if self.part else ""
        when = [
            f"on DELE: {scene.on_dele}",
            f"{scene.deletes} deleted",
            *(["two messages a page"] if scene.pages else []),
            *(["cursors forgotten"] if scene.cursor_lost else []),
            *(["access token over"] if scene.token_over else []),
            *(["one message that cannot be MIME"] if scene.unconvertible else []),
        ]
        return f"`{self.pattern}`{where}; {', '.join(when)}."

    @property
    def changes(self) -> bool:
        """Tell whether it changes something upstream."""
        return not self.pattern.startswith("^GET") and "delta" not in self.name

    @property
    def disposes(self) -> bool:
        """Tell whether it is about a message that a device deleted."""
        return self.name in DISPOSING

    @property
    def says_nothing(self) -> bool:
        """Tell whether its good answer is empty."""
        return self.name in {"gmail-change-many", "gmail-delete", "gmail-delete-many"}


def _graph(name: str, pattern: str, *, part: bool = False, **scene: object) -> Call:
    return Call(name, "graph", pattern, Scene("microsoft", **scene), part)  # type: ignore[arg-type] - the fields of Scene


def _gmail(name: str, pattern: str, **scene: object) -> Call:
    return Call(name, "gmail", pattern, Scene("google", **scene))  # type: ignore[arg-type] - the fields of Scene


DISPOSING = frozenset(
    {
        *("graph-part-place", "graph-part-move", "graph-part-mark-read", "graph-part-purge"),
        *("gmail-labels-of", "gmail-change", "gmail-change-many", "gmail-delete"),
        "gmail-delete-many",
    }
)
"""Calls whose answer may be that the message is gone."""

MOVE, DEEP_MOVE = "move:Printed", "move:Printed/Today"

CALLS = (
    _graph("graph-find-folder", r"^GET .*/mailFolders/[^/?]+\?\$select=id$"),
    _graph("graph-find-named-folder", r"^GET .*/mailFolders\?.*filter=", on_dele=MOVE),
    _graph("graph-make-folder", r"^POST .*/mailFolders$", on_dele=MOVE),
    _graph("graph-find-inner-folder", r"^GET .*/childFolders\?", on_dele=DEEP_MOVE),
    _graph("graph-make-inner-folder", r"^POST .*/childFolders$", on_dele=DEEP_MOVE),
    _graph("graph-list", r"^GET .*/messages\?\$select=id,receivedDateTime&\$top="),
    _graph("graph-first-delta", r"/messages/delta\?\$select=", pages=True, cursor_lost=True),
    _graph("graph-delta-page", r"/messages/delta\?\$skiptoken=", pages=True, cursor_lost=True),
    _graph("graph-delta", r"/messages/delta\?\$deltatoken=", pages=True),
    _graph("graph-fetch", r"^GET .*/\$value$"),
    _graph("graph-envelope", r"^GET .*/messages/[^/]+\?\$select=subject", unconvertible=True),
    _graph("graph-batch", r"^POST .*/\$batch$"),
    _graph("graph-part-place", r"^GET /me/messages/[^/]+\?\$select=parentFolderId", part=True),
    _graph("graph-part-move", r"^POST /me/messages/[^/]+/move$", part=True, on_dele=MOVE),
    _graph(
        "graph-part-mark-read", r"^PATCH /me/messages/[^/]+$", part=True, on_dele="mark-read"
    ),
    _graph(
        "graph-part-purge",
        r"^POST /me/messages/[^/]+/permanentDelete$",
        part=True,
        on_dele="purge",
    ),
    Call(
        "entra-description",
        "entra",
        r"^GET .*/openid-configuration$",
        Scene("microsoft", token_over=True),
    ),
    Call("entra-token", "entra", r"^POST .*/token$", Scene("microsoft", token_over=True)),
    _gmail("gmail-labels", r"^GET .*/labels\?", on_dele=MOVE),
    _gmail("gmail-make-label", r"^POST .*/labels\?", on_dele=MOVE),
    _gmail("gmail-profile", r"^GET .*/profile\?", cursor_lost=True),
    _gmail("gmail-list", r"^GET .*/messages\?(?!.*pageToken)", cursor_lost=True, pages=True),
    _gmail("gmail-list-page", r"^GET .*/messages\?.*pageToken", cursor_lost=True, pages=True),
    _gmail("gmail-history", r"^GET .*/history\?(?!.*pageToken)", pages=True),
    _gmail("gmail-history-page", r"^GET .*/history\?.*pageToken", pages=True),
    _gmail("gmail-fetch", r"^GET .*/messages/[^/?]+\?format=raw"),
    _gmail("gmail-labels-of", r"^GET .*/messages/[^/?]+\?.*format=minimal", on_dele="purge"),
    _gmail("gmail-change", r"^POST .*/messages/[^/]+/modify\?"),
    _gmail("gmail-change-many", r"^POST .*/messages/batchModify", deletes=3),
    _gmail("gmail-delete", r"^DELETE .*/messages/[^/?]+", on_dele="purge"),
    _gmail("gmail-delete-many", r"^POST .*/messages/batchDelete", on_dele="purge", deletes=3),
    Call("google-token", "google_signin", r"^POST /token$", Scene("google", token_over=True)),
)
"""The rows of the matrix."""

SCENES = (
    *dict.fromkeys(call.scene for call in CALLS),
    Scene("microsoft", "keep"),
    Scene("microsoft", "archive"),
    Scene("microsoft", "label:Printed"),
    Scene("google", "keep"),
    Scene("google", "archive"),
    Scene("google", "label:Printed"),
    Scene("google", "mark-read"),
)
"""Every scene of a row, and every other disposition: what is asked in one of them is in the matrix."""
