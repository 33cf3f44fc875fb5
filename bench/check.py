"""Checks before measuring: all targets give the same answers with the same calls of DynamoDB."""

import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.floor_plan import replace_all, template_calls
from bench.operations import END, OPERATIONS, PEER_OPERATIONS, START, Data, Request
from bench.recorder import Call, Recorder
from bench.targets import Target
from config.dev import services

PERSON = 5
"""The number of the person whose answers are compared."""
_OWN_MEMBERS = ("id", "createdAt", "updatedAt", "startTime", "endTime")
"""Members of a new schedule that differ each time."""


@dataclass
class Checked:
    """A target's answers and calls by operation."""

    answers: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    calls: dict[str, list[Call]] = field(default_factory=dict)


def check_target(target: Target, data: Data, operations: Sequence[str]) -> Checked:
    """Answers and calls of a target, which runs for this with a recorder before the engine."""
    recorder = Recorder(target.stack.ports.dynamodb)
    checked = Checked()
    try:
        target.start(services.base_url(recorder.port))
        for name in operations:
            _send(target, OPERATIONS[name].build(data, PERSON))  # opens connections, fills caches
            recorder.calls.clear()
            status, text = _send(target, OPERATIONS[name].build(data, PERSON))
            if not 200 <= status < 300 or not OPERATIONS[name].is_right(text):
                title = OPERATIONS[name].title
                raise SystemExit(f"{target.name} answers {title} with {status}: {text[:500]}")
            checked.statuses[name], checked.texts[name], checked.answers[name] = status, text, _parse(text)
            checked.calls[name] = list(recorder.calls)
    finally:
        target.stop()
        recorder.close()
    return checked


def _parse(text: str) -> Any:
    return json.loads(text) if text.startswith(("{", "[")) else text


def _send(target: Target, request: Request) -> tuple[int, str]:
    target.sent += 1
    day = f"2029-01-{target.sent:02}"
    body = request.body.replace(START.encode(), f"{day}T06:00:00Z".encode())
    body = body.replace(END.encode(), f"{day}T07:00:00Z".encode())
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    connection.request(request.method, request.target, body, request.headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def write_constants(answers: Checked, data: Data, folder: Path) -> None:
    """What peers cannot read from the tables: the permissions of the role, and default settings."""
    user = answers.answers["user"]
    constants = {"rolePermissions": {user["role"]: user["permissions"]}, "settings": user["settings"]}
    (folder / "constants.json").write_text(json.dumps(constants))


def write_floor_plan(answers: Checked, data: Data, target: Target, folder: Path) -> None:
    """The recorded calls for the floor."""
    signed_in = data["people"][: len(data["tokens"])]
    names = {
        "@caller@": signed_in[PERSON],
        "@staff@": signed_in[(PERSON + len(signed_in) // 2) % len(signed_in)],
        "@schedule@": answers.answers["post"]["id"],
    }
    operations = {}
    for name in PEER_OPERATIONS:
        first, *rest = answers.calls[name]
        if name == "list":  # which names the other people too
            calls = [*template_calls([first], names), *template_calls(rest, {})]
        else:
            calls = template_calls([first, *rest], names)
        for call in calls:
            call["body"] = call["body"].replace(f'"{target.stack.table_prefix}-', f'"{target.table_prefix}-')
        text = replace_all(answers.texts[name], names)
        operations[name] = {"calls": calls, "status": answers.statuses[name], "answer": text}
    plan = {"people": signed_in, "operations": operations}
    (folder / f"floor-{target.table_prefix}.json").write_text(json.dumps(plan))


def differences(ours: Checked, theirs: Checked, operations: Sequence[str]) -> list[str]:
    """How a peer's answers and calls differ from the product's.

    Its calls may be 15 % longer or shorter.
    """
    differing = []
    for name in operations:
        if _comparable(ours.answers[name]) != _comparable(theirs.answers[name]):
            differing.append(f"{name}: another answer: {_first_difference(ours.answers[name], theirs.answers[name])}")
        own, other = ([_shape(call) for call in each.calls[name]] for each in (ours, theirs))
        if own != other:
            differing.append(f"{name}: other calls: {other}, ours: {own}")
        sizes = [sum(len(call.body) for call in each.calls[name]) for each in (ours, theirs)]
        if abs(sizes[1] - sizes[0]) > 100 + sizes[0] * 0.15:
            differing.append(f"{name}: calls of {sizes[1]} bytes, ours: {sizes[0]}")
    return differing


def _comparable(answer: Any) -> Any:
    if isinstance(answer, dict) and answer.get("kind") == "schedule":
        return {**answer, **dict.fromkeys(_OWN_MEMBERS)}
    return answer


def _first_difference(ours: Any, theirs: Any) -> str:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in {**ours, **theirs}:
            if ours.get(name) != theirs.get(name):
                return f"{name}: {_first_difference(ours.get(name), theirs.get(name))}"
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for own, other in zip(ours, theirs, strict=True):
            if own != other:
                return _first_difference(own, other)
    return f"{ours!r} … {theirs!r}"[:400]


def _shape(call: Call) -> str:
    """What a call asks for: tables, numbers of keys or actions, and "c" for consistent.

    And whether a transaction has a token, among which the engine looks for one that it had before.
    """
    arguments = call.arguments
    if call.operation == "BatchGetItem":
        parts = [
            f"{table.rpartition('-')[2]}:{len(request['Keys'])}{'c' if request.get('ConsistentRead') else ''}"
            for table, request in sorted(arguments["RequestItems"].items(), key=lambda item: item[0].rpartition("-")[2])
        ]
    elif call.operation == "TransactWriteItems":
        parts = sorted(
            f"{next(iter(action))}:{next(iter(action.values()))['TableName'].rpartition('-')[2]}"
            for action in arguments["TransactItems"]
        )
        parts += ["token"] if arguments.get("ClientRequestToken") else []
    else:
        parts = [arguments["TableName"].rpartition("-")[2], "c" if arguments.get("ConsistentRead") else ""]
        parts.append(str(arguments.get("Limit", "")))
    return f"{call.operation}({' '.join(parts)})"
