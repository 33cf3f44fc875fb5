"""Renders one PDF in a process of its own, with limits and without secrets.

``python -I pdf_worker.py <memory in bytes> <CPU seconds>`` reads from stdin the length of the HTML
(8 bytes), the HTML and the file to embed, and writes the PDF to stdout. It fetches no file and no
URL, whatever the HTML refers to, and imports nothing of the product.
"""

import os
import resource
import sys
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
    document = HTML(string=html, url_fetcher=no_fetch)
    content: bytes = document.write_pdf(attachments=[attachment], pdf_tags=True)
    return content


if __name__ == "__main__":
    main()
