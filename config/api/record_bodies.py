"""Bodies that create and change records, and the fields of those that only the server sets."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, cast

import orjson
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from config import errors, journal, strict_json
from config.api.fields import InvalidQuery, StrictSerializer, field_names

READ_ONLY = errors.define_field_code("read_only", "Only the server sets this field; the stored value is another.")


class NewRecordBody(StrictSerializer):
    """A body that creates a record: what is null and not required counts as not sent.

    Members that only the server sets must be null or absent.
    """

    null_fields: ClassVar[frozenset[str]] = frozenset()
    """Optional fields of which null says something else than leaving them out."""
    blank_fields: ClassVar[frozenset[str]] = frozenset()
    """Optional fields of which an empty string says the same as leaving them out."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        read_only = self.read_only_values(data)
        if server_set := [name for name, value in read_only.items() if value is not None]:
            refusal = ErrorDetail("Set by the server; leave it out.", READ_ONLY)
            raise serializers.ValidationError({name: [refusal] for name in server_set})
        optional = _optional_names(type(self)) | read_only.keys() - self.null_fields
        blank = {name for name in self.blank_fields if data.get(name) == ""}
        sent = {
            name: value
            for name, value in data.items()
            if (value is not None or name not in optional) and name not in blank
        }
        return super().to_internal_value(sent)

    def get_fields(self) -> dict[str, Any]:
        """Those that may be left out may be null, also in the document."""
        fields = super().get_fields()
        for field in fields.values():
            field.allow_null = field.allow_null or not field.required
        for name in self.blank_fields:
            if isinstance(field := fields[name], serializers.CharField):
                field.allow_blank = True  # for the document
        return fields


@cache
def _optional_names(body: type[NewRecordBody]) -> frozenset[str]:
    """Fields of which null says the same as leaving them out."""
    return frozenset(name for name, field in body().fields.items() if not field.required) - body.null_fields


def read_precondition(
    request: Request, *, body: type[StrictSerializer] | None = None, show: Callable[[Any], Any] = lambda record: record
) -> journal.Precondition:
    """What a request expects of the record that it changes: If-Match, unchanged read-only fields.

    ``body`` is by default the one that the operation declares; ``show`` makes of the record what
    its ``record_view`` shows. Raises `errors.Forbidden` for a ``customerId`` of another customer.
    """
    body = body or cast(Any, request.parser_context)["view"].declared_operation().body
    sent = body.read_only_values(cast(Mapping[str, Any], request.data)) if body else {}
    if "customerId" in sent:
        cast(Any, request.user).check_customer(sent["customerId"], datetime.now(UTC))

    def check_read_only(record: Any) -> None:
        if body and sent:
            _check_read_only(body, sent, show(record))

    view = body.record_view if body and sent else None
    is_echo = view is not None and field_names(view) <= set(request.data)
    return journal.Precondition(_read_if_match_versions(request), check_read_only, is_echo)


def parse_body_or_query(request: Request, body: type[StrictSerializer]) -> dict[str, Any]:
    """The validated values of a body; what the declared query may name, it may name instead.

    For clients and proxies that drop the bodies of DELETE. Raises ValidationError, and InvalidQuery
    for an invalid query, or if both have a parameter and differ.
    """
    declared_query = cast(Any, request.parser_context)["view"].declared_operation().query
    declared_query.parse_query(request)
    query = {name: value for name, value in request.query_params.items() if name in field_names(declared_query)}
    data: Any = request.data
    if not query or not isinstance(data, Mapping):
        return body.parse(data)
    if differing := [name for name in query if data.get(name, query[name]) != query[name]]:
        raise InvalidQuery({name: ["Differs from the body; send one of them."] for name in differing})
    return body.parse({**data, **query})


def _read_if_match_versions(request: Request) -> frozenset[int] | None:
    """The versions that If-Match allows to change; None: any."""
    header = request.META.get("HTTP_IF_MATCH")
    if header is None or "*" in (parts := {part.strip() for part in header.split(",")}):
        return None
    etags = {part.removeprefix("W/").strip('"').partition(".")[0] for part in parts}
    return frozenset(int(etag) for etag in etags if etag.isascii() and etag.isdigit() and len(etag) < 10)


def _check_read_only(body: type[StrictSerializer], sent: Mapping[str, Any], record: Any) -> None:
    """Raise `errors.InvalidRequest`, naming the fields that differ from the record.

    Fields that the view lists as ``derived_fields`` are ignored: they change without the version.
    """
    if type(sent.get("version")) is int and sent["version"] != record.version:
        raise errors.PreconditionFailed("The record has changed since you read it; read it again.")
    view = cast(Any, body.record_view)(record)
    shown = orjson.loads(strict_json.dumps(view.data, default=str))
    stored = sent.keys() - getattr(view, "derived_fields", ())
    differing = [
        name for name in sent if name in stored and sent[name] != shown.get(body.read_only_aliases.get(name, name))
    ]
    if differing:
        field_errors = [errors.FieldError(f"/{name}", READ_ONLY, "Read-only, and not as stored.") for name in differing]
        detail = "Read-only fields differ from the stored record; leave them out, or send them as last read."
        raise errors.InvalidRequest(detail, field_errors=field_errors)
