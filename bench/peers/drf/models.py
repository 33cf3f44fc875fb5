"""The tables as PynamoDB's models."""

from typing import Any

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from bench.peers.common import ENDPOINT, REGION, Item, table

connection = Connection(region=REGION, host=ENDPOINT, max_pool_connections=64)


class _Meta:
    host = ENDPOINT
    region = REGION
    max_pool_connections = 64


class User(Model):
    class Meta(_Meta):
        table_name = table("users")

    id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    name = UnicodeAttribute()
    name_key = UnicodeAttribute()
    email = UnicodeAttribute()
    email_key = UnicodeAttribute()
    profile_name = UnicodeAttribute(null=True)
    phone = UnicodeAttribute(null=True)
    role = UnicodeAttribute()
    status = UnicodeAttribute()
    extra: Any = ListAttribute(of=UnicodeAttribute)
    denied: Any = ListAttribute(of=UnicodeAttribute)
    locations: Any = ListAttribute(of=UnicodeAttribute)
    skills: Any = ListAttribute(of=UnicodeAttribute)
    is_setup = BooleanAttribute()
    settings = UnicodeAttribute()
    invited_at = UnicodeAttribute()
    invitation_expires_at = UnicodeAttribute()
    accepted_at = UnicodeAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    version = NumberAttribute()


class Customer(Model):
    class Meta(_Meta):
        table_name = table("customers")

    id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    status = UnicodeAttribute()
    settings = UnicodeAttribute()
    created_at = UnicodeAttribute()
    version = NumberAttribute()


class Location(Model):
    class Meta(_Meta):
        table_name = table("locations")

    id = UnicodeAttribute(hash_key=True)
    customer_id = UnicodeAttribute()
    name = UnicodeAttribute()
    time_zone = UnicodeAttribute()
    version = NumberAttribute()


class ByLocation(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "byLocation"
        projection = AllProjection()

    location_id = UnicodeAttribute(hash_key=True)
    window = UnicodeAttribute(range_key=True)


class Schedule(Model):
    class Meta(_Meta):
        table_name = table("schedules")

    id = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute()
    customer_id = UnicodeAttribute()
    end = UnicodeAttribute()
    location_id = UnicodeAttribute()
    staff_id = UnicodeAttribute()
    start = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    version = NumberAttribute()
    window = UnicodeAttribute()
    zone = UnicodeAttribute()
    zone_rules = UnicodeAttribute()
    pattern = UnicodeAttribute(null=True)
    template_id = UnicodeAttribute(null=True)
    split_from = UnicodeAttribute(null=True)
    notes = UnicodeAttribute(null=True)
    position = UnicodeAttribute(null=True)
    break_minutes = NumberAttribute(null=True)
    color = UnicodeAttribute(null=True)
    by_location = ByLocation()


class StaffHours(Model):
    class Meta(_Meta):
        table_name = table("staff-busy")

    staff_id = UnicodeAttribute(hash_key=True)
    end = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    wrote = UnicodeAttribute(null=True)
    schedule_id = UnicodeAttribute(null=True)
    shifts = UnicodeAttribute(null=True)


class AuditRow(Model):
    """An entry of a stream, or its head, which is number 0."""

    class Meta(_Meta):
        table_name = table("audit")

    stream = UnicodeAttribute(hash_key=True)
    seq = NumberAttribute(range_key=True)
    action = UnicodeAttribute(null=True)
    at = UnicodeAttribute(null=True)
    body = UnicodeAttribute(null=True)
    customer_id = UnicodeAttribute(null=True)
    hash = UnicodeAttribute()
    prev_hash = UnicodeAttribute(null=True)
    listed_for = UnicodeAttribute(null=True)
    last = NumberAttribute(null=True)
    seal = UnicodeAttribute(null=True)


class Key(Model):
    class Meta(_Meta):
        table_name = table("keys")

    person = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute()
    sealed = BinaryAttribute(legacy_encoding=False)


class OutboxMessage(Model):
    class Meta(_Meta):
        table_name = table("outbox")

    id = UnicodeAttribute(hash_key=True)
    arguments = UnicodeAttribute()
    attempts = NumberAttribute()
    author = UnicodeAttribute()
    deferrals = NumberAttribute()
    due_at = UnicodeAttribute()
    first_due_at = UnicodeAttribute()
    shard = UnicodeAttribute()
    task = UnicodeAttribute()


def to_item(record: Model) -> Item:
    """The attributes of a record that are set."""
    return {name: value for name, value in record.attribute_values.items() if value is not None}


def batch_get(*queries: tuple[Any, list[dict[str, Any]]]) -> list[list[Any]]:
    """Records of several tables by their keys, consistent, in one call.

    PynamoDB's own batches are of one table.
    """
    requests = {
        model.Meta.table_name: {"Keys": [_serialize_key(model, key) for key in keys], "ConsistentRead": True}
        for model, keys in queries
    }
    response = connection.dispatch("BatchGetItem", {"RequestItems": requests})
    return [
        [model.from_raw_data(item) for item in response["Responses"].get(model.Meta.table_name, [])]
        for model, _ in queries
    ]


def _serialize_key(model: Any, key: dict[str, Any]) -> dict[str, Any]:
    return {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in key.items()}
