"""The journal and the audit: order under contention, tampering, cost, erasure."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pynamodb.exceptions import VerboseClientError

from accounts import permissions, users
from accounts.models import EmailGuard, User
from accounts.users import create
from config import audit, dynamodb, errors, journal
from config.audit import verification
from config.dynamodb import encryption, ids, unaudited
from tests.conftest import Cast, Person, free_number, now
from tests.support.environment import World, free_port


def verified() -> list[str]:
    """What the verification finds."""
    return [str(finding) for finding in verification.verify().findings]


@pytest.fixture(scope="module")
def second_web(world: World) -> Iterator[str]:
    """Another web process: writers of one actor then meet in the tables."""
    yield world.start_web("second", free_port())
    world.stop("second")


def at_once(tasks: list[Callable[[], Any]]) -> list[Any]:
    """Run all of these at the same moment."""
    together = threading.Barrier(len(tasks))

    def run(task: Callable[[], Any]) -> Any:
        together.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


@pytest.mark.parametrize("writers", [16, 50])
def test_parallel_writers_of_one_actor_all_succeed(
    cast: Cast, second_web: str, writers: int, say: Callable[[str], None]
) -> None:
    seconds: list[float] = []
    told: list[str] = []

    def write(number: int) -> Callable[[], int]:
        web = second_web if number % 2 else cast.ann.web
        person, body = Person(cast.ann.user, cast.ann.token, web), cast.new_user()

        def one() -> int:
            answer = person.post("/user", body)
            seconds.append(answer.elapsed.total_seconds())
            told.append(answer.text)
            return answer.status_code

        return one

    before = cast.ann.get(f"/user/{cast.ann.id}/audit-logs?limit=1").json()["total"]

    statuses = at_once([write(number) for number in range(writers)])

    assert statuses == [201] * writers, [text for text in told if "problem" in text]
    after = cast.ann.get(f"/user/{cast.ann.id}/audit-logs?limit=1").json()["total"]
    assert after == before + writers
    assert verified() == []
    say(f"{writers} parallel creates by one actor: all 201, slowest {max(seconds):.1f} s")


def test_of_fifty_parallel_creates_of_one_address_one_wins(
    cast: Cast, second_web: str, say: Callable[[str], None]
) -> None:
    body = cast.new_user()
    people = [
        Person(cast.ann.user, cast.ann.token, cast.ann.web),
        Person(cast.abe.user, cast.abe.token, second_web),
    ]

    answers = at_once([lambda n=n: people[n % 2].post("/user", body) for n in range(50)])  # type: ignore[misc]

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * 49
    winner = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    guard = dynamodb.get(EmailGuard, body["email"])
    assert guard
    assert guard.user_id == winner
    say("50 parallel creates of one address: 1 created, 49 refused")


# --- tampering ------------------------------------------------------------------------------------
@pytest.fixture
def entries(cast: Cast) -> list[dict[str, Any]]:
    """The rows of a stream of six entries, whole, by number; 0 is the head."""
    person = create.create(
        create.Wanted(
            customer_id=cast.customer.id,
            email=f"{ids.new('usr', now()).lower()}@cast.example",
            name="Tampered",
        ),
        actor=cast.ann.actor,
        at=now(),
    )
    for number in range(5):
        actor = permissions.of(person) if number % 2 else cast.ann.actor
        journal.note(
            actor=actor,
            action="test.happened",
            subject=person.party,
            at=now(),
            customer_id=person.customer_id,
            changes=[audit.Change("number", number, number + 1)],
        )
    found = dynamodb.call(
        "Query",
        **dynamodb.key_range(audit.AuditEntry, "#stream = :s", {":s": {"S": person.id}}),
    )
    return list(found["Items"])


def put(*items: dict[str, Any]) -> None:
    for item in items:
        dynamodb.call("PutItem", TableName=audit.AuditEntry.table_name(), Item=item)


def cut(*items: dict[str, Any]) -> None:
    for item in items:
        key = {"stream": item["stream"], "seq": item["seq"]}
        dynamodb.call("DeleteItem", TableName=audit.AuditEntry.table_name(), Key=key)


@contextmanager
def tampered(rows: list[dict[str, Any]], do: Callable[[], None]) -> Iterator[list[str]]:
    """What is found after ``do``; afterwards everything is as it was."""
    assert verified() == []
    do()
    try:
        yield verified()
    finally:
        put(*rows)
        assert verified() == []


@pytest.mark.parametrize("seq", [1, 3, 6])
@pytest.mark.parametrize("name", ["body", "at", "customer_id", "hash", "prev_hash", "listed_for"])
def test_a_changed_entry_is_named(entries: list[dict[str, Any]], seq: int, name: str) -> None:
    row = entries[seq]
    other = row[name]["S"].replace("a", "b").replace("0", "1") if name in row else "x"
    stream = row["stream"]["S"]

    with tampered(entries, lambda: put({**row, name: {"S": other + " "}})) as found:
        assert any(line.startswith(f"{stream} #{seq}") for line in found), found


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_a_removed_entry_is_named(entries: list[dict[str, Any]], seq: int) -> None:
    stream = entries[0]["stream"]["S"]
    with tampered(entries, lambda: cut(entries[seq])) as found:
        assert any(line.startswith(f"{stream} #{seq}: ") for line in found), found


def test_moved_entries_are_named(entries: list[dict[str, Any]]) -> None:
    first, second = entries[2], entries[3]
    swap = [{**first, "seq": second["seq"]}, {**second, "seq": first["seq"]}]
    with tampered(entries, lambda: put(*swap)) as found:
        assert any("#2: it does not follow" in line for line in found), found


def test_a_cut_end_is_named_also_with_a_matching_head(entries: list[dict[str, Any]]) -> None:
    stream, head = entries[0]["stream"]["S"], entries[0]
    with tampered(entries, lambda: cut(*entries[5:])) as found:
        assert any(line.startswith(f"{stream} #5: the end is cut off") for line in found), found

    def cut_and_mend() -> None:
        cut(*entries[5:])
        put({**head, "last": {"N": "4"}, "hash": entries[4]["hash"]})

    with tampered(entries, cut_and_mend) as found:
        assert any(line.startswith(f"{stream} #0: the head's signature") for line in found), found


def test_a_vanished_head_or_stream_is_named(entries: list[dict[str, Any]]) -> None:
    stream = entries[0]["stream"]["S"]
    with tampered(entries, lambda: cut(entries[0])) as found:
        assert f"{stream} #0: the head is gone" in found
    with tampered(entries, lambda: cut(*entries)) as found:
        assert f"{stream} #0: the whole stream is gone" in found


def test_an_entry_beyond_the_head_is_named(entries: list[dict[str, Any]]) -> None:
    stray = {**entries[6], "seq": {"N": "7"}}
    with tampered(entries, lambda: put(stray)) as found:
        assert f"{stray['stream']['S']} #7: it stands beyond the head" in found
        cut(stray)


def test_a_head_given_to_another_customer_is_named(
    entries: list[dict[str, Any]], cast: Cast
) -> None:
    head = {**entries[0], "customer_id": {"S": cast.elsewhere.id}}
    with tampered(entries, lambda: put(head)) as found:
        assert any("#0: the head's signature is not ours" in line for line in found), found


def test_verifying_while_people_write_finds_nothing(cast: Cast) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            cast.abe.post("/user", cast.new_user())

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            assert verified() == []
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_a_torn_read_loses_no_values(cast: Cast) -> None:
    """A batch may see a stream's head and not yet its key: the key is read again."""
    user = users.get(cast.sam.id)
    whole = dynamodb.fetch(journal.keys([cast.ann.id, user.id]))
    heads = {
        audit.head_key(id): whole.get(audit.AuditEntry, id, 0) for id in (cast.ann.id, user.id)
    }
    torn = dynamodb.Found({key: head for key, head in heads.items() if head})

    with journal.write(
        actor=cast.ann.actor,
        action="test.torn",
        subject=user.party,
        at=now(),
        customer_id=user.customer_id,
        changes=[audit.Change("role", "a", "b")],
        found=torn,
    ):
        pass

    line = cast.ann.get(f"/user/{user.id}/audit-logs?limit=1").json()["items"][0]
    assert line["subject"]["name"] == user.name
    assert line["changes"] == [{"field": "role", "before": "a", "after": "b"}]


def test_a_page_of_large_entries_is_whole(cast: Cast) -> None:
    user = cast.ann.post("/user", cast.new_user(name="Large")).json()
    subject = users.get(user["id"]).party
    for number in range(70):
        journal.note(
            actor=cast.ann.actor,
            action="test.large",
            subject=subject,
            at=now(),
            customer_id=cast.customer.id,
            changes=[audit.Change("text", None, f"{number}" + "x" * 15_000)],
        )

    page = cast.ann.get(f"/user/{user['id']}/audit-logs?limit=100").json()

    assert [line["seq"] for line in page["items"]] == list(range(71, 0, -1))


def test_the_command_names_what_is_wrong(entries: list[dict[str, Any]], world: World) -> None:
    with tampered(entries, lambda: cut(entries[2])):
        wrong = world.manage("audit", "verify")
    right = world.manage("audit", "verify")

    assert wrong.returncode == 1
    assert f"{entries[0]['stream']['S']} #2: the entry is missing" in wrong.stdout
    assert right.returncode == 0
    assert "are intact" in right.stdout


def test_destroying_a_key_erases_the_values_and_the_chain_holds(cast: Cast) -> None:
    body = cast.new_user(name="Erasable Canary")
    user = cast.ann.post("/user", body).json()
    table = encryption.PersonKey.table_name()
    raw = dynamodb.call("Scan", TableName=audit.AuditEntry.table_name())["Items"]
    assert "Erasable Canary" not in str(raw), "values of people are sealed"
    key = encryption.PersonKey.wire_key(user["id"])
    kept = dynamodb.call("GetItem", TableName=table, Key=key)["Item"]

    dynamodb.call("DeleteItem", TableName=table, Key=key)

    log = cast.ann.get(f"/user/{user['id']}/audit-logs")
    assert log.json()["total"] == 1
    assert "Erasable Canary" not in log.text
    assert log.json()["items"][0]["subject"]["name"] is None
    assert log.json()["items"][0]["actor"]["name"] == cast.ann.user.name
    assert verified() == []
    dynamodb.call("PutItem", TableName=table, Item=kept)


# --- cost -----------------------------------------------------------------------------------------
def test_a_deep_page_costs_what_the_first_one_costs(
    cast: Cast, world: World, say: Callable[[str], None]
) -> None:
    user = cast.ann.post("/user", cast.new_user(name="Deep")).json()
    costs = {}
    with filled(cast, user["id"], 5000):
        for offset in (0, 4000):
            log = f"/user/{user['id']}/audit-logs"
            with world.plan() as plan:
                page = cast.ann.get(f"{log}?limit=50&offset={offset}").json()
            assert [line["seq"] for line in page["items"]] == list(
                range(5000 - offset, 4950 - offset, -1)
            )
            assert page["total"] == 5000
            costs[offset] = sum(call.capacity for call in plan.calls)
        beyond = cast.ann.get(f"{log}?offset=5000").json()
        assert verified() == []

    say(f"audit page at offset 0: {costs[0]} RCU; at offset 4,000 of 5,000: {costs[4000]} RCU")
    assert costs[0] == costs[4000] > 0
    assert (beyond["items"], beyond["total"]) == ([], 5000)
    assert verified() == []


@contextmanager
def filled(cast: Cast, user_id: str, count: int) -> Iterator[None]:
    """Give a person a log of ``count`` entries, a minute apart, properly chained, for a while."""
    table = audit.AuditEntry.table_name()
    head = dynamodb.get(audit.AuditEntry, user_id, 0)
    assert head
    _fill(cast, user_id, count)
    yield
    for start in range(int(head.last) + 1, count + 1, 25):
        numbers = range(start, min(start + 25, count + 1))
        keys = [audit.AuditEntry.wire_key(user_id, number) for number in numbers]
        requests = [{"DeleteRequest": {"Key": key}} for key in keys]
        dynamodb.call("BatchWriteItem", RequestItems={table: requests})
    dynamodb.call("PutItem", TableName=table, Item=head.serialize())


def _fill(cast: Cast, user_id: str, count: int) -> None:
    found = dynamodb.fetch(journal.keys([user_id]))
    place = audit.position(found, user_id)
    key = found.get(encryption.PersonKey, user_id)
    assert key
    user = dynamodb.get(User, user_id)
    assert user
    happenings = [
        audit.Happening(
            id=ids.new("aud", now()),
            at=now() + timedelta(minutes=number),
            action="test.happened",
            author=permissions.of(user),
            subject=user.party,
            customer_id=cast.customer.id,
            changes=(audit.Change("number", number, number + 1),),
        )
        for number in range(count - place.last)
    ]
    made, after = audit.entries(happenings, {user_id: place}, {user_id: key.open()})
    made.append(audit.head(user_id, after[user_id]))
    table = audit.AuditEntry.table_name()
    for start in range(0, len(made), 25):
        requests = [
            {"PutRequest": {"Item": entry.serialize()}} for entry in made[start : start + 25]
        ]
        dynamodb.call("BatchWriteItem", RequestItems={table: requests})


MANAGE = "/userManagement"
SHIFT = "/staffSchedule"
COSTS: dict[str, tuple[str, str, Callable[[Cast], Any], int, int]] = {
    # request, round trips, capacity units
    "read oneself": ("GET", "/user", lambda cast: None, 1, 2),
    "read the customer": ("GET", "/customer", lambda cast: None, 1, 2),
    "list people": ("GET", f"{MANAGE}?limit=10", lambda cast: None, 2, 5),
    "list locations": ("GET", "/location", lambda cast: None, 2, 3),
    "change oneself": ("PATCH", "/user", lambda cast: {"profileName": "Me"}, 3, 20),
    "change a user": (
        "PATCH",
        MANAGE,
        lambda cast: {"id": cast.fresh().id, "userRole": "manager"},
        3,
        30,
    ),
    "block a user": (
        "PATCH",
        MANAGE,
        lambda cast: {"id": cast.fresh().id, "status": "blocked"},
        3,
        30,
    ),
    "change an address": (
        "PATCH",
        MANAGE,
        lambda cast: {"id": (user := cast.fresh()).id, "email": f"x.{user.email}"},
        4,
        60,
    ),
    "delete a user": ("DELETE", "/user", lambda cast: {"id": cast.fresh().id}, 6, 60),
    "create a user": (
        "POST",
        "/user",
        lambda cast: cast.new_user(locations=[cast.boston.id]),
        4,
        45,
    ),
    "terms status": ("GET", "/user/terms-status", lambda cast: None, 2, 4),
    "accept terms": ("POST", "/user/accept-terms", lambda cast: {}, 3, 20),
    "register a device": (
        "POST",
        "/user/push-token",
        lambda cast: {"token": f"ExpoPushToken[costs-{cast.ann.id}]"},
        4,
        30,
    ),
    "remove a device": (
        "DELETE",
        "/user/push-token",
        lambda cast: {"token": f"ExpoPushToken[costs-{cast.ann.id}]"},
        3,
        25,
    ),
    "create a shift": ("POST", SHIFT, lambda cast: cast.new_shift(), 4, 50),
    "create a series": (
        "POST",
        SHIFT,
        lambda cast: cast.new_shift(
            staffId=cast.fresh().id, recurrencePattern={"frequency": "weekly"}
        ),
        4,
        50,
    ),
    "read a shift": ("GET", f"{SHIFT}/{{shift}}", lambda cast: None, 2, 4),
    "change a shift": (
        "PUT",
        f"{SHIFT}/{{shift}}",
        lambda cast: {"endTime": "2050-01-01T12:00", "startTime": "2050-01-01T09:00"},
        5,
        50,
    ),
    "hand a shift over": (
        "PUT",
        f"{SHIFT}/{{shift}}",
        lambda cast: {"staffId": cast.fresh().id},
        5,
        80,
    ),
    "remove a shift": ("DELETE", f"{SHIFT}/{{shift}}", lambda cast: None, 4, 45),
    "buy a number": (
        "POST",
        "/userManagement/purchase-phone-number",
        lambda cast: {"phoneNumber": free_number(), "locationId": cast.place().id},
        4,
        50,
    ),
    "how a location answers": ("GET", "/ivrConfiguration/{answering}", lambda cast: None, 2, 5),
    "what a caller would meet": (
        "GET",
        "/ivrConfiguration/{answering}/preview",
        lambda cast: None,
        8,
        10,
    ),
    "list calls": ("GET", "/call?locationId={answering}&limit=10", lambda cast: None, 3, 6),
    "list numbers": ("GET", "/phoneNumber?limit=10", lambda cast: None, 2, 5),
    "who is on duty": ("GET", "/location/{boston}/on-duty", lambda cast: None, 5, 6),
    "read an audit log": ("GET", "/user/{sam}/audit-logs", lambda cast: None, 3, 14),
}


@pytest.mark.parametrize("what", COSTS)
def test_round_trips_and_capacity_are_bounded(
    cast: Cast, world: World, what: str, say: Callable[[str], None]
) -> None:
    method, path, made, trips, units = COSTS[what]
    body = made(cast)
    shift = cast.shift().id if "{shift}" in path else ""
    answering = cast.held.number.location_id if "{answering}" in path else ""
    address = path.format(sam=cast.sam.id, boston=cast.boston.id, shift=shift, answering=answering)
    with world.plan() as plan:
        more = {} if body is None else {"json": body}
        answer = cast.ann.call(method, address, **more)
        assert answer.status_code in (200, 201), answer.text

    calls = [call for call in plan.calls if call.service == "dynamodb"]
    cost = sum(call.capacity for call in calls)
    told = ", ".join(f"{call.what} {call.capacity:g}" for call in calls)
    say(f"{what}: {len(calls)} round trips, {cost:g} capacity units ({told})")
    assert len(calls) <= trips
    assert cost <= units


# --- the doors ------------------------------------------------------------------------------------
def test_a_record_cannot_be_written_past_the_journal(cast: Cast) -> None:
    user = users.get(cast.sam.id)
    for write in (user.save, user.delete, user.update):
        with pytest.raises(TypeError, match="journal"):
            write()
    with pytest.raises(TypeError, match="journal"):
        unaudited.remove(user, User.id.exists())
    telephones = {"calls", "phone-usage", "phone-proofs", "phone-orphans"}
    assert {"outbox", "idempotency", *telephones} == unaudited.TABLES


def test_an_intent_without_a_finisher_is_refused(cast: Cast) -> None:
    with pytest.raises(TypeError, match="finisher"), journal.intend(actor=cast.ann.actor, at=now()):
        pass


def test_a_refused_write_leaves_nothing(cast: Cast) -> None:
    before = cast.ann.get(f"/user/{cast.sam.id}/audit-logs").json()["total"]
    user = users.get(cast.sam.id)

    def refused() -> None:
        with journal.write(
            actor=cast.ann.actor,
            action="test.refused",
            subject=user.party,
            at=now(),
            customer_id=user.customer_id,
        ) as write:
            write.put(user.changed(name="Other"), only_if=User.version == 99)
            write.later("test.never", user_id=user.id)

    with pytest.raises(errors.Conflict):
        refused()

    assert users.get(cast.sam.id).name == user.name
    assert cast.ann.get(f"/user/{cast.sam.id}/audit-logs").json()["total"] == before


def test_an_unforeseen_refusal_of_the_engine_is_a_defect() -> None:
    with pytest.raises(VerboseClientError):
        dynamodb.call("GetItem", TableName="dutyline-test-nothing", Key={"id": {"S": "x"}})
