"""Control words of RTF that matter to a reader of its text, as data ("Rich Text Format Specification" 1.9.1)."""

CHARACTERS = {
    b"par": "\n", b"line": "\n", b"lbr": "\n", b"sect": "\n", b"page": "\n", b"column": "\n", b"softpage": "\n",
    b"row": "\n", b"nestrow": "\n", b"cell": "\t", b"nestcell": "\t", b"tab": "\t",
    b"emdash": "\u2014", b"endash": "\u2013", b"bullet": "\u2022", b"lquote": "\u2018", b"rquote": "\u2019",
    b"ldblquote": "\u201c", b"rdblquote": "\u201d", b"emspace": "\u2003", b"enspace": "\u2002", b"qmspace": "\u2005",
}  # fmt: skip
"""What a word stands for."""

SYMBOLS = {
    b"\\": "\\", b"{": "{", b"}": "}", b"~": "\u00a0", b"_": "\u2011", b"\n": "\n", b"\r": "\n", b"\t": "\t",
}  # fmt: skip
"""What stands for itself, or for something else, behind a backslash."""

UNSEEN = frozenset(
    [
        b"colortbl", b"stylesheet", b"info", b"pict", b"filetbl", b"listtable", b"listoverridetable", b"revtbl",
        b"header", b"headerl", b"headerr", b"headerf", b"footer", b"footerl", b"footerr", b"footerf",
        b"xe", b"tc", b"rxe", b"txe", b"nonesttables", b"objdata", b"themedata",
    ]
)  # fmt: skip
"""Destinations that are not part of the text; those behind an asterisk are none either."""

CHARACTER_SETS = {b"ansi": "cp1252", b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}
"""What a document is in that names no code page."""

FONT_CHARSETS = {
    0: "cp1252", 2: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "cp936", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
"""Charsets of fonts by their number in \\fcharset; 1 and unknown ones mean the document's own."""
