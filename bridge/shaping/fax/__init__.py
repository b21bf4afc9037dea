"""Makes TIFF files that a fax can print of what people attach.

Pillow and PDFium are heavy and an extra: only the door to this package's `ifax` imports them,
and only when a maildrop wants them. `tiff`, `profiles` and `envelope` need neither.
"""
