"""Each device of a recipient gets a push once, despite Expo faults and crashes."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from accounts.models import PushToken, PushTokenOwner
from accounts.notifications import devices
from accounts.users import side_effects
from config import dynamodb, errors, journal, outbox
from config.audit import reader
from tests.support.crash_harness import CrashHarness
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now, parse_problem, process_outbox

_token_numbers = itertools.count(1)
QUARTER_HOUR = 15 * 60


def make_token(prefix: str = "ExponentPushToken") -> str:
    return f"{prefix}[test-{next(_token_numbers)}]"


@pytest.fixture
def signed_in_user(test_users: UserFixtures, env: Environment) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, test_users.create_user())


@pytest.fixture(autouse=True)
def reset_expo_faults(env: Environment) -> Iterator[None]:
    """Clear the Expo emulator's faults after each test."""
    process_outbox()
    yield
    httpx.delete(f"{env.expo}/_local/faults")


def register_tokens(person: SignedInUser, *tokens: str) -> None:
    for token in tokens:
        response = person.post("/user/push-token", {"token": token})
        assert response.status_code == 200, response.text
        assert response.json() == {"token": token, "status": "registered"}


def write_devices(person: SignedInUser, count: int) -> list[str]:
    """Give a user many devices in batches, as registering them one by one is slow."""
    push_tokens = [make_token() for _ in range(count)]
    for start in range(0, count, 25):
        with journal.write(person.actor, "device.registered", person.user, now()) as write:
            for token in push_tokens[start : start + 25]:
                key, customer_id = devices._key_of(token), person.user.customer_id
                write.put(PushToken(user_id=person.id, key=key, token=token, registered_at=now()))
                write.put(PushTokenOwner(key=key, user_id=person.id, customer_id=customer_id))
    return push_tokens


def enqueue_notification(person: SignedInUser, event: str = "rights_changed", **data: str) -> None:
    """Enqueue a notification to a user."""
    with journal.write(person.actor, "test.happened", person.user, now()) as write:
        side_effects.enqueue_notification(write, person.id, event, data=data)


def list_messages_to(env: Environment, *tokens: str) -> list[dict[str, Any]]:
    query = {"limit": 1000}
    messages = httpx.get(f"{env.expo}/messages", params=query).raise_for_status().json()
    return [message for message in messages if message["to"] in tokens]


def list_request_sizes(env: Environment) -> list[int]:
    return list(httpx.get(f"{env.expo}/requests").raise_for_status().json())


def set_device_state(env: Environment, token: str, state: str) -> None:
    httpx.post(f"{env.expo}/_local/devices", json={"token": token, "state": state}).raise_for_status()


def inject_fault(env: Environment, kind: str, **options: Any) -> None:
    httpx.post(f"{env.expo}/_local/faults", json={"fault": kind, **options}).raise_for_status()


def list_tokens(user_id: str) -> list[str]:
    return sorted(device.token for device in devices.list_devices(user_id))


def list_audit_actions(user_id: str) -> list[str]:
    return [entry.action for entry in reader.iter_stream(user_id) if entry.seq]


# --- devices --------------------------------------------------------------------------------------
def test_device_is_registered_and_removed(signed_in_user: SignedInUser) -> None:
    token = make_token()

    register_tokens(signed_in_user, token, token)
    registered_tokens = list_tokens(signed_in_user.id)
    removals = [signed_in_user.delete("/user/push-token", {"token": token}) for _ in range(2)]

    assert registered_tokens == [token]
    assert [response.status_code for response in removals] == [200, 200]
    assert removals[0].json() == removals[1].json() == {"token": token, "status": "removed"}
    assert list_tokens(signed_in_user.id) == []
    assert list_audit_actions(signed_in_user.id)[-2:] == ["device.registered", "device.removed"]


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
def test_invalid_push_token_is_rejected(signed_in_user: SignedInUser, token: Any) -> None:
    for method in ("POST", "DELETE"):
        response = signed_in_user.request(method, "/user/push-token", json={"token": token})
        assert response.status_code == 400, response.text
        assert parse_problem(response)["errors"][0]["pointer"] == "/token"
    assert list_tokens(signed_in_user.id) == []


def test_both_token_formats_are_accepted(signed_in_user: SignedInUser) -> None:
    tokens = [make_token("ExpoPushToken"), make_token("ExponentPushToken")]

    register_tokens(signed_in_user, *tokens)

    assert list_tokens(signed_in_user.id) == sorted(tokens)


def test_push_token_moves_to_its_latest_registrant(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    token = make_token()
    register_tokens(test_users.cleo, token)
    register_tokens(signed_in_user, token)

    assert list_tokens(test_users.cleo.id) == []
    assert list_tokens(signed_in_user.id) == [token]
    audit_log = test_users.cleo.get(f"/user/{test_users.cleo.id}/audit-logs?action=device.moved_away").json()
    assert (audit_log["total"], audit_log["items"][0]["actor"]["id"]) == (1, "system")
    assert signed_in_user.id not in str(audit_log), "the new owner belongs to another customer"
    entry = test_users.ann.get(f"/user/{signed_in_user.id}/audit-logs?limit=1").json()["items"][0]
    assert entry["action"] == "device.registered"
    assert test_users.cleo.id not in str(entry)


def test_device_of_another_user_is_not_removed(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)

    response = test_users.cleo.delete("/user/push-token", {"token": token})

    assert response.status_code == 200, "the answer does not reveal the owner"
    assert list_tokens(signed_in_user.id) == [token]


def test_concurrent_registrations_leave_a_single_owner(
    test_users: UserFixtures, record_figure: Callable[[str], None]
) -> None:
    people = [test_users.ann, test_users.abe, test_users.mia, test_users.sam, test_users.cleo]
    rounds = 10 if IS_SCALE_RUN else 4
    for _ in range(rounds):
        token = make_token()

        def register(person: SignedInUser, token: str = token) -> int:
            return person.post("/user/push-token", {"token": token}).status_code

        with ThreadPoolExecutor(len(people)) as pool:
            assert set(pool.map(register, people)) <= {200, 503}
        uniqueness_record = dynamodb.get_record(PushTokenOwner, devices._key_of(token))
        assert uniqueness_record
        owners = [person.id for person in people if token in list_tokens(person.id)]
        assert owners == [uniqueness_record.user_id]
    record_figure(f"push token: {rounds} races of {len(people)} people for one token, one owner each")


def test_oldest_device_is_removed_beyond_the_limit(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    tokens = write_devices(signed_in_user, devices.MAX_DEVICES)

    register_tokens(signed_in_user, new_token := make_token())

    assert len(list_tokens(signed_in_user.id)) == devices.MAX_DEVICES
    assert {new_token} < set(list_tokens(signed_in_user.id))
    assert len(set(tokens) - set(list_tokens(signed_in_user.id))) == 1
    (latest_entry,) = test_users.ann.get(f"/user/{signed_in_user.id}/audit-logs?limit=1").json()["items"]
    assert [bool(change["before"]) for change in latest_entry["changes"]] == [False, True]


def test_device_cannot_be_added_during_deletion(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    """A request authorized before the deletion must not write after it."""
    actor = signed_in_user.actor
    assert test_users.ann.delete("/user", {"id": signed_in_user.id}).is_success

    with pytest.raises(errors.Unauthenticated, match="blocked or deleted"):
        devices.register_device(make_token(), actor=actor, at=now())

    assert list_tokens(signed_in_user.id) == []


def test_deleting_user_removes_all_devices(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    tokens = write_devices(signed_in_user, 45)

    deletion = test_users.ann.delete("/user", {"id": signed_in_user.id})

    assert deletion.status_code == 200
    assert list_tokens(signed_in_user.id) == []
    assert not [t for t in tokens if dynamodb.get_record(PushTokenOwner, devices._key_of(t))]
    assert list_audit_actions(signed_in_user.id).count("device.removed") == 3, "in batches of at most 20"


# --- sending --------------------------------------------------------------------------------------
def test_promoted_and_reassigned_user_is_notified(
    test_users: UserFixtures, env: Environment, signed_in_user: SignedInUser
) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    body = {"settings": {"language": "de"}}
    assert signed_in_user.patch("/user", body).is_success
    both_locations = [test_users.boston.id, test_users.denver.id]

    response = test_users.ann.patch(
        "/userManagement", {"id": signed_in_user.id, "userRole": "manager", "locations": both_locations}
    )
    process_outbox()

    assert response.status_code == 200
    messages_by_event = {message["data"]["event"]: message for message in list_messages_to(env, token)}
    assert set(messages_by_event) == {"rights_changed", "location_assigned"}
    assert messages_by_event["rights_changed"]["title"] == "Ihre Berechtigungen haben sich geändert"
    assigned = messages_by_event["location_assigned"]
    assert assigned["data"] == {"event": "location_assigned", "locationId": test_users.denver.id}
    assert "Denver" in assigned["body"]
    assert test_users.ann.user.name not in str(messages_by_event), "pushes on locked screens must not show names"


def test_disabled_pushes_are_not_sent(test_users: UserFixtures, env: Environment, signed_in_user: SignedInUser) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    settings_change = {"settings": {"notifications": {"push": {"rightsChanged": False}}}}
    assert signed_in_user.patch("/user", settings_change).is_success

    enqueue_notification(signed_in_user, "rights_changed")
    enqueue_notification(signed_in_user, "terms_renewed")
    process_outbox()

    assert [m["data"]["event"] for m in list_messages_to(env, token)] == ["terms_renewed"]


def test_blocked_user_gets_no_push(test_users: UserFixtures, env: Environment, signed_in_user: SignedInUser) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    enqueue_notification(signed_in_user)
    assert test_users.ann.patch("/userManagement", {"id": signed_in_user.id, "status": "blocked"}).is_success

    process_outbox()

    assert list_messages_to(env, token) == []


def test_252_devices_are_notified_in_chunks_of_100(
    env: Environment, signed_in_user: SignedInUser, record_figure: Callable[[str], None]
) -> None:
    tokens = write_devices(signed_in_user, 252)
    count_before = len(list_request_sizes(env))

    enqueue_notification(signed_in_user)
    process_outbox()

    chunks = list_request_sizes(env)[count_before:]
    assert chunks == [100, 100, 52]
    assert sorted(m["to"] for m in list_messages_to(env, *tokens)) == sorted(tokens)
    record_figure(f"push: {len(tokens)} devices notified in chunks of {chunks}")


def test_unregistered_device_is_pruned_by_its_ticket(env: Environment, signed_in_user: SignedInUser) -> None:
    dead_token, live_token = make_token(), make_token()
    register_tokens(signed_in_user, dead_token, live_token)
    set_device_state(env, dead_token, "gone")

    enqueue_notification(signed_in_user)
    process_outbox()

    assert list_tokens(signed_in_user.id) == [live_token]
    assert dynamodb.get_record(PushTokenOwner, devices._key_of(dead_token)) is None
    assert list_audit_actions(signed_in_user.id)[-1] == "device.pruned"


def test_unregistered_device_is_pruned_by_its_receipt(env: Environment, signed_in_user: SignedInUser) -> None:
    dead_token, live_token = make_token(), make_token()
    register_tokens(signed_in_user, dead_token, live_token)
    set_device_state(env, dead_token, "gone later")

    enqueue_notification(signed_in_user)
    process_outbox()
    tokens_after_sending = list_tokens(signed_in_user.id)
    process_outbox(QUARTER_HOUR - 60)
    tokens_before_receipt = list_tokens(signed_in_user.id)
    process_outbox(QUARTER_HOUR + 60)

    assert tokens_after_sending == tokens_before_receipt == sorted([dead_token, live_token])
    assert list_tokens(signed_in_user.id) == [live_token]


def test_reregistered_device_is_not_pruned(env: Environment, signed_in_user: SignedInUser) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    set_device_state(env, token, "gone later")
    enqueue_notification(signed_in_user)
    process_outbox()

    assert signed_in_user.delete("/user/push-token", {"token": token}).is_success
    register_tokens(signed_in_user, token)
    process_outbox(QUARTER_HOUR + 60)

    assert list_tokens(signed_in_user.id) == [token]


def test_moved_device_is_not_pruned_from_its_new_owner(
    test_users: UserFixtures, env: Environment, signed_in_user: SignedInUser
) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    set_device_state(env, token, "gone later")
    enqueue_notification(signed_in_user)
    process_outbox()

    register_tokens(test_users.cleo, token)
    process_outbox(QUARTER_HOUR + 60)

    assert token in list_tokens(test_users.cleo.id)
    assert list_tokens(signed_in_user.id) == []


def test_late_receipts_are_polled_until_they_expire(env: Environment, signed_in_user: SignedInUser) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    set_device_state(env, token, "silent")
    enqueue_notification(signed_in_user)
    process_outbox()

    counter_key = ("accounts.collect_receipts", "done")
    polled_counts = [process_outbox(hours * 3600).counts[counter_key] for hours in (0.5, 1, 1.5)]
    set_device_state(env, token, "ok")
    expired_count = process_outbox(25 * 3600).counts[counter_key]

    assert polled_counts == [1, 1, 1]
    assert expired_count == 1
    assert list_tokens(signed_in_user.id) == [token]
    outbox_items = dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"]
    assert signed_in_user.id not in str(outbox_items)


def test_rate_limited_message_is_sent_again(env: Environment, signed_in_user: SignedInUser) -> None:
    limited_token, other_token = make_token(), make_token()
    register_tokens(signed_in_user, limited_token, other_token)
    set_device_state(env, limited_token, "too fast")
    enqueue_notification(signed_in_user, callId="CA1")
    process_outbox()
    set_device_state(env, limited_token, "ok")

    process_outbox(120)

    assert len(list_messages_to(env, other_token)) == 1
    assert [m["error"] for m in list_messages_to(env, limited_token)] == ["", "MessageRateExceeded"]
    assert {m["data"].get("callId") for m in list_messages_to(env, limited_token)} == {"CA1"}


def test_message_rate_limited_by_its_receipt_is_sent_again(env: Environment, signed_in_user: SignedInUser) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    set_device_state(env, token, "too fast later")
    enqueue_notification(signed_in_user, callId="CA1")
    process_outbox()
    set_device_state(env, token, "ok")

    process_outbox(QUARTER_HOUR + 60)
    process_outbox(QUARTER_HOUR + 180)
    process_outbox(3 * QUARTER_HOUR)

    assert len(list_messages_to(env, token)) == 2
    assert {m["data"].get("callId") for m in list_messages_to(env, token)} == {"CA1"}


@pytest.mark.parametrize("rejected_first", [True, False], ids=["first", "last"])
def test_rejected_project_does_not_block_others(
    env: Environment, signed_in_user: SignedInUser, rejected_first: bool
) -> None:
    """Expo always rejects another project's device; all others are notified once."""
    accepted_token, rejected_token = (make_token(), f"ExponentPushToken[@refused/app:{next(_token_numbers)}]")
    register_tokens(
        signed_in_user, *((rejected_token, accepted_token) if rejected_first else (accepted_token, rejected_token))
    )

    enqueue_notification(signed_in_user)
    for hours in (0, 1, 2, 3):
        process_outbox(hours * 3600)

    assert len(list_messages_to(env, accepted_token)) == 1
    assert list_messages_to(env, rejected_token) == []
    outbox_items = dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"]
    assert not [row for row in outbox_items if "send_push" in str(row) and signed_in_user.id in str(row)]


def test_worker_without_its_lease_stops(env: Environment, signed_in_user: SignedInUser) -> None:
    """Two workers run one message: the worker whose lease expired stops at its next write."""
    tokens = write_devices(signed_in_user, 150)
    enqueue_notification(signed_in_user)
    inject_fault(env, "slow", path="/--/.*", seconds=3)
    slow_worker = threading.Thread(target=process_outbox)
    slow_worker.start()
    time.sleep(1.5)
    process_outbox(120)
    slow_worker.join()

    messages = list_messages_to(env, *tokens)
    assert {m["to"] for m in messages} == set(tokens)
    assert len(messages) <= 250, "at most the chunk in flight is sent twice"


def test_projects_are_notified_separately(env: Environment, signed_in_user: SignedInUser) -> None:
    tokens = [make_token(), f"ExponentPushToken[@other/app:{next(_token_numbers)}]"]
    register_tokens(signed_in_user, *tokens)

    enqueue_notification(signed_in_user)
    process_outbox()
    process_outbox()  # each project has its own outbox message

    assert sorted(m["to"] for m in list_messages_to(env, *tokens)) == sorted(tokens)


@pytest.mark.parametrize("fault_kind", ["429", "503", "500", "drop", "drop_after", "slow"])
def test_expo_faults_lose_no_message(env: Environment, signed_in_user: SignedInUser, fault_kind: str) -> None:
    token = make_token()
    register_tokens(signed_in_user, token)
    inject_fault(env, fault_kind, path="/--/.*", seconds=12)
    enqueue_notification(signed_in_user)

    first_report = process_outbox()
    second_report = process_outbox(60)

    assert first_report.counts["accounts.send_push", "deferred"] == 1
    assert second_report.counts["accounts.send_push", "done"] == 1
    messages = list_messages_to(env, token)
    assert 1 <= len(messages) <= (2 if fault_kind in ("drop_after", "slow") else 1)


def test_429_from_expo_is_retried_without_duplicates(env: Environment, signed_in_user: SignedInUser) -> None:
    """429, then 200: nothing is lost, and no delivered chunk is sent again."""
    tokens = write_devices(signed_in_user, 252)
    count_before = len(list_request_sizes(env))
    enqueue_notification(signed_in_user)
    with env.apply_plan(FaultPlan()):
        inject_fault(env, "429", path="/--/.*", times=1)
        process_outbox()
        process_outbox(60)

    assert list_request_sizes(env)[count_before:] == [100, 100, 52]
    assert len(list_messages_to(env, *tokens)) == 252


# --- crashes --------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["kill_before", "kill_after", "lost"])
def test_killed_worker_repeats_at_most_a_single_chunk(
    harness: CrashHarness,
    test_users: UserFixtures,
    env: Environment,
    signed_in_user: SignedInUser,
    mode: str,
    record_figure: Callable[[str], None],
) -> None:
    tokens = write_devices(signed_in_user, 105)
    baseline = FaultPlan()
    harness.process_outbox_until_idle()
    enqueue_notification(signed_in_user)
    harness.process_outbox(seconds_ahead=1, plan=baseline)
    harness.process_outbox_until_idle()
    fault_calls = [c for c in baseline.calls if IS_SCALE_RUN or c.service == "expo" or c.nth % 3 == 1]
    case_count = 0
    for call in fault_calls:
        if call.service == "redis" or (mode == "kill_before" and not IS_SCALE_RUN and call.nth > 2):
            continue
        earlier_tickets = {message["ticket"] for message in list_messages_to(env, *tokens)}
        enqueue_notification(signed_in_user)
        fault_plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=1, plan=fault_plan)
        harness.process_outbox_until_idle()
        if not fault_plan.fired_faults:
            continue
        messages = [m for m in list_messages_to(env, *tokens) if m["ticket"] not in earlier_tickets]
        check_deliveries(messages, tokens, fault_plan)
        case_count += 1
    assert case_count
    record_figure(f"push, {mode}: {case_count} of {case_count} survived")


def check_deliveries(messages: Sequence[dict[str, Any]], tokens: Sequence[str], fault_plan: FaultPlan) -> None:
    counts = [sum(m["to"] == token for m in messages) for token in tokens]
    assert min(counts) == 1, f"lost: {fault_plan.fired_faults}"
    assert max(counts) <= 2, fault_plan.fired_faults
    assert counts.count(2) <= 100, f"more than a chunk sent twice: {fault_plan.fired_faults}"
    outbox_items = dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"]
    assert not [row for row in outbox_items if "send_push" in str(row)], fault_plan.fired_faults


def test_push_tokens_are_not_logged_or_audited(
    env: Environment, signed_in_user: SignedInUser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    token = "ExponentPushToken[canary-of-a-device]"
    register_tokens(signed_in_user, token)
    enqueue_notification(signed_in_user)
    process_outbox()
    assert signed_in_user.delete("/user/push-token", {"token": token}).is_success

    entry_bodies = [entry.body for entry in reader.iter_stream(signed_in_user.id) if entry.seq]

    assert "task done" in caplog.text
    assert "canary-of-a-device" not in env.read_log("web") + caplog.text + str(entry_bodies)
