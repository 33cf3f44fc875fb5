"""What is checked of restored tables, before anybody uses them. Changes nothing.

Each check yields findings; ``settings.RESTORATION_CHECKS`` lists them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from config import dynamodb
from config.audit import verification
from config.dynamodb import encryption, key_checks, tables
from config.privacy.restoration import Finding
from config.restore import copying, references

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class CheckOptions:
    """``source``: the prefix with which counts are compared; ``protect``: as `tables.Converger`."""

    source: str
    protect: bool


def run_checks(options: CheckOptions) -> Iterator[Finding]:
    """Run ``settings.RESTORATION_CHECKS`` in order.

    Raises `errors.Unavailable` and `dynamodb.CallRejected`.
    """
    for path in settings.RESTORATION_CHECKS:
        yield from import_string(path)(options)


def passed(text: str) -> Finding:
    """What was checked and is right."""
    return Finding(text, needs_attention=False)


def check_tables(options: CheckOptions) -> Iterator[Finding]:
    """Whether all tables exist, with indexes, expiry and protection."""
    converger = tables.Converger(options.protect, 0, str)
    differences = 0
    for record_class in dynamodb.record_classes():
        try:
            texts = converger.list_differences(record_class)
        except tables.TableMismatch as mismatch:
            texts = [str(mismatch)]
        differences += len(texts)
        for text in texts:
            yield Finding(f"tables: {record_class.table_name()} is {text}; run manage.py tables")
    if not differences:
        yield passed(f"tables: all {len(dynamodb.record_classes())} are as they should be")


def check_data_keys(options: CheckOptions) -> Iterator[Finding]:
    """Whether DATA_KEYS are those of the tables: their stored checks, then every person's key."""
    try:
        checks = key_checks.verify_data_keys()
    except key_checks.WrongDataKeys as error:
        yield Finding(f"data keys: {error}")
        return
    if not checks:
        yield Finding("data keys: the tables have no check of them; run manage.py tables of this release")
    opened, closed = 0, []
    for items in dynamodb.iter_pages("Scan", TableName=encryption.PersonKey.table_name(), ConsistentRead=True):
        for key in map(encryption.PersonKey.from_item, items):
            try:
                key.unwrap()
                opened += 1
            except InvalidTag:
                closed.append(str(key.person))
    if closed:
        yield Finding(
            f"data keys: {len(closed)} keys of people cannot be opened, such as {', '.join(closed[:MAX_EXAMPLES])}"
        )
    else:
        yield passed(f"data keys: {len(checks)} checked, and all {opened} keys of people open")


def check_references(options: CheckOptions) -> Iterator[Finding]:
    """Count every table, and follow what records name in others."""
    checked = broken = 0
    for record_class in dynamodb.record_classes():
        report = references.check_table(record_class)
        checked, broken = checked + report.checked, broken + report.broken_count
        yield _compare_count(report.table, report.items, options)
        for text in report.broken:
            yield Finding(f"references: {text}")
        if report.broken_count > len(report.broken):
            yield Finding(f"references: and {report.broken_count - len(report.broken)} more of {report.table}")
    if not broken:
        yield passed(f"references: all {checked} between tables lead to a record")


def _compare_count(table: str, items: int, options: CheckOptions) -> Finding:
    if not options.source or tables.describe(f"{options.source}-{table}") is None:
        return passed(f"count: {table} has {items}")
    source_items = copying.count_items(f"{options.source}-{table}")
    text = f"count: {table} has {items}, {options.source} has {source_items} now"
    return Finding(f"{text}; is that right?", needs_attention=not items and bool(source_items))


def check_audit(options: CheckOptions) -> Iterator[Finding]:
    """Verify the whole audit."""
    result = verification.verify_audit()
    for finding in result.findings:
        yield Finding(f"audit: {finding}")
    if not result.findings:
        yield passed(f"audit: {result.entries} entries in {result.streams} streams are intact")


def check_operators(options: CheckOptions) -> Iterator[Finding]:
    """Whether PostgreSQL is there, with all migrations; how many operators it knows."""
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if pending:
            yield Finding(
                f"operators: {len(pending)} migrations are not applied to DATABASE_URL; run manage.py migrate"
            )
            return
        count = get_user_model().objects.filter(is_active=True).count()
        yield passed(f"operators: DATABASE_URL answers, {count} are active")
    except Error as error:
        yield Finding(f"operators: DATABASE_URL does not answer ({type(error).__name__})")
