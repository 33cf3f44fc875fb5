"""The OpenAPI document, from what view methods declare (`config.api`)."""

import inspect
from collections.abc import Iterable
from http import HTTPStatus
from itertools import groupby
from operator import attrgetter
from typing import Any, cast

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from config import errors
from config.api import OperationViewSet, csv_tables, error_catalog, problem_details
from config.api.operations import Operation

COMMON_HEADERS = {"X-Request-Id": "Id of this request in logs and audit entries; quote it when you report a problem."}
RATE_LIMIT_HEADERS = {
    "RateLimit": 'What is left of the rate limit: `"name";r=requests;t=seconds until it is full again`.',
    "RateLimit-Policy": 'The rate limit: `"name";q=requests;w=seconds`.',
}
STATUSES_WITHOUT_RATE_LIMIT = ("408", "413", "500", "503")
"""These can be answered before the caller is known."""
HEADERS_BY_STATUS = {
    "429": {"Retry-After": "Seconds to wait."},
    "503": {"Retry-After": "Seconds to wait."},
    "206": {"Content-Range": "The bytes of this part, and the length of the file: `bytes 0-1/112044`."},
    "416": {"Content-Range": "The length of the file: `bytes */112044`."},
    "401": {"WWW-Authenticate": "`Bearer`, and the error if the token is invalid."},
}
LOCATION_HEADER = "Path of what was created."
LINK_HEADER = '`<path>; rel="next"` of the next page, if there is one.'
ETAG_HEADER = (
    "Changes with the response; send it as If-None-Match the next time. Of a single record: its "
    "version, also for If-Match, a dot and a digest. Weak if the response is compressed."
)
IDEMPOTENCY_KEY_HEADER = "Makes retries safe for 24 hours: repeating the same key and body returns the same result."
REPLAYED_HEADER = "`true` if an earlier request with this Idempotency-Key had this answer; else absent."
IF_MATCH_HEADER = "ETag of the version to change; 412 if the record has another version."
RANGE_HEADER = "One range of bytes, such as `bytes=0-65535`; of several, all of the file is sent."
IF_RANGE_HEADER = "ETag of the parts that the client has; if the file has another, all of it is sent."
IF_NONE_MATCH_HEADER = "ETag of an earlier response; 304 if nothing has changed."


class OperationSchema(AutoSchema):
    """Documents the operation that a view method declares."""

    @property
    def _handler(self) -> Any:
        """The view method."""
        return getattr(self.view, cast(OperationViewSet, self.view).action)

    @property
    def operation(self) -> Operation:
        return cast(Operation, self._handler.operation)

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        """Keep the bodies of DELETE operations, which the library drops; add examples of errors."""
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        if self.operation.is_public:
            operation["security"] = []
        for status, errors_of_status in self._errors_by_status():
            operation["responses"][str(status)]["content"][problem_details.CONTENT_TYPE]["examples"] = {
                error.code: {"$ref": f"#/components/examples/{error.code}"} for error in errors_of_status
            }
        if method == "DELETE" and "requestBody" not in operation:
            self.method = "POST"
            body = self._get_request_body()  # type: ignore[no-untyped-call]
            self.method = method
            if body:
                body.pop("required", None)  # the query can name the record, too
                operation["requestBody"] = body
        return operation

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        """Name components for the thing: ``User`` of ``UserView``."""
        return str(super().get_serializer_name(serializer, direction)).removesuffix("View")

    def _get_request_for_media_type(self, serializer: Any, direction: Any = "request") -> tuple[Any, bool]:
        """A change needs a body even if each of its fields is optional."""
        schema, is_required = super()._get_request_for_media_type(serializer, direction)  # type: ignore[no-untyped-call]
        return schema, is_required or (schema is not None and self.method in ("PATCH", "PUT"))

    def get_operation_id(self) -> str:
        return self.operation.id

    def get_summary(self) -> str:
        return self._paragraphs()[0].removesuffix(".")

    def get_description(self) -> str:  # type: ignore[override] # as in the library
        return "\n\n".join(self._paragraphs()[1:]) or self.get_summary()

    def _paragraphs(self) -> list[str]:
        docstring = inspect.getdoc(self._handler) or ""
        return [" ".join(paragraph.split()) for paragraph in docstring.split("\n\n")]

    def get_tags(self) -> list[str]:
        return [cast(OperationViewSet, self.view).tag]

    def get_extensions(self) -> dict[str, Any]:
        permissions = {
            "x-permission": self.operation.permission,
            "x-permission-for-others": self.operation.permission_for_others,
        }
        codes = {
            str(status): [error.code for error in errors_of_status]
            for status, errors_of_status in self._errors_by_status()
        }
        return {name: permission for name, permission in permissions.items() if permission} | {"x-error-codes": codes}

    def _errors_by_status(self) -> list[tuple[int, list[type[errors.DomainError]]]]:
        by_status = groupby(self.operation.error_types, key=attrgetter("status"))
        return [(status, list(group)) for status, group in by_status]

    def get_request_serializer(self) -> Any:
        return self.operation.body

    def get_examples(self) -> list[OpenApiExample]:
        example = self.operation.body_example
        return [OpenApiExample("request", value=example, request_only=True)] if example else []

    @property
    def _is_conditional(self) -> bool:
        """Whether If-None-Match is honored; `config.api.conditional` does so for all but files."""
        is_file = self.operation.file_media_type and not self.operation.file_ranges
        return self.method == "GET" and not is_file

    def get_override_parameters(self) -> list[Any]:
        operation = self.operation
        parameters: list[Any] = [operation.query] if operation.query else []
        if operation.etag or self._is_conditional:
            statuses = [200, 206] if operation.file_ranges else operation.statuses
            parameters.append(_header("ETag", ETAG_HEADER, response=statuses))
        parameters += self._location_parameters()
        if "nextCursor" in getattr(operation.response, "_declared_fields", {}):
            parameters.append(_header("Link", LINK_HEADER, response=[operation.status]))
        if operation.idempotent:
            parameters.append(_header("Idempotency-Key", IDEMPOTENCY_KEY_HEADER))
            parameters.append(_header("Idempotent-Replayed", REPLAYED_HEADER, response=operation.statuses))
        if operation.honors_if_match:
            parameters.append(_header("If-Match", IF_MATCH_HEADER))
        elif self._is_conditional:
            parameters.append(_header("If-None-Match", IF_NONE_MATCH_HEADER))
        if operation.file_ranges:
            parameters.append(_header("Accept-Ranges", "`bytes`.", response=[200, 206]))
            parameters += [_header("Range", RANGE_HEADER), _header("If-Range", IF_RANGE_HEADER)]
        return parameters

    def _location_parameters(self) -> list[OpenApiParameter]:
        parameters = []
        if self.operation.location:
            parameters.append(_header("Location", LOCATION_HEADER, response=[self.operation.status]))
        if self.operation.pending:
            parameters.append(_header("Location", LOCATION_HEADER, response=[202]))
            parameters.append(_header("Retry-After", "Seconds to wait.", response=[202]))
        return parameters

    def get_response_serializers(self) -> Any:
        operation = self.operation
        responses: dict[Any, OpenApiResponse] = {}
        if operation.response:
            value, media_type = operation.response_example, operation.media_type
            examples = [OpenApiExample(self.get_summary(), value=value, media_type=media_type)]
            for status in operation.statuses:
                description = HTTPStatus(status).phrase if status == operation.status else "It was there already"
                responses[status, operation.media_type] = OpenApiResponse(
                    operation.response, description=description, examples=examples
                )
        if operation.pending:
            responses[202, "application/json"] = OpenApiResponse(
                operation.pending,
                description="It is still being made",
                examples=[OpenApiExample(self.get_summary(), value=operation.pending_example)],
            )
        if operation.csv_columns:
            example = ",".join(operation.csv_columns) + "\r\n"
            responses[200, csv_tables.MEDIA_TYPE] = OpenApiResponse(
                OpenApiTypes.STR, examples=[OpenApiExample("CSV", value=example, media_type=csv_tables.MEDIA_TYPE)]
            )
        if operation.text_media_type:
            text = OpenApiExample("Text", value=operation.text_example, media_type=operation.text_media_type)
            responses[200, operation.text_media_type] = OpenApiResponse(OpenApiTypes.STR, examples=[text])
        if operation.file_media_type:
            responses[200, operation.file_media_type] = OpenApiResponse(OpenApiTypes.BINARY, description="A file")
        if operation.file_ranges:
            part = OpenApiResponse(OpenApiTypes.BINARY, description="The requested range of the file")
            responses[206, operation.file_media_type] = part
        return responses | {
            (status, problem_details.CONTENT_TYPE): OpenApiResponse(
                error_catalog.Problem, description=_describe_errors(errors_of_status)
            )
            for status, errors_of_status in self._errors_by_status()
        }


def _header(name: str, description: str, **options: Any) -> OpenApiParameter:
    return OpenApiParameter(name, str, "header", description=description, **options)


def _describe_errors(errors_of_status: list[type[errors.DomainError]]) -> str:
    """Each code of a response, with its meaning."""
    return "\n".join(f"- `{error.code}`: {error_catalog.describe(error)}" for error in errors_of_status)


def exclude_documentation_paths(endpoints: Iterable[Any], **_: Any) -> list[Any]:
    """Every endpoint but the documentation's own, and second paths of one that end as a file."""
    paths = [endpoint for endpoint in endpoints if not endpoint[0].startswith(("/docs", "/openapi"))]
    return [endpoint for endpoint in paths if not endpoint[0].endswith(".ics")]


def add_common_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the headers of responses, and 304 where If-None-Match is honored."""
    for operations in result["paths"].values():
        for method, operation in operations.items():
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            if method == "get" and "If-None-Match" in names:
                etag = {"description": ETAG_HEADER, "schema": {"type": "string"}}
                operation["responses"]["304"] = {"description": "Not Modified", "headers": {"ETag": etag}}
            for status, response in operation["responses"].items():
                response.setdefault("headers", {}).update(_response_headers(status))
    return result


def _response_headers(status: str) -> dict[str, Any]:
    rate_limit_headers = {} if status in STATUSES_WITHOUT_RATE_LIMIT else RATE_LIMIT_HEADERS
    descriptions = {**COMMON_HEADERS, **rate_limit_headers, **HEADERS_BY_STATUS.get(status, {})}
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in descriptions.items()}
