"""Files in parts: range requests (RFC 9110), which media players need to seek."""

import hashlib
import re

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from config import errors
from config.storage import StoredFile

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


class RangeNotSatisfiable(errors.DomainError):
    """The file has no such bytes; `Content-Range` names its length."""

    status = 416
    code = "range_not_satisfiable"
    title = "Range not satisfiable"

    def __init__(self, detail: str, size: int = 0) -> None:
        super().__init__(detail)
        self.content_range = f"bytes */{size}"


def file_response(request: HttpRequest, file: StoredFile, media_type: str, *, disposition: str) -> HttpResponseBase:
    """The response that sends a file, or the range of it that the client asks for.

    Several ranges at once are answered with the whole file. Raises `RangeNotSatisfiable`,
    `errors.NotFound` and `errors.Unavailable`.
    """
    etag = f'"{hashlib.sha256(file.name.encode()).hexdigest()[:32]}"'
    requested = _read_range(request, file.size, etag) if request.method == "GET" else None
    start, end = requested or (0, file.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition,
        "Content-Length": str(end - start),
        "ETag": etag,
    }
    if requested:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    if request.method == "HEAD":
        return HttpResponse(b"", media_type, headers=headers)
    chunks = file.read_chunks(start, end) if end > start else iter(())
    return StreamingHttpResponse(chunks, status=206 if requested else 200, content_type=media_type, headers=headers)


def _read_range(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """The first byte and the one after the last; None for the whole file."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if not match or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if (not first and not last) or (first and last and int(first) > int(last)):
        return None  # not a range, so to be ignored
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        raise RangeNotSatisfiable(f"The file has {size} bytes; ask for a range within them.", size)
    return start, end
