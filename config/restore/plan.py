"""What a restore would do with each table, and what stands against it. Changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from config import dynamodb
from config.dynamodb import tables

Definition = Mapping[str, Any]
Method = Literal["point in time", "backup of a deleted table", "created empty", "copy"]
State = Literal["to do", "running", "done"]


@dataclass(frozen=True)
class TablePlan:
    """How one table is restored; ``problem``: a sentence if it cannot be."""

    record_class: type[dynamodb.Record]
    source: str
    at: datetime | None
    """The restored time; None: that of the copy."""
    method: Method
    state: State = "to do"
    backup_arn: str = ""
    note: str = ""
    problem: str = ""

    @property
    def target(self) -> str:
        return self.record_class.table_name()

    def __str__(self) -> str:
        line = f"{self.source} -> {self.target}: {self.problem or self.method}"
        return f"{line}{f' ({self.note})' if self.note and not self.problem else ''}, {self.state}"


def plan_restore(source_prefix: str, at: datetime, empty: frozenset[str] = frozenset()) -> Iterator[TablePlan]:
    """The plan of each table; those named in ``empty`` need not have a backup.

    Raises `dynamodb.CallRejected` and `errors.Unavailable`.
    """
    for record_class in dynamodb.record_classes():
        name = record_class.table_name().removeprefix(dynamodb.full_table_name(""))
        plan = TablePlan(record_class, f"{source_prefix}-{name}", at, "point in time")
        target = tables.describe(plan.target)
        if target is not None:
            yield _plan_existing(plan, target)
        elif tables.describe(plan.source) is None:
            yield _plan_deleted(plan, may_be_empty=name in empty)
        else:
            yield _plan_present(plan)


def plan_copy(source_prefix: str) -> Iterator[TablePlan]:
    """The same for copies of the present tables."""
    for record_class in dynamodb.record_classes():
        name = record_class.table_name().removeprefix(dynamodb.full_table_name(""))
        plan = TablePlan(record_class, f"{source_prefix}-{name}", None, "copy")
        if tables.describe(plan.target) is not None:
            plan = replace(plan, problem="it exists already; choose another DYNAMODB_TABLE_PREFIX")
        elif tables.describe(plan.source) is None:
            plan = replace(plan, problem="the source does not exist")
        yield plan


def read_instant(value: Any) -> datetime | None:
    """A time of DynamoDB: epoch seconds, or what botocore makes of them."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromtimestamp(float(value), UTC)


def _plan_existing(plan: TablePlan, target: Definition) -> TablePlan:
    """Whether an existing table is this very restore, begun by an earlier run."""
    summary = target.get("RestoreSummary", {})
    restored_to = read_instant(summary.get("RestoreDateTime"))
    is_same_source = str(summary.get("SourceTableArn", "")).endswith(f":table/{plan.source}")
    if not is_same_source or restored_to is None:
        return replace(plan, problem="it exists already; choose another DYNAMODB_TABLE_PREFIX")
    if "SourceBackupArn" in summary:
        plan = replace(plan, method="backup of a deleted table", note=f"its state of {format_time(restored_to)}")
    elif plan.at and abs((restored_to - plan.at).total_seconds()) >= 1:
        return replace(plan, problem=f"it exists already, restored to {format_time(restored_to)}")
    is_running = bool(summary.get("RestoreInProgress")) and target["TableStatus"] != "ACTIVE"
    return replace(plan, state="running" if is_running or target["TableStatus"] == "CREATING" else "done")


def _plan_present(plan: TablePlan) -> TablePlan:
    backups = dynamodb.call("DescribeContinuousBackups", TableName=plan.source)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        return replace(plan, problem="the source has no point-in-time recovery")
    earliest = read_instant(recovery.get("EarliestRestorableDateTime"))
    latest = read_instant(recovery.get("LatestRestorableDateTime"))
    if plan.at is None or earliest is None or latest is None or not earliest <= plan.at <= latest:
        window = f"{format_time(earliest)} to {format_time(latest)}"
        return replace(plan, problem=f"it can be restored to a time from {window} only")
    return replace(plan, note=f"possible: {format_time(earliest)} to {format_time(latest)}")


def _plan_deleted(plan: TablePlan, *, may_be_empty: bool) -> TablePlan:
    """A deleted table: DynamoDB has kept its last state, for 35 days."""
    response = dynamodb.call("ListBackups", TableName=plan.source, BackupType="SYSTEM")
    backups = sorted(response.get("BackupSummaries", ()), key=lambda item: str(item["BackupCreationDateTime"]))
    if not backups:
        if may_be_empty:
            return replace(plan, method="created empty")
        problem = "the source does not exist and has no backup; --create-empty NAME if this release added it"
        return replace(plan, problem=problem)
    deleted_at = read_instant(backups[-1]["BackupCreationDateTime"])
    if plan.at is None or deleted_at is None or plan.at > deleted_at:
        return replace(plan, problem=f"it was deleted at {format_time(deleted_at)}; --at must not be later")
    note = f"its state of {format_time(deleted_at)}"
    arn = str(backups[-1]["BackupArn"])
    return replace(plan, method="backup of a deleted table", backup_arn=arn, note=note)


def format_time(at: datetime | None) -> str:
    """A time as `--at` takes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else "?"
