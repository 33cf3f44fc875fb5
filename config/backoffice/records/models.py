"""Django models that are views of PynamoDB records: ``class User(Projection, record=models.User)``.

Django's admin needs real models: names, keys, filters. They have no table, and nothing is written
through them: ``record`` is the record itself, which domain functions change.
"""

from typing import Any, ClassVar, NoReturn, Self

from django.db import NotSupportedError, models
from django.db.models.base import ModelBase

from config import dynamodb
from config.backoffice.records.fields import MAX_KEY_LENGTH, CompositeKey, field_for, to_field_value
from config.backoffice.records.queryset import RecordQuerySet


class ProjectionBase(ModelBase):
    """Creates a model's fields from its record's attributes."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Any:
        record_class: type[dynamodb.Record] | None = kwargs.pop("record", None)
        if record_class is not None:
            namespace = {**namespace, **_projection_members(record_class, namespace)}
        return super().__new__(mcs, name, bases, namespace, **kwargs)

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> None:
        kwargs.pop("record", None)
        super().__init__(name, bases, namespace, **kwargs)


def _projection_members(record_class: type[dynamodb.Record], namespace: dict[str, Any]) -> dict[str, Any]:
    """The members of a projection's class."""
    keys = record_class.key_attributes()
    is_composite = len(keys) > 1
    meta: Any = namespace.get("Meta") or type("Meta", (), {})
    meta.managed = False
    meta.default_permissions = ()
    meta.db_table = record_class.table_name()
    meta.base_manager_name = "objects"
    fields: dict[str, Any] = {"Meta": meta, "record_class": record_class, "is_composite": is_composite}
    if is_composite:
        fields["key"] = CompositeKey(primary_key=True, editable=False, max_length=MAX_KEY_LENGTH)
    declared_names = {
        f"{name}_id" if isinstance(value, models.ForeignKey) else name
        for name, value in namespace.items()
        if isinstance(value, models.Field)
    }
    for name, attribute in record_class.get_attributes().items():
        field = field_for(attribute)
        if name in declared_names or field is None:
            continue
        if attribute.is_hash_key and not is_composite:
            field = models.CharField(primary_key=True, editable=False, max_length=MAX_KEY_LENGTH)
        fields[name] = field
    return fields


class Projection(models.Model, metaclass=ProjectionBase):
    """A record as a Django model."""

    record_class: ClassVar[type[dynamodb.Record]]
    is_composite: ClassVar[bool]
    may_scan: ClassVar[bool] = False
    """Whether the table is small enough to scan."""
    least_selective_key: ClassVar[str] = ""
    """The hash key with the most records per value: the last choice of a query plan."""
    record: Any
    """The PynamoDB record."""

    objects = RecordQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        """The record's name, for those that have one."""
        return str(self.record.name)

    @classmethod
    def from_record(cls, record: dynamodb.Record) -> Self:
        """The projection of a record."""
        names = [field.attname for field in cls._meta.concrete_fields]
        key_values = {"key": cls.pk_of(record)} if cls.is_composite else {}
        values = [key_values[name] if name in key_values else to_field_value(getattr(record, name)) for name in names]
        projection = cls.from_db("default", names, values)
        projection.record = record
        return projection

    @classmethod
    def pk_of(cls, record: dynamodb.Record) -> str:
        """Django's primary key of a record."""
        parts = record.key_values()
        return CompositeKey.join(*parts) if cls.is_composite else str(parts[0])

    @classmethod
    def dynamo_key(cls, pk: str) -> dynamodb.RecordKey:
        """The DynamoDB key of a primary key."""
        parts = CompositeKey.split(pk) if cls.is_composite else [str(pk)]
        attributes = cls.record_class.key_attributes()
        if len(parts) != len(attributes):
            parts = ["-"] * len(attributes)
        values: list[Any] = []
        for attribute, part in zip(attributes, parts, strict=True):
            is_number = attribute.attr_type == "N"
            is_valid_number = part.isascii() and part.isdigit() and len(part) < 20
            values.append((int(part) if is_valid_number else -1) if is_number else part[:MAX_KEY_LENGTH] or "-")
        return dynamodb.RecordKey(cls.record_class, *values)

    @classmethod
    def get(cls, pk: str) -> Self | None:
        """A projection, with a strongly consistent read."""
        key = cls.dynamo_key(pk)
        record = dynamodb.get_record(key.record_class, key.hash, key.range)
        return cls.from_record(record) if record else None

    def save_base(self, *_: Any, **__: Any) -> NoReturn:
        raise NotSupportedError("Domain functions write records.")

    delete = save_base
