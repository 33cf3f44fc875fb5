"""Renders PDFs in processes of their own, with limits and without secrets.

``python -I pdf_worker.py <idle seconds>``: a server that has WeasyPrint and the fonts loaded. Its
stdin is a Unix socket, over which it receives one connection per document. Each document is
rendered by a fork of the server: it starts at once, has limits of its own, sees nothing of other
documents, and gives its memory back. The server never renders for anybody, so it does not grow. It
ends when the other end is closed, or after some idle seconds.

A fork reads a `HEADER`, the HTML and the file to embed, and answers `ACCEPTED`, then `RENDERED`,
the `LENGTH` of the PDF and the PDF, or `FAILED` and why. It fetches no file and no URL, whatever
the HTML refers to. This module imports nothing of the product. A character that no font of the
machine has is printed as its code point, such as [U+2EBF0].
"""

import ctypes
import gc
import os
import re
import resource
import signal
import socket
import struct
import sys
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

HEADER = struct.Struct(">QIIQQ")
"""Bytes of memory, seconds of CPU time and of wall time, lengths of the HTML and the file."""
LENGTH = struct.Struct(">Q")
ACCEPTED, RENDERED, FAILED = b"\1", b"\2", b"\3"
CPU_GRACE_SECONDS = 2
"""CPU seconds after which a fork is killed that cannot say that its time is over."""
WARM_UP_HTML = '<meta charset="utf-8"><style>html { font: 9pt "DejaVu Sans" }</style><table><tr><td>é</td></tr></table>'


class TimeIsOver(BaseException):
    """The limit of CPU or wall time; no handler of `Exception` may catch it."""


def main() -> None:
    """Load what every document needs, then serve."""
    os.nice(10)  # API requests go first
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    render_pdf(WARM_UP_HTML, b"{}")
    gc.freeze()  # so that collections in the forks do not copy these pages
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as control:
        control.settimeout(float(sys.argv[1]))
        serve(control)


def serve(control: socket.socket) -> None:
    """Fork for each connection that arrives."""
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        except (TimeoutError, ConnectionError):
            return
        if not message:
            return
        if not os.fork():
            control.close()
            os.close(sys.stdin.fileno())
            with socket.socket(fileno=descriptors[0]) as connection:
                answer(connection)
            os._exit(0)
        os.close(descriptors[0])


def answer(connection: socket.socket) -> None:
    """Render the document of one connection within its limits."""
    with connection.makefile("rb") as stream:
        memory, cpu_seconds, wall_seconds, html_length, file_length = HEADER.unpack(stream.read(HEADER.size))
        connection.sendall(ACCEPTED)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + CPU_GRACE_SECONDS))
        for number in (signal.SIGXCPU, signal.SIGALRM):
            signal.signal(number, _raise_time_is_over)
        signal.alarm(wall_seconds)
        try:
            html, embedded = stream.read(html_length).decode(), stream.read(file_length)
            content = render_pdf(html, embedded)
            parts: tuple[bytes, ...] = (RENDERED, LENGTH.pack(len(content)), content)
        except TimeIsOver as error:
            parts = (FAILED, str(error).encode())
        except (Exception, MemoryError) as error:  # whatever WeasyPrint raises
            parts = (FAILED, type(error).__name__.encode())
    signal.alarm(0)
    for part in parts:
        connection.sendall(part)


def _raise_time_is_over(number: int, _: Any) -> None:
    raise TimeIsOver("CPU time" if number == signal.SIGXCPU else "time")


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


@lru_cache(maxsize=1)
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
