"""The floor: granian and the recorded calls over persistent connections, and nothing else.

``granian --interface rsgi bench.peers.floor:app``. It checks no token, signs nothing, and parses no
JSON but the one answer whose versions the transaction needs. No server in Python that makes these
calls can be cheaper.
"""

import asyncio
import itertools
import json
import os
import uuid
from pathlib import Path
from typing import Any

import orjson

ENDPOINT = os.environ["DYNAMODB_ENDPOINT_URL"].removeprefix("http://")
HOST, PORT = ENDPOINT.split(":")
_plan: dict[str, Any] = json.loads(Path(os.environ["BENCH_FLOOR"]).read_text())
_people: list[str] = _plan["people"]
_numbers = itertools.count()
_idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []


async def _call(operation: str, body: bytes) -> bytes:
    """The body of an answer; raises ValueError if it is not 200."""
    reader, writer = _idle.pop() if _idle else await asyncio.open_connection(HOST, PORT, limit=1 << 22)
    writer.write(
        b"POST / HTTP/1.1\r\nhost: %b\r\ncontent-type: application/x-amz-json-1.0\r\n"
        b"x-amz-target: DynamoDB_20120810.%b\r\nx-amz-date: 20260101T000000Z\r\n"
        b"authorization: AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request,"
        b" SignedHeaders=host;x-amz-date, Signature=00\r\ncontent-length: %d\r\n\r\n%b"
        % (ENDPOINT.encode(), operation.encode(), len(body), body)
    )
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, rest = head.partition(b"content-length:")
    answer = await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    _idle.append((reader, writer))
    if not head.startswith(b"http/1.1 200"):
        raise ValueError(answer)
    return answer


async def app(scope: Any, protocol: Any) -> None:
    """Make the calls that the product makes for a request, and answer what it answered."""
    name = "user" if scope.path == "/user" else "list" if scope.method == "GET" else "post"
    if name == "post":
        await protocol()  # the body
    operation, number = _plan["operations"][name], next(_numbers)
    caller, staff = (_people[(number + offset) % len(_people)] for offset in (0, len(_people) // 2))
    values = {"@caller@": caller, "@staff@": staff, "@schedule@": f"sch_{uuid.uuid4().hex[:26].upper()}"}
    values["@token@"] = values["@schedule@"]
    try:
        for call in operation["calls"]:
            answer = await _call(call["operation"], _fill(call["body"], values))
            if name == "post" and b'"last"' in answer:
                values |= _versions(orjson.loads(answer), values)
    except ValueError as error:
        protocol.response_bytes(500, [], bytes(str(error), "utf-8"))
        return
    headers = [("content-type", "application/json")]
    protocol.response_bytes(operation["status"], headers, _fill(operation["answer"], values))


def _fill(text: str, values: dict[str, str]) -> bytes:
    for name, value in values.items():
        text = text.replace(name, value)
    return text.encode()


def _versions(answer: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """The versions that the conditions of the transaction name, and the next ones."""
    versions: dict[str, str] = {}
    items = [item for table_items in answer["Responses"].values() for item in table_items]
    for item in items:
        if "last" in item:
            person = "caller" if item["stream"]["S"] == values["@caller@"] else "staff"
            last = int(item["last"]["N"])
            versions |= {f"@{person}-last@": str(last), f"@{person}-next@": str(last + 1)}
            versions[f"@{person}-hash@"] = item["hash"]["S"]
        if "wrote" in item:
            version = int(item["version"]["N"])
            versions |= {"@busy@": str(version), "@busy-next@": str(version + 1)}
    return versions
