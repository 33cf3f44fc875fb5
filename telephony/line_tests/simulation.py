"""A simulated call through the real configuration of a line: what would not work, and why.

Nobody is called, and nothing is billed: it reads what calls read, asks the phone service how the
number is set up, and asks for the first byte of each audio file.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from accounts import users
from config import errors
from staffing.schedules.queries import QueryTooWide
from telephony import audio_files, ivr, reasons
from telephony.callbacks import notifications
from telephony.calls.rota import routing
from telephony.calls.rota.duty import DutyReader
from telephony.ivr import instructions, voices
from telephony.ivr.spoken_texts import iter_prompts
from telephony.line_tests.steps import Step
from telephony.lines import ResolvedLine
from telephony.models import PhoneNumber
from telephony.twilio import client

MAX_RING_STEPS, MAX_FILES, MAX_MANAGERS = 12, 8, 20
"""What one test looks at; it says of the others that they were not checked."""
FILES_SECONDS = 12.0
"""For all audio files."""


@dataclass
class Simulation:
    """A call that arrives at an instant. Raises `errors.Unavailable` if the database is away."""

    line: ResolvedLine
    number: PhoneNumber
    at: datetime
    opens: bool
    """Whether the line opens then by its hours or the rota; else it does not in the next weeks."""
    files_seconds: float = FILES_SECONDS

    def run(self) -> list[Step]:
        """Every step, in the order of a call."""
        return [
            self._check_number(),
            self._check_entrance(),
            *self._check_voices(),
            *self._check_files(),
            *self._check_ringing(),
            *self._check_ends(),
        ]

    @cached_property
    def _duty(self) -> DutyReader:
        return DutyReader(self.line, self.at)

    @cached_property
    def _staff(self) -> Sequence[Any] | None:
        """Who is on duty; None: the rota has too many shifts to look at."""
        try:
            return self._duty.list_staff(ivr.grace_period(self.line.configuration))
        except QueryTooWide:
            return None

    @cached_property
    def _entrance(self) -> ivr.Entrance:
        return routing.find_entrance(self.line, self.at, self._staff)

    @cached_property
    def _actions(self) -> list[tuple[str, ivr.IvrAction]]:
        """Those that this call can come to, with their paths."""
        name, configuration = self._entrance.name, self.line.configuration
        return list(ivr.iter_actions({name: configuration[name]})) if name in configuration else []

    def _check_number(self) -> Step:
        try:
            owned = client.find_number(str(self.number.sid)) if self.number.sid else None
        except errors.Unavailable:
            return Step("number", "service_away")
        if owned is None or owned.number != self.number.number:
            return Step("number", "number_missing")
        if owned.is_misdirected:
            return Step("number", "webhook_elsewhere")
        return Step("number", "webhook_settings" if owned.has_old_webhooks else "number_ok")

    def _check_entrance(self) -> Step:
        if self._entrance.is_rota_unknown:
            return Step("entrance", "rota_unreadable")
        if not self.opens:
            return Step("entrance", "never_opens")
        if self._entrance.name != "open":
            return Step("entrance", "enters_elsewhere", facts={"entrance": self._entrance.name})
        return Step("entrance", "enters_open")

    def _check_voices(self) -> Iterator[Step]:
        default_language = instructions.get_language(self.line.configuration)
        default_voice = instructions.get_voice(self.line.configuration)
        is_well = True
        for path, prompt in iter_prompts(self.line.configuration):
            language = str(prompt.get("language", default_language))
            voice = prompt.get("voice") or (default_voice if language == default_language else None)
            if "say" in prompt and not _is_spoken(language, voice):
                is_well = False
                yield Step("voices", "unspeakable", path, {"language": language})
        if is_well:
            yield Step("voices", "voices_ok")

    def _check_files(self) -> Iterator[Step]:
        """Each audio file once, where it comes first."""
        paths: dict[str, str] = {}
        for path, prompt in iter_prompts(self.line.configuration):
            if "play" in prompt:
                paths.setdefault(str(prompt["play"]), path)
        deadline = time.monotonic() + self.files_seconds
        for index, (url, path) in enumerate(paths.items()):
            has_time = index < MAX_FILES and time.monotonic() + audio_files.LONGEST_CHECK_SECONDS <= deadline
            yield Step("audio", audio_files.check_file(url) if has_time else "not_checked", path)

    def _check_ringing(self) -> Iterator[Step]:
        ring_actions = [(path, action) for path, action in self._actions if action["type"] == "ring"]
        for index, (path, action) in enumerate(ring_actions):
            yield self._check_ring(path, action) if index < MAX_RING_STEPS else Step("ring", "not_checked", path)

    def _check_ring(self, path: str, action: ivr.IvrAction) -> Step:
        try:
            candidates = routing.list_candidates(self.line, action["target"], self.at, duty=self._duty)
        except QueryTooWide:
            return Step("ring", "rota_unreadable", path)
        if ringing := sum(bool(candidate.phone) for candidate in candidates):
            return Step("ring", "rings", path, {"count": ringing})
        if not candidates:
            return Step("ring", "nobody_there", path)
        why_not = sorted({candidate.why_not for candidate in candidates})
        if any(code in reasons.PASSING for code in why_not):
            return Step("ring", "busy", path)
        return Step("ring", "nobody_rings", path, {"reasons": why_not})

    def _check_ends(self) -> Iterator[Step]:
        """Whether somebody hears of voicemails and call-backs; a call without either is one."""
        ends = [(path, action) for path, action in self._actions if action["type"] in ("voicemail", "callback")]
        for path, action in ends or [(self._entrance.name, {"type": "voicemail"})]:
            yield Step("end", self._judge_end(action), path)

    def _judge_end(self, action: ivr.IvrAction) -> str:
        notify = action.get("notify", {})
        tells_duty, tells_managers = notify.get("onDuty", True), notify.get("managers", True)
        if action["type"] == "callback":
            people = [*self._people_on_duty, *self._managers[:MAX_MANAGERS]]
            is_told = any(notifications.may_handle(user, self.line.location_id) for user in people)
        elif not tells_duty and not tells_managers:
            return "nobody_wanted"
        else:
            is_told = bool((tells_duty and self._people_on_duty) or (tells_managers and self._managers))
        return "somebody_told" if is_told else "nobody_told"

    @cached_property
    def _people_on_duty(self) -> list[Any]:
        return [entry.user for entry in self._staff or () if entry.user.status == "active"]

    @cached_property
    def _managers(self) -> list[Any]:
        return users.find_location_managers(self.line.location_id, self.line.customer_id)


def _is_spoken(language: str, voice: str | None) -> bool:
    return language in voices.LANGUAGES and (voice is None or voices.can_speak(voice, language))
