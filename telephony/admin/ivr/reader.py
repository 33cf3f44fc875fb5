"""Reads the values of the form of an IVR configuration, beside what is stored. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from telephony.admin.ivr import values as form_values
from telephony.admin.ivr.values import Values, text_of, texts_of
from telephony.ivr import IvrConfiguration

RANGES = {
    "seconds": ("ringSeconds", 5, 60),
    "most": ("maxRingSeconds", 10, 120),
    "max": ("maxSeconds", 5, 300),
    "wait": ("timeoutSeconds", 1, 30),
    "retries": ("retries", 0, 3),
    "grace": ("graceMinutes", 0, 120),
}
"""By field: the member, and its smallest and largest value."""


class FormReader:
    """``faults`` gets a sentence for each field that cannot be used."""

    def __init__(self, values: Values, stored: IvrConfiguration) -> None:
        self.values, self.stored = values, stored
        self.stored_values = form_values.to_values(stored)
        self.faults: dict[str, str] = {}

    def text(self, name: str) -> str:
        """The value of a field with one."""
        return text_of(self.values, name)

    def is_unchanged(self, *names: str) -> bool:
        """Whether fields have the values with which the form showed the stored configuration."""
        return all(
            text_of(self.values, name) == text_of(self.stored_values, name)
            and texts_of(self.values, name) == texts_of(self.stored_values, name)
            for name in names
        )

    def texts(self, name: str) -> list[str]:
        """The values of a field with several."""
        return texts_of(self.values, name)

    def keep(self, name: str, stored: Any, entered: Any) -> Any:
        """What is stored if a field shows it unchanged, else what was entered."""
        return stored if self.is_unchanged(name) else entered

    def set_number(self, target: dict[str, Any], path: str, field: str) -> None:
        """Set the member of a field of `RANGES`, if it has a value."""
        member, smallest, largest = RANGES[field]
        text = self.text(f"{path}:{field}")
        if not text:
            return
        if not (text.isascii() and text.isdigit() and len(text) < 5 and smallest <= int(text) <= largest):
            self.faults[f"{path}:{field}"] = f"Enter a whole number from {smallest} to {largest}."
            return
        target[member] = int(text)

    # --- prompts --------------------------------------------------------------------------------
    def prompt(self, prefix: str, stored: Mapping[str, Any] | None) -> Any:
        """A prompt; None if neither a text nor a file is entered."""
        if self.is_unchanged(*(f"{prefix}:{name}" for name in ("say", "language", "voice", "play"))):
            return stored
        say, play = self.text(f"{prefix}:say"), self.text(f"{prefix}:play")
        if say and play:
            self.faults[f"{prefix}:play"] = "Enter a text or the address of a file, not both."
        elif play:
            if not re.fullmatch(r"https://[^\s<>\"]{1,490}", play):
                self.faults[f"{prefix}:play"] = "Enter an address that begins with https:// and has no spaces."
            return {"play": play}
        elif say:
            if len(say) > 1_000:
                self.faults[f"{prefix}:say"] = "Enter at most 1,000 characters."
            spoken = {name: text for name in ("language", "voice") if (text := self.text(f"{prefix}:{name}"))}
            if not re.fullmatch(r"[A-Za-z0-9.-]{0,60}", spoken.get("voice", "")):
                self.faults[f"{prefix}:voice"] = "Enter the name of a voice, such as Polly.Lupe-Neural."
            return {"say": say, **spoken}
        return None

    def required_prompt(self, prefix: str, stored: Mapping[str, Any] | None, sentence: str) -> Any:
        """The same; without one there is a fault with this sentence."""
        prompt = self.prompt(prefix, stored)
        if not prompt:
            self.faults.setdefault(f"{prefix}:say", sentence)
        return prompt
