"""Prints one document: a process of its own, with bounds and without secrets.

``python -I pdf_worker.py <bytes of memory> <seconds of processor>`` reads the length of the HTML (8
bytes), the HTML, and then the file to embed, and writes the PDF. Nothing is fetched, whatever the
HTML names: no file, no address. It knows nothing of the product, so nothing can leak from it.
"""

import os
import resource
import sys
from datetime import UTC, datetime


def main() -> None:
    """Bound oneself, read, print, write."""
    memory, seconds = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)  # whoever waits for an answer of the API goes first
    length = int.from_bytes(sys.stdin.buffer.read(8))
    html = sys.stdin.buffer.read(length).decode()
    embedded = sys.stdin.buffer.read()
    sys.stdout.buffer.write(render_pdf(html, embedded))


def render_pdf(html: str, embedded: bytes) -> bytes:
    """The document, tagged for screen readers, with the file in it."""
    from weasyprint import HTML, Attachment
    from weasyprint.urls import URLFetcher

    no_fetch = URLFetcher(allowed_protocols=(), allow_redirects=False)
    at = datetime.now(UTC)
    attachment = Attachment(
        string=embedded,
        name="my-data.json",
        description="The same data, and all of it, for machines",
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
