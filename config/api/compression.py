"""Compression of responses: zstd, br or gzip, as the client accepts."""

import re

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_http_compression.middleware import HttpCompressionMiddleware

from config.api.headers import add_vary

MIN_BYTES = 860
"""Shorter bodies fit into one network packet anyway."""


class CompressionMiddleware(HttpCompressionMiddleware):
    """Compresses the text that the API answers, and the public documents.

    Never pages of the back office: they hold CSRF tokens beside text that others can choose, and
    browsers send their cookies unasked (BREACH). The API takes bearer tokens, which no foreign page
    can make a browser send, so the random padding against BREACH is off.
    """

    content_type_re = re.compile(
        r"application/([a-z0-9.-]+\+)?(json|yaml)|application/vnd\.oai\.openapi|text/(calendar|csv|html|markdown)",
        re.IGNORECASE,
    )
    max_random_bytes = 0

    def maybe_compress(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Compress in place; a strong ETag becomes weak."""
        if request.path.startswith(settings.ADMIN_PATH) or response.streaming:
            return
        if response.status_code == 304 or self.content_type_re.match(response.headers.get("Content-Type", "")):
            add_vary(response, "Accept-Encoding")
        if "HTTP_ACCEPT_ENCODING" in request.META and len(getattr(response, "content", b"")) >= MIN_BYTES:
            super().maybe_compress(request, response)
