"""RTF packed as [MS-OXRTFCP] has it, and the shapes of it that Outlook writes."""

import struct
import zlib


def lines(rtf: bytes) -> bytes:
    """Return RTF with the line ends that Windows writes."""
    return rtf.replace(b"\n", b"\r\n")


BEGINNING = lines(
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"""MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0
\par \pard\plain\f0\fs20\b\i\u\tab\tx"""
)

RICH = lines(
    rb"""{\rtf1\ansi\ansicpg1252\fromtext \fbidi \deff0{\fonttbl
{\f0\fswiss\fcharset0 Arial;}
{\f1\fmodern Courier New;}
{\f2\fswiss\fcharset161 Arial Greek;}}
{\colortbl\red0\green0\blue0;\red0\green0\blue255;}
{\*\generator Riched20 10.0;}\uc1\pard\plain\deftab360 \f0\fs20 Gr\'fc\'dfe,\par
\par
the parcel costs 5\tab \u8364?, \b not\b0  6.\par
{\f2 \'c3\'e5\'f6}\par
}
"""
)
"""As a mail in rich text is."""

RICH_TEXT = "Grüße,\n\nthe parcel costs 5\t€, not 6.\nΓεφ"

WRAPPED = lines(
    rb"""{\rtf1\ansi\ansicpg1253\fromhtml1 \deff0
{\fonttbl
{\f0\fswiss Arial;}
{\f1\fmodern Courier New;}}
{\colortbl\red0\green0\blue0;\red0\green0\blue255;}
{\*\htmltag64}
\uc1\pard\plain\deftab360 \f0\fs24
{\*\htmltag243 <!DOCTYPE HTML>}
{\*\htmltag50 <p>}\htmlrtf {\htmlrtf0
Five {\*\htmltag84 &lt;}\htmlrtf <\htmlrtf0  \'c3\'e5{\*\htmltag84 <b>}\htmlrtf {\b\htmlrtf0 six
{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0
{\*\htmltag116 <br>}\htmlrtf \line
\htmlrtf0 \{seven\}
{\*\mhtmltag84 <img src=rewritten>}{\*\htmltag58 </p>}\htmlrtf\par}\htmlrtf0
}"""
)
"""HTML as Exchange wraps it ([MS-OXRTFEX])."""

WRAPPED_HTML = "<!DOCTYPE HTML><p>Five &lt; Γε<b>six</b><br>{seven}</p>"


def packed(contents: bytes, raw_octets: int = 0) -> bytes:
    """Return contents that are compressed, with a header that says so."""
    checksum = zlib.crc32(contents, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return struct.pack("<II4sI", len(contents) + 12, raw_octets, b"LZFu", checksum) + contents


def stored(rtf: bytes) -> bytes:
    """Return RTF that is packed without being compressed."""
    return struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf


def compressed(rtf: bytes) -> bytes:
    """Return RTF as a compressor writes it that is slow and looks back as far as it may."""
    window = BEGINNING + rtf
    at, tokens = len(BEGINNING), []
    while at < len(window):
        length, start = _longest(window, at)
        if length > 1:
            tokens.append(((start % 4096) << 4 | (length - 2)).to_bytes(2, "big"))
            at += length
        else:
            tokens.append(window[at : at + 1])
            at += 1
    return packed(_runs([*tokens, (at % 4096 << 4).to_bytes(2, "big")]), len(rtf))


def bomb(octets: int) -> bytes:
    """Return RTF of at least so many octets, compressed as far as it can be: to about an eighth."""
    tokens, at = [b"x"], len(BEGINNING) + 1
    for _ in range(octets // 17 + 1):
        tokens.append(((at - 1) % 4096 << 4 | 15).to_bytes(2, "big"))
        at += 17
    return packed(_runs(tokens))


def _longest(window: bytes, at: int) -> tuple[int, int]:
    for length in range(min(17, len(window) - at), 1, -1):
        start = window.rfind(window[at : at + length], max(0, at - 4095), at + length - 1)
        if start >= 0:
            return length, start
    return 0, 0


def _runs(tokens: list[bytes]) -> bytes:
    made: list[bytes] = []
    for start in range(0, len(tokens), 8):
        run = tokens[start : start + 8]
        made += [bytes([sum((len(token) == 2) << bit for bit, token in enumerate(run))]), *run]
    return b"".join(made)
