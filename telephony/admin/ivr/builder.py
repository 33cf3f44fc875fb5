"""An IVR configuration from the values of its form. Pure.

A value that is as the stored one has it keeps the member of the stored configuration, also where
the form could not have written it.
"""

import re
from collections.abc import Mapping
from typing import Any

from telephony import dialing_rules
from telephony.admin.ivr.hours import build_hours
from telephony.admin.ivr.reader import FormReader
from telephony.admin.ivr.values import KEYS, NOTIFIED
from telephony.ivr import action_at
from telephony.ivr.configuration import MAX_DEPTH
from telephony.ivr.wording import KINDS, NEXT_STEPS


class ConfigurationBuilder(FormReader):
    """Builds a configuration; ``faults`` has a sentence for each field that cannot be used."""

    def build(self) -> dict[str, Any]:
        """The configuration; check ``faults`` before it is used."""
        configuration: dict[str, Any] = {
            "version": self.stored.get("version", 1),
            "language": self.text("language") or self.stored["language"],
            "greeting": self.required_prompt("greeting", self.stored["greeting"], "Enter what callers hear first."),
            "hours": build_hours(self),
        }
        for name in ("voice", "timeZone"):
            if text := self.text(name):
                configuration[name] = text
        for branch in ("open", "closed", "holiday"):
            if action := self._action(branch, 0):
                configuration[branch] = action
            elif branch != "holiday":
                self.faults[f"{branch}:type"] = "Choose what happens."
        if recording := self._recording():
            configuration["recording"] = recording
        if caller_id := self.keep("callerId", self.stored.get("callerId"), self.text("callerId")):
            configuration["callerId"] = caller_id
        return configuration

    def _recording(self) -> dict[str, Any] | None:
        stored = self.stored.get("recording")
        names = [f"consent:{name}" for name in ("say", "language", "voice", "play")]
        if self.is_unchanged("recording", *names):
            return stored
        recording: dict[str, Any] = {"calls": bool(self.texts("recording"))}
        if prompt := self.prompt("consent", (stored or {}).get("consentPrompt")):
            recording["consentPrompt"] = prompt
        elif recording["calls"]:
            self.faults["consent:say"] = "Enter how callers are told that the call is recorded."
        return recording

    # --- actions --------------------------------------------------------------------------------
    def _action(self, path: str, depth: int, kind: str = "") -> dict[str, Any] | None:
        kind = kind or self.text(f"{path}:type")
        if not kind:
            return None
        if kind not in KINDS or depth >= MAX_DEPTH:
            too_deep = f"Steps may follow each other {MAX_DEPTH} levels deep; remove this one."
            self.faults[f"{path}:type"] = too_deep if kind in KINDS else "Choose what happens."
            return None
        stored = action_at(self.stored, path) or {}
        if stored.get("type") != kind:
            stored = {}
        action: dict[str, Any] = {"type": kind}
        if kind == "ring":
            self._build_ring(action, path, stored)
        elif prompt := self._action_prompt(path, kind, stored.get("prompt")):
            action["prompt"] = prompt
        if kind == "voicemail":
            self._build_voicemail(action, path, stored)
        if kind == "menu":
            self._build_menu(action, path, depth)
        member = NEXT_STEPS.get(kind, ("", ""))[0]
        following = self._action(f"{path}/{member}", depth + 1) if member else None
        return {**action, member: following} if following else action

    def _action_prompt(self, path: str, kind: str, stored: Any) -> Any:
        if kind == "hangup":
            return None
        if kind in ("voicemail", "callback"):
            return self.prompt(path, stored)
        sentence = "Enter what is said." if kind == "say" else "Enter the text that names the keys."
        return self.required_prompt(path, stored, sentence)

    def _build_ring(self, action: dict[str, Any], path: str, stored: Mapping[str, Any]) -> None:
        kind = self.text(f"{path}:target") or "onDuty"
        stored_target = stored.get("target", {})
        if kind == "users":
            target: Any = {"users": self.texts(f"{path}:user")}
            if not target["users"]:
                self.faults[f"{path}:user"] = "Choose at least one person."
        elif kind == "numbers":
            target = {"numbers": self._numbers(path, stored_target)}
        else:
            target = {"onDuty": self._duty(path, stored_target.get("onDuty", {}))}
        action["target"] = target
        strategy = self.keep(f"{path}:strategy", stored.get("strategy"), self.text(f"{path}:strategy"))
        if (stored and strategy) or strategy == "all":
            action["strategy"] = strategy
        self.set_number(action, path, "seconds")
        self.set_number(action, path, "most")

    def _duty(self, path: str, stored: Mapping[str, Any]) -> dict[str, Any]:
        duty = {name: value for name, value in stored.items() if name == "locations"}
        self.set_number(duty, path, "grace")
        if roles := self.texts(f"{path}:role"):
            duty["roles"] = self.keep(f"{path}:role", stored.get("roles"), roles)
        skills = [skill.strip() for skill in self.text(f"{path}:skills").split(",") if skill.strip()]
        if skills := self.keep(f"{path}:skills", stored.get("skills"), skills):
            duty["skills"] = skills
        if self.texts(f"{path}:last"):
            duty["first"] = "last_spoken"
        return duty

    def _numbers(self, path: str, stored_target: Mapping[str, Any]) -> list[str]:
        name = f"{path}:numbers"
        if self.is_unchanged(name) and "numbers" in stored_target:
            return list(stored_target["numbers"])
        numbers = []
        for text in filter(None, map(str.strip, re.split(r"[\n,;]", self.text(name))[:20])):
            number = dialing_rules.normalize_number(text)
            if number is None:
                self.faults[name] = f"“{text[:40]}” is not a phone number with country code, such as +1 415 555 0123."
                return []
            numbers.append(number)
        if not numbers:
            self.faults[name] = "Enter at least one phone number, each on its own line."
        return numbers

    def _build_voicemail(self, action: dict[str, Any], path: str, stored: Mapping[str, Any]) -> None:
        self.set_number(action, path, "max")
        on_duty, managers = NOTIFIED.get(self.text(f"{path}:tell"), (True, True))
        entered = None if on_duty and managers else {"onDuty": on_duty, "managers": managers}
        notify = self.keep(f"{path}:tell", stored.get("notify"), entered)
        if notify is not None:
            action["notify"] = notify

    def _build_menu(self, action: dict[str, Any], path: str, depth: int) -> None:
        self.set_number(action, path, "wait")
        self.set_number(action, path, "retries")
        new_key, new_kind = self.text(f"{path}:newkey"), self.text(f"{path}:newkeytype")
        action["keys"] = {}
        for key in KEYS:
            is_new = key == new_key and not self.text(f"{path}/keys/{key}:type")
            child = self._action(f"{path}/keys/{key}", depth + 1, (new_kind or "voicemail") if is_new else "")
            if child:
                action["keys"][key] = child
        if not action["keys"]:
            self.faults[f"{path}:newkey"] = "Choose at least one key, and what happens."
