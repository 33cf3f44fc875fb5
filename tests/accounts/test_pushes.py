"""Pushes reach every device of whom they concern, once, whatever Expo or a crash does."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from accounts.models import PushToken, PushTokenGuard
from accounts.notifications import devices
from accounts.users import side_effects
from config import dynamodb, journal, outbox
from config.audit import reader
from tests.conftest import Cast, Person, come, now, problem, sweep
from tests.support.crash_harness import Harness
from tests.support.environment import SCALE, World
from tests.support.proxy import Plan

_numbers = itertools.count(1)
QUARTER = 15 * 60


def a_token(kind: str = "ExponentPushToken") -> str:
    return f"{kind}[test-{next(_numbers)}]"


@pytest.fixture
def somebody(cast: Cast, world: World) -> Person:
    return come(world, cast.ann.web, cast.fresh())


@pytest.fixture(autouse=True)
def behave(world: World) -> Iterator[None]:
    """Expo behaves after each test."""
    sweep()
    yield
    httpx.delete(f"{world.expo}/_local/faults")


def registered(who: Person, *tokens: str) -> None:
    for token in tokens:
        answer = who.post("/user/push-token", {"token": token})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"token": token, "status": "registered"}


def equipped(who: Person, count: int) -> list[str]:
    """Somebody with many devices; written together, as registering one by one takes long."""
    made = [a_token() for _ in range(count)]
    for start in range(0, count, 25):
        with journal.write(
            actor=who.actor,
            action="device.registered",
            subject=who.user.party,
            at=now(),
            customer_id=who.user.customer_id,
        ) as write:
            for token in made[start : start + 25]:
                key, home = devices._key(token), who.user.customer_id
                write.put(PushToken(user_id=who.id, key=key, token=token, registered_at=now()))
                write.put(PushTokenGuard(key=key, user_id=who.id, customer_id=home))
    return made


def tell(who: Person, event: str = "rights_changed") -> None:
    """Something happens that concerns them."""
    with journal.write(
        actor=who.actor,
        action="test.told",
        subject=who.user.party,
        at=now(),
        customer_id=who.user.customer_id,
    ) as write:
        side_effects.tell(write, who.id, event)


def sent_to(world: World, *tokens: str) -> list[dict[str, Any]]:
    newest = {"limit": 1000}
    every = httpx.get(f"{world.expo}/messages", params=newest).raise_for_status().json()
    return [message for message in every if message["to"] in tokens]


def requests(world: World) -> list[int]:
    return list(httpx.get(f"{world.expo}/requests").raise_for_status().json())


def behaves(world: World, token: str, state: str) -> None:
    httpx.post(
        f"{world.expo}/_local/devices", json={"token": token, "state": state}
    ).raise_for_status()


def fault(world: World, kind: str, **more: Any) -> None:
    httpx.post(f"{world.expo}/_local/faults", json={"fault": kind, **more}).raise_for_status()


def tokens_of(user_id: str) -> list[str]:
    return sorted(device.token for device in devices.of_person(user_id))


def actions(user_id: str) -> list[str]:
    return [entry.action for entry in reader.rows(user_id) if entry.seq]


# --- devices --------------------------------------------------------------------------------------
def test_a_device_is_registered_and_removed(somebody: Person) -> None:
    token = a_token()

    registered(somebody, token, token)
    kept = tokens_of(somebody.id)
    removed = [somebody.delete("/user/push-token", {"token": token}) for _ in range(2)]

    assert kept == [token]
    assert [answer.status_code for answer in removed] == [200, 200]
    assert removed[0].json() == removed[1].json() == {"token": token, "status": "removed"}
    assert tokens_of(somebody.id) == []
    assert actions(somebody.id)[-2:] == ["device.registered", "device.removed"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "ExponentPushToken",
        "ExponentPushToken[]",
        "ExponentPushToken[a b]",
        "ExponentPushToken[a]]",
        "ExponentPushToken[[a]",
        "ExponentPushToken[a",
        "exponentpushtoken[a]",
        " ExpoPushToken[é]",
        "ExponentPushTokenXX",
        "ExponentPushToken[" + "a" * 201 + "]",
        "ExponentPushToken[a]\nExponentPushToken[b]",
        7,
        None,
        ["ExponentPushToken[a]"],
    ],
)
def test_what_is_no_token_is_refused(somebody: Person, token: Any) -> None:
    for method in ("POST", "DELETE"):
        answer = somebody.call(method, "/user/push-token", json={"token": token})
        assert answer.status_code == 400, answer.text
        assert problem(answer)["errors"][0]["pointer"] == "/token"
    assert tokens_of(somebody.id) == []


def test_both_names_of_a_token_are_taken(somebody: Person) -> None:
    tokens = [a_token("ExpoPushToken"), a_token("ExponentPushToken")]

    registered(somebody, *tokens)

    assert tokens_of(somebody.id) == sorted(tokens)


def test_a_token_moves_to_who_registers_it_last(cast: Cast, somebody: Person) -> None:
    token = a_token()
    registered(cast.cleo, token)
    registered(somebody, token)

    assert tokens_of(cast.cleo.id) == []
    assert tokens_of(somebody.id) == [token]
    told = cast.cleo.get(f"/user/{cast.cleo.id}/audit-logs?action=device.moved_away").json()
    assert (told["total"], told["items"][0]["actor"]["id"]) == (1, "system")
    assert somebody.id not in str(told), "whose it is now is another customer's business"
    theirs = cast.ann.get(f"/user/{somebody.id}/audit-logs?limit=1").json()["items"][0]
    assert theirs["action"] == "device.registered"
    assert cast.cleo.id not in str(theirs)


def test_nobody_removes_anothers_device(cast: Cast, somebody: Person) -> None:
    token = a_token()
    registered(somebody, token)

    answer = cast.cleo.delete("/user/push-token", {"token": token})

    assert answer.status_code == 200, "it says nothing of whose it is"
    assert tokens_of(somebody.id) == [token]


def test_two_who_register_one_token_at_once_leave_one_owner(
    cast: Cast, say: Callable[[str], None]
) -> None:
    people = [cast.ann, cast.abe, cast.mia, cast.sam, cast.cleo]
    rounds = 10 if SCALE else 4
    for _ in range(rounds):
        token = a_token()

        def register(who: Person, token: str = token) -> int:
            return who.post("/user/push-token", {"token": token}).status_code

        with ThreadPoolExecutor(len(people)) as pool:
            assert set(pool.map(register, people)) <= {200, 503}
        guard = dynamodb.get(PushTokenGuard, devices._key(token))
        assert guard
        owners = [who.id for who in people if token in tokens_of(who.id)]
        assert owners == [guard.user_id]
    say(f"push token: {rounds} races of {len(people)} people for one token, one owner each time")


def test_the_oldest_of_too_many_devices_goes(cast: Cast, somebody: Person) -> None:
    tokens = equipped(somebody, devices.MOST)

    registered(somebody, new := a_token())

    assert len(tokens_of(somebody.id)) == devices.MOST
    assert {new} < set(tokens_of(somebody.id))
    assert len(set(tokens) - set(tokens_of(somebody.id))) == 1
    (newest,) = cast.ann.get(f"/user/{somebody.id}/audit-logs?limit=1").json()["items"]
    assert [bool(change["before"]) for change in newest["changes"]] == [False, True]


def test_a_device_cannot_be_added_while_its_owner_leaves(cast: Cast, somebody: Person) -> None:
    """A request that was let in before the deletion must not write after it."""
    actor = somebody.actor
    assert cast.ann.delete("/user", {"id": somebody.id}).is_success

    with pytest.raises(Exception, match="cannot be used"):
        devices.register(a_token(), actor=actor, at=now())

    assert tokens_of(somebody.id) == []


def test_deleting_somebody_forgets_all_their_devices(cast: Cast, somebody: Person) -> None:
    tokens = equipped(somebody, 45)

    gone = cast.ann.delete("/user", {"id": somebody.id})

    assert gone.status_code == 200
    assert tokens_of(somebody.id) == []
    assert not [t for t in tokens if dynamodb.get(PushTokenGuard, devices._key(t))]
    assert actions(somebody.id).count("device.removed") == 3, "in steps of at most 20"


# --- sending --------------------------------------------------------------------------------------
def test_who_is_promoted_and_moved_is_notified(cast: Cast, world: World, somebody: Person) -> None:
    token = a_token()
    registered(somebody, token)
    body = {"settings": {"language": "de"}}
    assert somebody.patch("/user", body).is_success
    both = [cast.boston.id, cast.denver.id]

    changed = cast.ann.patch(
        "/userManagement", {"id": somebody.id, "userRole": "manager", "locations": both}
    )
    sweep()

    assert changed.status_code == 200
    found = {message["data"]["event"]: message for message in sent_to(world, token)}
    assert set(found) == {"rights_changed", "location_assigned"}
    assert found["rights_changed"]["title"] == "Ihre Rechte haben sich geändert"
    assert cast.ann.user.name not in str(found), "a locked screen names nobody"


def test_who_wants_no_pushes_gets_none(cast: Cast, world: World, somebody: Person) -> None:
    token = a_token()
    registered(somebody, token)
    off = {"settings": {"notifications": {"push": {"rightsChanged": False}}}}
    assert somebody.patch("/user", off).is_success

    tell(somebody, "rights_changed")
    tell(somebody, "terms_renewed")
    sweep()

    assert [m["data"]["event"] for m in sent_to(world, token)] == ["terms_renewed"]


def test_who_is_blocked_gets_none(cast: Cast, world: World, somebody: Person) -> None:
    token = a_token()
    registered(somebody, token)
    tell(somebody)
    assert cast.ann.patch("/userManagement", {"id": somebody.id, "status": "blocked"}).is_success

    sweep()

    assert sent_to(world, token) == []


def test_252_devices_are_notified_in_chunks_of_100(
    world: World, somebody: Person, say: Callable[[str], None]
) -> None:
    tokens = equipped(somebody, 252)
    before = len(requests(world))

    tell(somebody)
    sweep()

    chunks = requests(world)[before:]
    assert chunks == [100, 100, 52]
    assert sorted(m["to"] for m in sent_to(world, *tokens)) == sorted(tokens)
    say(f"push: {len(tokens)} devices notified in chunks of {chunks}")


def test_a_dead_device_is_pruned_by_its_ticket(world: World, somebody: Person) -> None:
    dead, alive = a_token(), a_token()
    registered(somebody, dead, alive)
    behaves(world, dead, "gone")

    tell(somebody)
    sweep()

    assert tokens_of(somebody.id) == [alive]
    assert dynamodb.get(PushTokenGuard, devices._key(dead)) is None
    assert actions(somebody.id)[-1] == "device.pruned"


def test_a_dead_device_is_pruned_by_its_receipt(world: World, somebody: Person) -> None:
    dead, alive = a_token(), a_token()
    registered(somebody, dead, alive)
    behaves(world, dead, "gone later")

    tell(somebody)
    sweep()
    early = tokens_of(somebody.id)
    sweep(QUARTER - 60)
    still = tokens_of(somebody.id)
    sweep(QUARTER + 60)

    assert early == still == sorted([dead, alive])
    assert tokens_of(somebody.id) == [alive]


def test_a_device_that_was_registered_anew_is_not_pruned(world: World, somebody: Person) -> None:
    token = a_token()
    registered(somebody, token)
    behaves(world, token, "gone later")
    tell(somebody)
    sweep()

    assert somebody.delete("/user/push-token", {"token": token}).is_success
    registered(somebody, token)
    sweep(QUARTER + 60)

    assert tokens_of(somebody.id) == [token]


def test_a_device_that_moved_is_not_pruned_from_its_new_owner(
    cast: Cast, world: World, somebody: Person
) -> None:
    token = a_token()
    registered(somebody, token)
    behaves(world, token, "gone later")
    tell(somebody)
    sweep()

    registered(cast.cleo, token)
    sweep(QUARTER + 60)

    assert token in tokens_of(cast.cleo.id)
    assert tokens_of(somebody.id) == []


def test_late_receipts_are_asked_for_until_expo_forgets_them(
    world: World, somebody: Person
) -> None:
    token = a_token()
    registered(somebody, token)
    behaves(world, token, "silent")
    tell(somebody)
    sweep()

    task = ("accounts.collect_receipts", "done")
    asked = [sweep(hours * 3600).counts[task] for hours in (0.5, 1, 1.5)]
    behaves(world, token, "ok")
    given_up = sweep(25 * 3600).counts[task]

    assert asked == [1, 1, 1]
    assert given_up == 1
    assert tokens_of(somebody.id) == [token]
    left = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    assert somebody.id not in str(left)


def test_what_went_too_fast_is_sent_again(world: World, somebody: Person) -> None:
    fast, other = a_token(), a_token()
    registered(somebody, fast, other)
    behaves(world, fast, "too fast")
    tell(somebody)
    sweep()
    behaves(world, fast, "ok")

    sweep(120)

    assert len(sent_to(world, other)) == 1
    assert [m["error"] for m in sent_to(world, fast)] == ["", "MessageRateExceeded"]


def test_what_went_too_fast_by_its_receipt_is_sent_again(world: World, somebody: Person) -> None:
    token = a_token()
    registered(somebody, token)
    behaves(world, token, "too fast later")
    tell(somebody)
    sweep()
    behaves(world, token, "ok")

    sweep(QUARTER + 60)
    sweep(QUARTER + 180)
    sweep(3 * QUARTER)

    assert len(sent_to(world, token)) == 2


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_a_project_that_is_refused_holds_no_other_up(
    world: World, somebody: Person, first: bool
) -> None:
    """A device of another project, which Expo never takes: the rest is notified, once."""
    good, bad = a_token(), f"ExponentPushToken[@refused/app:{next(_numbers)}]"
    registered(somebody, *((bad, good) if first else (good, bad)))

    tell(somebody)
    for hours in (0, 1, 2, 3):
        sweep(hours * 3600)

    assert len(sent_to(world, good)) == 1
    assert sent_to(world, bad) == []
    left = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    assert not [row for row in left if "send_push" in str(row) and somebody.id in str(row)]


def test_who_has_lost_the_lease_does_not_go_on(world: World, somebody: Person) -> None:
    """Two workers with one entry: the one whose lease ran out stops at its next note."""
    tokens = equipped(somebody, 150)
    tell(somebody)
    fault(world, "slow", path="/--/.*", seconds=3)
    slow = threading.Thread(target=sweep)
    slow.start()
    time.sleep(1.5)
    sweep(120)
    slow.join()

    sent = sent_to(world, *tokens)
    assert {m["to"] for m in sent} == set(tokens)
    assert len(sent) <= 250, "at most the chunk that was under way is doubled"


def test_devices_of_several_projects_are_notified_apart(world: World, somebody: Person) -> None:
    tokens = [a_token(), f"ExponentPushToken[@other/app:{next(_numbers)}]"]
    registered(somebody, *tokens)

    tell(somebody)
    sweep()
    sweep()  # each project's own errand

    assert sorted(m["to"] for m in sent_to(world, *tokens)) == sorted(tokens)


@pytest.mark.parametrize("trouble", ["429", "503", "500", "drop", "drop_after", "slow"])
def test_trouble_at_expo_loses_nothing(world: World, somebody: Person, trouble: str) -> None:
    token = a_token()
    registered(somebody, token)
    fault(world, trouble, path="/--/.*", seconds=12)
    tell(somebody)

    first = sweep()
    again = sweep(60)

    assert first.counts["accounts.send_push", "deferred"] == 1
    assert again.counts["accounts.send_push", "done"] == 1
    sent = sent_to(world, token)
    assert 1 <= len(sent) <= (2 if trouble in ("drop_after", "slow") else 1)


def test_expo_that_is_asked_for_patience_gets_it(world: World, somebody: Person) -> None:
    """429, then 200: nothing is lost, and no chunk that arrived is sent again."""
    tokens = equipped(somebody, 252)
    before = len(requests(world))
    tell(somebody)
    with world.plan(Plan()):
        fault(world, "429", path="/--/.*", times=1)
        sweep()
        sweep(60)

    assert requests(world)[before:] == [100, 100, 52]
    assert len(sent_to(world, *tokens)) == 252


# --- crashes --------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["kill_before", "kill_after", "lost"])
def test_a_worker_killed_while_it_sends_doubles_one_chunk_at_most(
    harness: Harness,
    cast: Cast,
    world: World,
    somebody: Person,
    mode: str,
    say: Callable[[str], None],
) -> None:
    tokens = equipped(somebody, 105)
    golden = Plan()
    harness.sweep_until_idle()
    tell(somebody)
    harness.sweep(later=1, plan=golden)
    harness.sweep_until_idle()
    worth = [c for c in golden.calls if SCALE or c.service == "expo" or c.nth % 3 == 1]
    cases = 0
    for call in worth:
        if call.service == "redis" or (mode == "kill_before" and not SCALE and call.nth > 2):
            continue
        before = {message["ticket"] for message in sent_to(world, *tokens)}
        tell(somebody)
        plan = Plan(faults={call.signature: mode})
        harness.sweep(later=1, plan=plan)
        harness.sweep_until_idle()
        if not plan.fired:
            continue
        found = [m for m in sent_to(world, *tokens) if m["ticket"] not in before]
        check(found, tokens, plan)
        cases += 1
    assert cases
    say(f"push, {mode}: {cases} of {cases} survived")


def check(sent: Sequence[dict[str, Any]], tokens: Sequence[str], plan: Plan) -> None:
    times = [sum(m["to"] == token for m in sent) for token in tokens]
    assert min(times) == 1, f"lost: {plan.fired}"
    assert max(times) <= 2, plan.fired
    assert times.count(2) <= 100, f"more than a chunk doubled: {plan.fired}"
    left = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    assert not [row for row in left if "send_push" in str(row)], plan.fired


def test_nothing_of_a_token_is_logged_or_audited(
    world: World, somebody: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    token = "ExponentPushToken[canary-of-a-device]"
    registered(somebody, token)
    tell(somebody)
    sweep()
    assert somebody.delete("/user/push-token", {"token": token}).is_success

    rows = [e.body for e in reader.rows(somebody.id) if e.seq]

    assert "task done" in caplog.text
    assert "canary-of-a-device" not in world.log("web") + caplog.text + str(rows)
