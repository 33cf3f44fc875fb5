"""Settings of a table that a restore does not restore, and `manage.py tables` does not set either.

What the records need (indexes, expiry, point-in-time recovery, deletion protection, encryption,
billing on demand, so that nothing is to be scaled) is that command's. The rest is the operator's
own and is copied from the source: tags, stream, table class, limits of throughput, the days of
point-in-time recovery.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from config import dynamodb
from config.dynamodb import tables

Definition = Mapping[str, Any]
_NOT_SUPPORTED = {"UnknownOperationException", "ValidationException"}
"""By engines other than AWS's."""


def copy_settings(source: str, target: str) -> Iterator[str]:
    """Give the target what the source has; what was done, and what an operator must do."""
    source_table, target_table = tables.describe(source), tables.describe(target)
    if source_table is None or target_table is None:
        yield "its source was deleted, so its tags and stream are not known; set them yourself"
        return
    yield from _copy_tags(source_table["TableArn"], target_table["TableArn"])
    for description, change in _table_changes(source_table, target_table):
        _update_table(target, change)
        yield description
    yield from _copy_recovery_period(source, target)
    if replicas := source_table.get("Replicas"):
        regions = ", ".join(str(replica["RegionName"]) for replica in replicas)
        yield f"the source has replicas in {regions}; add them yourself"


def _copy_tags(source_arn: str, target_arn: str) -> Iterator[str]:
    source_tags, target_tags = _list_tags(source_arn), _list_tags(target_arn)
    missing = {
        key: value
        for key, value in source_tags.items()
        if target_tags.get(key) != value and not key.startswith("aws:")  # those are AWS's own
    }
    if missing:
        tags = [{"Key": key, "Value": value} for key, value in sorted(missing.items())]
        dynamodb.call("TagResource", ResourceArn=target_arn, Tags=tags)
        yield f"tagged with {', '.join(sorted(missing))}"


def _list_tags(arn: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    arguments = {"ResourceArn": arn}
    while True:
        try:
            response = dynamodb.call("ListTagsOfResource", **arguments)
        except dynamodb.CallRejected as rejection:
            if rejection.reason in _NOT_SUPPORTED:
                return {}
            raise
        tags |= {tag["Key"]: tag["Value"] for tag in response.get("Tags", ())}
        if not response.get("NextToken"):
            return tags
        arguments["NextToken"] = response["NextToken"]


def _table_changes(source: Definition, target: Definition) -> Iterator[tuple[str, dict[str, Any]]]:
    stream = source.get("StreamSpecification")
    if stream and stream.get("StreamEnabled") and target.get("StreamSpecification") != stream:
        yield "has a stream again, a new one: connect its readers", {"StreamSpecification": stream}
    table_class = source.get("TableClassSummary", {}).get("TableClass", "STANDARD")
    if target.get("TableClassSummary", {}).get("TableClass", "STANDARD") != table_class:
        yield f"of the class {table_class}", {"TableClass": table_class}
    throughput = source.get("OnDemandThroughput")
    if throughput and target.get("OnDemandThroughput") != throughput:
        yield "limited in throughput as its source", {"OnDemandThroughput": throughput}


def _update_table(table: str, change: Mapping[str, Any]) -> None:
    dynamodb.call("UpdateTable", TableName=table, **change)
    tables.wait_until_ready(table)


def _copy_recovery_period(source: str, target: str) -> Iterator[str]:
    days = _recovery_days(source)
    if days is None or _recovery_days(target) in (days, None):
        return
    specification = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
    dynamodb.call("UpdateContinuousBackups", TableName=target, PointInTimeRecoverySpecification=specification)
    yield f"recoverable to any time of {days} days"


def _recovery_days(table: str) -> int | None:
    """The days of point-in-time recovery; None without it."""
    try:
        response = dynamodb.call("DescribeContinuousBackups", TableName=table)
    except dynamodb.CallRejected as rejection:
        if rejection.reason in _NOT_SUPPORTED:
            return None
        raise
    recovery = response["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    days: int | None = recovery.get("RecoveryPeriodInDays")
    return days
