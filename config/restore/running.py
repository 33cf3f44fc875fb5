"""Carries a plan out: starts restores, waits for them, and gives the tables their settings again.

It may be interrupted anywhere and repeated: a new plan finds what is running and what is done.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import orjson

from config import dynamodb, zone_rules
from config.dynamodb import tables, unaudited
from config.restore import copying, table_settings
from config.restore.plan import TablePlan

Report = Callable[[str], object]
_BUSY_REASONS = {"LimitExceededException", "ResourceInUseException"}
"""DynamoDB restores 50 tables at once."""
_STARTED_REASONS = {"TableAlreadyExistsException", "TableInUseException"}
"""Of a call that was repeated as its answer was lost."""
_LONGEST_PAUSE = 15.0
MARK = "restored"


class RestoreFailed(Exception):
    """A restore cannot go on; the message is a sentence for operators."""


@dataclass(frozen=True)
class Origin:
    """From what the tables of this prefix were restored."""

    prefix: str
    """That of these tables: a copy of them has the mark too."""
    source: str
    at: str
    is_drill: bool

    def to_json(self) -> str:
        """As it is stored."""
        return orjson.dumps(vars(self)).decode()


@dataclass(frozen=True)
class Restorer:
    """Restores all tables of a plan. ``timeout``: seconds in all."""

    timeout: float
    protect: bool
    report: Report

    def run(self, plans: Sequence[TablePlan], origin: Origin) -> None:
        """Restore, wait, and bring all tables to their state.

        Raises `RestoreFailed`, `tables.TableMismatch`, `dynamodb.CallRejected` and
        `errors.Unavailable`; run it again after each.
        """
        deadline = time.monotonic() + self.timeout
        for plan in plans:
            if plan.state == "to do" and plan.method in ("point in time", "backup of a deleted table"):
                self._start(plan, deadline)
        self._wait([plan for plan in plans if plan.method in ("point in time", "backup of a deleted table")], deadline)
        tables.Converger(self.protect, self.timeout, self.report).converge_all()
        for plan in plans:
            for description in table_settings.copy_settings(plan.source, plan.target):
                self.report(f"{plan.target}: {description}")
        copies = [plan for plan in plans if plan.method == "copy"]
        store_origin(replace(origin, is_drill=True) if copies else origin)  # until it is complete, it can be removed
        for plan in copies:
            self.report(f"{plan.target}: {copying.copy_items(plan.source, plan.target)} items copied")
        if copies:
            store_origin(origin)

    def _start(self, plan: TablePlan, deadline: float) -> None:
        for _ in _pauses(deadline, f"{plan.target} cannot be restored yet"):
            try:
                _call_restore(plan)
            except dynamodb.CallRejected as rejection:
                if rejection.reason in _BUSY_REASONS:
                    continue
                if rejection.reason not in _STARTED_REASONS:
                    raise
            self.report(f"{plan.target}: restore of {plan.source} begun")
            return

    def _wait(self, plans: Sequence[TablePlan], deadline: float) -> None:
        """Until all restores are complete; reports how far they are."""
        began_at, reported = time.monotonic(), Counter[str]()
        for _ in _pauses(deadline, "The restores are not complete"):
            statuses = Counter(_status_of(plan) for plan in plans)
            if statuses != reported:
                minutes = (time.monotonic() - began_at) / 60
                self.report(f"{statuses['restored']} of {len(plans)} tables are restored, after {minutes:.0f} minutes")
                reported = statuses
            if statuses["restored"] == len(plans):
                return


def store_origin(origin: Origin) -> None:
    """Note in the restored tables what they are."""
    state = zone_rules.InstallationState(name=MARK, value=origin.to_json(), updated_at=datetime.now(UTC))
    unaudited.write_all(puts=[state])


def read_origin() -> Origin | None:
    """What the tables of this prefix are a restore of; None if they are none."""
    state = dynamodb.get_record(zone_rules.InstallationState, MARK)
    origin = Origin(**orjson.loads(state.value)) if state else None
    return origin if origin and origin.prefix == dynamodb.full_table_name("")[:-1] else None


def restored_at() -> datetime | None:
    """When the tables of this prefix were restored; None if `manage.py restore` did not do it."""
    state = dynamodb.get_record(zone_rules.InstallationState, MARK)
    return state.updated_at if state and read_origin() else None


def remove_drill(report: Report) -> int:
    """Delete the tables of a drill; how many. Raises `RestoreFailed` if they are none."""
    origin = read_origin()
    if origin is None or not origin.is_drill:
        raise RestoreFailed("These tables were not restored with --drill; nothing was deleted.")
    names = [record_class.table_name() for record_class in dynamodb.record_classes()]
    mark = zone_rules.InstallationState.table_name()  # last, so that it can be repeated
    for table in sorted(names, key=lambda name: name == mark):
        description = tables.describe(table)
        if description and description["TableStatus"] != "DELETING":
            _delete(table, is_protected=bool(description.get("DeletionProtectionEnabled")))
            report(f"{table}: deleted")
    return len(names)


def _delete(table: str, *, is_protected: bool) -> None:
    if is_protected:
        dynamodb.call("UpdateTable", TableName=table, DeletionProtectionEnabled=False)
    for _ in _pauses(time.monotonic() + 300, f"{table} cannot be deleted yet"):
        try:
            dynamodb.call("DeleteTable", TableName=table)
        except dynamodb.CallRejected as rejection:
            if rejection.reason == "ResourceInUseException":
                continue
            if rejection.reason != "ResourceNotFoundException":  # the call was repeated
                raise
        return


def _call_restore(plan: TablePlan) -> None:
    if plan.backup_arn:
        dynamodb.call("RestoreTableFromBackup", TargetTableName=plan.target, BackupArn=plan.backup_arn)
    elif plan.at:
        names = {"SourceTableName": plan.source, "TargetTableName": plan.target}
        dynamodb.call("RestoreTableToPointInTime", **names, RestoreDateTime=int(plan.at.timestamp()))


def _status_of(plan: TablePlan) -> str:
    """How far the restore of a table is. Raises `RestoreFailed` if it has failed."""
    description = tables.describe(plan.target)
    status = description["TableStatus"] if description else "CREATING"
    if status not in ("CREATING", "UPDATING", "ACTIVE"):
        raise RestoreFailed(f"{plan.target} is {status}; see the AWS console.")
    is_complete = status == "ACTIVE" and not (description or {}).get("RestoreSummary", {}).get("RestoreInProgress")
    return "restored" if is_complete else "running"


def _pauses(deadline: float, problem: str) -> Iterator[None]:
    """Rounds with longer pauses in between. Raises `RestoreFailed` after the deadline."""
    seconds = 0.05
    while True:
        yield
        if time.monotonic() + seconds > deadline:
            raise RestoreFailed(f"{problem}; run this command again, it goes on.")
        time.sleep(seconds)
        seconds = min(seconds * 1.5, _LONGEST_PAUSE)
