"""Checks error responses against the error catalog and the declarations of operations."""

import json
from typing import Any
from urllib.parse import unquote

import httpx
from django.urls import Resolver404, resolve

from config import errors
from config.api import error_catalog, problem_details
from config.api.operations import ErrorType, Operation

DOCUMENT_MEMBERS = {"type", "title", "status", "code", "detail", "errors", "requestId"}
FIELD_MEMBERS = {"pointer", "code", "detail"}


def check_error(response: httpx.Response) -> httpx.Response:
    """The response; fails for a problem that is not in the catalog or not declared."""
    if response.headers.get("content-type") == problem_details.CONTENT_TYPE and response.content:
        error = check_document(json.loads(response.content))
        assert error.status == response.status_code
        operation = find_operation(response.request)
        if operation:
            assert error in operation.error_types, f"{operation.id} does not declare {error.code}: {response.text}"
    return response


def check_document(document: dict[str, Any]) -> ErrorType:
    """The catalog's entry for a problem document, whose members are checked."""
    entries = {entry.code: entry for entry in error_catalog.build_catalog()}
    assert set(document) == DOCUMENT_MEMBERS
    error = entries[document["code"]].error
    assert (document["status"], document["title"]) == (error.status, error.title)
    assert document["type"].endswith(f"/docs/errors#{error.code}")
    for field_error in document["errors"]:
        is_entry = field_error["code"] in entries
        assert is_entry or field_error["code"] in errors.FIELD_CODES, field_error
        members = set(entries[field_error["code"]].members) if is_entry else set()
        assert set(field_error) == FIELD_MEMBERS | members, field_error
        assert all(isinstance(value, str) for value in field_error.values()), field_error
    return error


def find_operation(request: httpx.Request) -> Operation | None:
    """The operation that a request addresses, if it is one."""
    try:
        view: Any = resolve(unquote(request.url.path)).func
    except Resolver404:
        return None
    method = "get" if request.method == "HEAD" else request.method.lower()
    action = getattr(view, "actions", {}).get(method)
    return getattr(view.cls, action).operation if action else None
