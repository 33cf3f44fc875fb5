"""Django models that are views of PynamoDB records: ``class User(Projection, record=models.User)``.

Django's admin needs real models: names, keys, filters. They have no table, and nothing is written
through them: `kept` is the record itself, and whoever changes it calls the function that may.
"""

from typing import Any, ClassVar, NoReturn, Self

from django.db import NotSupportedError, models
from django.db.models.base import ModelBase

from config import dynamodb
from config.backoffice.records.fields import LONGEST_KEY, CompositeKey, field_for, shown
from config.backoffice.records.queryset import RecordQuerySet


class ProjectionBase(ModelBase):
    """Makes a model's fields from the attributes of its record."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any:
        record: type[dynamodb.Record] | None = kwargs.pop("record", None)
        if record is not None:
            namespace = {**namespace, **_declared(record, namespace)}
        return super().__new__(mcs, name, bases, namespace, **kwargs)

    def __init__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> None:
        kwargs.pop("record", None)
        super().__init__(name, bases, namespace, **kwargs)


def _declared(record: type[dynamodb.Record], namespace: dict[str, Any]) -> dict[str, Any]:
    """The members of a projection: its fields, and what it stands for."""
    keys = record.key_attributes()
    is_composite = len(keys) > 1
    meta: Any = namespace.get("Meta") or type("Meta", (), {})
    meta.managed = False
    meta.default_permissions = ()
    meta.db_table = record.table_name()
    meta.base_manager_name = "objects"
    fields: dict[str, Any] = {"Meta": meta, "record": record, "is_composite": is_composite}
    if is_composite:
        fields["key"] = CompositeKey(primary_key=True, editable=False, max_length=LONGEST_KEY)
    given = {
        f"{name}_id" if isinstance(value, models.ForeignKey) else name
        for name, value in namespace.items()
        if isinstance(value, models.Field)
    }
    for name, attribute in record.get_attributes().items():
        field = field_for(attribute)
        if name in given or field is None:
            continue
        if attribute.is_hash_key and not is_composite:
            field = models.CharField(primary_key=True, editable=False, max_length=LONGEST_KEY)
        fields[name] = field
    return fields


class Projection(models.Model, metaclass=ProjectionBase):
    """A record, as Django sees it."""

    record: ClassVar[type[dynamodb.Record]]
    is_composite: ClassVar[bool]
    may_scan: ClassVar[bool] = False
    """Whether the table is small enough to be read from its beginning."""
    widest: ClassVar[str] = ""
    """The attribute whose values have most things: read by it where nothing else narrows."""
    kept: Any
    """The record."""

    objects = RecordQuerySet.as_manager()

    class Meta:
        abstract = True

    @classmethod
    def of(cls, record: dynamodb.Record) -> Self:
        """The projection of a record."""
        names = [field.attname for field in cls._meta.concrete_fields]
        own = {"key": cls.name_of(record)} if cls.is_composite else {}
        values = [own[name] if name in own else shown(getattr(record, name)) for name in names]
        made = cls.from_db("default", names, values)
        made.kept = record
        return made

    @classmethod
    def name_of(cls, record: dynamodb.Record) -> str:
        """The primary key of a record, as Django has it."""
        parts = [getattr(record, a.attr_name) for a in record.key_attributes()]
        return CompositeKey.join(*parts) if cls.is_composite else str(parts[0])

    @classmethod
    def key_of(cls, pk: str) -> dynamodb.Key:
        """Where the record of a primary key is."""
        parts = CompositeKey.split(pk) if cls.is_composite else [str(pk)]
        attributes = cls.record.key_attributes()
        if len(parts) != len(attributes):
            parts = ["-"] * len(attributes)
        values: list[Any] = []
        for attribute, part in zip(attributes, parts, strict=True):
            is_number = attribute.attr_type == "N"
            fits = part.isascii() and part.isdigit() and len(part) < 20
            values.append((int(part) if fits else -1) if is_number else part[:LONGEST_KEY] or "-")
        return dynamodb.Key(cls.record, *values)

    @classmethod
    def get(cls, pk: str) -> Self | None:
        """One projection, read strongly consistent."""
        key = cls.key_of(pk)
        found = dynamodb.get(key.record, key.hash, key.range)
        return cls.of(found) if found else None

    def save_base(self, *_: Any, **__: Any) -> NoReturn:
        raise NotSupportedError("Records are written by the functions of their module.")

    delete = save_base
