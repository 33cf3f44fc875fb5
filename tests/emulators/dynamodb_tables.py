"""What AWS does to tables and the embedded engine does not, in front of that engine.

New tables and indexes take a while, the first requests for point-in-time recovery are refused, and
tables have an encryption key. Everything else is forwarded.
"""

import json
import threading
from collections import Counter
from typing import Any

import httpx

from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, json_response

ERROR_PREFIX = "com.amazonaws.dynamodb.v20120810#"


class AwsTables(Emulator):
    """The table operations of AWS; ``refusals``: refused requests for backups, per table."""

    def __init__(self, upstream: str, *, refusals: int = 2, busy_descriptions: int = 1) -> None:
        super().__init__(lambda text: _error("SerializationException"))
        self._upstream = upstream
        self._client = httpx.Client(timeout=10)
        self._state_lock = threading.Lock()
        self._refusals, self._busy_descriptions = refusals, busy_descriptions
        self._delays: Counter[str] = Counter()
        """How many more descriptions show a table, or ``table/index``, at work."""
        self.calls: Counter[tuple[str, str]] = Counter()
        """By operation and table."""
        self.recoverable: set[str] = set()
        """Tables with point-in-time recovery."""
        self.encrypted: set[str] = set()
        self.add_route("POST", "/", self._handle_call)

    def close(self) -> None:
        """Close the connections to the engine."""
        self._client.close()

    def _handle_call(self, request: EmulatorRequest) -> EmulatorResponse:
        operation = request.headers["x-amz-target"].partition(".")[2]
        body = request.json()
        table = str(body.get("TableName", ""))
        with self._state_lock:
            self.calls[operation, table] += 1
            handler = getattr(self, f"_{operation}", None)
            return handler(request, body, table) if handler else self._forward(request, body)

    def _forward(self, request: EmulatorRequest, body: dict[str, Any]) -> EmulatorResponse:
        names = ("x-amz-target", "authorization", "content-type", "x-amz-date")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        response = self._client.post(self._upstream, content=json.dumps(body), headers=headers)
        return EmulatorResponse(response.status_code, response.content, "application/x-amz-json-1.0")

    def _CreateTable(self, request: EmulatorRequest, body: dict[str, Any], table: str) -> EmulatorResponse:  # noqa: N802
        specification = body.pop("SSESpecification", None)
        response = self._forward(request, body)
        if response.status == 200:
            self._delays[table] = self._busy_descriptions
            self.encrypted |= {table} if specification else set()
        return response

    def _UpdateTable(self, request: EmulatorRequest, body: dict[str, Any], table: str) -> EmulatorResponse:  # noqa: N802
        if self._delays[table]:
            return _error("ResourceInUseException")
        self._delays[table] = self._busy_descriptions
        if body.pop("SSESpecification", None):
            self.encrypted.add(table)
            return json_response({"TableDescription": {}})
        for update in body.get("GlobalSecondaryIndexUpdates", ()):
            self._delays[f"{table}/{update['Create']['IndexName']}"] = 2 * self._busy_descriptions
        return self._forward(request, body)

    def _DescribeTable(self, request: EmulatorRequest, body: dict[str, Any], table: str) -> EmulatorResponse:  # noqa: N802
        response = self._forward(request, body)
        if response.status != 200:
            return response
        description = json.loads(response.body)["Table"]
        if self._consume_delay(table):
            description["TableStatus"] = "UPDATING" if self.calls["UpdateTable", table] else "CREATING"
        for index in description.get("GlobalSecondaryIndexes", ()):
            if self._consume_delay(f"{table}/{index['IndexName']}"):
                index |= {"IndexStatus": "CREATING", "Backfilling": True}
        if table in self.encrypted:
            description["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS"}
        return json_response({"Table": description})

    def _DescribeContinuousBackups(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        state = "ENABLED" if table in self.recoverable else "DISABLED"
        recovery = {"PointInTimeRecoveryStatus": state}
        backups = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}
        return json_response({"ContinuousBackupsDescription": backups})

    def _UpdateContinuousBackups(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        if self.calls["UpdateContinuousBackups", table] <= self._refusals:
            return _error("ContinuousBackupsUnavailableException")
        self.recoverable.add(table)
        return self._DescribeContinuousBackups(request, body, table)

    def _consume_delay(self, name: str) -> bool:
        is_delayed = self._delays[name] > 0
        self._delays[name] -= is_delayed
        return is_delayed


def _error(code: str) -> EmulatorResponse:
    return json_response({"__type": ERROR_PREFIX + code, "message": "as on AWS"}, 400)
