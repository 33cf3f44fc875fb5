"""What AWS does to tables and the embedded engine does not, in front of that engine.

New tables and indexes take a while, the first requests for point-in-time recovery are refused, and
tables have an encryption key and tags. Which items expire is kept here: DynamoDB Local looks for
those of each table in one of ten threads, in which it also builds indexes, so with ten such tables
it builds none any more. Tables are restored to the newest state that `remember` has
stored before that time, without what AWS does not restore; a deleted one has a system backup.
Everything else is forwarded. Requests are compared with botocore's model of the service.
"""

import json
import threading
import time
from collections import Counter
from functools import cache
from typing import Any

import httpx
from botocore.session import get_session
from botocore.validate import ParamValidator

from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, json_response

ERROR_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_NOT_EXPIRING = {"TimeToLiveStatus": "DISABLED"}


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
        self.recovery_days: dict[str, int] = {}
        self.encrypted: set[str] = set()
        self.expiring: dict[str, str] = {}
        """Attributes by which items of tables expire."""
        self.tags: dict[str, dict[str, str]] = {}
        """By the ARN of a table."""
        self.invalid_requests: list[str] = []
        """What botocore would not have sent."""
        self._states: list[tuple[float, dict[str, list[Any]]]] = []
        """Remembered items by table, with their times."""
        self._restores: dict[str, dict[str, Any]] = {}
        """The restore summary of each restored table."""
        self._backups: dict[str, dict[str, Any]] = {}
        """Those of deleted tables, by ARN."""
        self.add_route("POST", "/", self._handle_call)

    def close(self) -> None:
        """Close the connections to the engine."""
        self._client.close()

    def _handle_call(self, request: EmulatorRequest) -> EmulatorResponse:
        operation = request.headers["x-amz-target"].partition(".")[2]
        body = request.json()
        table = str(body.get("TableName") or body.get("TargetTableName") or "")
        problems = ParamValidator().validate(body, _input_shape(operation))
        if problems.has_errors():
            self.invalid_requests.append(f"{operation}: {problems.generate_report()}")
        with self._state_lock:
            self.calls[operation, table] += 1
            handler = getattr(self, f"_{operation}", None)
            return handler(request, body, table) if handler else self._forward(request, body)

    def _forward(self, request: EmulatorRequest, body: dict[str, Any]) -> EmulatorResponse:
        names = ("x-amz-target", "authorization", "content-type", "x-amz-date")
        return self._send({name: request.headers[name] for name in names if name in request.headers}, body)

    def _send(self, headers: dict[str, str], body: dict[str, Any]) -> EmulatorResponse:
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
        if summary := self._restores.get(table):
            is_running = description["TableStatus"] != "ACTIVE"
            description["RestoreSummary"] = {**summary, "RestoreInProgress": is_running}
        if table in self.encrypted:
            description["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS"}
        return json_response({"Table": description})

    def _DescribeContinuousBackups(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        state = "ENABLED" if table in self.recoverable else "DISABLED"
        recovery: dict[str, Any] = {"PointInTimeRecoveryStatus": state}
        if self._states:
            recovery |= {"EarliestRestorableDateTime": self._states[0][0], "LatestRestorableDateTime": time.time()}
            recovery["RecoveryPeriodInDays"] = self.recovery_days.get(table, 35)
        backups = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}
        return json_response({"ContinuousBackupsDescription": backups})

    def _UpdateContinuousBackups(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        if self.calls["UpdateContinuousBackups", table] <= self._refusals:
            return _error("ContinuousBackupsUnavailableException")
        self.recoverable.add(table)
        days = body["PointInTimeRecoverySpecification"].get("RecoveryPeriodInDays")
        self.recovery_days |= {table: days} if days else {}
        return self._DescribeContinuousBackups(request, body, table)

    def _DescribeTimeToLive(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        attribute = self.expiring.get(table)
        state = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute} if attribute else _NOT_EXPIRING
        return json_response({"TimeToLiveDescription": state})

    def _UpdateTimeToLive(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        specification = body["TimeToLiveSpecification"]
        if specification["Enabled"] == (table in self.expiring):
            return _error("ValidationException")
        self.expiring.pop(table, None)
        self.expiring |= {table: specification["AttributeName"]} if specification["Enabled"] else {}
        return json_response({"TimeToLiveSpecification": specification})

    def _RestoreTableToPointInTime(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        source, at = body["SourceTableName"], body["RestoreDateTime"]
        if source not in self.recoverable:
            return _error("PointInTimeRecoveryUnavailableException")
        if not self._states or not self._states[0][0] <= at <= time.time():
            return _error("InvalidRestoreTimeException")
        state = next(state for remembered_at, state in reversed(self._states) if remembered_at <= at)
        definition = self._call("DescribeTable", {"TableName": source})["Table"]
        summary = {"SourceTableArn": definition["TableArn"], "RestoreDateTime": at}
        return self._restore(table, definition, state.get(source, []), summary)

    def _RestoreTableFromBackup(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        backup = self._backups[body["BackupArn"]]
        definition, at = backup["definition"], backup["BackupCreationDateTime"]
        summary = {"SourceTableArn": definition["TableArn"], "SourceBackupArn": body["BackupArn"]}
        return self._restore(table, definition, backup["items"], {**summary, "RestoreDateTime": at})

    def _restore(self, table: str, definition: Any, items: list[Any], summary: dict[str, Any]) -> EmulatorResponse:
        names = ("AttributeDefinitions", "KeySchema")
        indexes = [
            {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
            for index in definition.get("GlobalSecondaryIndexes", ())
        ]
        creation = {"TableName": table, "BillingMode": "PAY_PER_REQUEST", **{name: definition[name] for name in names}}
        response = self._respond("CreateTable", creation | ({"GlobalSecondaryIndexes": indexes} if indexes else {}))
        if response.status != 200:
            return _error("TableAlreadyExistsException")
        for start in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            self._call("BatchWriteItem", {"RequestItems": {table: puts}})
        self._restores[table] = summary
        self._delays[table] = 2 * self._busy_descriptions
        return response

    def _DeleteTable(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        definition = self._call("DescribeTable", {"TableName": table}).get("Table", {})
        items = self._scan(table) if definition else []
        response = self._forward(request, body)
        if response.status == 200 and table in self.recoverable:
            arn = f"{definition['TableArn']}/backup/{time.time_ns()}"
            times = {"BackupCreationDateTime": time.time()}
            self._backups[arn] = {"definition": definition, "items": items, "TableName": table, **times}
        self.forget(table)
        return response

    def forget(self, table: str) -> None:
        """Forget what AWS keeps beside a table, as it is deleted."""
        self.recoverable.discard(table)
        self.encrypted.discard(table)
        self.expiring.pop(table, None)

    def _ListBackups(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        names = ("TableName", "BackupCreationDateTime")
        summaries = [
            {"BackupArn": arn, "BackupType": "SYSTEM", **{name: backup[name] for name in names}}
            for arn, backup in self._backups.items()
            if backup["TableName"] == table
        ]
        return json_response({"BackupSummaries": summaries})

    def _TagResource(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        tags = self.tags.setdefault(body["ResourceArn"], {})
        tags |= {tag["Key"]: tag["Value"] for tag in body["Tags"]}
        return json_response({})

    def _ListTagsOfResource(self, request: EmulatorRequest, body: Any, table: str) -> EmulatorResponse:  # noqa: N802
        tags = self.tags.get(body["ResourceArn"], {})
        return json_response({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})

    def remember(self, at: float, prefix: str) -> None:
        """Store the state of all tables of a prefix, to which they can be restored from then on."""
        with self._state_lock:
            names = [name for name in self._call("ListTables", {})["TableNames"] if name.startswith(prefix)]
            self._states.append((at, {name: self._scan(name) for name in names}))

    def _scan(self, table: str) -> list[Any]:
        return list(self._call("Scan", {"TableName": table})["Items"])

    def _call(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(json.loads(self._respond(operation, body).body))

    def _respond(self, operation: str, body: dict[str, Any]) -> EmulatorResponse:
        """Make a call of the engine, which does not verify signatures."""
        scope = "20260101/eu-central-1/dynamodb/aws4_request"
        headers = {
            "x-amz-target": f"DynamoDB_20120810.{operation}",
            "authorization": f"AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders=host, Signature=0",
            "content-type": "application/x-amz-json-1.0",
            "x-amz-date": "20260101T000000Z",
        }
        return self._send(headers, body)

    def _consume_delay(self, name: str) -> bool:
        is_delayed = self._delays[name] > 0
        self._delays[name] -= is_delayed
        return is_delayed


@cache
def _input_shape(operation: str) -> Any:
    """The request of an operation in botocore's model of DynamoDB."""
    return get_session().get_service_model("dynamodb").operation_model(operation).input_shape


def _error(code: str) -> EmulatorResponse:
    return json_response({"__type": ERROR_PREFIX + code, "message": "as on AWS"}, 400)
