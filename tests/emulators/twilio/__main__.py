"""``python -m tests.emulators.twilio --port 8002``: Twilio's REST API and simulated calls.

``POST /_local/calls {"to", "from", "press", "phones", "at", "hangUpAfter"}`` simulates a call
to one of the account's numbers and returns its transcript; ``phones`` sets the behavior of each
phone (`PHONE_BEHAVIORS`). ``POST /_local/phones`` sets it for outbound calls of the product, which
``GET /_local/calls`` shows. ``POST /_local/switches`` sets `BehaviorSwitches`; ``POST
/_local/others`` assigns a number to another account; ``POST /_local/bundles`` gives the account an
approved regulatory bundle, ``PATCH`` changes its status.
"""

import argparse
import base64
import os
import threading
from collections import deque
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import phonenumbers.geocoder  # noqa: F401 - loads for 0.4 s of CPU: before the first request

from tests.emulators.server import (
    Emulator,
    EmulatorRequest,
    EmulatorResponse,
    Handler,
    create_server,
    html_response,
    json_response,
)
from tests.emulators.twilio.account import TwilioAccount, missing_resource_error
from tests.emulators.twilio.phones import PHONE_BEHAVIORS, SimulatedCall
from tests.emulators.twilio.regulations import COUNTRIES, TwilioError, regulation_resource

ACCOUNT_PATH = "/2010-04-01/Accounts/{account}"
VERIFIED_CALLER_ID = "+15005550006"
"""Twilio's magic number of a valid caller."""
COMPLIANCE_PATH = "/v2/RegulatoryCompliance"
"""Of numbers.twilio.com."""
PRICING_PATH = "/v1/PhoneNumbers/Countries"
"""Of pricing.twilio.com."""


class TwilioEmulator:
    """The REST API of one account."""

    def __init__(self, account: TwilioAccount) -> None:
        self.account = account
        self._calls: deque[SimulatedCall] = deque(maxlen=200)
        self._phones: dict[str, str] = {}
        self._twiml = "<Response/>"
        self._audio_statuses: dict[str, int] = {}

    def register_routes(self, emulator: Emulator) -> None:
        numbers, calls = f"{ACCOUNT_PATH}/IncomingPhoneNumbers", f"{ACCOUNT_PATH}/Calls"
        addresses = f"{ACCOUNT_PATH}/Addresses"
        for method, path, handler in (
            ("GET", f"{ACCOUNT_PATH}.json", self.get_account),
            ("GET", f"{ACCOUNT_PATH}/OutgoingCallerIds.json", self.list_caller_ids),
            ("GET", ACCOUNT_PATH + "/AvailablePhoneNumbers/{country}/{kind}.json", self.search_numbers),
            ("GET", PRICING_PATH + "/{country}", self.get_prices),
            ("POST", f"{addresses}.json", self.create_address),
            ("GET", f"{addresses}.json", self.list_addresses),
            ("GET", addresses + "/{sid}.json", self.get_address),
            ("POST", addresses + "/{sid}.json", self.update_address),
            ("DELETE", addresses + "/{sid}.json", self.delete_address),
            ("GET", COMPLIANCE_PATH + "/Bundles/{sid}", self.get_bundle),
            ("GET", COMPLIANCE_PATH + "/Regulations/{sid}", self.get_regulation),
            ("POST", f"{numbers}.json", self.buy_number),
            ("GET", f"{numbers}.json", self.list_numbers),
            ("GET", numbers + "/{sid}.json", self.get_number),
            ("POST", numbers + "/{sid}.json", self.update_number),
            ("DELETE", numbers + "/{sid}.json", self.release_number),
            ("POST", f"{calls}.json", self.create_call),
            ("POST", calls + "/{sid}.json", self.update_call),
            ("GET", ACCOUNT_PATH + "/Recordings/{sid}.wav", self.get_recording),
            ("DELETE", ACCOUNT_PATH + "/Recordings/{sid}.json", self.delete_recording),
        ):
            emulator.add_route(method, path, self._require_account(handler))
        emulator.add_route("POST", "/_local/calls", self.simulate_call)
        emulator.add_route("GET", "/_local/calls", self.list_simulated_calls)
        emulator.add_route("POST", "/_local/phones", self.set_phone_behavior)
        emulator.add_route("POST", "/_local/switches", self.set_switches)
        emulator.add_route("GET", "/_local/audio", self.fetch_audio)
        emulator.add_route("POST", "/_local/audio", self.set_audio)
        emulator.add_route("POST", "/_local/webhooks", self.change_webhooks)
        emulator.add_route("POST", "/_local/others", self.assign_to_other_account)
        emulator.add_route("POST", "/_local/bundles", self.create_bundle)
        emulator.add_route("PATCH", "/_local/bundles", self.change_bundle)
        emulator.add_route("GET", "/_local/account", self.account_state)
        emulator.add_route("POST", "/_local/twiml", self.serve_twiml)
        emulator.add_route("GET", "/", self.index)

    def _require_account(self, handler: Handler) -> Handler:
        """Require the account's credentials, and convert errors to Twilio's format."""

        def authenticated(request: EmulatorRequest, account: str = "", **parts: str) -> EmulatorResponse:
            own_account = self.account
            credentials = base64.b64encode(f"{own_account.sid}:{own_account.token}".encode()).decode()
            if request.headers.get("authorization") != f"Basic {credentials}":
                return error_response(TwilioError(401, 20003, "Authenticate"))
            if account not in ("", own_account.sid):
                return error_response(missing_resource_error(f"Accounts/{account}"))
            try:
                with own_account.lock:
                    return handler(request, **parts)
            except TwilioError as error:
                return error_response(error)

        return authenticated

    # --- account ----------------------------------------------------------------------------------
    def get_account(self, request: EmulatorRequest) -> EmulatorResponse:
        return json_response(self.account.to_resource())

    def list_caller_ids(self, request: EmulatorRequest) -> EmulatorResponse:
        """Numbers that are verified as caller ids; a page of them, all of them."""
        uri = f"/2010-04-01/Accounts/{self.account.sid}/OutgoingCallerIds.json"
        number = request.query.get("PhoneNumber", VERIFIED_CALLER_ID)
        caller_ids = [self.account.caller_id_resource(number)] if number == VERIFIED_CALLER_ID else []
        page = {"page": 0, "page_size": 50, "start": 0, "end": max(0, len(caller_ids) - 1)}
        links = {"uri": uri, "first_page_uri": uri, "next_page_uri": None, "previous_page_uri": None}
        return json_response({"outgoing_caller_ids": caller_ids, **page, **links})

    # --- numbers ----------------------------------------------------------------------------------
    def search_numbers(self, request: EmulatorRequest, country: str, kind: str) -> EmulatorResponse:
        numbers = self.account.available_numbers(country, kind, dict(request.query))
        page_size = int(request.query.get("PageSize", 30))
        uri = f"/2010-04-01/Accounts/{self.account.sid}/AvailablePhoneNumbers/{country}/{kind}.json"
        return json_response({"available_phone_numbers": numbers[:page_size], "uri": uri})

    def get_prices(self, request: EmulatorRequest, country: str) -> EmulatorResponse:
        """Monthly prices of the kinds of numbers of a country; not Twilio's."""
        if country not in COUNTRIES:
            raise missing_resource_error(f"PhoneNumbers/Countries/{country}")
        amounts = {"local": "1.15", "mobile": "3.00", "toll free": "2.15"}
        prices = [{"number_type": kind, "base_price": price, "current_price": price} for kind, price in amounts.items()]
        names = {"country": country, "iso_country": country, "price_unit": "USD"}
        return json_response({**names, "phone_number_prices": prices, "url": f"{PRICING_PATH}/{country}"})

    def buy_number(self, request: EmulatorRequest) -> EmulatorResponse:
        return json_response(resource_to_json(self.account.buy_number(request.form())), 201)

    def list_numbers(self, request: EmulatorRequest) -> EmulatorResponse:
        page_size, page_number = (int(request.query.get("PageSize", 50)), int(request.query.get("Page", 0)))
        numbers = self.account.list_numbers(dict(request.query))
        page_numbers = numbers[page_number * page_size : (page_number + 1) * page_size]
        path = f"/2010-04-01/Accounts/{self.account.sid}/IncomingPhoneNumbers.json"
        base_uri = f"{path}?PageSize={page_size}"
        has_more = (page_number + 1) * page_size < len(numbers)
        return json_response(
            {
                "incoming_phone_numbers": [resource_to_json(number) for number in page_numbers],
                "page": page_number,
                "page_size": page_size,
                "start": page_number * page_size,
                "end": max(0, page_number * page_size + len(page_numbers) - 1),
                "uri": f"{base_uri}&Page={page_number}",
                "first_page_uri": f"{base_uri}&Page=0",
                "previous_page_uri": f"{base_uri}&Page={page_number - 1}" if page_number else None,
                "next_page_uri": f"{base_uri}&Page={page_number + 1}" if has_more else None,
            }
        )

    def get_number(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        return json_response(resource_to_json(self.account.get_number(sid)))

    def update_number(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        return json_response(resource_to_json(self.account.update_number(sid, request.form())))

    def release_number(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        self.account.release_number(sid)
        return EmulatorResponse(204)

    # --- addresses --------------------------------------------------------------------------------
    def create_address(self, request: EmulatorRequest) -> EmulatorResponse:
        address = self.account.register.create_address(request.form())
        self.account.save()
        return json_response(address, 201)

    def list_addresses(self, request: EmulatorRequest) -> EmulatorResponse:
        addresses = self.account.register.list_addresses(dict(request.query))
        uri = f"/2010-04-01/Accounts/{self.account.sid}/Addresses.json"
        page = {"page": 0, "page_size": len(addresses), "start": 0, "end": max(0, len(addresses) - 1)}
        links = {"uri": uri, "first_page_uri": uri, "next_page_uri": None, "previous_page_uri": None}
        return json_response({"addresses": addresses, **page, **links})

    def update_address(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        address = self.account.register.update_address(sid, request.form())
        self.account.save()
        return json_response(address)

    def delete_address(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        """Delete an address that no number uses."""
        self.account.register.get_address(sid)
        if any(number["address_sid"] == sid for number in self.account.numbers.values()):
            return error_response(TwilioError(400, 20409, f"Address {sid} is in use by a phone number."))
        del self.account.register.addresses[sid]
        self.account.save()
        return EmulatorResponse(204)

    def get_address(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        return json_response(self.account.register.get_address(sid))

    def get_bundle(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        return json_response(self.account.register.bundle_resource(sid))

    def get_regulation(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        return json_response(regulation_resource(sid))

    def change_bundle(self, request: EmulatorRequest) -> EmulatorResponse:
        """The status of a bundle after another examination: ``{"sid", "status"}``."""
        body = request.json()
        with self.account.lock:
            self.account.register.bundles[str(body["sid"])]["status"] = str(body["status"])
            self.account.save()
        return EmulatorResponse(204)

    def create_bundle(self, request: EmulatorRequest) -> EmulatorResponse:
        """A regulatory bundle: ``{"country", "addresses", "status"}``."""
        body = request.json()
        status = str(body.get("status", "twilio-approved"))
        with self.account.lock:
            bundle = self.account.register.create_bundle(str(body["country"]), list(body.get("addresses", [])), status)
            self.account.save()
        return json_response(bundle, 201)

    # --- calls ------------------------------------------------------------------------------------
    def create_call(self, request: EmulatorRequest) -> EmulatorResponse:
        call = self.account.create_outbound_call(request.form())
        active_call = next(
            (
                simulated_call
                for simulated_call in self._calls
                if simulated_call.number == call["from"] and self._is_in_progress(simulated_call)
            ),
            None,
        )
        is_leg = urlsplit(call["_given"]["Url"]).path.endswith("/leg")
        if active_call and is_leg:
            active_call.add_leg(call)
        elif not is_leg:  # that of a call which a test plays itself rings on
            outbound_call = SimulatedCall(self.account, call["from"], "", phones=dict(self._phones))
            self._calls.appendleft(outbound_call)
            thread = threading.Thread(target=outbound_call.run_outbound, args=[call], daemon=True)
            thread.start()
            if self.account.switches.calls == "unknown":
                thread.join()
                raise TwilioError(503, 20503, "Service unavailable.")
        return json_response(resource_to_json(call), 201)

    def _is_in_progress(self, simulated_call: SimulatedCall) -> bool:
        call = self.account.calls.get(simulated_call.sid)
        return bool(call and call["direction"] == "inbound" and call["status"] == "in-progress")

    def update_call(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        return json_response(resource_to_json(self.account.update_call(sid, request.form())))

    def get_recording(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        if sid not in self.account.recordings:
            raise missing_resource_error(f"Recordings/{sid}")
        return EmulatorResponse(200, self.account.recordings[sid], "audio/x-wav")

    def delete_recording(self, request: EmulatorRequest, sid: str) -> EmulatorResponse:
        if self.account.recordings.pop(sid, None) is None:
            raise missing_resource_error(f"Recordings/{sid}")
        return EmulatorResponse(204)

    # --- control by tests and developers ----------------------------------------------------------
    def simulate_call(self, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        phones = body.get("phones", {})
        if not isinstance(phones, dict) or set(phones.values()) - set(PHONE_BEHAVIORS):
            return json_response({"error": f"each phone must be one of {', '.join(PHONE_BEHAVIORS)}"}, 400)
        at = body.get("at")
        simulated_call = SimulatedCall(
            self.account,
            str(body["to"]),
            str(body.get("from", "+16175550199")),
            keys=list(body.get("press", "")),
            phones=phones,
            started_at=datetime.fromisoformat(at) if at else datetime.now(UTC),
            hangs_up_after=body.get("hangUpAfter"),
            leaves_message=bool(body.get("leavesMessage", True)),
        )
        self._calls.appendleft(simulated_call)
        simulated_call.run_inbound()
        return json_response(
            {"sid": simulated_call.sid, "lines": simulated_call.transcript, "posted": simulated_call.webhooks}
        )

    def list_simulated_calls(self, request: EmulatorRequest) -> EmulatorResponse:
        return json_response([call_to_json(simulated_call) for simulated_call in list(self._calls)])

    def set_phone_behavior(self, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        if body.get("does") not in PHONE_BEHAVIORS:
            return json_response({"error": f"`does` must be one of {', '.join(PHONE_BEHAVIORS)}"}, 400)
        self._phones[str(body["number"])] = body["does"]
        return EmulatorResponse(204)

    def set_switches(self, request: EmulatorRequest) -> EmulatorResponse:
        for name, value in request.json().items():
            if name == "list_lag":
                self.account.set_list_lag(int(value))
            elif name in ("rebuy", "unbridged", "calls", "query", "account"):
                setattr(self.account.switches, name, str(value))
            else:
                return json_response({"error": f"there is no switch {name}"}, 400)
        return EmulatorResponse(204)

    def fetch_audio(self, request: EmulatorRequest) -> EmulatorResponse:
        """What the phone service would get from the URL of an audio file; nothing is asked."""
        status = self._audio_statuses.get(request.query.get("url", ""), 200)
        return EmulatorResponse(status, b"I" if status == 200 else b"", "audio/mpeg")

    def set_audio(self, request: EmulatorRequest) -> EmulatorResponse:
        """Have the URL of an audio file answer a status."""
        self._audio_statuses[str(request.json()["url"])] = int(request.json()["status"])
        return EmulatorResponse(204)

    def change_webhooks(self, request: EmulatorRequest) -> EmulatorResponse:
        """Change settings of a number, as somebody does in the console of the phone service."""
        settings = {str(name): str(value) for name, value in request.json().items()}
        sid = next(sid for sid, item in self.account.numbers.items() if item["phone_number"] == settings["number"])
        self.account.update_number(sid, settings)
        return EmulatorResponse(204)

    def assign_to_other_account(self, request: EmulatorRequest) -> EmulatorResponse:
        self.account.other_accounts_numbers.add(str(request.json()["number"]))
        return EmulatorResponse(204)

    def serve_twiml(self, request: EmulatorRequest) -> EmulatorResponse:
        """A TwiML document: a JSON request stores it, a webhook request returns it."""
        if "json" in request.headers.get("content-type", ""):
            self._twiml = str(request.json()["twiml"])
            return EmulatorResponse(204)
        return EmulatorResponse(200, self._twiml.encode(), "text/xml")

    def account_state(self, request: EmulatorRequest) -> EmulatorResponse:
        """The account's numbers, and all charged purchases."""
        with self.account.lock:
            numbers = [resource_to_json(number) for number in self.account.numbers.values()]
            addresses = list(self.account.register.addresses.values())
            purchased_numbers = self.account.purchased_numbers
            return json_response({"numbers": numbers, "bought": purchased_numbers, "addresses": addresses})

    def index(self, request: EmulatorRequest) -> EmulatorResponse:
        rows = "".join(
            f"<tr><td>{escape(number['phone_number'])}<td>{escape(number['friendly_name'])}</tr>"
            for number in self.account.numbers.values()
        )
        transcripts = "".join(map(_transcript_html, list(self._calls)[:20]))
        empty_hint = '<p class="hint">Nobody has called yet.</p>'
        body = (
            f'<main class="wide"><h1>Numbers</h1><table>{rows}</table><h1>Calls</h1>{transcripts or empty_hint}</main>'
        )
        return html_response("Twilio", body)


def _transcript_html(simulated_call: SimulatedCall) -> str:
    lines = escape("\n".join(simulated_call.transcript))
    return f"<h2>{escape(simulated_call.caller or 'Dutyline')}</h2><pre>{lines}</pre>"


def call_to_json(simulated_call: SimulatedCall) -> dict[str, Any]:
    """A simulated call with its transcript and webhooks."""
    return {
        "sid": simulated_call.sid,
        "number": simulated_call.number,
        "caller": simulated_call.caller,
        "lines": simulated_call.transcript,
        "posted": simulated_call.webhooks,
        "url": simulated_call.url,
        "isOver": simulated_call.is_over,
    }


def resource_to_json(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource as the API returns it, without internal fields."""
    return {name: value for name, value in resource.items() if not name.startswith("_")}


def error_response(error: TwilioError) -> EmulatorResponse:
    """An error in Twilio's format."""
    return json_response(
        {
            "code": error.code,
            "message": error.message,
            "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
            "status": error.status,
        },
        error.status,
    )


def fault_response(status: int) -> EmulatorResponse:
    """The response of an injected fault."""
    codes = {429: (20429, "Too Many Requests"), 409: (20409, "Conflict")}
    code, message = codes.get(status, (20500, "An internal server error has occurred"))
    return error_response(TwilioError(status, code, message))


def main() -> None:
    """Serve until the process receives a signal."""
    parser = argparse.ArgumentParser(prog="tests.emulators.twilio", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path)
    arguments = parser.parse_args()
    account = TwilioAccount(
        os.environ.get("TWILIO_ACCOUNT_SID") or "AC" + "10ca1" * 6 + "00",
        os.environ.get("TWILIO_AUTH_TOKEN") or "local-twilio-token",
        arguments.state,
    )
    emulator = Emulator(
        malformed_response=lambda text: error_response(TwilioError(400, 20001, text)), fault_response=fault_response
    )
    TwilioEmulator(account).register_routes(emulator)
    create_server(emulator, arguments.port).serve_forever()


if __name__ == "__main__":
    main()
