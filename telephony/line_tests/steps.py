"""The steps of a line test: what was checked, what came of it, and a sentence about it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from telephony import reasons
from telephony.ivr.language_names import describe_language
from telephony.ivr.wording import BRANCHES

STEPS = {
    "number": "the number at the telephone service",
    "entrance": "where the call enters",
    "voices": "texts and their languages",
    "audio": "audio files",
    "ring": "whom a call rings",
    "end": "who hears of voicemails and call-backs",
}
"""What is checked, by the name of the step."""
_SENTENCES: Mapping[str, tuple[str, str]] = {
    "number_ok": ("ok", "The number takes calls, and the telephone service sends them to Dutyline."),
    "number_inactive": ("failed", "The number does not take calls: it is being bought or released."),
    "number_missing": ("failed", "The telephone service does not have the number any more."),
    "webhook_elsewhere": ("failed", "The telephone service sends the calls of the number to another address."),
    "webhook_settings": ("failed", "The telephone service has other settings for the number than Dutyline's."),
    "service_away": ("unknown", "The telephone service could not be asked about the number."),
    "enters_open": ("ok", "The line is open then, as its hours or the rota say."),
    "enters_elsewhere": ("failed", "The line should open then, but the call enters as “{entrance}”."),
    "never_opens": ("unknown", "The line does not open in the next weeks, so nobody could be rung in the test."),
    "rota_unreadable": ("unknown", "The rota could not be read."),
    "voices_ok": ("ok", "Every text has a language and a voice that speaks it."),
    "unspeakable": ("failed", "A text cannot be spoken in {language} with its voice."),
    "audio_ok": ("ok", "The audio file can be played."),
    "audio_missing": ("failed", "The audio file cannot be fetched: callers would hear nothing."),
    "audio_wrong_type": ("failed", "What is to be played is no audio file: callers would hear nothing."),
    "audio_refused": ("failed", "The address of the audio file is not one that the telephone service can fetch."),
    "audio_unknown": ("unknown", "Whether the audio file can be played could not be checked."),
    "not_checked": ("unknown", "Not checked, as there is too much to check at once."),
    "rings": ("ok", "A call rings {count}."),
    "nobody_rings": ("failed", "A call would ring nobody: {reasons}."),
    "nobody_there": ("failed", "A call would ring nobody: {hole}."),
    "busy": ("ok", "Those whom a call would ring talk or have a break at that moment."),
    "somebody_told": ("ok", "Somebody hears of what callers leave."),
    "nobody_wanted": ("ok", "Nobody is told of voicemails, as configured."),
    "nobody_told": ("failed", "Nobody would hear of what callers leave: no manager may handle calls here."),
}
"""By code: what it means for the test, and the sentence."""


@dataclass(frozen=True)
class Step:
    """One step of a test."""

    name: str
    """One of `STEPS`."""
    code: str
    """One of `_SENTENCES`."""
    path: str = ""
    """Of the action or text in the configuration, such as ``open/keys/1``."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the sentence counts or names; no person."""

    @property
    def result(self) -> str:
        """One of `models.LINE_TEST_RESULTS`."""
        return _SENTENCES.get(self.code, ("unknown", ""))[0]

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        _, text = _SENTENCES.get(self.code, ("unknown", "Another release has checked this."))
        return text.format_map(_Words(self.facts))

    @property
    def place(self) -> str:
        """Where in the configuration, in words; empty: it concerns all of it."""
        return describe_path(self.path)

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {**asdict(self), "facts": dict(self.facts)}


class _Words(dict[str, Any]):
    """The values of placeholders, in words."""

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if name == "count":
            return "one phone" if value == 1 else f"{value} phones"
        if name == "hole":
            return reasons.words("hole", "nobody_on_duty")
        if name == "reasons":
            return "; ".join(reasons.words("why_not", str(code)) for code in value or ())
        return describe_language(str(value)) if name == "language" else str(value)


def read_steps(stored: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Steps as `Step.to_json` stored them, also those of another release."""
    return [
        Step(str(item["name"]), str(item["code"]), str(item.get("path", "")), item.get("facts", {})) for item in stored
    ]


def judge(steps: Sequence[Step]) -> str:
    """The result of the whole test."""
    results = {step.result for step in steps}
    return next(result for result in ("failed", "unknown", "ok") if result in results or result == "ok")


def describe_path(path: str) -> str:
    """A path of a configuration in words, from the branch to the step."""
    branch, *others = path.replace("keys/", "key ").split("/")
    return " › ".join([BRANCHES.get(branch, branch.capitalize()), *others])
