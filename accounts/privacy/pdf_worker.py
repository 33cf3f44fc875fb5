"""Renders one PDF in a process of its own, with limits and without secrets.

``python -I pdf_worker.py <memory in bytes> <CPU seconds>`` reads from stdin the length of the HTML
(8 bytes), the HTML and the file to embed, and writes the PDF to stdout. It fetches no file and no
URL, whatever the HTML refers to, and imports nothing of the product. A character that no font of
the machine has is printed as its code point, such as [U+2EBF0].
"""

import ctypes
import os
import re
import resource
import sys
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime


def main() -> None:
    """Set the limits, read, render, write."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)  # API requests go first
    length = int.from_bytes(sys.stdin.buffer.read(8))
    html = sys.stdin.buffer.read(length).decode()
    embedded = sys.stdin.buffer.read()
    sys.stdout.buffer.write(render_pdf(html, embedded))


def render_pdf(html: str, embedded: bytes) -> bytes:
    """The PDF, tagged for screen readers, with the file embedded."""
    from weasyprint import HTML, Attachment
    from weasyprint.urls import URLFetcher

    no_fetch = URLFetcher(allowed_protocols=(), allow_redirects=False)
    at = datetime.now(UTC)
    attachment = Attachment(
        string=embedded,
        name="my-data.json",
        description="The complete data in machine-readable form",
        relationship="Data",
        created=at,
        modified=at,
        url_fetcher=no_fetch,
    )
    document = HTML(string=name_undrawable(html), url_fetcher=no_fetch)
    content: bytes = document.write_pdf(attachments=[attachment], pdf_tags=True)
    return content


def name_undrawable(html: str) -> str:
    """The HTML with the code point of each character that no font has."""
    is_drawable = _load_fonts()
    return re.sub(r"[^\x00-\x7f]", lambda match: _name_if_undrawable(match[0], is_drawable), html)


def _name_if_undrawable(character: str, is_drawable: Callable[[str], bool]) -> str:
    has_shape = unicodedata.category(character)[0] in "LNPS" or unicodedata.category(character) == "Cn"
    return f"[U+{ord(character):04X}]" if has_shape and not is_drawable(character) else character


class _FontSet(ctypes.Structure):
    """``FcFontSet`` of fontconfig, by which Pango selects fonts."""

    _fields_ = (("count", ctypes.c_int), ("size", ctypes.c_int), ("fonts", ctypes.POINTER(ctypes.c_void_p)))


def _load_fonts() -> Callable[[str], bool]:
    """Tells whether any font of the machine has a character."""
    fontconfig = ctypes.CDLL("libfontconfig.so.1")
    fontconfig.FcConfigGetFonts.argtypes = (ctypes.c_void_p, ctypes.c_int)
    fontconfig.FcConfigGetFonts.restype = ctypes.POINTER(_FontSet)
    fontconfig.FcPatternGetCharSet.argtypes = (
        *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int),
        ctypes.POINTER(ctypes.c_void_p),
    )
    fontconfig.FcCharSetHasChar.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    fontconfig.FcInit()
    font_set = fontconfig.FcConfigGetFonts(None, 0).contents
    charsets = [ctypes.c_void_p() for _ in range(font_set.count)]
    for font, charset in zip(font_set.fonts[: font_set.count], charsets, strict=True):
        fontconfig.FcPatternGetCharSet(font, b"charset", 0, ctypes.byref(charset))
    known: dict[str, bool] = {}

    def is_drawable(character: str) -> bool:
        if character not in known:
            code = ord(character)
            known[character] = any(charset and fontconfig.FcCharSetHasChar(charset, code) for charset in charsets)
        return known[character]

    return is_drawable


if __name__ == "__main__":
    main()
