"""Properties of the OpenAPI document that client generators need."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework import serializers

from config import audit
from staffing.serializers.times import ShiftTimeField
from tests.support.samples import SAMPLES, operations
from tests.support.users import UserFixtures

ROOT = Path(__file__).resolve().parent.parent
BODIES_OF_DELETE = {"deleteUser", "deleteManagedUser", "removePushToken", "deleteScheduleTemplate"}
BODIES_WITH_ID = {"UserChange", "UserReference", "ScheduleTemplateChange", "ScheduleTemplateReference"}
NOUNS = {
    "userManagement": "ManagedUser",
    "scheduleTemplate": "ScheduleTemplate",
    "staffSchedule": "Schedule",
    "location": "Location",
    "customer": "Customer",
    "ivrConfiguration": "IvrConfiguration",
}


@cache
def document() -> dict[str, Any]:
    """The document in docs, which `make check` compares with the code."""
    return dict(yaml.load((ROOT / "docs/openapi.yaml").read_text(), yaml.CSafeLoader))


def schemas() -> dict[str, dict[str, Any]]:
    return dict(document()["components"]["schemas"])


def iter_nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document outside of examples."""
    if isinstance(node, dict):
        yield node
        for name, child in node.items():
            if name not in ("example", "examples"):
                yield from iter_nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from iter_nodes(child)


def test_nothing_that_generators_reject() -> None:
    for node in iter_nodes(document()):
        assert not {"$defs", "x-spec-enum-id", "prefixItems"} & set(node), node
        assert not isinstance(node.get("items"), bool), node
    assert not [name for name in schemas() if name.startswith("Patched") or name.endswith("View")]


def test_bodies_are_documented_as_required() -> None:
    """But those of DELETE, which may name the record in the query."""
    documented = operations(document())
    with_body = {operation.id for operation in documented if "requestBody" in operation.definition}
    assert {operation.id for operation in documented if operation.method == "DELETE"} & with_body == BODIES_OF_DELETE
    for operation in documented:
        if operation.method in ("PATCH", "PUT", "DELETE") and operation.id in with_body:
            is_required = operation.definition["requestBody"].get("required", False)
            assert is_required is (operation.id not in BODIES_OF_DELETE), operation.id
    for name in BODIES_WITH_ID:
        assert "id" in schemas()[name]["required"], name


@pytest.mark.parametrize("name", settings.OPENAPI_ENUMS)
def test_enum_lists_the_values_of_the_code(name: str) -> None:
    source = import_string(settings.OPENAPI_ENUMS[name][0])
    values = source() if callable(source) else source
    assert set(schemas()[name]["enum"]) == {value for value in values if not value.startswith("test.")}
    reference = f"#/components/schemas/{name}"
    assert any(node.get("$ref") == reference for node in iter_nodes(document())), "no operation uses it"


def test_enums_are_not_repeated() -> None:
    named = [set(schemas()[name]["enum"]) for name in settings.OPENAPI_ENUMS]
    inline = [node["enum"] for node in iter_nodes({**document(), "components": {}}) if "enum" in node]
    assert not [values for values in inline if set(values) in named]


def test_audit_actions_are_those_that_the_code_writes() -> None:
    listing = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    modules = [path for path in listing.stdout.split() if not re.search(r"^tests/|audit_actions|audit/actions", path)]
    literals = {
        node.value
        for path in modules
        if (ROOT / path).exists()
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not {action for action in audit.known_actions() if not action.startswith("test.")} - literals


def test_unknown_audit_action_is_refused() -> None:
    with pytest.raises(LookupError, match="user\\.danced"):
        audit.require_known("user.danced")


def test_members_and_parameters_have_descriptions() -> None:
    missing = [
        f"{component}.{name}"
        for component, schema in schemas().items()
        for name, member in {"": schema, **schema.get("properties", {})}.items()
        if not {"description", "$ref"} & set(member)
    ]
    missing += [
        f"{operation.id} {parameter['name']}"
        for operation in operations(document())
        for parameter in operation.definition.get("parameters", ())
        if not parameter.get("description")
    ]
    assert not missing


def test_ids_and_phone_numbers_have_patterns() -> None:
    for component, schema in schemas().items():
        for name, member in schema.get("properties", {}).items():
            if name in ("customerId", "locationId", "staffId", "templateId", "scheduleId", "phoneNumber", "phone"):
                assert "pattern" in member, f"{component}.{name}"


OWN_ERROR = ("/callback/{id}/call", "429")
"""It has codes, `minutes_used_up` and `lines_busy`, that no other operation answers."""


def test_common_errors_and_headers_are_shared() -> None:
    headers = []
    for path, path_operations in document()["paths"].items():
        for method, operation in path_operations.items():
            for status, response in operation["responses"].items():
                if status in ("304", "401", "413", "415", "429", "500", "503") and (path, status) != OWN_ERROR:
                    assert set(response) == {"$ref"}, f"{method} {path} {status}"
                headers += [(name, str(header)) for name, header in response.get("headers", {}).items()]
    repeated = {name for (name, header), count in Counter(headers).items() if count > 1 and "$ref" not in header}
    assert not repeated


def test_path_parameters_fit_the_samples(test_users: UserFixtures) -> None:
    for operation in operations(document()):
        for parameter in operation.definition.get("parameters", ()):
            if parameter["in"] == "path" and "pattern" in parameter["schema"]:
                value = SAMPLES[operation.id](test_users).path[parameter["name"]]
                assert re.search(parameter["schema"]["pattern"], value), f"{operation.id} {value}"
        if operation.path_template.startswith("/blockedCaller/"):
            (caller,) = (item for item in operation.definition["parameters"] if item["in"] == "path")
            assert "%2B" in caller["description"]
            for value in ("sip:ann@example.com", "(617) 555-0100", "311"):
                assert re.search(caller["schema"]["pattern"], value), value


def test_operations_are_named_for_their_noun() -> None:
    for operation in operations(document()):
        segments = operation.path_template.strip("/").split("/")
        noun = NOUNS.get(segments[0])
        if noun and len(segments) <= 2 and (len(segments) == 1 or segments[1].startswith("{")):
            assert re.fullmatch(rf"[a-z]+{noun}s?", operation.id), f"{operation.id} is {operation.path_template}"


def test_document_has_a_server_and_describes_its_tags() -> None:
    described = {tag["name"] for tag in document()["tags"] if tag["description"]}
    used = {tag for operation in operations(document()) for tag in operation.definition["tags"]}
    assert described == used
    assert document()["servers"][0]["url"].startswith("https://")


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("2027-03-01T09:00", True),
        ("2027-03-01T09:00:00", True),
        ("2027-03-01t09:00:00.000z", True),
        ("2027-03-01T09:00:00-05:00", True),
        ("2027-03-01T09:00:00.5Z", False),
        ("2027-03-01 09:00", False),
        ("2027-03-01", False),
        ("2027-03-01T09:00:00-0500", False),
        ("2027-03-01T09:00\n", False),
    ],
)
def test_documented_shift_times_are_those_accepted(text: str, is_valid: bool) -> None:
    member = schemas()["NewSchedule"]["properties"]["startTime"]
    assert member["type"] == "string"
    assert "format" not in member, "clients would refuse local times"
    assert bool(re.search(member["pattern"].replace("$", r"\Z"), text, re.ASCII)) == is_valid
    try:
        ShiftTimeField().run_validation(text)
    except serializers.ValidationError:
        assert not is_valid
    else:
        assert is_valid
