"""What is in DynamoDB: tables, checks of the data keys, rules of time zones, the outbox."""

from collections.abc import Iterator

from config import dynamodb, errors, outbox, zone_rules
from config.doctor.checks import Check, Finding, Options, failed, ok, skipped, warning
from config.dynamodb import data_keys, key_checks, tables

TABLES_COMMAND = "Run manage.py tables."
NO_ANSWER = "DynamoDB does not answer, or refuses the call: see dynamodb.rights."
MAX_DUE_SECONDS = 60.0


def _check_tables(options: Options) -> Iterator[Finding]:
    """Tables, indexes, expiry, backups and protection, as `manage.py tables` compares them."""
    converger = tables.Converger(options.is_protected, timeout=0, report=lambda _: None)
    record_classes = dynamodb.record_classes()
    try:
        findings = [finding for each in record_classes for finding in _compare_table(converger, each)]
    except dynamodb.CallForbidden as error:
        yield from _check_readable(record_classes, error)
    except dynamodb.CallRejected as error:
        message = f"{error.operation} of {error.table} is not possible ({error.reason})."
        yield failed(message, "An engine without these protections needs --no-protect.", error.reason)
    except errors.Unavailable:
        yield skipped(NO_ANSWER)
    else:
        protection = ", protected and backed up" if options.is_protected else ""
        yield from findings or [ok(f"{len(record_classes)} tables and their indexes are there{protection}.")]


def _compare_table(converger: tables.Converger, record_class: type[dynamodb.Record]) -> Iterator[Finding]:
    try:
        differences = converger.list_differences(record_class)
    except tables.TableMismatch as error:
        yield failed(str(error), code="table_mismatch")
        return
    for difference in differences:
        yield failed(f"The table {record_class.table_name()} is {difference}.", TABLES_COMMAND, "table_differs")


def _check_readable(record_classes: list[type[dynamodb.Record]], refusal: dynamodb.CallForbidden) -> Iterator[Finding]:
    """Whether tables and indexes are there, for a role that may not describe them."""
    is_whole = True
    for record_class in record_classes:
        definition = tables.table_definition(record_class)
        schemas = [("", definition["KeySchema"])]
        schemas += [(part["IndexName"], part["KeySchema"]) for part in definition.get("GlobalSecondaryIndexes", ())]
        types = {part["AttributeName"]: part["AttributeType"] for part in definition["AttributeDefinitions"]}
        for index, schema in schemas:
            try:
                _query(record_class, index, schema[0]["AttributeName"], types)
            except dynamodb.CallRejected as error:
                if error.reason in ("ResourceNotFoundException", "ValidationException"):
                    is_whole = False
                    what = f"The index {index} of {error.table}" if index else f"The table {error.table}"
                    yield failed(f"{what} is missing.", TABLES_COMMAND, error.reason)
            except errors.Unavailable:
                yield skipped(NO_ANSWER)
                return
    if is_whole:
        yield ok(f"{len(record_classes)} tables and their indexes are there.")
    yield skipped(
        f"This role may not see backups, protection and expiry ({refusal.reason} for {refusal.operation}).",
        "Run manage.py doctor --only dynamodb --role deployment with the deployment's role.",
    )


def _query(record_class: type[dynamodb.Record], index: str, hash_name: str, types: dict[str, str]) -> None:
    value = {types[hash_name]: "0" if types[hash_name] == "N" else "doctor"}
    options = {"IndexName": index} if index else {}
    arguments = dynamodb.query_arguments(record_class, f"#{hash_name} = :hash", {":hash": value})
    dynamodb.call("Query", **arguments, Limit=1, **options)


def _check_data_keys(options: Options) -> Iterator[Finding]:
    try:
        checks = key_checks.verify_data_keys()
    except key_checks.WrongDataKeys as error:
        yield failed(str(error), code="wrong_data_keys")
        return
    except (errors.Unavailable, dynamodb.CallRejected):
        yield skipped(NO_ANSWER)
        return
    unknown = set(data_keys.key_ids()) - {str(check.key_id) for check in checks}
    if unknown:
        sentence = f"Nothing shows yet whether these keys of DATA_KEYS are right: {', '.join(sorted(unknown))}."
        yield failed(sentence, TABLES_COMMAND, "unchecked_data_keys")
    else:
        yield ok(f"DATA_KEYS decrypts what is stored (keys compared: {len(checks)}).")


def _check_zone_rules(options: Options) -> Iterator[Finding]:
    report = zone_rules.read_report(outbox.utc_now())
    if report.status == "ok":
        yield ok(report.sentence)
    elif report.status == "unknown":
        yield skipped(report.sentence)
    else:
        is_severe = report.status == "not_locked"
        yield (failed if is_severe else warning)(report.sentence, code=report.status)


def _check_outbox(options: Options) -> Iterator[Finding]:
    try:
        status = outbox.read_outbox_status(outbox.utc_now())
    except (errors.Unavailable, dynamodb.CallRejected):
        yield skipped(NO_ANSWER)
        return
    if status.oldest_due_seconds > MAX_DUE_SECONDS:
        yield failed(
            f"A task has waited for {status.oldest_due_seconds:.0f} seconds for a worker.",
            "Start the worker and beat, or more workers.",
            "outbox_late",
        )
    if status.dead:
        yield warning(
            f"{status.dead} tasks have failed for good.", "List them with manage.py dead_letters.", "dead_letters"
        )
    if status.oldest_due_seconds <= MAX_DUE_SECONDS and not status.dead:
        yield ok("No task waits for a worker, and none has failed for good.")


CHECKS = (
    Check("dynamodb.tables", _check_tables, seconds=20, setting="DynamoDB"),  # AWS answers few of these calls a second
    Check("data_keys.stored", _check_data_keys, setting="DynamoDB"),
    Check("zone_rules.stored", _check_zone_rules),
    Check("outbox.age", _check_outbox),
)
