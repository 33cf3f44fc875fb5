"""The fields of the form of an IVR configuration, as templates show them.

A field that changes which others there are submits the form again: ``is_resubmitting``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from telephony.admin.ivr.form_parts import Choices, Field, StepForm
from telephony.admin.ivr.hours import HOURS_HELP, SAME_HOURS
from telephony.admin.ivr.reader import RANGES
from telephony.admin.ivr.values import CALL_TIMES, KEYS, Values, text_of, texts_of
from telephony.ivr.configuration import (
    GRACE_MINUTES,
    MAX_DEPTH,
    MAX_RING_SECONDS,
    MENU_RETRIES,
    RING_SECONDS,
    VOICEMAIL_SECONDS,
)
from telephony.ivr.instructions import MENU_SECONDS
from telephony.ivr.language_names import describe_language
from telephony.ivr.opening_hours import WEEKDAYS
from telephony.ivr.phrases import PHRASES
from telephony.ivr.voices import LANGUAGES
from telephony.ivr.wording import BRANCHES, KINDS, MODES, NEXT_STEPS, WEEKDAY_NAMES

SPARE_DATES, MAX_USERS = 4, 10
TEXT_HELP = "{location} is said as the name, {nextOpening} as when somebody answers next."
TARGETS = [("onDuty", "The people on duty"), ("users", "Certain people"), ("numbers", "Phone numbers")]
ROLES = [("owner", "Owners"), ("admin", "Administrators"), ("manager", "Managers"), ("staff", "Staff")]
TOLD = [
    ("", "People on duty and managers"),
    ("onDuty", "People on duty"),
    ("managers", "Managers"),
    ("nobody", "Nobody"),
]
USUAL_TEXTS = {"voicemail": "leave_message", "callback": "callback_promise"}


def _language_choices() -> list[tuple[str, str]]:
    """Those with built-in sentences first."""
    codes = sorted(LANGUAGES, key=lambda code: (code[:2] not in PHRASES, describe_language(code)))
    return [(code, describe_language(code)) for code in codes]


LANGUAGE_CHOICES = _language_choices()


@dataclass
class FormFields:
    """All fields, from what is typed or stored."""

    values: Values
    faults: Mapping[str, str]
    people: Choices = ()
    names: Mapping[str, str] = field(default_factory=dict)
    other_locations: Mapping[str, str] = field(default_factory=dict)
    """By path of a ring action: the other locations whose people it rings."""
    _positions: dict[str, str] = field(default_factory=dict)
    """By path of an action: where it is, in words."""

    def _field(self, name: str, label: str, **options: Any) -> Field:
        step = self._position_of(name, label)
        return Field(name, label, text_of(self.values, name), error=self.faults.get(name, ""), step=step, **options)

    def _position_of(self, name: str, label: str) -> str:
        position = self._positions.get(name.partition(":")[0], "")
        return "" if position == label else position

    def _number(self, path: str, name: str, label: str, usual: int) -> Field:
        _, smallest, largest = RANGES[name]
        help_text = f"{smallest} to {largest}; usually {usual}."
        return self._field(f"{path}:{name}", label, widget="number", help=help_text, placeholder=str(usual))

    # --- all calls --------------------------------------------------------------------------------
    def general(self) -> list[Field]:
        """What holds for all calls."""
        return [
            self._field("language", "Language of the line", widget="select", choices=LANGUAGE_CHOICES),
            self._field("greeting:say", "Greeting", widget="area", help=f"What every caller hears first. {TEXT_HELP}"),
        ]

    def general_more(self) -> list[Field]:
        """What is seldom changed."""
        recording = Field(
            "recording", "Record conversations", widget="check", value="on" if self.values.get("recording") else ""
        )
        shown = [("line", "The location's number"), ("caller", "The caller's number, if it is an ordinary one")]
        return [
            self._field("voice", "Voice of the line", list_id="voices", help="Empty: the usual voice of the language."),
            *self._prompt_more("greeting", "Greeting"),
            self._field("timeZone", "Time zone of hours and holidays", help="Empty: that of the location."),
            self._field("callerId", "Phones that ring show", widget="select", choices=shown),
            recording,
            self._field("consent:say", "What announces the recording", widget="area"),
            *self._prompt_more("consent", "Announcement"),
        ]

    def hours(self) -> list[Field]:
        """When the line is open."""
        mode = self._field(
            "mode", "The line is open", widget="select", choices=list(MODES.items()), is_resubmitting=True
        )
        if text_of(self.values, "mode") != "weekly" and not self._has_hour_faults():
            return [mode]
        same = self._field(SAME_HOURS, "Monday to Friday at once", help="Empty: the hours of each day below.")
        rows = zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)
        return [mode, same, *(self._field(f"weekly:{day}", name, placeholder="closed") for day, name in rows)]

    def _has_hour_faults(self) -> bool:
        return any(name.startswith("weekly:") or name == "mode" for name in self.faults)

    @property
    def is_by_rota(self) -> bool:
        """Whether the rota says when the line is open."""
        return text_of(self.values, "mode") == "schedule"

    @property
    def hours_help(self) -> str:
        """How hours are entered."""
        return HOURS_HELP if text_of(self.values, "mode") == "weekly" else ""

    def holidays(self) -> list[Field]:
        """Closed days: those that are entered, and empty ones."""
        dates = [*texts_of(self.values, "holidays:date"), *[""] * SPARE_DATES]
        error = self.faults.get("holidays:date", "")
        return [
            Field("holidays:date", f"Closed day {index}", text, "date", error=error if index == 1 else "", index=index)
            for index, text in enumerate(dates, 1)
        ]

    def public_holidays(self) -> list[Field]:
        """Where public holidays apply."""
        return [
            self._field(
                "holidays:country", "Public holidays of the country", help="Two letters, such as US; may be empty."
            ),
            self._field("holidays:subdivision", "State or province", help="Its short form, such as MA; may be empty."),
        ]

    def list_errors(self, fields: Iterator[Field]) -> list[tuple[str, str, str]]:
        """Id, label and sentence of each field that is wrong, then what no field shows."""
        wrong = {item.name: (item.id, item.label, item.error) for item in fields if item.error}
        unseen = [("", "", text) for name, text in self.faults.items() if name not in wrong and name not in CALL_TIMES]
        return [*wrong.values(), *unseen]

    # --- steps ------------------------------------------------------------------------------------
    def branches(self) -> Iterator[tuple[Field, StepForm]]:
        """The language for all of each branch, and its first step."""
        for branch, title in BRANCHES.items():
            self._positions[branch] = title
            choices = [("", "As chosen at each text"), *LANGUAGE_CHOICES]
            before = text_of(self.values, f"{branch}:all-before")
            all_texts = self._field(
                f"{branch}:all", "Language of this whole branch", widget="select", choices=choices, before=before
            )
            yield all_texts, self.step(branch, title, 0)

    def step(self, path: str, title: str, depth: int, default: str = "") -> StepForm:
        """The form of the action at a path, with those that follow it."""
        parent = self._positions.get(path.rpartition("/")[0].removesuffix("/keys"), "")
        self._positions[path] = f"{parent} › {title.lower()}" if parent else title
        kind = text_of(self.values, f"{path}:type")
        nothing = default or ("The same as when closed" if path == "holiday" else "Choose what happens")
        kinds = [("", nothing), *KINDS.items()]
        kind_field = self._field(f"{path}:type", title, widget="select", choices=kinds, is_resubmitting=True)
        if kind not in KINDS:
            return StepForm(path, title, kind_field)
        fields, more, hints = self._step_fields(path, kind)
        following, new_key = self._following(path, kind, depth)
        return StepForm(path, title, kind_field, fields, more, following, new_key, hints)

    def _step_fields(self, path: str, kind: str) -> tuple[list[Field], list[Field], list[str]]:
        if kind == "ring":
            return self._ring_fields(path)
        if kind == "hangup":
            return [], [], []
        usual = PHRASES["en"][USUAL_TEXTS[kind]] if kind in USUAL_TEXTS else ""
        help_text = f"Empty: the usual sentence of the language (“{usual}”)." if usual else TEXT_HELP
        label = {"menu": "Text that names the keys"}.get(kind, "What is said")
        languages = [("", "As the line"), *LANGUAGE_CHOICES]
        fields = [
            self._field(f"{path}:say", label, widget="area", help=help_text),
            self._field(f"{path}:language", "Language of this text", widget="select", choices=languages),
        ]
        more = self._prompt_more(path, "Text")[1:]
        if kind == "voicemail":
            more += [
                self._number(path, "max", "Longest message, in seconds", VOICEMAIL_SECONDS),
                self._field(f"{path}:tell", "Who is told", widget="select", choices=TOLD),
            ]
        if kind == "menu":
            more += [
                self._number(path, "wait", "Seconds to wait for a key", MENU_SECONDS),
                self._number(path, "retries", "How often the text is repeated", MENU_RETRIES),
            ]
        return fields, more, []

    def _prompt_more(self, prefix: str, label: str) -> list[Field]:
        languages = [("", "As the line"), *LANGUAGE_CHOICES]
        return [
            self._field(f"{prefix}:language", f"{label}: language", widget="select", choices=languages),
            self._field(
                f"{prefix}:voice", f"{label}: voice", list_id="voices", help="Empty: the usual voice of the language."
            ),
            self._field(f"{prefix}:play", f"{label}: audio file instead", help="An address that begins with https://."),
        ]

    def _ring_fields(self, path: str) -> tuple[list[Field], list[Field], list[str]]:
        orders = [("sequence", "One after another"), ("all", "All at once")]
        target = text_of(self.values, f"{path}:target") or "onDuty"
        fields = [self._field(f"{path}:target", "Whom to ring", widget="select", choices=TARGETS, is_resubmitting=True)]
        if target == "users":
            fields += self._user_fields(path)
        if target == "numbers":
            help_text = "With country code, each on its own line."
            fields.append(self._field(f"{path}:numbers", "Phone numbers", widget="area", help=help_text))
        fields += [
            self._field(f"{path}:strategy", "Order", widget="select", choices=orders),
            self._number(path, "seconds", "Seconds for each phone", RING_SECONDS),
            self._number(path, "most", "Seconds in all", MAX_RING_SECONDS),
        ]
        if target != "onDuty":
            return fields, [], []
        roles = self._field(
            f"{path}:role",
            "Only these roles",
            widget="checks",
            values=texts_of(self.values, f"{path}:role"),
            choices=ROLES,
            help="None: all.",
        )
        more = [
            self._number(path, "grace", "Minutes after their shift", GRACE_MINUTES),
            roles,
            self._field(f"{path}:skills", "Only these skills", help="Separate with commas; empty: all."),
            self._field(f"{path}:last", "First whoever talked last with the caller", widget="check"),
        ]
        others = self.other_locations.get(path)
        hints = [f"Also rings the people on duty at {others}. This stays; “Advanced” can change it."] if others else []
        return fields, more, hints

    def _user_fields(self, path: str) -> list[Field]:
        chosen = texts_of(self.values, f"{path}:user")[:MAX_USERS]
        known = dict(self.people)
        choices = [("", "—"), *self.people]
        choices += [(id, self.names.get(id, "somebody who is gone")) for id in chosen if id not in known]
        rows = [*chosen, *[""] * min(2, MAX_USERS - len(chosen))]
        error = self.faults.get(f"{path}:user", "")
        return [
            Field(
                f"{path}:user",
                f"Person {index}",
                id,
                "select",
                (),
                choices,
                error=error if index == 1 else "",
                index=index,
                step=self._positions.get(path, ""),
            )
            for index, id in enumerate(rows, 1)
        ]

    def _following(self, path: str, kind: str, depth: int) -> tuple[list[StepForm], list[Field]]:
        if depth + 1 >= MAX_DEPTH or kind not in NEXT_STEPS:
            return [], []
        member, label = NEXT_STEPS[kind]
        default = "The call ends" if kind == "say" else "Take a voicemail (usual)"
        following, new_key = [], list[Field]()
        if kind == "menu":
            keys = [key for key in KEYS if text_of(self.values, f"{path}/keys/{key}:type")]
            following = [self.step(f"{path}/keys/{key}", f"Key {key}", depth + 1, "Remove this key") for key in keys]
            free = [("", "—"), *((key, key) for key in KEYS if key not in keys)]
            new_key = [
                self._field(f"{path}:newkey", "Another key", widget="select", choices=free),
                self._field(f"{path}:newkeytype", "What it does", widget="select", choices=[("", "—"), *KINDS.items()]),
            ]
        following.append(self.step(f"{path}/{member}", label, depth + 1, default))
        return following, new_key
