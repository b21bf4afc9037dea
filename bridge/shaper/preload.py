"""Loads all that shaping may need, so that no file has to be opened once a message is here.

Python and the libraries load parts of themselves when they first meet a use for them: a charset's
table, a picture's decoder. Whoever is behind a hostile message must not be able to open anything.
"""

import encodings
import importlib
import pkgutil
from contextlib import suppress
from typing import Final

from bridge.shaping.wish import Deliver, Wish

NOT_HERE: Final = frozenset({"mbcs", "oem", "cp65001"})
"""Charsets of another operating system; they cannot be loaded (library reference, codecs)."""


def load(wish: Wish) -> None:
    """Load what a message shaped by this wish may need; some 60 ms of processor time.

    Libraries that are not installed are not missed here: shaping says in words what is lacking.
    """
    for charset in pkgutil.iter_modules(encodings.__path__):
        if charset.name not in NOT_HERE:
            importlib.import_module(f"encodings.{charset.name}")
    importlib.import_module("bridge.shaping.shape")
    if wish.deliver is Deliver.IFAX:
        with suppress(ModuleNotFoundError):
            importlib.import_module("bridge.shaping.fax.ifax")
            importlib.import_module("bridge.shaping.fax.lettering").font()
            importlib.import_module("PIL.Image").init()
