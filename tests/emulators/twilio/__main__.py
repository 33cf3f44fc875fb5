"""``python -m tests.emulators.twilio --port 8002``: Twilio's REST API and simulated calls.

``POST /_local/calls {"to", "from", "press", "phones", "at", "hangUpAfter"}`` plays a call to one of
the account's numbers and answers its transcript; ``phones`` says what each number does (`DOES`).
``POST /_local/phones`` says it for calls that the product places by itself, which
``GET /_local/calls`` shows. ``POST /_local/switches`` sets `Switches`; ``POST /_local/others``
gives a number to another account.
"""

import argparse
import base64
import os
import threading
from collections import deque
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from tests.emulators.server import Answer, Handler, Request, StandIn, as_json, as_page, server
from tests.emulators.twilio.account import Account, Refusal, not_found
from tests.emulators.twilio.phones import DOES, Conversation

ROOT = "/2010-04-01/Accounts/{account}"


class Twilio:
    """The REST API of one account."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._conversations: deque[Conversation] = deque(maxlen=200)
        self._phones: dict[str, str] = {}
        self._twiml = "<Response/>"

    def add_to(self, standin: StandIn) -> None:
        numbers, calls = f"{ROOT}/IncomingPhoneNumbers", f"{ROOT}/Calls"
        for method, path, handler in (
            ("GET", ROOT + "/AvailablePhoneNumbers/{country}/Local.json", self.search),
            ("POST", f"{numbers}.json", self.buy),
            ("GET", f"{numbers}.json", self.numbers),
            ("GET", numbers + "/{sid}.json", self.number),
            ("POST", numbers + "/{sid}.json", self.update),
            ("DELETE", numbers + "/{sid}.json", self.release),
            ("POST", f"{calls}.json", self.place),
            ("POST", calls + "/{sid}.json", self.change_call),
            ("GET", ROOT + "/Recordings/{sid}.wav", self.recording),
            ("DELETE", ROOT + "/Recordings/{sid}.json", self.forget_recording),
        ):
            standin.add(method, path, self._guarded(handler))
        standin.add("POST", "/_local/calls", self.play)
        standin.add("GET", "/_local/calls", self.played)
        standin.add("POST", "/_local/phones", self.set_phone)
        standin.add("POST", "/_local/switches", self.switch)
        standin.add("POST", "/_local/others", self.give_away)
        standin.add("GET", "/_local/account", self.state)
        standin.add("POST", "/_local/twiml", self.twiml)
        standin.add("GET", "/", self.page)

    def _guarded(self, handler: Handler) -> Handler:
        """Let only the account in; refusals have Twilio's shape."""

        def guarded(request: Request, account: str, **parts: str) -> Answer:
            own = self.account
            word = base64.b64encode(f"{own.sid}:{own.token}".encode()).decode()
            if request.headers.get("authorization") != f"Basic {word}":
                return refused(Refusal(401, 20003, "Authenticate"))
            if account != own.sid:
                return refused(not_found(f"Accounts/{account}"))
            try:
                with own.lock:
                    return handler(request, **parts)
            except Refusal as refusal:
                return refused(refusal)

        return guarded

    # --- numbers ----------------------------------------------------------------------------------
    def search(self, request: Request, country: str) -> Answer:
        given = request.query
        found = self.account.available(
            country, given.get("AreaCode", ""), given.get("Contains", "")
        )
        many = int(given.get("PageSize", 30))
        where = (
            f"/2010-04-01/Accounts/{self.account.sid}/AvailablePhoneNumbers/{country}/Local.json"
        )
        return as_json({"available_phone_numbers": found[:many], "uri": where})

    def buy(self, request: Request) -> Answer:
        return as_json(shown(self.account.buy(request.form())), 201)

    def numbers(self, request: Request) -> Answer:
        size, page = int(request.query.get("PageSize", 50)), int(request.query.get("Page", 0))
        found = self.account.listed(dict(request.query))
        some = found[page * size : (page + 1) * size]
        base = f"/2010-04-01/Accounts/{self.account.sid}/IncomingPhoneNumbers.json?PageSize={size}"
        more = (page + 1) * size < len(found)
        return as_json(
            {
                "incoming_phone_numbers": [shown(one) for one in some],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": max(0, page * size + len(some) - 1),
                "uri": f"{base}&Page={page}",
                "first_page_uri": f"{base}&Page=0",
                "previous_page_uri": f"{base}&Page={page - 1}" if page else None,
                "next_page_uri": f"{base}&Page={page + 1}" if more else None,
            }
        )

    def number(self, request: Request, sid: str) -> Answer:
        return as_json(shown(self.account.get(sid)))

    def update(self, request: Request, sid: str) -> Answer:
        return as_json(shown(self.account.update(sid, request.form())))

    def release(self, request: Request, sid: str) -> Answer:
        self.account.release(sid)
        return Answer(204)

    # --- calls ------------------------------------------------------------------------------------
    def place(self, request: Request) -> Answer:
        call = self.account.place(request.form())
        going_on = next(
            (one for one in self._conversations if one.number == call["from"] and self._is_on(one)),
            None,
        )
        if going_on:
            going_on.join(call)
        else:
            alone = Conversation(self.account, call["from"], "", phones=dict(self._phones))
            self._conversations.appendleft(alone)
            threading.Thread(target=alone.answer_out, args=[call], daemon=True).start()
        return as_json(shown(call), 201)

    def _is_on(self, one: Conversation) -> bool:
        call = self.account.calls.get(one.sid)
        return bool(call and call["direction"] == "inbound" and call["status"] == "in-progress")

    def change_call(self, request: Request, sid: str) -> Answer:
        return as_json(shown(self.account.change_call(sid, request.form())))

    def recording(self, request: Request, sid: str) -> Answer:
        if sid not in self.account.recordings:
            raise not_found(f"Recordings/{sid}")
        return Answer(200, self.account.recordings[sid], "audio/x-wav")

    def forget_recording(self, request: Request, sid: str) -> Answer:
        if self.account.recordings.pop(sid, None) is None:
            raise not_found(f"Recordings/{sid}")
        return Answer(204)

    # --- what tests and newcomers do --------------------------------------------------------------
    def play(self, request: Request) -> Answer:
        given = request.json()
        phones = given.get("phones", {})
        if not isinstance(phones, dict) or set(phones.values()) - set(DOES):
            return as_json({"error": f"phones do one of {', '.join(DOES)}"}, 400)
        at = given.get("at")
        one = Conversation(
            self.account,
            str(given["to"]),
            str(given.get("from", "+16175550199")),
            keys=list(given.get("press", "")),
            phones=phones,
            at=datetime.fromisoformat(at) if at else None,
            hangs_up_after=given.get("hangUpAfter"),
            leaves_message=bool(given.get("leavesMessage", True)),
        )
        self._conversations.appendleft(one)
        one.run()
        return as_json({"sid": one.sid, "lines": one.lines, "posted": one.posted})

    def played(self, request: Request) -> Answer:
        return as_json([told(one) for one in list(self._conversations)])

    def set_phone(self, request: Request) -> Answer:
        given = request.json()
        if given.get("does") not in DOES:
            return as_json({"error": f"a phone does one of {', '.join(DOES)}"}, 400)
        self._phones[str(given["number"])] = given["does"]
        return Answer(204)

    def switch(self, request: Request) -> Answer:
        for name, value in request.json().items():
            if name == "list_lag":
                self.account.lag(int(value))
            elif name in ("rebuy", "unbridged"):
                setattr(self.account.switches, name, str(value))
            else:
                return as_json({"error": f"there is no switch {name}"}, 400)
        return Answer(204)

    def give_away(self, request: Request) -> Answer:
        self.account.others.add(str(request.json()["number"]))
        return Answer(204)

    def twiml(self, request: Request) -> Answer:
        """A document to follow: asked for as JSON it is kept, asked for as a webhook answered."""
        if "json" in request.headers.get("content-type", ""):
            self._twiml = str(request.json()["twiml"])
            return Answer(204)
        return Answer(200, self._twiml.encode(), "text/xml")

    def state(self, request: Request) -> Answer:
        """What the account has, and every purchase that was paid."""
        with self.account.lock:
            numbers = [shown(one) for one in self.account.numbers.values()]
            return as_json({"numbers": numbers, "bought": self.account.bought})

    def page(self, request: Request) -> Answer:
        rows = "".join(
            f"<tr><td>{escape(one['phone_number'])}<td>{escape(one['friendly_name'])}</tr>"
            for one in self.account.numbers.values()
        )
        talks = "".join(map(_transcript, list(self._conversations)[:20]))
        empty = '<p class="hint">Nobody has called yet.</p>'
        body = (
            f'<main class="wide"><h1>Numbers</h1><table>{rows}</table>'
            f"<h1>Calls</h1>{talks or empty}</main>"
        )
        return as_page("Twilio", body)


def _transcript(one: Conversation) -> str:
    lines = escape("\n".join(one.lines))
    return f"<h2>{escape(one.caller or 'Dutyline')}</h2><pre>{lines}</pre>"


def told(one: Conversation) -> dict[str, Any]:
    """A conversation, for who looks."""
    return {
        "sid": one.sid,
        "number": one.number,
        "caller": one.caller,
        "lines": one.lines,
        "posted": one.posted,
    }


def shown(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource without what is ours."""
    return {name: value for name, value in resource.items() if not name.startswith("_")}


def refused(refusal: Refusal) -> Answer:
    """An error as Twilio writes it."""
    return as_json(
        {
            "code": refusal.code,
            "message": refusal.message,
            "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
            "status": refusal.status,
        },
        refusal.status,
    )


def failure(status: int) -> Answer:
    """What a planned fault answers."""
    codes = {429: (20429, "Too Many Requests"), 409: (20409, "Conflict")}
    code, message = codes.get(status, (20500, "An internal server error has occurred"))
    return refused(Refusal(status, code, message))


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(prog="tests.emulators.twilio", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    account = Account(
        os.environ.get("TWILIO_ACCOUNT_SID") or "AC" + "10ca1" * 6 + "00",
        os.environ.get("TWILIO_AUTH_TOKEN") or "local-twilio-token",
        given.state,
    )
    standin = StandIn(malformed=lambda text: refused(Refusal(400, 20001, text)), failure=failure)
    Twilio(account).add_to(standin)
    server(standin, given.port).serve_forever()


if __name__ == "__main__":
    main()
