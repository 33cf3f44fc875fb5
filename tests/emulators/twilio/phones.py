"""Telephones: plays a call the way Twilio does, with phones that do as they are told.

A conversation posts signed webhooks, follows the TwiML it is answered, and runs on a clock of its
own: half a minute of ringing takes no time. As at Twilio, where one dial rings several phones the
first to pick up wins and the others are hung up, be it a mailbox; what a phone hears before it is
put through is played to that phone alone.
"""

import base64
import hashlib
import hmac
import io
import math
import struct
import urllib.error
import urllib.request
import wave
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode, urljoin

from tests.emulators.twilio.account import Account, new_sid

DOES = {
    "answers": (6, "1"),
    "mailbox": (12, ""),
    "silent": (6, ""),
    "wrong key": (6, "5"),
    "declines": (4, None),
    "nothing": (0, None),
}
"""What a phone does: when it picks up (or declines), in seconds, and the key that is pressed."""
SAY_SECONDS, PLAY_SECONDS, TALK_SECONDS, MESSAGE_SECONDS = 3, 3, 30, 7
MOST_STEPS = 80
"""Documents that one leg may follow."""


class OverAndOut(Exception):
    """The call has ended."""


@dataclass
class Phone:
    """A phone and what it does."""

    number: str
    does: str = "nothing"

    @property
    def after(self) -> int:
        return DOES[self.does][0]

    @property
    def key(self) -> str:
        return DOES[self.does][1] or ""

    @property
    def picks_up(self) -> bool:
        return DOES[self.does][1] is not None


@dataclass
class Leg:
    """One party of a conversation, with the keys it is going to press."""

    sid: str
    number: str
    keys: list[str]
    parent: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    phone: Phone | None = None
    due: float = 0.0
    state: str = "ringing"
    """ringing, talking (in a room) or over"""


@dataclass
class Conversation:
    """One call, from its first ring to its end."""

    account: Account
    number: str
    caller: str
    keys: Sequence[str] = ()
    phones: Mapping[str, str] = field(default_factory=dict)
    at: datetime | None = None
    hangs_up_after: float | None = None
    leaves_message: bool = True
    lines: list[str] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    """Every webhook: address, form, signature, status and answer."""
    seconds: float = 0.0
    legs: list[Leg] = field(default_factory=list)
    rooms: dict[str, list[Leg]] = field(default_factory=dict)
    sid: str = ""

    # --- the caller -------------------------------------------------------------------------------
    def run(self) -> None:
        """Somebody calls a number of the account."""
        owned = self.account.owner_of(self.number)
        call = self.account.new_call(to=self.number, caller=self.caller, direction="inbound")
        call["status"], self.sid = "in-progress", call["sid"]
        self.say("caller", f"{self.caller or 'withheld'} calls {self.number}")
        if owned is None or not owned["voice_url"]:
            self.say("caller", "hears: the number you have dialled is not in service")
            return
        me = Leg(self.sid, self.caller, list(self.keys))
        with suppress(OverAndOut):
            self.follow(me, owned["voice_url"], fallback=owned["voice_fallback_url"] or "")
        self.say("caller", "the call is over")
        call["status"] = "completed"
        if owned["status_callback"]:
            about = {"CallStatus": "completed", "CallDuration": str(int(self.seconds))}
            self.post(owned["status_callback"], {**self.about(me), **about})
        self.let_legs_end()

    def answer_out(self, call: dict[str, Any]) -> None:
        """A call that the account places by itself: nobody else is on the line."""
        given = call["_given"]
        self.sid = call["sid"]
        phone = self.phone(call["to"])
        self.say("twilio", f"rings {call['to']}")
        self.seconds += phone.after
        if not phone.picks_up or phone.after > int(given.get("Timeout", 60)):
            call["status"] = "no-answer"
        else:
            call["status"] = "in-progress"
            self.say(call["to"], f"picks up ({phone.does})")
            leg = Leg(call["sid"], call["to"], list(phone.key))
            with suppress(OverAndOut):
                self.follow(leg, given["Url"])
            call["status"] = "completed"
        self.say(call["to"], f"the call is over: {call['status']}")
        if given.get("StatusCallback"):
            self.post(given["StatusCallback"], {**self.about(leg_of(call)), **_ended(call)})

    # --- what is posted ---------------------------------------------------------------------------
    def post(self, url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """A webhook, signed; every one is remembered."""
        told = {name: value for name, value in form.items() if value is not None}
        if self.at is not None:
            told["LocalTime"] = (self.at + timedelta(seconds=self.seconds)).isoformat()
        signature = signed(url, told, self.account.token)
        request = urllib.request.Request(
            url,
            data=urlencode(told).encode(),
            headers={
                "X-Twilio-Signature": signature,
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": "TwilioProxy/1.1",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read()
        except OSError:
            status, body = 0, b""
        record = {"url": url, "form": told, "signature": signature, "status": status}
        self.posted.append({**record, "answer": body.decode("utf-8", "replace")})
        return status, body

    def about(self, leg: Leg) -> dict[str, str]:
        """What every webhook says of its call."""
        to = self.number if leg.number == self.caller and not leg.parent else leg.number
        return {
            "AccountSid": self.account.sid,
            "ApiVersion": "2010-04-01",
            "CallSid": leg.sid,
            "CallStatus": "in-progress",
            "Direction": "outbound-dial" if leg.parent else "inbound",
            "From": self.caller if to == self.number else self.number,
            "To": to,
            **({"ParentCallSid": leg.parent} if leg.parent else {}),
        }

    # --- following TwiML --------------------------------------------------------------------------
    def follow(self, leg: Leg, url: str, *, fallback: str = "", **more: str) -> bool:
        """Follow documents until one ends by itself; raises `OverAndOut` at a hang-up."""
        form = {**self.about(leg), **more}
        for _ in range(MOST_STEPS):
            document = self.document(leg, url, form, fallback)
            goes_on = self.play(leg, document, url)
            if goes_on is None:
                return True
            url, extra = goes_on
            form = {**self.about(leg), **extra}
        self.say(self.who(leg), "gives up: the call goes in circles")
        raise OverAndOut

    def document(self, leg: Leg, url: str, form: dict[str, str], fallback: str) -> ET.Element:
        status, body = self.post(url, form)
        if status != 200 and fallback:
            self.say("twilio", f"the webhook failed ({status}); asks the fallback")
            status, body = self.post(fallback, {**form, "ErrorCode": "11200"})
        if status != 200:
            self.say(self.who(leg), "hears: an application error has occurred. Goodbye.")
            raise OverAndOut
        return ET.fromstring(body)  # noqa: S314 - of our own product

    def play(self, leg: Leg, document: ET.Element, url: str) -> tuple[str, dict[str, str]] | None:
        """One document; where it leads, None at its end."""
        for verb in document:
            if verb.tag in ("Say", "Play", "Pause"):
                self.hear(leg, verb)
            elif verb.tag == "Gather":
                led = self.gather(leg, verb, url)
                if led:
                    return led
            elif verb.tag == "Redirect":
                return urljoin(url, verb.text or ""), {}
            else:
                return self.end_with(leg, verb, url)
        return None

    def end_with(self, leg: Leg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]]:
        """A verb after which the document is left."""
        if verb.tag == "Dial":
            return self.dial(leg, verb, url)
        if verb.tag == "Record":
            return self.record(leg, verb, url)
        if verb.tag not in ("Hangup", "Reject"):
            raise ValueError(f"TwiML has no {verb.tag} here")
        self.say(self.who(leg), "is hung up")
        raise OverAndOut

    def hear(self, leg: Leg, verb: ET.Element) -> None:
        if verb.tag == "Say":
            self.say(self.who(leg), f"hears: {verb.text}")
        elif verb.tag == "Play":
            self.say(self.who(leg), f"hears the sound {(verb.text or '').rpartition('/')[2]}")
        length = int(verb.get("length", SAY_SECONDS if verb.tag == "Say" else PLAY_SECONDS))
        self.pass_by(leg, length)

    def gather(self, leg: Leg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]] | None:
        key = ""
        for prompt in verb:
            self.hear(leg, prompt)
        if leg.keys:
            key = leg.keys.pop(0).strip("-")
        if key:
            self.say(self.who(leg), f"presses {key}")
        else:
            self.say(self.who(leg), "presses nothing")
            self.pass_by(leg, int(verb.get("timeout", "5")))
        if key or verb.get("actionOnEmptyResult") == "true":
            return urljoin(url, verb.get("action", "")), {"Digits": key}
        return None

    def record(self, leg: Leg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]]:
        seconds = min(
            MESSAGE_SECONDS if self.leaves_message else 0, int(verb.get("maxLength", "3600"))
        )
        self.say(self.who(leg), "hears a tone")
        told = {}
        if seconds:
            self.say(self.who(leg), f"speaks for {seconds} seconds")
            self.pass_by(leg, seconds)
            told = self.keep_recording(leg, seconds, verb.get("recordingStatusCallback"))
        return urljoin(url, verb.get("action", "")), told

    def keep_recording(self, leg: Leg, seconds: int, callback: str | None) -> dict[str, str]:
        sid = new_sid("RE")
        self.account.recordings[sid] = sound(seconds)
        about = {
            "RecordingSid": sid,
            "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{self.account.sid}/Recordings/{sid}",
            "RecordingDuration": str(seconds),
        }
        if callback:
            status = {"RecordingStatus": "completed", "RecordingChannels": "1"}
            self.post(callback, {**self.about(leg), **about, **status})
        return about

    # --- other phones -----------------------------------------------------------------------------
    def dial(self, leg: Leg, verb: ET.Element, url: str) -> tuple[str, dict[str, str]]:
        action = urljoin(url, verb.get("action", ""))
        conference = verb.find("Conference")
        if conference is not None:
            return self.meet(leg, conference, action)
        numbers = verb.findall("Number")
        if len(numbers) > 10:
            raise ValueError("a Dial takes at most 10 numbers")
        status, bridged = self.ring(leg, verb, numbers)
        outcome = {"DialCallStatus": status, "DialBridged": "true" if bridged else "false"}
        return action, outcome

    def ring(self, leg: Leg, verb: ET.Element, numbers: list[ET.Element]) -> tuple[str, bool]:
        """Ring them all; the first to pick up is the only one, whoever that is."""
        timeout = int(verb.get("timeout", "30"))
        rung = [(self.phone((number.text or "").strip()), number) for number in numbers]
        for phone, _ in rung:
            self.say("twilio", f"rings {phone.number}")
        taken = [(p, n) for p, n in rung if p.picks_up and p.after <= timeout]
        if not taken:
            declined = [phone for phone, _ in rung if phone.does == "declines"]
            self.pass_by(leg, min(timeout, 4) if declined else timeout)
            self.say("twilio", "nobody picks up")
            return ("busy" if declined else "no-answer"), False
        first, number = min(taken, key=lambda pair: pair[0].after)
        self.pass_by(leg, first.after)
        self.say(first.number, f"picks up ({first.does})")
        for phone, _ in rung:
            if phone is not first:
                self.say("twilio", f"hangs up {phone.number}")
        other = Leg(new_sid("CA"), first.number, list(first.key), parent=leg.sid)
        if not self.put_through(other, number):
            return self.account.switches.unbridged, False
        self.say("caller", f"talks with {first.number}")
        if verb.get("record", "do-not-record") != "do-not-record":
            self.keep_recording(leg, TALK_SECONDS, verb.get("recordingStatusCallback"))
        self.pass_by(leg, min(TALK_SECONDS, int(verb.get("timeLimit", "14400"))))
        return "completed", True

    def put_through(self, other: Leg, number: ET.Element) -> bool:
        """What who picked up hears first; whether they are put through after it."""
        if not number.get("url"):
            return True
        try:
            return self.follow(other, str(number.get("url")))
        except OverAndOut:
            return False

    def meet(self, leg: Leg, conference: ET.Element, action: str) -> tuple[str, dict[str, str]]:
        """Join a room: who comes first waits for the other."""
        name = (conference.text or "").strip()
        room = self.rooms.setdefault(name, [])
        if len(room) >= int(conference.get("maxParticipants", "250")):
            return action, {"DialCallStatus": "failed"}
        room.append(leg)
        leg.state = "talking"
        if leg.sid != self.sid:
            self.say(leg.number, "waits in the conference")
            return "", {}
        waited = 0
        while len(room) < 2 and waited < 60:
            self.pass_by(leg, 1)
            waited += 1
        others = [one for one in room if one is not leg]
        if others:
            self.say("caller", f"talks with {', '.join(one.number for one in others)}")
            if conference.get("record", "do-not-record") != "do-not-record":
                callback = conference.get("recordingStatusCallback")
                self.keep_recording(leg, TALK_SECONDS, callback)
            self.pass_by(leg, TALK_SECONDS)
        for one in others:
            self.end(one, "completed")
        return action, {"DialCallStatus": "answered" if others else "no-answer"}

    def join(self, call: dict[str, Any]) -> None:
        """A leg that the product placed while this conversation goes on."""
        phone = self.phone(call["to"])
        timeout = int(call["_given"].get("Timeout", 60))
        due = self.seconds + (phone.after if phone.does != "nothing" else timeout)
        leg = Leg(call["sid"], call["to"], list(phone.key), self.sid, call["_given"], phone)
        leg.due = min(due, self.seconds + timeout)
        if due > self.seconds + timeout:
            leg.phone = Phone(phone.number)
        self.say("twilio", f"rings {call['to']}")
        self.legs.append(leg)

    def pass_by(self, leg: Leg, seconds: float) -> None:
        """Time passes for the caller; other legs do what is due meanwhile."""
        if leg.sid != self.sid:
            return
        end = self.seconds + seconds
        while waiting := [o for o in self.legs if o.state == "ringing" and self.is_due(o, end)]:
            other = min(waiting, key=lambda one: one.due)
            self.seconds = max(self.seconds, min(other.due, end))
            self.happen(other)
        self.seconds = end
        if self.hangs_up_after is not None and self.seconds >= self.hangs_up_after:
            self.say("caller", "hangs up")
            raise OverAndOut

    def is_due(self, leg: Leg, end: float) -> bool:
        return leg.due <= end or self.account.calls[leg.sid]["status"] == "canceled"

    def happen(self, leg: Leg) -> None:
        call = self.account.calls[leg.sid]
        if call["status"] == "canceled":
            self.say("twilio", f"hangs up {leg.number}")
            self.end(leg, "canceled")
        elif leg.phone is None or not leg.phone.picks_up:
            declined = leg.phone is not None and leg.phone.does == "declines"
            self.end(leg, "busy" if declined else "no-answer")
        else:
            self.say(leg.number, f"picks up ({leg.phone.does})")
            call["status"] = "in-progress"
            try:
                self.follow_leg(leg)
            except OverAndOut:
                self.end(leg, "completed")

    def follow_leg(self, leg: Leg) -> None:
        """Follow until the leg waits in a room, or ends."""
        url, form = leg.given["Url"], self.about(leg)
        for _ in range(MOST_STEPS):
            goes_on = self.play(leg, self.document(leg, url, form, ""), url)
            if leg.state == "talking":
                return
            if goes_on is None:
                raise OverAndOut
            url, form = goes_on[0], {**self.about(leg), **goes_on[1]}

    def end(self, leg: Leg, status: str) -> None:
        leg.state = "over"
        self.account.calls[leg.sid]["status"] = status
        callback = leg.given.get("StatusCallback")
        if callback:
            about = {"CallStatus": status, "CallDuration": "0"}
            self.post(callback, {**self.about(leg), **about})

    def let_legs_end(self) -> None:
        """What happens to the other legs once the caller is gone."""
        for room in self.rooms.values():
            for leg in room:
                if leg.sid != self.sid and leg.state == "talking":
                    self.say(leg.number, "is alone in the conference")
                    self.end(leg, "completed")
        for leg in sorted(self.legs, key=lambda one: one.due):
            if leg.state == "ringing":
                self.seconds = max(self.seconds, leg.due)
                self.happen(leg)

    # --- telling ----------------------------------------------------------------------------------
    def phone(self, number: str) -> Phone:
        return Phone(number, self.phones.get(number, "nothing"))

    def who(self, leg: Leg) -> str:
        return "caller" if leg.sid == self.sid and leg.number == self.caller else leg.number

    def say(self, who: str, what: str) -> None:
        minutes, seconds = divmod(int(self.seconds), 60)
        self.lines.append(f"{minutes:02}:{seconds:02}  {who:14} {what}")


def leg_of(call: Mapping[str, Any]) -> Leg:
    """A call of the account's own as a leg."""
    return Leg(str(call["sid"]), str(call["to"]), [])


def _ended(call: Mapping[str, Any]) -> dict[str, str]:
    return {"CallStatus": str(call["status"]), "CallDuration": "10"}


def signed(url: str, form: Mapping[str, str], token: str) -> str:
    """The signature of a webhook: HMAC-SHA1 over the address and the sorted form."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


@cache
def sound(seconds: int) -> bytes:
    """A WAV of so many seconds, as Twilio has them: 8 kHz, 16 bit, one channel."""
    rate = 8000
    second = [int(6000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate)]
    kept = io.BytesIO()
    with wave.open(kept, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{rate}h", *second) * seconds)
    return kept.getvalue()
