"""Where an element ends that is followed to its end, also where its end tag is left out.

What a sender hides is a line at the beginning; what is lost with it by mistake is the message. So
what ends the element for a browser ends it here, and anything that ends what is around it does as well.
"""

import attrs

from bridge.shaping.html.elements import BLOCKS, CELLS, CLOSES, VOID

_NONE: frozenset[str] = frozenset()


@attrs.define
class Extent:
    """An element, and the blocks that are open in it; false once it has ended.

    Linear: what is looked at is popped.
    """

    name: str
    _open: list[str] = attrs.field(init=False)
    _counts: dict[str, int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with the element itself."""
        self._open, self._counts = [self.name], {self.name: 1}

    def __bool__(self) -> bool:
        """Tell whether it still goes on."""
        return bool(self._open)

    def begins(self, name: str, *, closed: bool) -> None:
        """Note an opening tag in it, or behind it: then it has ended."""
        closing = CLOSES.get(name, _NONE)
        while self._open and self._open[-1] in closing:
            self._pop()
        if self._open and not closed and name not in VOID and self._is_counted(name):
            self._open.append(name)
            self._counts[name] = self._counts.get(name, 0) + 1

    def ends(self, name: str) -> bool:
        """Note a closing tag; tell whether it is of something in it, or of nothing at all."""
        if self._counts.get(name):
            while self._pop() != name:
                pass
            return True
        is_block = self.name in BLOCKS or self.name in CELLS
        if (name == "p" and is_block) or not self._is_counted(name):  # "</p>" alone is common
            return True
        self._open.clear()  # what is around it ends
        return False

    def _is_counted(self, name: str) -> bool:
        return name == self.name or name in BLOCKS or name in CELLS

    def _pop(self) -> str:
        name = self._open.pop()
        self._counts[name] -= 1
        return name
