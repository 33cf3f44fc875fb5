"""Attributes of records. Every attribute states what it holds about a person (`PersonalData`)."""

import base64
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.condition import Condition

from config import zone_names
from config.dynamodb.expression_paths import AttributePath

T = TypeVar("T")


class Erasure(StrEnum):
    """What happens to a value when the account is deleted."""

    REMOVED = "removed with the account"
    FUTURE_REMOVED = "future shifts are removed; past shifts remain as evidence, without a name"
    UNREADABLE = "remains, unreadable: its encryption key is destroyed"
    EVIDENCE = "remains as evidence, without a name"
    PROOF = "remains as proof, encrypted under a key of Dutyline"
    EXPIRES = "expires"
    ON_REQUEST = "remains: about somebody else, and removed when they ask"
    NOT_PERSONAL = "not about a person"


@dataclass(frozen=True)
class PersonalData:
    """What an attribute holds about a person; `config.privacy` collects these as the data map."""

    category: str
    purpose: str
    retention: str
    erasure: Erasure
    recipients: tuple[str, ...] = ()
    withheld_because: str = ""
    """Why exports leave the value out; empty: exports contain it."""

    def sent_to(self, *recipients: str) -> "PersonalData":
        """The same, received by these."""
        return replace(self, recipients=recipients)

    def withheld(self, reason: str) -> "PersonalData":
        """The same, left out of exports."""
        return replace(self, withheld_because=reason)


class RecordAttribute(Attribute[T]):
    """Base of the attributes of records; ``options`` are those of PynamoDB.

    ``label`` is what exports call the value; without one, the name of the attribute in words.
    """

    def __init__(self, personal_data: PersonalData, *, label: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.personal_data, self.label = personal_data, label

    def __set_name__(self, owner: type[Any], name: str) -> None:
        super().__set_name__(owner, name)
        self._name = name

    if not TYPE_CHECKING:
        # Conditions: as PynamoDB's, by a path that is made once.
        def __eq__(self, other):
            return self._path == other

        def __lt__(self, other):
            return self._path < other

        def exists(self):
            return self._path.exists()

        def does_not_exist(self):
            return self._absence

        def is_in(self, *values):
            return self._path.is_in(*values)

    @cached_property
    def _path(self) -> AttributePath:
        return AttributePath(self)

    @cached_property
    def _absence(self) -> Condition:
        return self._path.does_not_exist()


class Text(RecordAttribute[str], UnicodeAttribute):
    """A string."""


class TimeZoneName(Text):
    """The name of a time zone; of one stored by another name, the canonical one."""

    def deserialize(self, value: str) -> str:
        return zone_names.recover_name(value) or value


class Number(RecordAttribute[float], NumberAttribute):
    """An integer."""

    def serialize(self, value: float) -> str:
        return str(value) if type(value) is int else orjson.dumps(value).decode()

    def deserialize(self, value: str) -> int | float:
        try:
            return int(value)
        except ValueError:
            return float(value)


class Boolean(RecordAttribute[bool], BooleanAttribute):
    """True or false."""


class Binary(RecordAttribute[bytes], BinaryAttribute):
    """Bytes: encrypted values. The back office never shows them."""

    def deserialize(self, value: bytes | str) -> bytes:
        """From base64, as `config.dynamodb.wire` returns it, or bytes, as botocore does."""
        return base64.b64decode(value) if isinstance(value, str) else value


class TextList(RecordAttribute[list[str]], ListAttribute[str]):
    """Strings in order."""

    def serialize(self, values: list[str], *, null_check: bool = True) -> list[dict[str, str]]:
        return [{"S": value} for value in values]

    def deserialize(self, values: list[dict[str, Any]]) -> list[str]:
        return [value["S"] for value in values]


class TextSet(RecordAttribute[set[str]], UnicodeSetAttribute):
    """Distinct strings; None where there is none."""


class TextMap(RecordAttribute[dict[str, str]]):
    """Strings by name; each can be changed by itself."""

    attr_type = "M"

    def serialize(self, value: dict[str, str]) -> dict[str, dict[str, str]]:
        return {name: {"S": text} for name, text in value.items()}

    def deserialize(self, value: dict[str, dict[str, str]]) -> dict[str, str]:
        return {name: text["S"] for name, text in value.items()}


class Json(RecordAttribute[Any], JSONAttribute):
    """A JSON value, stored without spaces: smaller items cost less."""

    def serialize(self, value: Any) -> str:
        return orjson.dumps(value).decode()

    deserialize = staticmethod(orjson.loads)


class ZonedJson(Json):
    """A JSON object; its ``timeZone`` is canonical, and left out if it is the name of no zone."""

    def deserialize(self, value: str) -> Any:  # type: ignore[override]
        members = orjson.loads(value)
        if not isinstance(members, dict) or "timeZone" not in members:
            return members
        zone = zone_names.recover_name(members.pop("timeZone"))
        return {**members, "timeZone": zone} if zone else members


class Timestamp(RecordAttribute[datetime]):
    """An instant, stored as ``2026-11-23T09:00:00.000000Z``, which sorts as text."""

    attr_type = "S"

    def serialize(self, value: datetime) -> str:
        return format_timestamp(value)

    deserialize = staticmethod(datetime.fromisoformat)  # type: ignore[assignment]


@lru_cache(maxsize=256)  # a write stores the same instant several times
def format_timestamp(at: datetime) -> str:
    """An instant as a `Timestamp` stores it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
