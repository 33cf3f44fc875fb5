"""A mail server that delivers to a folder, and a page that shows what was sent.

``python -m tests.emulators.mail --smtp 8007 --page 8006 --folder .local/mail``. Each message is one
``.eml`` file. ``GET /messages`` (or ``?to=address``) lists them as JSON, newest first; ``GET /``
shows them. Addresses such as ``no-such-mailbox-1@example.com`` are refused.
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

from tests.emulators.server import (
    Emulator,
    EmulatorRequest,
    EmulatorResponse,
    create_server,
    html_response,
    json_response,
)

UNKNOWN_MAILBOX = "no-such-mailbox"
_MESSAGE_NAME = re.compile(r"[0-9]{1,20}")


class MailFolder:
    """The messages, one file each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cache: dict[str, tuple[str, EmailMessage]] = {}
        """Recipient and message, by name; cached, as each access to a header parses it again."""
        path.mkdir(parents=True, exist_ok=True)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse addresses whose name begins with `UNKNOWN_MAILBOX`; called by aiosmtpd."""
        if address.startswith(UNKNOWN_MAILBOX):
            return "550 5.1.1 <script>The account does not exist</script>"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store a message; called by aiosmtpd."""
        content = envelope.original_content or b""
        await asyncio.to_thread(self._save, content)
        return "250 Message accepted for delivery"

    def _save(self, content: bytes) -> None:
        path = self._path / f"{time.time_ns()}.eml"
        draft = path.with_suffix(".part")
        draft.write_bytes(content)
        draft.rename(path)

    def iter_messages(self, to: str | None = None) -> Iterator[tuple[str, EmailMessage]]:
        """Names and messages, newest first; only those to ``address`` if given."""
        for path in sorted(self._path.glob("*.eml"), reverse=True):
            if path.stem not in self._cache:
                message = _parse_message(path)
                self._cache[path.stem] = (str(message["To"]), message)
            recipient, message = self._cache[path.stem]
            if to in (None, recipient):
                yield path.stem, message

    def get_message(self, name: str) -> EmailMessage | None:
        """A message by its name."""
        path = self._path / f"{name}.eml"
        return _parse_message(path) if _MESSAGE_NAME.fullmatch(name) and path.exists() else None


def _parse_message(path: Path) -> EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def create_emulator(folder: MailFolder) -> Emulator:
    """An emulator that serves the messages of a folder."""

    def list_messages(request: EmulatorRequest) -> EmulatorResponse:
        messages = folder.iter_messages(request.query.get("to"))
        return json_response([_summary(name, message) for name, message in messages])

    def index(request: EmulatorRequest) -> EmulatorResponse:
        rows = "".join(_html_row(_summary(*pair)) for pair in folder.iter_messages())
        table = f"<table><tr><th>When<th>To<th>Subject</tr>{rows}</table>"
        empty_hint = '<p class="hint">Nothing was sent yet.</p>'
        return html_response("Mail", f'<main class="wide"><h1>Mail</h1>{table if rows else empty_hint}</main>')

    def show_message(request: EmulatorRequest, name: str) -> EmulatorResponse:
        message = folder.get_message(name)
        if message is None:
            return html_response("Mail", "<main><h1>No such message</h1></main>", 404)
        return html_response("Mail", _message_html(name, message))

    def show_html_body(request: EmulatorRequest, name: str) -> EmulatorResponse:
        message = folder.get_message(name)
        content = _body_text(message, "html") if message else ""
        policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups"
        headers = {"Content-Security-Policy": policy}
        return EmulatorResponse(200, content.encode(), "text/html; charset=utf-8", headers)

    emulator = Emulator(malformed_response=lambda text: json_response({"error": text}, 400))
    emulator.add_route("GET", "/", index)
    emulator.add_route("GET", "/messages", list_messages)
    emulator.add_route("GET", "/messages/{name}", show_message)
    emulator.add_route("GET", "/messages/{name}/html", show_html_body)
    return emulator


def _summary(name: str, message: EmailMessage) -> dict[str, Any]:
    text = _body_text(message, "plain")
    return {
        "name": name,
        "at": datetime.fromtimestamp(int(name) / 1e9, UTC).isoformat(" ", timespec="seconds"),
        "to": str(message["To"]),
        "subject": str(message["Subject"]),
        "messageId": str(message["Message-ID"]),
        "text": text,
        "links": re.findall(r"https?://\S+", text),
    }


def _html_row(summary: dict[str, Any]) -> str:
    link = f'<a href="/messages/{summary["name"]}">{escape(summary["subject"])}</a>'
    return f"<tr><td>{summary['at']}<td>{escape(summary['to'])}<td>{link}</tr>"


def _message_html(name: str, message: EmailMessage) -> str:
    subject = escape(str(message["Subject"]))
    text_with_links = re.sub(r"(https?://[^\s&]+)", r'<a href="\1">\1</a>', escape(_body_text(message, "plain")))
    return f"""<main class="wide"><p><a href="/">All mail</a></p><h1>{subject}</h1>
<p class="hint">To {escape(str(message["To"]))}</p>
<iframe title="The message" src="/messages/{name}/html"></iframe>
<h2>As text</h2><pre>{text_with_links}</pre></main>"""


def _body_text(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    return str(body.get_content()) if body else ""


def main() -> None:
    """Serve until the process receives a signal."""
    parser = argparse.ArgumentParser(prog="tests.emulators.mail", description=__doc__)
    parser.add_argument("--smtp", type=int, required=True)
    parser.add_argument("--page", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    folder = MailFolder(arguments.folder)
    http_server = create_server(create_emulator(folder), arguments.page)
    Controller(folder, hostname="127.0.0.1", port=arguments.smtp).start()
    http_server.serve_forever()


if __name__ == "__main__":
    main()
