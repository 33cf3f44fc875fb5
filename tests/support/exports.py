"""Exports of personal data that a worker is printing, has printed, or could not print."""

from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from accounts.models import PreparedExport
from accounts.models.exports import ExportState
from accounts.privacy import prepared_exports
from config import dynamodb
from config.dynamodb import data_keys, encryption
from tests.support.users import now


def store_export_of_everybody(user_ids: Iterable[str]) -> str:
    """A ready export of each of these people; they have the same id."""
    id = dynamodb.new_id("exp", now())
    for user_id in user_ids:
        store_export(user_id, "ready", id=id)
    return id


@cache
def foreign_export_id(user_id: str) -> str:
    """The id of a ready export of somebody of another customer; the same each time."""
    return str(store_export(user_id, "ready").id)


def store_export(user_id: str, state: ExportState, *, id: str = "", requester_id: str = "") -> PreparedExport:
    """An export in this state, in place of any other of the same requester."""
    at = now()
    record = PreparedExport(
        user_id=user_id,
        requester_id=requester_id or user_id,
        id=id or dynamodb.new_id("exp", at),
        requested_at=at,
        is_impossible=True if state == "failed" else None,
        expires_at=int((at + timedelta(hours=1)).timestamp()),
    )
    if state == "ready":
        key = dynamodb.get_record(encryption.PersonKey, user_id)
        assert key
        content = data_keys.encrypt_with(key.unwrap(), b"%PDF-1.7 a sample", str(record.id))
        record.file, record.completed_at = prepared_exports._save(record, content, "sample"), at
    dynamodb.call("PutItem", TableName=PreparedExport.table_name(), Item=record.serialize())
    return record
