"""What a call says in the place of placeholders: the location, and when somebody answers next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from telephony.calls.rota.next_opening import find_next_opening
from telephony.calls.state.lookups import look_up_rota
from telephony.ivr import placeholders
from telephony.ivr.instructions import UNSPEAKABLE, GatherKey, Instruction, Prompt, get_language
from telephony.ivr.spoken_time import say_when
from telephony.lines import ResolvedLine
from telephony.twilio.voice import CallWebhook


@dataclass
class Speech:
    """The texts of a line as they are spoken at an instant; the rota is read once, if at all."""

    line: ResolvedLine
    at: datetime
    find_opening: Callable[[], datetime | None]

    @classmethod
    def of_call(cls, line: ResolvedLine, webhook: CallWebhook, path: str = "") -> "Speech":
        """For a caller who waits at a path: if the rota cannot be read in time, no time is said."""
        return cls(line, webhook.at, lambda: look_up_rota(webhook, line, find_next_opening, line, webhook.at, path))

    @cached_property
    def next_opening(self) -> datetime | None:
        """When a caller would next be answered; None if that is not known."""
        return self.find_opening()

    def say(self, moment: datetime | None, language: str = "") -> str:
        """A moment in a language, by default that of the line, and the zone of its location."""
        language = language or get_language(self.line.configuration)
        return say_when(moment, self.at, zone=self.line.time_zone, language=language)

    def fill_in(self, text: str, language: str = "") -> str:
        """A text of the configuration with its placeholders filled in, in its language."""
        values = {placeholders.LOCATION: UNSPEAKABLE.sub("", self.line.location_name)}
        if placeholders.NEXT_OPENING in text:
            values[placeholders.NEXT_OPENING] = self.say(self.next_opening, language)
        return placeholders.fill_in(text, values)

    def fill_in_all(self, instructions: Sequence[Instruction]) -> list[Instruction]:
        """Instructions with the placeholders of their prompts filled in."""
        return [self._fill_in_instruction(instruction) for instruction in instructions]

    def _fill_in_instruction(self, instruction: Instruction) -> Instruction:
        if isinstance(instruction, Prompt):
            return self.fill_in_prompt(instruction)
        if isinstance(instruction, GatherKey):
            return replace(instruction, prompts=tuple(map(self.fill_in_prompt, instruction.prompts)))
        return instruction

    def fill_in_prompt(self, prompt: Prompt) -> Prompt:
        """A prompt with its placeholders filled in."""
        if not prompt.has_placeholders:
            return prompt
        return replace(prompt, say=self.fill_in(prompt.say, prompt.language), has_placeholders=False)
