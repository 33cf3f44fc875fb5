"""The journal and the audit log: concurrent writes, tampering, erasure, cost."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from accounts import permissions, users
from accounts.models import EmailOwner, User
from accounts.users import create
from config import audit, dynamodb, errors, journal
from config.audit import verification
from config.dynamodb import encryption, unaudited
from tests.support.calls import create_line
from tests.support.environment import Environment, free_port
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import ADDRESS_BODY, SignedInUser, UserFixtures, free_number, now


def list_findings() -> list[str]:
    """Findings of the audit verification."""
    return [str(finding) for finding in verification.verify_audit().findings]


@pytest.fixture(scope="module")
def second_web(env: Environment) -> Iterator[str]:
    """Another web process, so that writes by one actor conflict in the database."""
    yield env.start_web("second", free_port())
    env.stop("second")


def run_concurrently(tasks: list[Callable[[], Any]]) -> list[Any]:
    """Run all tasks at the same moment; their results."""
    barrier = threading.Barrier(len(tasks))

    def run_task(task: Callable[[], Any]) -> Any:
        barrier.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run_task, tasks))


@pytest.mark.parametrize("writers", [16, 50])
def test_parallel_writes_by_the_same_actor_all_succeed(
    test_users: UserFixtures, second_web: str, writers: int, record_figure: Callable[[str], None]
) -> None:
    durations: list[float] = []
    response_texts: list[str] = []

    def make_writer(number: int) -> Callable[[], int]:
        web = second_web if number % 2 else test_users.ann.web
        person, body = (SignedInUser(test_users.ann.user, test_users.ann.token, web), test_users.user_body())

        def send_request() -> int:
            response = person.post("/user", body)
            durations.append(response.elapsed.total_seconds())
            response_texts.append(response.text)
            return response.status_code

        return send_request

    before = test_users.ann.get(f"/user/{test_users.ann.id}/audit-logs?limit=1").json()["total"]

    statuses = run_concurrently([make_writer(number) for number in range(writers)])

    assert statuses == [201] * writers, [text for text in response_texts if "problem" in text]
    after = test_users.ann.get(f"/user/{test_users.ann.id}/audit-logs?limit=1").json()["total"]
    assert after == before + writers
    assert list_findings() == []
    record_figure(f"{writers} parallel creates by one actor: all 201, slowest {max(durations):.1f} s")


def test_fifty_parallel_creates_of_an_email_create_a_single_user(
    test_users: UserFixtures, second_web: str, record_figure: Callable[[str], None]
) -> None:
    body = test_users.user_body()
    people = [
        SignedInUser(test_users.ann.user, test_users.ann.token, test_users.ann.web),
        SignedInUser(test_users.abe.user, test_users.abe.token, second_web),
    ]

    responses = run_concurrently([lambda n=n: people[n % 2].post("/user", body) for n in range(50)])  # type: ignore[misc]

    statuses = sorted(response.status_code for response in responses)
    assert statuses == [201] + [409] * 49
    winner_id = next(response.json()["id"] for response in responses if response.status_code == 201)
    uniqueness_record = dynamodb.get_record(EmailOwner, body["email"])
    assert uniqueness_record
    assert uniqueness_record.user_id == winner_id
    record_figure("50 parallel creates of one address: 1 created, 49 rejected")


# --- tampering ------------------------------------------------------------------------------------
@pytest.fixture
def audit_rows(test_users: UserFixtures) -> list[dict[str, Any]]:
    """The rows of a stream with six entries, by sequence number; row 0 is the stream head."""
    user = create.create_user(
        create.NewUserData(
            customer_id=test_users.customer.id,
            email=f"{dynamodb.new_id('usr', now()).lower()}@cast.example",
            name="Tampered",
        ),
        actor=test_users.ann.actor,
        at=now(),
    )
    for number in range(5):
        actor = permissions.user_actor(user) if number % 2 else test_users.ann.actor
        journal.write_audit_event(
            actor, "test.happened", user, now(), changes=[audit.FieldChange("number", number, number + 1)]
        )
    query_result = dynamodb.call(
        "Query", **dynamodb.query_arguments(audit.AuditEntry, "#stream = :s", {":s": {"S": user.id}})
    )
    return list(query_result["Items"])


def put_rows(*items: dict[str, Any]) -> None:
    for item in items:
        dynamodb.call("PutItem", TableName=audit.AuditEntry.table_name(), Item=item)


def delete_rows(*items: dict[str, Any]) -> None:
    for item in items:
        key = {"stream": item["stream"], "seq": item["seq"]}
        dynamodb.call("DeleteItem", TableName=audit.AuditEntry.table_name(), Key=key)


@contextmanager
def findings_after(rows: list[dict[str, Any]], tamper: Callable[[], None]) -> Iterator[list[str]]:
    """Findings after ``tamper``; the rows are restored afterwards."""
    assert list_findings() == []
    tamper()
    try:
        yield list_findings()
    finally:
        put_rows(*rows)
        assert list_findings() == []


@pytest.mark.parametrize("seq", [1, 3, 6])
@pytest.mark.parametrize("attribute", ["body", "at", "customer_id", "hash", "prev_hash", "listed_for"])
def test_changed_entry_is_reported(audit_rows: list[dict[str, Any]], seq: int, attribute: str) -> None:
    row = audit_rows[seq]
    changed_value = row[attribute]["S"].replace("a", "b").replace("0", "1") if attribute in row else "x"
    stream = row["stream"]["S"]

    with findings_after(audit_rows, lambda: put_rows({**row, attribute: {"S": changed_value + " "}})) as findings:
        assert any(finding.startswith(f"{stream} #{seq}") for finding in findings), findings


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_removed_entry_is_reported(audit_rows: list[dict[str, Any]], seq: int) -> None:
    stream = audit_rows[0]["stream"]["S"]
    with findings_after(audit_rows, lambda: delete_rows(audit_rows[seq])) as findings:
        assert any(finding.startswith(f"{stream} #{seq}: ") for finding in findings), findings


def test_the_findings_of_a_module_are_those_of_its_customers(
    audit_rows: list[dict[str, Any]], test_users: UserFixtures
) -> None:
    """What crash tests look at instead of the whole audit."""
    assert test_users.audit_findings() == []
    with findings_after(audit_rows, lambda: delete_rows(audit_rows[3])) as findings:
        assert [str(finding) for finding in test_users.audit_findings()] == findings


def test_swapped_entries_are_reported(audit_rows: list[dict[str, Any]]) -> None:
    first, second = audit_rows[2], audit_rows[3]
    swapped = [{**first, "seq": second["seq"]}, {**second, "seq": first["seq"]}]
    with findings_after(audit_rows, lambda: put_rows(*swapped)) as findings:
        assert any("#2: it does not follow" in finding for finding in findings), findings


def test_truncated_stream_is_reported_even_with_a_matching_stream_head(audit_rows: list[dict[str, Any]]) -> None:
    stream, stream_head = audit_rows[0]["stream"]["S"], audit_rows[0]
    with findings_after(audit_rows, lambda: delete_rows(*audit_rows[5:])) as findings:
        assert any(finding.startswith(f"{stream} #5: the end is missing") for finding in findings), findings

    def truncate_and_rewrite() -> None:
        delete_rows(*audit_rows[5:])
        put_rows({**stream_head, "last": {"N": "4"}, "hash": audit_rows[4]["hash"]})

    with findings_after(audit_rows, truncate_and_rewrite) as findings:
        assert any(finding.startswith(f"{stream} #0: the head's signature") for finding in findings), findings


def test_missing_stream_head_or_stream_is_reported(audit_rows: list[dict[str, Any]]) -> None:
    stream = audit_rows[0]["stream"]["S"]
    with findings_after(audit_rows, lambda: delete_rows(audit_rows[0])) as findings:
        assert f"{stream} #0: the head is missing" in findings
    with findings_after(audit_rows, lambda: delete_rows(*audit_rows)) as findings:
        assert f"{stream} #0: the whole stream is missing" in findings


def test_entry_beyond_the_stream_head_is_reported(audit_rows: list[dict[str, Any]]) -> None:
    extra_entry = {**audit_rows[6], "seq": {"N": "7"}}
    with findings_after(audit_rows, lambda: put_rows(extra_entry)) as findings:
        assert f"{extra_entry['stream']['S']} #7: it is beyond the head" in findings
        delete_rows(extra_entry)


def test_stream_head_of_another_customer_is_reported(
    audit_rows: list[dict[str, Any]], test_users: UserFixtures
) -> None:
    stream_head = {**audit_rows[0], "customer_id": {"S": test_users.other_customer.id}}
    with findings_after(audit_rows, lambda: put_rows(stream_head)) as findings:
        assert any("#0: the head's signature is invalid" in finding for finding in findings), findings


def test_verification_during_writes_reports_nothing(test_users: UserFixtures) -> None:
    stop = threading.Event()

    def create_users() -> None:
        while not stop.is_set():
            test_users.abe.post("/user", test_users.user_body())

    writers = [threading.Thread(target=create_users) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            assert list_findings() == []
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_partial_batch_read_loses_no_values(test_users: UserFixtures) -> None:
    """A batch may return a stream's head but not yet its key; the key is then read again."""
    user = users.get_user(test_users.sam.id)
    complete = dynamodb.batch_get(journal.stream_keys([test_users.ann.id, user.id]))
    stream_heads = {
        audit.stream_head_key(stream_id): complete.get(audit.AuditEntry, stream_id, 0)
        for stream_id in (test_users.ann.id, user.id)
    }
    partial = dynamodb.BatchResult({key: stream_head for key, stream_head in stream_heads.items() if stream_head})

    with journal.write(
        test_users.ann.actor,
        "test.torn",
        user,
        now(),
        changes=[audit.FieldChange("role", "a", "b")],
        prefetched=partial,
    ):
        pass

    entry = test_users.ann.get(f"/user/{user.id}/audit-logs?limit=1").json()["items"][0]
    assert entry["subject"]["name"] == user.name
    assert entry["changes"] == [{"field": "role", "before": "a", "after": "b"}]


def test_page_of_large_entries_is_complete(test_users: UserFixtures) -> None:
    user = test_users.ann.post("/user", test_users.user_body(name="Large")).json()
    subject = users.get_user(user["id"]).party
    for number in range(70):
        journal.write_audit_event(
            test_users.ann.actor,
            "test.large",
            subject,
            now(),
            changes=[audit.FieldChange("text", None, f"{number}" + "x" * 15_000)],
        )

    page = test_users.ann.get(f"/user/{user['id']}/audit-logs?limit=100").json()

    assert [entry["seq"] for entry in page["items"]] == list(range(71, 0, -1))


def test_verify_command_reports_findings(audit_rows: list[dict[str, Any]], env: Environment) -> None:
    with findings_after(audit_rows, lambda: delete_rows(audit_rows[2])):
        tampered_result = env.run_management_command("audit", "verify")
    intact_result = env.run_management_command("audit", "verify")

    assert tampered_result.returncode == 1
    assert f"{audit_rows[0]['stream']['S']} #2: the entry is missing" in tampered_result.stdout
    assert intact_result.returncode == 0
    assert "are intact" in intact_result.stdout


def test_deleting_a_person_key_erases_values_and_preserves_the_chain(test_users: UserFixtures) -> None:
    body = test_users.user_body(name="Erasable Canary")
    user = test_users.ann.post("/user", body).json()
    table = encryption.PersonKey.table_name()
    items = dynamodb.call("Scan", TableName=audit.AuditEntry.table_name())["Items"]
    assert "Erasable Canary" not in str(items), "personal values are encrypted"
    key = encryption.PersonKey.to_dynamodb_key(user["id"])
    stored_key = dynamodb.call("GetItem", TableName=table, Key=key)["Item"]

    dynamodb.call("DeleteItem", TableName=table, Key=key)

    response = test_users.ann.get(f"/user/{user['id']}/audit-logs")
    assert response.json()["total"] == 1
    assert "Erasable Canary" not in response.text
    assert response.json()["items"][0]["subject"]["name"] is None
    assert response.json()["items"][0]["actor"]["name"] == test_users.ann.user.name
    assert list_findings() == []
    dynamodb.call("PutItem", TableName=table, Item=stored_key)


# --- cost -----------------------------------------------------------------------------------------
def test_deep_page_costs_the_same_as_the_first(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    user = test_users.ann.post("/user", test_users.user_body(name="Deep")).json()
    costs = {}
    with temporary_audit_entries(test_users, user["id"], 5000):
        for offset in (0, 4000):
            log_path = f"/user/{user['id']}/audit-logs"
            with env.apply_plan() as fault_plan:
                page = test_users.ann.get(f"{log_path}?limit=50&offset={offset}").json()
            assert [entry["seq"] for entry in page["items"]] == list(range(5000 - offset, 4950 - offset, -1))
            assert page["total"] == 5000
            costs[offset] = sum(call.capacity for call in fault_plan.calls)
        page_beyond_end = test_users.ann.get(f"{log_path}?offset=5000").json()
        assert list_findings() == []

    record_figure(f"audit page at offset 0: {costs[0]} RCU; at offset 4,000 of 5,000: {costs[4000]} RCU")
    assert costs[0] == costs[4000] > 0
    assert (page_beyond_end["items"], page_beyond_end["total"]) == ([], 5000)
    assert list_findings() == []


@contextmanager
def temporary_audit_entries(test_users: UserFixtures, user_id: str, count: int) -> Iterator[None]:
    """Temporarily give a user ``count`` chained audit entries, a minute apart."""
    table = audit.AuditEntry.table_name()
    stream_head = dynamodb.get_record(audit.AuditEntry, user_id, 0)
    assert stream_head
    _write_audit_entries(test_users, user_id, count)
    yield
    for start in range(int(stream_head.last) + 1, count + 1, 25):
        numbers = range(start, min(start + 25, count + 1))
        keys = [audit.AuditEntry.to_dynamodb_key(user_id, number) for number in numbers]
        requests = [{"DeleteRequest": {"Key": key}} for key in keys]
        dynamodb.call("BatchWriteItem", RequestItems={table: requests})
    dynamodb.call("PutItem", TableName=table, Item=stream_head.serialize())


def _write_audit_entries(test_users: UserFixtures, user_id: str, count: int) -> None:
    batch = dynamodb.batch_get(journal.stream_keys([user_id]))
    position = audit.stream_position(batch, user_id)
    key = batch.get(encryption.PersonKey, user_id)
    assert key
    user = dynamodb.get_record(User, user_id)
    assert user
    events = [
        audit.AuditEvent(
            id=dynamodb.new_id("aud", now()),
            at=now() + timedelta(minutes=number),
            action="test.happened",
            author=permissions.user_actor(user),
            subject=user.party,
            changes=(audit.FieldChange("number", number, number + 1),),
        )
        for number in range(count - position.last)
    ]
    new_entries, positions_after = audit.build_entries(events, {user_id: position}, {user_id: key.unwrap()})
    new_entries.append(audit.build_stream_head(user_id, positions_after[user_id]))
    table = audit.AuditEntry.table_name()
    for start in range(0, len(new_entries), 25):
        requests = [{"PutRequest": {"Item": entry.serialize()}} for entry in new_entries[start : start + 25]]
        dynamodb.call("BatchWriteItem", RequestItems={table: requests})


USERS_PATH = "/userManagement"
SCHEDULE_PATH = "/staffSchedule"
COST_LIMITS: dict[str, tuple[str, str, Callable[[UserFixtures], Any], int, int]] = {
    # method, path, body, maximum round trips, maximum capacity units
    "read own profile": ("GET", "/user", lambda test_users: None, 1, 2),
    "read the customer": ("GET", "/customer", lambda test_users: None, 1, 2),
    "list users": ("GET", f"{USERS_PATH}?limit=10", lambda test_users: None, 2, 5),
    "find users": (
        "GET",
        f"{USERS_PATH}?q=a&role=staff&locationId={{boston}}&limit=10",
        lambda test_users: None,
        3,
        30,
    ),
    "list colleagues": ("GET", "/colleague?limit=10", lambda test_users: None, 3, 30),
    "read a user": ("GET", f"{USERS_PATH}/{{sam}}", lambda test_users: None, 1, 4),
    "list locations": ("GET", "/location", lambda test_users: None, 2, 4),  # the numbers at the same time
    "change own profile": ("PATCH", "/user", lambda test_users: {"profileName": "Me"}, 3, 24),
    "change a user": (
        "PATCH",
        USERS_PATH,
        lambda test_users: {"id": test_users.create_user().id, "userRole": "manager"},
        3,
        30,
    ),
    "block a user": (
        "PATCH",
        USERS_PATH,
        lambda test_users: {"id": test_users.create_user().id, "status": "blocked"},
        3,
        34,  # of which the look at the lines that rang them takes 4
    ),
    "change an e-mail address": (
        "PATCH",
        USERS_PATH,
        lambda test_users: {"id": (user := test_users.create_user()).id, "email": f"x.{user.email}"},
        4,
        74,  # of which daily limits take 11, and the search index 4
    ),
    "delete a user": (
        "DELETE",
        "/user",
        lambda test_users: {"id": test_users.create_user().id},
        5,
        82,  # of which the look at the lines that rang them takes 4
    ),
    "create a user": (
        "POST",
        "/user",
        lambda test_users: test_users.user_body(locations=[test_users.boston.id]),
        4,
        56,  # of which daily limits take 7, and the search index 4
    ),
    "terms status": ("GET", "/user/terms-status", lambda test_users: None, 2, 4),
    "accept terms": ("POST", "/user/accept-terms", lambda test_users: {}, 3, 20),
    "register a device": (
        "POST",
        "/user/push-token",
        lambda test_users: {"token": f"ExpoPushToken[costs-{test_users.ann.id}]"},
        4,
        30,
    ),
    "remove a device": (
        "DELETE",
        "/user/push-token",
        lambda test_users: {"token": f"ExpoPushToken[costs-{test_users.ann.id}]"},
        3,
        25,
    ),
    "create a shift": ("POST", SCHEDULE_PATH, lambda test_users: test_users.shift_body(), 3, 50),
    "create a series": (
        "POST",
        SCHEDULE_PATH,
        lambda test_users: test_users.shift_body(
            staffId=test_users.create_user().id, recurrencePattern={"frequency": "weekly"}
        ),
        3,
        50,
    ),
    "read a shift": ("GET", f"{SCHEDULE_PATH}/{{shift}}", lambda test_users: None, 2, 4),
    "change a shift": (
        "PUT",
        f"{SCHEDULE_PATH}/{{shift}}",
        lambda test_users: {"endTime": "2050-01-01T12:00", "startTime": "2050-01-01T09:00"},
        4,
        50,
    ),
    "reassign a shift": (
        "PUT",
        f"{SCHEDULE_PATH}/{{shift}}",
        lambda test_users: {"staffId": test_users.create_user().id},
        4,
        80,
    ),
    "remove a shift": ("DELETE", f"{SCHEDULE_PATH}/{{shift}}", lambda test_users: None, 3, 45),
    "buy a number": (
        "POST",
        "/userManagement/purchase-phone-number",
        lambda test_users: {"phoneNumber": free_number(), "locationId": test_users.create_location().id},
        4,
        58,  # of which the search index takes 4, and the look at the line another 4
    ),
    "adopt a number": (
        "POST",
        "/phoneNumber/adopt",
        lambda test_users: {"phoneNumber": test_users.reserve_number(), "locationId": test_users.create_location().id},
        4,
        60,  # of which the search index takes 4, and the look at the line another 4
    ),
    "what numbers of a country need": ("GET", "/numberRequirement?country=DE", lambda test_users: None, 2, 3),
    "set the address for numbers": ("PUT", "/numberProfile/FR", lambda test_users: dict(ADDRESS_BODY), 11, 60),
    "read an IVR configuration": ("GET", "/ivrConfiguration/{answering}", lambda test_users: None, 2, 5),
    "preview a call": ("GET", "/ivrConfiguration/{unstaffed}/preview", lambda test_users: None, 3, 10),
    "list calls": ("GET", "/call?locationId={answering}&limit=10", lambda test_users: None, 3, 6),
    "read a location": ("GET", "/location/{boston}", lambda test_users: None, 2, 6),
    "list numbers": ("GET", "/phoneNumber?limit=10", lambda test_users: None, 2, 5),
    "list who is on duty": ("GET", "/location/{boston}/on-duty", lambda test_users: None, 2, 6),
    "list the days of a location": (
        *("GET", "/location/{boston}/days?from=2026-12-01&to=2027-11-30", lambda test_users: None),
        *(5, 6),
    ),
    "set the note of a day": ("PUT", "/location/{boston}/days/2026-12-24", lambda test_users: {"note": "Sale"}, 4, 45),
    "read an audit log": ("GET", "/user/{sam}/audit-logs", lambda test_users: None, 3, 14),
}


@pytest.mark.parametrize("case_name", COST_LIMITS)
def test_round_trips_and_capacity_are_limited(
    test_users: UserFixtures, env: Environment, case_name: str, record_figure: Callable[[str], None]
) -> None:
    method, path, make_body, max_trips, max_capacity = COST_LIMITS[case_name]
    body = make_body(test_users)
    shift = test_users.create_shift().id if "{shift}" in path else ""
    line_location_id = test_users.boston_number.number.location_id if "{answering}" in path else ""
    unstaffed = create_line(test_users).location.id if "{unstaffed}" in path else ""
    ids = {"answering": line_location_id, "unstaffed": unstaffed, "shift": shift}
    url = path.format(sam=test_users.sam.id, boston=test_users.boston.id, **ids)
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as fault_plan:
        options = {} if body is None else {"json": body}
        response = test_users.ann.request(method, url, **options)
        assert response.status_code in (200, 201), response.text

    calls = [call for call in fault_plan.calls if call.service == "dynamodb"]
    capacity = sum(call.capacity for call in calls)
    call_list = ", ".join(f"{call.operation} {call.capacity:g}" for call in calls)
    trips = count_sequential_trips(calls)
    record_figure(f"{case_name}: {trips} round trips, {capacity:g} capacity units ({call_list})")
    assert trips <= max_trips
    assert capacity <= max_capacity


# --- forbidden writes -----------------------------------------------------------------------------
def test_record_cannot_be_written_without_the_journal(test_users: UserFixtures) -> None:
    user = users.get_user(test_users.sam.id)
    for write in (user.save, user.delete, user.update):
        with pytest.raises(TypeError, match="journal"):
            write()
    with pytest.raises(TypeError, match="journal"):
        unaudited.remove(user, User.id.exists())
    platform_tables = {"outbox", "idempotency", "data-keys", "installation"}
    call_tables = {"calls", "call-people", "last-conversations", "ongoing-calls"}
    telephony_tables = {*call_tables, "phone-usage", "phone-proofs", "phone-orphans", "reach", "line-tests"}
    account_tables = {"denied-attempts", "daily-counts", "prepared-exports", "sent-emails"}
    platform_tables |= {"board", "board-passes", "bulk-runs", "bulk-chunks"}
    assert {*platform_tables, *account_tables, "ended-shifts", "customer-exports", *telephony_tables} == set(
        settings.UNAUDITED_TABLES
    )


def test_intent_without_a_finisher_is_rejected(test_users: UserFixtures) -> None:
    with pytest.raises(TypeError, match="finisher"), journal.write_intent(test_users.ann.actor, now()):
        pass


def test_failed_write_leaves_nothing(test_users: UserFixtures) -> None:
    count_before = test_users.ann.get(f"/user/{test_users.sam.id}/audit-logs").json()["total"]
    user = users.get_user(test_users.sam.id)

    def failing_write() -> None:
        with journal.write(test_users.ann.actor, "test.refused", user, now()) as write:
            write.put(user.with_changes(name="Other"), only_if=User.version == 99)
            write.enqueue("test.never", user_id=user.id)

    with pytest.raises(errors.Conflict):
        failing_write()

    assert users.get_user(test_users.sam.id).name == user.name
    assert test_users.ann.get(f"/user/{test_users.sam.id}/audit-logs").json()["total"] == count_before


def test_unexpected_database_error_is_raised() -> None:
    with pytest.raises(dynamodb.CallRejected, match="GetItem of dutyline-test-nothing: ResourceNotFoundException"):
        dynamodb.call("GetItem", TableName="dutyline-test-nothing", Key={"id": {"S": "x"}})
