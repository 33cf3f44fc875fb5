"""Simulated phones: runs a call the way Twilio does, with phones that behave as configured.

A simulated call posts signed webhooks, executes the TwiML of the responses, and has its own clock:
half a minute of ringing takes no time. As at Twilio, when a dial rings several phones, the first to
pick up wins, even a mailbox, and the others are canceled; a prompt before bridging is played only
to the phone that answered.
"""

import base64
import hashlib
import hmac
import io
import math
import re
import struct
import urllib.error
import urllib.request
import wave
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urljoin

from tests.emulators.twilio.account import TwilioAccount, new_sid

PHONE_BEHAVIORS = {
    "answers": (6, "1"),
    "answers late": (12, "1"),
    "mailbox": (12, ""),
    "silent": (6, ""),
    "wrong key": (6, "5"),
    "breaks": (6, "2"),
    "declines": (4, None),
    "nothing": (0, None),
}
"""Seconds until a phone answers or declines, and the key pressed (None: not answered)."""
SAY_SECONDS, PLAY_SECONDS, TALK_SECONDS, MESSAGE_SECONDS = 3, 3, 30, 7
MAX_DOCUMENTS = 80
"""Maximum TwiML documents per leg."""


class CallEnded(Exception):
    """The call has ended."""


@dataclass
class SimulatedPhone:
    """A phone and its behavior."""

    number: str
    behavior: str = "nothing"

    @property
    def answer_delay(self) -> int:
        return PHONE_BEHAVIORS[self.behavior][0]

    @property
    def pressed_keys(self) -> str:
        return PHONE_BEHAVIORS[self.behavior][1] or ""

    @property
    def is_answering(self) -> bool:
        return PHONE_BEHAVIORS[self.behavior][1] is not None


@dataclass
class CallLeg:
    """One party of a call, with the keys it will press."""

    sid: str
    number: str
    keys: list[str]
    parent_sid: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    phone: SimulatedPhone | None = None
    due_at: float = 0.0
    answered_at: float | None = None
    state: str = "ringing"
    """``ringing``, ``talking`` (in a conference) or ``over``."""
    is_awaited: bool = False
    """Whether the caller waits while it hears something: the leg of a Dial."""


@dataclass
class SimulatedCall:
    """A call from its first ring to its end."""

    account: TwilioAccount
    number: str
    caller: str
    keys: Sequence[str] = ()
    phones: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The clock of the call: the product, run locally, reads it instead of its own."""
    hangs_up_after: float | None = None
    leaves_message: bool = True
    transcript: list[str] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    """All webhooks: URL, form, signature, status, overrides and response."""
    elapsed_seconds: float = 0.0
    legs: list[CallLeg] = field(default_factory=list)
    conferences: dict[str, list[CallLeg]] = field(default_factory=dict)
    sid: str = ""
    url: str = ""
    """Of the first document of a call that the account places."""
    is_over: bool = False

    # --- the caller -------------------------------------------------------------------------------
    def run_inbound(self) -> None:
        """Simulate a call to a number of the account."""
        owned = self.account.get_owned_number(self.number)
        call = self.account.create_call(to=self.number, caller=self.caller, direction="inbound")
        call["status"], self.sid = "in-progress", call["sid"]
        self.add_transcript_line("caller", f"{self.caller or 'withheld'} calls {self.number}")
        is_routed_elsewhere = owned is not None and (owned["trunk_sid"] or owned["voice_application_sid"])
        if owned is None or is_routed_elsewhere or not owned["voice_url"]:
            self.add_transcript_line("caller", "hears: the number you have dialed is not in service")
            return
        caller_leg = CallLeg(self.sid, self.caller, list(self.keys))
        with suppress(CallEnded):
            self.follow_twiml(caller_leg, owned["voice_url"], fallback=owned["voice_fallback_url"] or "")
        self.add_transcript_line("caller", "the call is over")
        call["status"] = "completed"
        if owned["status_callback"]:
            status_parameters = {"CallStatus": "completed", "CallDuration": str(int(self.elapsed_seconds))}
            self.post_webhook(owned["status_callback"], {**self.webhook_parameters(caller_leg), **status_parameters})
        self.finish_legs()

    def run_outbound(self, call: dict[str, Any]) -> None:
        """Simulate a call that the account places: to one phone, which may then be connected."""
        form = call["_given"]
        self.sid, self.url, seconds = call["sid"], form["Url"], 0
        phone = self.get_phone(call["to"])
        self.add_transcript_line("twilio", f"rings {call['to']}")
        self.elapsed_seconds += phone.answer_delay
        if not phone.is_answering or phone.answer_delay > int(form.get("Timeout", 60)):
            call["status"] = "no-answer"
        else:
            call["status"] = "in-progress"
            self.add_transcript_line(call["to"], f"picks up ({phone.behavior})")
            leg = CallLeg(call["sid"], call["to"], list(phone.pressed_keys))
            with suppress(CallEnded):
                self.follow_twiml(leg, form["Url"], fallback=form.get("FallbackUrl", ""))
            call["status"] = "completed"
            seconds = max(1, int(self.elapsed_seconds) - phone.answer_delay)
        self.add_transcript_line(call["to"], f"the call is over: {call['status']}")
        if form.get("StatusCallback"):
            parameters = self.webhook_parameters(leg_from_call(call))
            status_parameters = {"CallStatus": str(call["status"]), "CallDuration": str(seconds)}
            self.post_webhook(form["StatusCallback"], {**parameters, **status_parameters})
        self.is_over = True

    # --- webhooks ---------------------------------------------------------------------------------
    def post_webhook(self, url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a signed webhook, again as its URL's fragment says, and record each.

        `#rc=3&rp=all` means up to three times more, whatever failed. The signature covers the URL
        up to its query. https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
        """
        url, _, fragment = url.partition("#")
        overrides = dict(parse_qsl(fragment))
        policies = overrides.get("rp", "ct").split(",")
        for _ in range(1 + int(overrides.get("rc", 0))):
            status, body = self._post_once(url, form, fragment)
            failure = "ct" if status == 0 else f"{status // 100}xx" if status >= 400 else ""
            if not failure or not {failure, "all"} & set(policies):
                break
        return status, body

    def _post_once(self, url: str, form: Mapping[str, str], overrides: str) -> tuple[int, bytes]:
        parameters = {name: value for name, value in form.items() if value is not None}
        parameters["LocalTime"] = (self.started_at + timedelta(seconds=self.elapsed_seconds)).isoformat()
        signature = sign_webhook(url, parameters, self.account.token)
        if self.account.switches.query == "sorted":
            url = rewrite_query(url)
        request = urllib.request.Request(
            url,
            data=urlencode(parameters).encode(),
            headers={
                "X-Twilio-Signature": signature,
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": "TwilioProxy/1.1",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                status, body = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read()
        except OSError:
            status, body = 0, b""
        webhook = {"url": url, "form": parameters, "signature": signature, "status": status, "overrides": overrides}
        self.webhooks.append({**webhook, "answer": body.decode("utf-8", "replace")})
        return status, body

    def webhook_parameters(self, leg: CallLeg) -> dict[str, str]:
        """Parameters that every webhook has."""
        to = self.number if leg.number == self.caller and not leg.parent_sid else leg.number
        return {
            "AccountSid": self.account.sid,
            "ApiVersion": "2010-04-01",
            "CallSid": leg.sid,
            "CallStatus": "in-progress",
            "Direction": "outbound-dial" if leg.parent_sid else "inbound",
            "From": self.caller if to == self.number else self.number,
            "To": to,
            **({"ParentCallSid": leg.parent_sid} if leg.parent_sid else {}),
        }

    # --- following TwiML --------------------------------------------------------------------------
    def follow_twiml(self, leg: CallLeg, url: str, *, fallback: str = "", **parameters: str) -> bool:
        """Execute documents until one ends without a redirect. Raises `CallEnded` on hang-up."""
        form = {**self.webhook_parameters(leg), **parameters}
        for _ in range(MAX_DOCUMENTS):
            document = self.fetch_twiml(leg, url, form, fallback)
            next_document = self.execute_document(leg, document, url)
            if next_document is None:
                return True
            url, next_parameters = next_document
            form = {**self.webhook_parameters(leg), **next_parameters}
        self.add_transcript_line(self.speaker_name(leg), "gives up: too many TwiML documents")
        raise CallEnded

    def fetch_twiml(self, leg: CallLeg, url: str, form: dict[str, str], fallback: str) -> ET.Element:
        status, body = self.post_webhook(url, form)
        if status != 200 and fallback:
            self.add_transcript_line("twilio", f"the webhook failed ({status}); requests the fallback")
            status, body = self.post_webhook(fallback, {**form, "ErrorCode": "11200"})
        if status != 200:
            self.add_transcript_line(self.speaker_name(leg), "hears: an application error has occurred. Goodbye.")
            raise CallEnded
        return ET.fromstring(body)  # noqa: S314 - from our own product

    def execute_document(self, leg: CallLeg, document: ET.Element, url: str) -> tuple[str, dict[str, str]] | None:
        """Execute a document; URL and parameters of the next one, or None at its end."""
        for verb in document:
            if verb.tag in ("Say", "Play", "Pause"):
                self.hear_prompt(leg, verb)
            elif verb.tag == "Gather":
                next_document = self.gather_digits(leg, verb, url)
                if next_document:
                    return next_document
            elif verb.tag == "Redirect":
                return urljoin(url, verb.text or ""), {}
            else:
                return self.execute_final_verb(leg, verb, url)
        return None

    def execute_final_verb(self, leg: CallLeg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]]:
        """Execute a verb that ends its document; URL and parameters of the next one."""
        if verb.tag == "Dial":
            return self.dial(leg, verb, url)
        if verb.tag == "Record":
            return self.record_message(leg, verb, url)
        if verb.tag not in ("Hangup", "Reject"):
            raise ValueError(f"TwiML has no {verb.tag} here")
        is_rejected = verb.tag == "Reject"
        self.add_transcript_line(self.speaker_name(leg), "hears the busy tone" if is_rejected else "is hung up")
        raise CallEnded

    def hear_prompt(self, leg: CallLeg, verb: ET.Element) -> None:
        if verb.tag == "Say":
            self.add_transcript_line(self.speaker_name(leg), f"hears: {verb.text}")
        elif verb.tag == "Play":
            self.add_transcript_line(self.speaker_name(leg), f"hears the sound {(verb.text or '').rpartition('/')[2]}")
        length = int(verb.get("length", SAY_SECONDS if verb.tag == "Say" else PLAY_SECONDS))
        self.advance_clock(leg, length)

    def gather_digits(self, leg: CallLeg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]] | None:
        key = ""
        for prompt in verb:
            self.hear_prompt(leg, prompt)
        if leg.keys:
            key = leg.keys.pop(0).strip("-")
        if key:
            self.add_transcript_line(self.speaker_name(leg), f"presses {key}")
        else:
            self.add_transcript_line(self.speaker_name(leg), "presses nothing")
            self.advance_clock(leg, int(verb.get("timeout", "5")))
        if key or verb.get("actionOnEmptyResult") == "true":
            return urljoin(url, verb.get("action", "")), {"Digits": key}
        return None

    def record_message(self, leg: CallLeg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]]:
        duration = min(MESSAGE_SECONDS if self.leaves_message else 0, int(verb.get("maxLength", "3600")))
        self.add_transcript_line(self.speaker_name(leg), "hears a tone")
        recording_parameters = {}
        if duration:
            self.add_transcript_line(self.speaker_name(leg), f"speaks for {duration} seconds")
            self.advance_clock(leg, duration)
            recording_parameters = self.save_recording(leg, duration, verb.get("recordingStatusCallback"))
        return urljoin(url, verb.get("action", "")), recording_parameters

    def save_recording(self, leg: CallLeg, duration: int, callback: str | None) -> dict[str, str]:
        sid = new_sid("RE")
        self.account.recordings[sid] = generate_wav(duration)
        recording_parameters = {
            "RecordingSid": sid,
            "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{self.account.sid}/Recordings/{sid}",
            "RecordingDuration": str(duration),
        }
        if callback:
            status_parameters = {"RecordingStatus": "completed", "RecordingChannels": "1"}
            self.post_webhook(callback, {**self.webhook_parameters(leg), **recording_parameters, **status_parameters})
        return recording_parameters

    # --- other phones -----------------------------------------------------------------------------
    def dial(self, leg: CallLeg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]]:
        action = urljoin(url, verb.get("action", ""))
        conference = verb.find("Conference")
        if conference is not None:
            return self.join_conference(leg, conference, action)
        numbers = verb.findall("Number")
        if len(numbers) > 10:
            raise ValueError("a Dial takes at most 10 numbers")
        status, bridged, duration = self.ring_phones(leg, verb, numbers)
        outcome = {"DialCallStatus": status, "DialBridged": "true" if bridged else "false"}
        return action, outcome | ({"DialCallDuration": str(duration)} if duration else {})

    def ring_phones(self, leg: CallLeg, verb: ET.Element, numbers: list[ET.Element]) -> tuple[str, bool, int]:
        """Ring all numbers; the first to pick up wins. Status, whether it was bridged, seconds."""
        timeout = int(verb.get("timeout", "30"))
        self.check_caller_id(leg, verb.get("callerId", ""))
        ringing = [(self.get_phone((number.text or "").strip()), number) for number in numbers]
        for phone, _ in ringing:
            self.add_transcript_line("twilio", f"rings {phone.number}")
        answering = [(p, n) for p, n in ringing if p.is_answering and p.answer_delay <= timeout]
        if not answering:
            declined = [phone for phone, _ in ringing if phone.behavior == "declines"]
            self.advance_clock(leg, min(timeout, 4) if declined else timeout)
            self.add_transcript_line("twilio", "nobody picks up")
            return ("busy" if declined else "no-answer"), False, 0
        winner, number = min(answering, key=lambda pair: pair[0].answer_delay)
        self.advance_clock(leg, winner.answer_delay)
        self.add_transcript_line(winner.number, f"picks up ({winner.behavior})")
        for phone, _ in ringing:
            if phone is not winner:
                self.add_transcript_line("twilio", f"hangs up {phone.number}")
        answered_at = self.elapsed_seconds
        winner_leg = CallLeg(new_sid("CA"), winner.number, list(winner.pressed_keys), leg.sid, is_awaited=True)
        is_connected = self.connect_answered_leg(winner_leg, number)
        screening_seconds = max(1, int(self.elapsed_seconds - answered_at))
        if not is_connected:
            return self.account.switches.unbridged, False, screening_seconds
        self.add_transcript_line(self.speaker_name(leg), f"talks with {winner.number}")
        if verb.get("record", "do-not-record") != "do-not-record":
            self.save_recording(leg, TALK_SECONDS, verb.get("recordingStatusCallback"))
        talk_seconds = min(TALK_SECONDS, int(verb.get("timeLimit", "14400")))
        self.advance_clock(leg, talk_seconds)
        return "completed", True, screening_seconds + talk_seconds

    def check_caller_id(self, leg: CallLeg, number: str) -> None:
        """A Dial shows a number of the account, or the caller's: https://www.twilio.com/docs/errors/13214"""
        if number and number != leg.number and self.account.get_owned_number(number) is None:
            raise ValueError(f"Dial: invalid callerId value {number}")
        if not re.fullmatch(r"\+[1-9]\d{6,14}", number or "+15550000000"):
            raise ValueError(f"Dial: invalid callerId value {number}")

    def connect_answered_leg(self, leg: CallLeg, number: ET.Element) -> bool:
        """Play the prompt for the answering phone; whether it is bridged afterwards."""
        if not number.get("url"):
            return True
        try:
            return self.follow_twiml(leg, str(number.get("url")))
        except CallEnded:
            if self.has_caller_left:
                raise
            return False

    def join_conference(self, leg: CallLeg, conference: ET.Element, action: str) -> tuple[str, dict[str, str]]:
        """Join a conference: the first participant waits for the other."""
        name = (conference.text or "").strip()
        participants = self.conferences.setdefault(name, [])
        if len(participants) >= int(conference.get("maxParticipants", "250")):
            return action, {"DialCallStatus": "failed"}
        participants.append(leg)
        leg.state = "talking"
        if leg.sid != self.sid:
            self.add_transcript_line(leg.number, "waits in the conference")
            return "", {}
        waited_seconds = 0
        while len(participants) < 2 and waited_seconds < 60:
            self.advance_clock(leg, 1)
            waited_seconds += 1
        other_legs = [other_leg for other_leg in participants if other_leg is not leg]
        if other_legs:
            self.add_transcript_line("caller", f"talks with {', '.join(other_leg.number for other_leg in other_legs)}")
            if conference.get("record", "do-not-record") != "do-not-record":
                callback = conference.get("recordingStatusCallback")
                self.save_recording(leg, TALK_SECONDS, callback)
            self.advance_clock(leg, TALK_SECONDS)
        for other_leg in other_legs:
            self.end_leg(other_leg, "completed")
        return action, {"DialCallStatus": "answered" if other_legs else "no-answer"}

    def add_leg(self, call: dict[str, Any]) -> None:
        """Add a leg that the product placed during this call."""
        phone = self.get_phone(call["to"])
        timeout = int(call["_given"].get("Timeout", 60))
        due_at = self.elapsed_seconds + (phone.answer_delay if phone.behavior != "nothing" else timeout)
        leg = CallLeg(call["sid"], call["to"], list(phone.pressed_keys), self.sid, call["_given"], phone)
        leg.due_at = min(due_at, self.elapsed_seconds + timeout)
        if due_at > self.elapsed_seconds + timeout:
            leg.phone = SimulatedPhone(phone.number)
        self.add_transcript_line("twilio", f"rings {call['to']}")
        self.legs.append(leg)

    def advance_clock(self, leg: CallLeg, duration: float) -> None:
        """Advance the caller's clock, and process the other legs that are due meanwhile."""
        if leg.sid != self.sid and not leg.is_awaited:
            return
        end_seconds = self.elapsed_seconds + duration
        while due_legs := [
            candidate for candidate in self.legs if candidate.state == "ringing" and self.is_due(candidate, end_seconds)
        ]:
            due_leg = min(due_legs, key=lambda candidate: candidate.due_at)
            self.elapsed_seconds = max(self.elapsed_seconds, min(due_leg.due_at, end_seconds))
            self.process_leg(due_leg)
        self.elapsed_seconds = end_seconds
        if self.has_caller_left:
            self.add_transcript_line("caller", "hangs up")
            raise CallEnded

    @property
    def has_caller_left(self) -> bool:
        return self.hangs_up_after is not None and self.elapsed_seconds >= self.hangs_up_after

    def is_due(self, leg: CallLeg, end_seconds: float) -> bool:
        return leg.due_at <= end_seconds or self.account.calls[leg.sid]["status"] == "canceled"

    def process_leg(self, leg: CallLeg) -> None:
        call = self.account.calls[leg.sid]
        if call["status"] == "canceled":
            self.add_transcript_line("twilio", f"hangs up {leg.number}")
            self.end_leg(leg, "canceled")
        elif leg.phone is None or not leg.phone.is_answering:
            is_declined = leg.phone is not None and leg.phone.behavior == "declines"
            self.end_leg(leg, "busy" if is_declined else "no-answer")
        else:
            self.add_transcript_line(leg.number, f"picks up ({leg.phone.behavior})")
            call["status"] = "in-progress"
            leg.answered_at = self.elapsed_seconds
            try:
                self.follow_leg_twiml(leg)
            except CallEnded:
                self.end_leg(leg, "completed")

    def follow_leg_twiml(self, leg: CallLeg) -> None:
        """Follow TwiML until the leg waits in a conference, or ends."""
        url, form = leg.form["Url"], self.webhook_parameters(leg)
        for _ in range(MAX_DOCUMENTS):
            next_document = self.execute_document(leg, self.fetch_twiml(leg, url, form, ""), url)
            if leg.state == "talking":
                return
            if next_document is None:
                raise CallEnded
            url, form = next_document[0], {**self.webhook_parameters(leg), **next_document[1]}

    def end_leg(self, leg: CallLeg, status: str) -> None:
        leg.state = "over"
        self.account.calls[leg.sid]["status"] = status
        callback = leg.form.get("StatusCallback")
        if callback:
            duration = 0 if leg.answered_at is None else max(1, int(self.elapsed_seconds - leg.answered_at))
            status_parameters = {"CallStatus": status, "CallDuration": str(duration)}
            self.post_webhook(callback, {**self.webhook_parameters(leg), **status_parameters})

    def finish_legs(self) -> None:
        """End the other legs after the caller has left."""
        for participants in self.conferences.values():
            for leg in participants:
                if leg.sid != self.sid and leg.state == "talking":
                    self.add_transcript_line(leg.number, "is alone in the conference")
                    self.end_leg(leg, "completed")
        for leg in sorted(self.legs, key=lambda ringing_leg: ringing_leg.due_at):
            if leg.state == "ringing":
                self.elapsed_seconds = max(self.elapsed_seconds, leg.due_at)
                self.process_leg(leg)

    # --- transcript -------------------------------------------------------------------------------
    def get_phone(self, number: str) -> SimulatedPhone:
        return SimulatedPhone(number, self.phones.get(number, "nothing"))

    def speaker_name(self, leg: CallLeg) -> str:
        return "caller" if leg.sid == self.sid and leg.number == self.caller else leg.number

    def add_transcript_line(self, speaker: str, event: str) -> None:
        minutes, seconds = divmod(int(self.elapsed_seconds), 60)
        self.transcript.append(f"{minutes:02}:{seconds:02}  {speaker:14} {event}")


def leg_from_call(call: Mapping[str, Any]) -> CallLeg:
    """The leg of a call that the account placed."""
    return CallLeg(str(call["sid"]), str(call["to"]), [])


def sign_webhook(url: str, form: Mapping[str, str], token: str) -> str:
    """The signature of a webhook: HMAC-SHA1 over the URL and the sorted form."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def rewrite_query(url: str) -> str:
    """The URL with its query sorted by name, and encoded anew as HTML forms are."""
    base, _, query = url.partition("?")
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return f"{base}?{'&'.join(f'{_encode(name)}={_encode(value)}' for name, value in pairs)}" if pairs else base


def _encode(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


@cache
def generate_wav(seconds: int) -> bytes:
    """A WAV file of this length in Twilio's format: 8 kHz, 16 bit, mono."""
    sample_rate = 8000
    samples = [int(6000 * math.sin(2 * math.pi * 440 * n / sample_rate)) for n in range(sample_rate)]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(struct.pack(f"<{sample_rate}h", *samples) * seconds)
    return buffer.getvalue()
