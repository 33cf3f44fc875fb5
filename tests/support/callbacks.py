"""Call-backs written straight to the tables, for tests of what shows them."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Location
from config import dynamodb
from telephony.models import Callback, OpenCallback, caller_key, queue_key


def put_record(record: dynamodb.Record) -> None:
    """Store a record without its audit entry."""
    dynamodb.call("PutItem", TableName=record.table_name(), Item=record.serialize())


def put_callback(location: Location, caller: str, call_id: str, at: datetime, **fields: Any) -> Callback:
    """A call-back of a call at this time; with its uniqueness record unless it is closed."""
    status, due_at = str(fields.get("status", "open")), fields.pop("due_at", at)
    callback = Callback(
        id=dynamodb.new_id("cbk", at),
        customer_id=location.customer_id,
        location_id=location.id,
        queue=queue_key(status, due_at),
        caller=caller,
        call_id=call_id,
        last_call_at=at,
        due_at=due_at,
        created_at=at,
        updated_at=at,
        expires_at=int((at + timedelta(days=9)).timestamp()),
        **fields,
    )
    put_record(callback)
    if not callback.is_closed:
        key = caller_key(str(location.id), caller)
        put_record(OpenCallback(key=key, callback_id=callback.id, expires_at=callback.expires_at))
    return callback
