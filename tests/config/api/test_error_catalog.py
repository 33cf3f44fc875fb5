"""The error catalog is complete, current, and where the ``type`` of a problem leads."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from config import errors
from config.api import error_catalog
from config.api.operations import own_codes
from tests.support.problems import check_document
from tests.support.users import UserFixtures

ROOT = Path(__file__).resolve().parents[3]
BACK_OFFICE_CODES = {
    *("audit_unverified", "audit_unsound", "bad_file", "not_dead"),
    *("already_taken", "erasure_begun", "export_not_ready", "nothing_to_test"),
    *("customer_deleted", "customer_erasing", "customer_not_deleted"),
}
"""Codes that only pages of the back office and commands show."""
INTERNAL_CODES = {"email_key_taken", "email_taken", "mail_refused"}
"""Codes of vendor clients, which domain functions translate."""
CODE_IN_SOURCE = re.compile(r"""(?:ErrorDetail|ValidationError|FieldError)\((?:[^()]|\([^()]*\))*?code=(\w+|"\w+")""")


def test_error_classes_are_in_the_catalog() -> None:
    catalog_codes = {entry.code for entry in error_catalog.build_catalog()}
    field_codes = set(error_catalog.list_field_codes())
    class_codes = Counter(error.code for error in {*own_codes(errors.DomainError)})

    assert [code for code, count in class_codes.items() if count > 1] == []
    assert set(class_codes) - catalog_codes - field_codes <= BACK_OFFICE_CODES | INTERNAL_CODES


def test_no_code_is_both_a_problem_and_a_code_of_fields() -> None:
    assert not {entry.code for entry in error_catalog.build_catalog()} & set(error_catalog.list_field_codes())


def test_codes_of_field_errors_in_the_source_are_in_the_catalog() -> None:
    defined_codes = set(error_catalog.list_field_codes())
    literals = set()
    for app in ("accounts", "staffing", "telephony", "config"):
        for path in (ROOT / app).rglob("*.py"):
            literals |= {match.strip('"') for match in CODE_IN_SOURCE.findall(path.read_text()) if match[0] == '"'}

    assert {"invalid", "unknown"} <= literals <= defined_codes


def test_examples_are_what_is_answered() -> None:
    for entry in error_catalog.build_catalog():
        assert check_document(error_catalog.example_document(entry.error)) is entry.error
        assert entry.meaning.endswith("."), entry.code


def test_the_type_of_a_problem_leads_to_its_entry(test_users: UserFixtures, web: str) -> None:
    problem = test_users.ann.get("/staffSchedule/sch_unknown").json()
    page = httpx.get(f"{web}/docs/errors")

    path, _, fragment = problem["type"].partition("/docs/errors#")
    assert path.startswith("http")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f'id="{fragment}"' in page.text
    ids = re.findall(r' id="(\w+)"', page.text)
    assert len(ids) == len(set(ids))
    codes = {entry.code for entry in error_catalog.build_catalog()}
    assert set(ids) == codes | set(error_catalog.list_field_codes())
    assert "scheduleId" in page.text


def test_the_document_is_current() -> None:
    assert (ROOT / "docs/errors.md").read_text() == error_catalog.render_markdown()


def test_openapi_lists_the_codes_of_each_operation(openapi: dict[str, Any]) -> None:
    operation = openapi["paths"]["/staffSchedule"]["post"]
    codes = operation["x-error-codes"]["409"]

    assert {"schedule_clash", "user_blocked"} <= set(codes)
    assert "request_in_progress" not in codes
    properties = openapi["components"]["schemas"]["FieldProblem"]["properties"]
    assert properties["at"]["format"] == "date-time"
    assert openapi["components"]["schemas"]["FieldProblem"]["required"] == ["code", "detail", "pointer"]
    assert set(codes) <= set(openapi["components"]["schemas"]["Problem"]["properties"]["code"]["x-extensible-enum"])
    for path, methods in openapi["paths"].items():
        for method, definition in methods.items():
            documented = {status for status in definition["responses"] if int(status) >= 400}
            assert set(definition["x-error-codes"]) == documented, f"{method} {path}"
