"""Records: PynamoDB models that are written only through `config.journal`."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Self

from django.conf import settings
from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.exceptions import AttributeDeserializationError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model
from ulid import ULIDGenerator

from config.dynamodb import record_writing
from config.dynamodb.attributes import RecordAttribute
from config.request_ids import encode_ulid

_ulids = ULIDGenerator()  # `ULID.from_datetime` makes each twice
_ID_PATTERN = re.compile(r"[a-z]{3}_[0-9A-HJKMNP-TV-Z]{26}")


def new_id(prefix: str, at: datetime) -> str:
    """An id such as ``usr_01J…``: a prefix for the kind and a ULID, which sorts by time."""
    return f"{prefix}_{encode_ulid(int.from_bytes(_ulids.generate(at).bytes))}"


def is_id(prefix: str, value: str) -> bool:
    """Whether ``value`` has the form of an id of this kind."""
    return value.startswith(f"{prefix}_") and _ID_PATTERN.fullmatch(value) is not None


class TableMeta:
    """Base of the ``Meta`` of every record: endpoint, region and billing."""

    host = settings.DYNAMODB["endpoint"] or None
    region = settings.DYNAMODB["region"]
    billing_mode = "PAY_PER_REQUEST"
    ttl: ClassVar[str | None] = None
    """The attribute with the expiry (epoch seconds), if items expire."""


def full_table_name(name: str) -> str:
    """The name of a table with the prefix of the installation."""
    return f"{settings.DYNAMODB['prefix']}-{name}"


def index(
    name: str, hash_key: str, range_key: str, *, keys_only: bool = False, values: Sequence[str] = ()
) -> GlobalSecondaryIndex[Any]:
    """A global secondary index of a record on two of its attributes, which are stored as strings.

    ``keys_only``: the index holds only keys, so that most changes of a record do not write to it.
    ``values``: it holds these attributes too, and no others.
    """
    projection = KeysOnlyProjection() if keys_only else IncludeProjection(list(values)) if values else AllProjection()
    members = {
        "Meta": type("Meta", (), {"index_name": name, "projection": projection}),
        hash_key: UnicodeAttribute(hash_key=True),
        range_key: UnicodeAttribute(range_key=True),
    }
    index_class: type[GlobalSecondaryIndex[Any]] = type(name, (GlobalSecondaryIndex,), members)
    return index_class()


class RecordKey(NamedTuple):
    """The record class and key of one item."""

    record_class: "type[Record]"
    hash: str
    range: int | str | None = None


class _Declaration:
    """An attribute in the class of a record; what an instance has is found before it.

    PynamoDB's attributes look for each value themselves, which takes three times as long.
    """

    __slots__ = ("_attribute",)

    def __init__(self, attribute: RecordAttribute[Any]) -> None:
        self._attribute = attribute

    def __get__(self, record: "Record | None", record_class: "type[Record]") -> RecordAttribute[Any] | None:
        return self._attribute if record is None else None


class Record(Model):
    """A stored item. Written only through `config.journal`, which also writes the audit.

    Its values are those of the instance, by name (`vars`); one that is missing is None.
    """

    if TYPE_CHECKING:  # of the records that have them
        id: Any
        version: Any

        @property
        def party(self) -> Any: ...

    else:

        @property
        def attribute_values(self):  # PynamoDB's name of them
            return self.__dict__

        @attribute_values.setter
        def attribute_values(self, values):
            self.__dict__ = values

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, member in list(vars(cls).items()):
            if isinstance(member, RecordAttribute):
                setattr(cls, name, _Declaration(member))

    def __init__(
        self, hash_key: Any = None, range_key: Any = None, *, _user_instantiated: bool = True, **values: Any
    ) -> None:
        """A new record, as PynamoDB makes it: values that are missing are the defaults."""
        if hash_key is not None or range_key is not None:
            keys = [value for value in (hash_key, range_key) if value is not None]
            values |= zip((key.name for key in record_writing.list_key_writers(type(self))), keys, strict=False)
        if unknown := values.keys() - _names_of(type(self)):
            raise ValueError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}.")
        self.__dict__ = record_writing.default_values(type(self)) | values

    def save(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("Records are written with config.journal.write().")

    update = delete = save

    def derived_records(self) -> "Sequence[Record]":
        """Records that repeat values of this one, to find it; the journal writes them with it."""
        return ()

    @classmethod
    def table_name(cls) -> str:
        return str(cls.Meta.table_name)

    @classmethod
    def to_dynamodb_key(cls, hash_key: str, range_key: int | str | None = None) -> dict[str, Any]:
        """The key of an item in DynamoDB's notation."""
        return record_writing.to_key(cls, (hash_key, range_key))

    def serialize(self, null_check: bool = True) -> record_writing.Item:  # noqa: FBT001, FBT002 - PynamoDB's
        """The item that stores it. Raises `AttributeNullError` if a value is missing."""
        return record_writing.to_item(self)

    @classmethod
    def key_attributes(cls) -> list[Attribute[Any]]:
        """The attribute of the hash key and, if there is one, of the range key."""
        attributes = cls.get_attributes().values()
        keys = [attribute for attribute in attributes if attribute.is_hash_key or attribute.is_range_key]
        return sorted(keys, key=lambda attribute: not attribute.is_hash_key)

    def key_values(self) -> list[Any]:
        """The value of the hash key and, if there is one, of the range key."""
        return record_writing.key_values(self)

    @property
    def record_key(self) -> RecordKey:
        """Its class and key, for a batch read."""
        hash_name, range_name = record_writing.key_names(type(self))
        values = self.__dict__
        return RecordKey(type(self), values[hash_name], values[range_name] if range_name else None)

    @classmethod
    def declared_attributes(cls) -> list[RecordAttribute[Any]]:
        """Its attributes in the order of the class body."""
        members = [item for base in reversed(cls.__mro__) for item in vars(base).items()]
        names = [name for name, member in members if isinstance(member, _Declaration)]
        return [getattr(cls, name) for name in dict.fromkeys(names)]

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """A record from an item in DynamoDB's notation, as PynamoDB's `from_raw_data` builds it."""
        record = cls.__new__(cls)
        record.__dict__ = values = record_writing.default_values(cls)
        readers = _readers_of(cls)
        for stored_name, stored in item.items():
            if stored_name in readers:
                name, kind, read = readers[stored_name]
                if kind in stored:
                    values[name] = read(stored[kind]) if read else stored[kind]
                elif "NULL" not in stored:
                    raise AttributeDeserializationError(stored_name, kind)
        return record

    def with_changes(self, **values: Any) -> Self:
        """A copy of a versioned record with these values and the next version."""
        updated = self.from_item(self.serialize())
        for name, value in {**values, "version": int(self.version) + 1}.items():
            setattr(updated, name, value)
        return updated


@cache
def _names_of(record_class: type[Record]) -> frozenset[str]:
    return frozenset(record_class.get_attributes())


@cache
def _readers_of(record_class: type[Record]) -> dict[str, tuple[str, str, Callable[[Any], Any] | None]]:
    """How to read attributes, by stored name: name, stored type and reader (None: as it is)."""
    return {
        attribute.attr_name: (
            name,
            attribute.attr_type,
            None if type(attribute).deserialize is Attribute.deserialize else attribute.deserialize,
        )
        for name, attribute in record_class.get_attributes().items()
    }


def record_classes() -> list[type[Record]]:
    """Every record class of the installed apps, by table name."""
    return sorted(Record.__subclasses__(), key=lambda record_class: record_class.table_name())
