"""Deleted people can be restored for 30 days: what comes back, what does not, and who decides."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import permissions, users
from accounts.clients import auth0
from accounts.models import Customer, DeletedUser, EmailOwner, Location, User
from accounts.users import address_claims, delete, erase, undo_deletion
from config import dynamodb, errors, outbox
from config.audit import verification
from config.dynamodb import encryption
from staffing.models import EndedShifts, Feed, Schedule
from staffing.schedules import availability
from tests.accounts.privacy.test_erasure import erase_after
from tests.attacks.test_restore import restored
from tests.staffing.schedules.test_cleanup import create_daily_series, list_shift_days, local_midnight
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.table_rows import read_tables, restore_tables
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    await_token_of_present_holder,
    create_shift,
    directory_differences,
    emails_to,
    fetch_access_token,
    now,
    process_outbox,
    set_password,
)


def restore(test_users: UserFixtures, user_id: str) -> User:
    actor = permissions.system_actor(test_users.customer.id)
    user = undo_deletion.restore_user(user_id, actor=actor, at=now())
    process_outbox()
    return user


def get_auth0_user(env: Environment, user_id: str) -> dict[str, Any]:
    return env.tenant().get_user(auth0.subject_of_user(user_id)) or {}


def delete_by_api(test_users: UserFixtures, user_id: str) -> None:
    response = test_users.ann.delete("/userManagement", {"id": user_id})
    assert response.status_code == 200, response.text
    process_outbox()


def create_manager(test_users: UserFixtures, env: Environment) -> SignedInUser:
    body = {"role": "manager", "locations": [test_users.boston.id], "skills": ["keys"]}
    return accept_invitation(env, test_users.ann.web, test_users.create_user(**body))


def test_restored_manager_has_everything_that_can_be_restored(test_users: UserFixtures, env: Environment) -> None:
    manager = create_manager(test_users, env)
    manager.patch("/user", {"profileName": "Boss", "settings": {"language": "de"}})
    before = users.get_user(manager.id)
    people_before = (dynamodb.get_record(Location, test_users.boston.id) or Location()).people
    assert manager.post("/user/calendar-feed", {}).status_code == 201
    first = local_midnight() - timedelta(days=3) + timedelta(hours=3)
    create_daily_series(test_users, before, first)
    past = create_shift(test_users.ann.actor, test_users.boston, manager.id, start=first - timedelta(days=9))
    single = create_shift(
        test_users.ann.actor, test_users.boston, manager.id, start=first + timedelta(days=40, hours=9)
    )
    days_before = [day for day, staff in list_shift_days(test_users, first, 60) if staff == manager.id]

    delete_by_api(test_users, manager.id)

    assert test_users.ann.get(f"/userManagement/{manager.id}").status_code == 404
    listed = test_users.ann.get("/userManagement", params={"q": before.email}).json()
    assert listed["items"] == [], listed
    assert manager.get("/user").status_code == 401
    assert dynamodb.get_record(Feed, manager.id) is None
    assert len([day for day, staff in list_shift_days(test_users, first, 60) if staff == manager.id]) < 6
    entry = test_users.ann.get(f"/user/{manager.id}/audit-logs?limit=1").json()["items"][0]
    assert entry["subject"]["name"] == before.name, "the audit has names until the erasure"

    restore(test_users, manager.id)

    after = users.get_user(manager.id)
    same = ("name", "email", "role", "extra", "denied", "locations", "skills", "settings", "profile_name", "status")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    assert int(after.version) > int(before.version)
    assert [getattr(after, name) for name in ("deleted_at", "erase_at", "status_before_deletion")] == [None] * 3
    assert (dynamodb.get_record(Location, test_users.boston.id) or Location()).people == people_before
    account = get_auth0_user(env, manager.id)
    assert (account["blocked"], account["email"]) == (False, before.email)
    assert manager.get("/user").status_code == 401, "earlier sign-ins stay ended"
    assert emails_to(env, before.email)[0]["links"], "they get a link to set a password"
    assert set_password(env, before.email).is_success
    await_token_of_present_holder(manager.id)
    again = SignedInUser(after, fetch_access_token(env, before.email), manager.web)
    assert again.get("/user").status_code == 200
    assert [day for day, staff in list_shift_days(test_users, first, 60) if staff == manager.id] == days_before
    assert dynamodb.get_record(Schedule, single.id) is None, "planned anew"
    assert dynamodb.get_record(Schedule, past.id)
    assert dynamodb.get_record(DeletedUser, manager.id) is None
    assert dynamodb.get_record(outbox.OutboxMessage, f"erase-{manager.id}") is None
    assert list(dynamodb.iter_records(EndedShifts, "#user_id = :user", {":user": {"S": manager.id}})) == []
    actions = [item["action"] for item in test_users.ann.get(f"/user/{manager.id}/audit-logs").json()["items"]]
    assert {"user.deleted", "user.restored"} <= set(actions)
    assert directory_differences(test_users.customer.id) == []
    assert test_users.audit_findings() == []


def test_shifts_that_colleagues_cover_stay_theirs(test_users: UserFixtures) -> None:
    leaver, cover = test_users.create_user(), test_users.create_user()
    first = local_midnight() + timedelta(days=2, hours=3)
    id = create_daily_series(test_users, leaver, first)
    covered = (first + timedelta(days=3)).isoformat()
    moved = (first + timedelta(days=4)).isoformat()
    path = f"/staffSchedule/{id}?scope=occurrence&recurrenceId="
    assert test_users.ann.request("PUT", path + covered, json={"staffId": cover.id}).is_success
    moved_times = {
        "startTime": (first + timedelta(days=4, hours=9)).isoformat(),
        "endTime": (first + timedelta(days=4, hours=10)).isoformat(),
    }
    assert test_users.ann.request("PUT", path + moved, json=moved_times).is_success
    own_series = create_daily_series(test_users, cover, first + timedelta(hours=5))
    taken_over = (first + timedelta(days=5, hours=5)).isoformat()
    takeover_path = f"/staffSchedule/{own_series}?scope=occurrence&recurrenceId={taken_over}"
    assert test_users.ann.request("PUT", takeover_path, json={"staffId": leaver.id}).is_success
    before = list_shift_days(test_users, first - timedelta(days=1), 20)

    delete_by_api(test_users, leaver.id)
    restore(test_users, leaver.id)

    assert sorted(list_shift_days(test_users, first - timedelta(days=1), 20)) == sorted(before)
    assert availability.fetch_rows(leaver.id, now(), None)
    assert test_users.audit_findings() == []


def test_blocked_and_invited_people_are_that_again(test_users: UserFixtures, env: Environment) -> None:
    invited, blocked = test_users.create_user(), test_users.create_user()
    process_outbox()
    assert test_users.ann.patch("/userManagement", {"id": blocked.id, "status": "blocked"}).is_success
    for user in (invited, blocked):
        delete_by_api(test_users, user.id)
        restore(test_users, user.id)
    assert users.get_user(invited.id).status == "invited"
    assert accept_invitation(env, test_users.ann.web, users.get_user(invited.id)).get("/user").status_code == 200
    assert users.get_user(blocked.id).status == "blocked"
    assert get_auth0_user(env, blocked.id)["blocked"] is True


def test_an_address_is_free_at_once_and_a_restore_says_who_has_it(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    delete_by_api(test_users, user.id)
    response = test_users.ann.post("/user", test_users.user_body(email=user.email))
    assert response.status_code == 201, response.text
    successor = users.get_user(response.json()["id"])

    with pytest.raises(address_claims.UserExists, match="Another account has this person's e-mail address now"):
        restore(test_users, user.id)

    assert dynamodb.get_record(User, user.id) is None
    assert (dynamodb.get_record(EmailOwner, user.email_key) or EmailOwner()).user_id == successor.id
    erase_after(user.id, timedelta(days=31))
    assert (dynamodb.get_record(EmailOwner, user.email_key) or EmailOwner()).user_id == successor.id
    assert users.get_user(successor.id)


def test_removed_locations_do_not_come_back(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    user = test_users.create_user(locations=[location.id, test_users.boston.id])
    delete_by_api(test_users, user.id)
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 200
    restore(test_users, user.id)
    assert users.get_user(user.id).locations == [test_users.boston.id]


def test_owners_count_again(test_users: UserFixtures, env: Environment) -> None:
    owner = accept_invitation(env, test_users.ann.web, test_users.create_user(role="owner", locations=["*"]))
    count = (dynamodb.get_record(Customer, test_users.customer.id) or Customer()).owner_count
    delete_by_api(test_users, owner.id)
    assert (dynamodb.get_record(Customer, test_users.customer.id) or Customer()).owner_count == count - 1
    restore(test_users, owner.id)
    assert (dynamodb.get_record(Customer, test_users.customer.id) or Customer()).owner_count == count
    delete_by_api(test_users, owner.id)


def test_erasure_that_has_begun_cannot_be_undone(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    delete_by_api(test_users, user.id)
    actor = permissions.system_actor(test_users.customer.id)
    with env.apply_plan(FaultPlan(always={"identity": "503"})), pytest.raises(errors.Unavailable):
        erase.erase_deleted_user(user.id, actor=actor, at=now())

    with pytest.raises(undo_deletion.ErasureBegun):
        undo_deletion.restore_user(user.id, actor=actor, at=now())

    process_outbox(seconds_ahead=120)
    assert dynamodb.get_record(DeletedUser, user.id) is None
    assert dynamodb.get_record(encryption.PersonKey, user.id) is None
    assert get_auth0_user(env, user.id) == {}
    assert verification.verify_audit().findings == []


def test_other_customers_and_lower_ranks_cannot_restore_or_erase(test_users: UserFixtures) -> None:
    manager = test_users.create_user(role="admin", locations=["*"])
    delete_by_api(test_users, manager.id)
    outsider = permissions.system_actor(test_users.other_customer.id)
    for change in (undo_deletion.restore_user, erase.erase_deleted_user):
        with pytest.raises(errors.NotFound):
            change(manager.id, actor=outsider, at=now())
        with pytest.raises(permissions.TargetForbidden):
            change(manager.id, actor=test_users.abe.actor, at=now())
        with pytest.raises(errors.NotFound):
            change("usr_nobody", actor=test_users.ann.actor, at=now())
    assert dynamodb.get_record(DeletedUser, manager.id)


def test_a_stale_message_erases_nobody_who_was_restored(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    delete_by_api(test_users, user.id)
    message = dynamodb.get_record(outbox.OutboxMessage, f"erase-{user.id}")
    assert message
    restore(test_users, user.id)
    dynamodb.call("PutItem", TableName=outbox.OutboxMessage.table_name(), Item=message.serialize())
    outbox.run_message_now(message.id, clock=lambda: now() + timedelta(days=31))
    assert users.get_user(user.id).status == "invited"

    delete_by_api(test_users, user.id)
    dynamodb.call("PutItem", TableName=outbox.OutboxMessage.table_name(), Item=message.serialize())
    outbox.run_message_now(message.id, clock=lambda: now() + timedelta(days=29))
    assert dynamodb.get_record(DeletedUser, user.id), "their time is not over"


def test_restored_tables_delete_again_who_was_not_restored(test_users: UserFixtures, env: Environment) -> None:
    gone, back = test_users.create_user(), test_users.create_user()
    process_outbox()
    restored_to, backup = now(), read_tables()
    erase_ats = {}
    for user in (gone, back):
        delete_by_api(test_users, user.id)
        erase_ats[user.id] = (dynamodb.get_record(DeletedUser, user.id) or DeletedUser()).erase_at
    restore(test_users, back.id)

    restore_tables(backup)

    assert f"{gone.id} was deleted and is back; --erase deletes them again" in restored(env, restored_to)
    lines = restored(env, restored_to, "--erase")
    assert f"{gone.id} is deleted again" in lines
    assert not [line for line in lines if back.id in line and "deleted" in line]
    assert users.get_user(back.id)
    assert (dynamodb.get_record(DeletedUser, gone.id) or DeletedUser()).erase_at == erase_ats[gone.id]


@pytest.mark.parametrize("mode", CRASH_MODES if IS_SCALE_RUN else CRASH_MODES[:1])
def test_the_erasing_pass_survives_faults(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, mode: str, record_figure: Callable[[str], None]
) -> None:
    harness.process_outbox_until_idle()
    baseline = FaultPlan()
    make_due(create_deleted(test_users))
    harness.process_outbox(seconds_ahead=1, plan=baseline)
    cases = []
    for call in filter(is_worth_trying, baseline.calls):
        user = make_due(create_deleted(test_users))
        plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=1, plan=plan)
        if plan.fired_faults:
            cases.append((user, plan))
    harness.process_outbox_until_idle()
    assert len(cases) > 5
    for user, plan in cases:
        remains = [dynamodb.get_record(record, user.id) for record in (User, DeletedUser, encryption.PersonKey)]
        assert remains == [None, None, None], plan.fired_faults
        assert get_auth0_user(env, user.id) == {}, plan.fired_faults
        assert dynamodb.get_record(outbox.OutboxMessage, f"erase-{user.id}") is None, plan.fired_faults
    assert test_users.audit_findings() == []
    record_figure(f"erasing pass, {mode}: {len(cases)} of {len(cases)} survived")


@pytest.mark.parametrize("mode", CRASH_MODES if IS_SCALE_RUN else CRASH_MODES[:1])
def test_what_follows_a_restore_survives_faults(
    harness: CrashHarness, test_users: UserFixtures, env: Environment, mode: str, record_figure: Callable[[str], None]
) -> None:
    first = local_midnight() + timedelta(days=2, hours=3)

    def restore_without_outbox() -> User:
        user = test_users.create_user()
        create_daily_series(test_users, user, first)
        delete_by_api(test_users, user.id)
        actor = permissions.system_actor(test_users.customer.id)
        return undo_deletion.restore_user(user.id, actor=actor, at=now())

    baseline = FaultPlan()
    restore_without_outbox()
    harness.process_outbox(seconds_ahead=1, plan=baseline)
    cases = []
    for call in filter(is_worth_trying, baseline.calls):
        user = restore_without_outbox()
        plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=1, plan=plan)
        if plan.fired_faults:
            cases.append((user, plan))
    harness.process_outbox_until_idle()
    assert len(cases) > 5
    for user, plan in cases:
        assert users.get_user(user.id).status == "invited", plan.fired_faults
        account = get_auth0_user(env, user.id)
        assert (account["blocked"], account["email"]) == (False, user.email), plan.fired_faults
        assert len(availability.fetch_rows(user.id, now(), None)) == 1, plan.fired_faults
        assert list(dynamodb.iter_records(EndedShifts, "#user_id = :user", {":user": {"S": user.id}})) == []
    assert test_users.audit_findings() == []
    record_figure(f"restored person, {mode}: {len(cases)} of {len(cases)} survived")


def create_deleted(test_users: UserFixtures) -> User:
    """A person whose time to be restored is over in a moment."""
    user = test_users.create_user()
    process_outbox()
    at: datetime = now()
    delete.delete_user(user.id, actor=test_users.ann.actor, at=at, erase_at=at + timedelta(milliseconds=1))
    return user


def make_due(user: User) -> User:
    deleted = dynamodb.get_record(DeletedUser, user.id)
    assert deleted
    assert deleted.erase_at <= now()
    return user
