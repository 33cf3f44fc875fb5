"""A mail server that delivers to a folder, and a page that shows what was sent.

``python -m tests.emulators.mail --smtp 8007 --page 8006 --folder .local/mail``. Each message is one
``.eml`` file. ``GET /messages`` (or ``?to=address``) lists them as JSON, newest first; ``GET /``
shows them.
"""

import argparse
import asyncio
import email
import email.policy
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.emulators.server import Answer, Request, StandIn, as_json, as_page, server

_NAME = re.compile(r"[0-9]{1,20}")


class Folder:
    """The messages, one file each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[str, tuple[str, EmailMessage]] = {}
        """By name: to whom (reading a header parses it anew each time), and the message."""
        path.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a message; aiosmtpd calls this."""
        content = envelope.original_content or b""
        await asyncio.to_thread(self._keep, content)
        return "250 Message accepted for delivery"

    def _keep(self, content: bytes) -> None:
        name = self._path / f"{time.time_ns()}.eml"
        draft = name.with_suffix(".part")
        draft.write_bytes(content)
        draft.rename(name)

    def messages(self, to: str | None = None) -> Iterator[tuple[str, EmailMessage]]:
        """Name and message, newest first; perhaps only those to one address."""
        for path in sorted(self._path.glob("*.eml"), reverse=True):
            if path.stem not in self._read:
                message = _read(path)
                self._read[path.stem] = (str(message["To"]), message)
            reader, message = self._read[path.stem]
            if to in (None, reader):
                yield path.stem, message

    def message(self, name: str) -> EmailMessage | None:
        """One message by its name."""
        path = self._path / f"{name}.eml"
        return _read(path) if _NAME.fullmatch(name) and path.exists() else None


def _read(path: Path) -> EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def pages(folder: Folder) -> StandIn:
    """The pages over a folder."""

    def as_list(request: Request) -> Answer:
        found = folder.messages(request.query.get("to"))
        return as_json([_summary(name, message) for name, message in found])

    def index(request: Request) -> Answer:
        rows = "".join(_row(_summary(*pair)) for pair in folder.messages())
        table = f"<table><tr><th>When<th>To<th>Subject</tr>{rows}</table>"
        empty = '<p class="hint">Nothing was sent yet.</p>'
        return as_page("Mail", f'<main class="wide"><h1>Mail</h1>{table if rows else empty}</main>')

    def show(request: Request, name: str) -> Answer:
        message = folder.message(name)
        if message is None:
            return as_page("Mail", "<main><h1>No such message</h1></main>", 404)
        return as_page("Mail", _opened(name, message))

    def html(request: Request, name: str) -> Answer:
        message = folder.message(name)
        text = _part(message, "html") if message else ""
        policy = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"
        )
        headers = {"Content-Security-Policy": policy}
        return Answer(200, text.encode(), "text/html; charset=utf-8", headers)

    standin = StandIn(malformed=lambda text: as_json({"error": text}, 400))
    standin.add("GET", "/", index)
    standin.add("GET", "/messages", as_list)
    standin.add("GET", "/messages/{name}", show)
    standin.add("GET", "/messages/{name}/html", html)
    return standin


def _summary(name: str, message: EmailMessage) -> dict[str, Any]:
    text = _part(message, "plain")
    return {
        "name": name,
        "at": datetime.fromtimestamp(int(name) / 1e9, UTC).isoformat(" ", timespec="seconds"),
        "to": str(message["To"]),
        "subject": str(message["Subject"]),
        "messageId": str(message["Message-ID"]),
        "text": text,
        "links": re.findall(r"https?://\S+", text),
    }


def _row(summary: dict[str, Any]) -> str:
    link = f'<a href="/messages/{summary["name"]}">{escape(summary["subject"])}</a>'
    return f"<tr><td>{summary['at']}<td>{escape(summary['to'])}<td>{link}</tr>"


def _opened(name: str, message: EmailMessage) -> str:
    subject = escape(str(message["Subject"]))
    link = re.sub(
        r"(https?://[^\s&]+)",
        r'<a href="\1">\1</a>',
        escape(_part(message, "plain")),
    )
    return f"""<main class="wide"><p><a href="/">All mail</a></p><h1>{subject}</h1>
<p class="hint">To {escape(str(message["To"]))}</p>
<iframe title="The message" src="/messages/{name}/html"></iframe>
<h2>As text</h2><pre>{link}</pre></main>"""


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body else ""


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(prog="tests.emulators.mail", description=__doc__)
    parser.add_argument("--smtp", type=int, required=True)
    parser.add_argument("--page", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    folder = Folder(given.folder)
    page = server(pages(folder), given.page)
    Controller(folder, hostname="127.0.0.1", port=given.smtp).start()
    page.serve_forever()


if __name__ == "__main__":
    main()
