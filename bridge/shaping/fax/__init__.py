"""Makes TIFF files that a fax can print of what people attach.

Pillow and PDFium are heavy and an extra: only the door to this package's `ifax` imports them,
and only when a maildrop wants them. `tiff`, `profiles` and `envelope` need neither.
"""

import importlib.util

LIBRARIES = {"PIL": "Pillow", "pypdfium2": "pypdfium2"}
"""What draws a fax: how it is imported, and what it is called."""


def missing_libraries() -> list[str]:
    """Return the names of the libraries that are not installed; none is imported for it."""
    return [
        name for module, name in LIBRARIES.items() if importlib.util.find_spec(module) is None
    ]
