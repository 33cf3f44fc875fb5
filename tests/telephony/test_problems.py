"""What the board finds at numbers, calls and rotas."""

from datetime import datetime, timedelta

from accounts import customers, locations, permissions
from accounts.models import Location
from config import dynamodb
from config.backoffice.board import Line
from config.backoffice.links import admin_change_url
from config.board.models import BoardItem
from staffing.schedules import coverage
from telephony.admin import attention, board
from telephony.models import Call, PhoneNumber
from tests.support.board import check, problems_of
from tests.support.bulk import delete_records, put_records
from tests.support.users import UserFixtures, create_shift, enable_ringing, now, store_missed_call

MONDAY = datetime.fromisoformat("2033-01-03T00:00:00-05:00")


def facts_of(test_users: UserFixtures, key: str) -> dict[str, object] | None:
    item: BoardItem | None = problems_of(test_users.customer).get(key)
    return dict(item.facts) if item else None


def hole_at(test_users: UserFixtures, location: Location, at: datetime) -> dict[str, object] | None:
    check(test_users.customer, at)
    return facts_of(test_users, f"rota-hole#{location.id}")


def plan_days(test_users: UserFixtures, location: Location, staff_id: str, *days: int) -> None:
    """A shift of a person, nine to five, on these days of the week that begins on `MONDAY`."""
    for day in days:
        midnight = (MONDAY + timedelta(days=day)).replace(tzinfo=None)
        hours = {"start": midnight + timedelta(hours=9), "end": midnight + timedelta(hours=17)}
        create_shift(test_users.ann.actor, location, staff_id, **hours)


def test_periods_are_subtracted() -> None:
    hours = [MONDAY + timedelta(hours=count) for count in range(12)]

    gaps = coverage.subtract(
        [(hours[0], hours[4]), (hours[6], hours[8]), (hours[9], hours[11])],
        coverage.merge([(hours[1], hours[2]), (hours[2], hours[3]), (hours[5], hours[7]), (hours[9], hours[11])]),
    )

    assert gaps == [(hours[0], hours[1]), (hours[3], hours[4]), (hours[7], hours[8])]
    assert coverage.subtract([(hours[0], hours[1])], []) == [(hours[0], hours[1])]
    assert coverage.list_empty([(hours[0], hours[2]), (hours[2], hours[4])], [(hours[1], hours[2])]) == [
        (hours[2], hours[4])
    ]


def test_days_without_anybody_are_holes(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    assert hole_at(test_users, location, MONDAY) is None, "a location without a rota is in order"
    plan_days(test_users, location, test_users.sam.id, *range(6))

    facts = hole_at(test_users, location, MONDAY + timedelta(hours=10))

    assert facts == {
        "location": location.id,
        "gaps": [["2033-01-09T05:00:00.000000Z", "2033-01-10T05:00:00.000000Z"]],
        "count": 1,
        "days": 1,
    }
    plan_days(test_users, location, test_users.sam.id, 6)
    assert hole_at(test_users, location, MONDAY + timedelta(hours=10)) is None


def test_holes_of_a_line_are_times_in_which_calls_ring_nobody(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    test_users.purchase_number(location)
    path = f"/ivrConfiguration/{location.id}"
    configuration = test_users.ann.get(path).json()["configuration"]
    weekly = {day: [["09:00", "18:00"]] for day in ("mo", "tu", "we")}
    hours = {"mode": "weekly", "weekly": weekly, "holidays": {"dates": ["2033-01-05"]}}
    response = test_users.ann.put(path, {"configuration": {**configuration, "hours": hours}})
    assert response.status_code == 200, response.text
    person = test_users.create_user(name="Holly Day", locations=[location.id])
    plan_days(test_users, location, person.id, 0, 1)

    facts = hole_at(test_users, location, MONDAY + timedelta(hours=12, minutes=20))

    assert facts is not None
    assert facts["gaps"] == [
        ["2033-01-03T17:00:00.000000Z", "2033-01-03T23:00:00.000000Z"],
        ["2033-01-04T14:00:00.000000Z", "2033-01-04T23:00:00.000000Z"],
    ], "somebody is on duty whose phone does not ring; not on the holiday, nor on days that are closed"
    assert facts["people"] == [[person.id, "not_signed_in"]]
    line = describe_item(problems_of(test_users.customer)[f"rota-hole#{location.id}"])
    assert line.text == f"{location.name}: calls ring nobody on 2 of the next 7 days"
    assert line.detail == (
        "Holly Day has not accepted the invitation yet. Mon 3 Jan 2033, 12:00 to 18:00; Tue 4 Jan 2033, 09:00 to 18:00"
    )
    assert line.mend_label == "Resend invitation: Holly Day"
    (panel,) = attention.hole_panels(test_users.customer.id)
    shown = next(item for item in panel.items if item.text == line.text)
    assert (shown.url, shown.detail) == (admin_change_url("accounts", "location", location.id), line.detail)

    enable_ringing(person)
    facts = hole_at(test_users, location, MONDAY + timedelta(hours=12, minutes=20))

    assert facts is not None
    assert facts["gaps"] == [
        ["2033-01-03T22:10:00.000000Z", "2033-01-03T23:00:00.000000Z"],
        ["2033-01-04T22:10:00.000000Z", "2033-01-04T23:00:00.000000Z"],
    ], "ten minutes after the end of a shift it still rings"
    assert facts["people"] == []
    line = describe_item(problems_of(test_users.customer)[f"rota-hole#{location.id}"])
    assert line.detail.startswith("Nobody is on duty. Mon 3 Jan 2033, 17:10 to 18:00;")
    assert line.mend_label == "Open rota"


def describe_item(item: BoardItem) -> Line:
    """What operators read of an item."""
    kind = next(kind for kind in board.KINDS if kind.name == item.kind)
    line = kind.describe(item, dynamodb.batch_get(kind.list_keys(item)), now())
    assert line is not None
    return line


def test_rotas_without_a_number_are_problems_where_others_have_one(test_users: UserFixtures) -> None:
    assert test_users.boston_number
    location = test_users.create_location()
    key = f"rota-without-number#{location.id}"
    plan_days(test_users, location, test_users.create_user(locations=[location.id]).id, 0)
    check(test_users.customer, MONDAY)
    item = problems_of(test_users.customer)[key]
    assert describe_item(item).text == f"{location.name}: has a rota, but no number"
    test_users.purchase_number(location)
    check(test_users.customer, MONDAY)
    assert key not in problems_of(test_users.customer)


def test_numbers_without_a_rota_and_hanging_purchases(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    key = f"number-without-rota#{held.number.number}"
    assert "number-without-rota" in check(test_users.customer)
    assert facts_of(test_users, key) == {"number": held.number.number, "location": held.number.location_id}

    location = locations.get_location(str(held.number.location_id), actor=test_users.ann.actor)
    create_shift(test_users.ann.actor, location, test_users.sam.id)
    check(test_users.customer)

    assert facts_of(test_users, key) is None
    stored = dynamodb.get_record(PhoneNumber, held.number.number)
    assert stored is not None
    long_ago = now() - timedelta(minutes=30)
    put_records([PhoneNumber.from_item(stored.with_changes(status="buying", created_at=long_ago).serialize())])
    assert "purchase-stuck" in check(test_users.customer)
    put_records([stored])
    assert "purchase-stuck" not in check(test_users.customer)


def test_calls_that_nobody_answered_are_counted_for_each_location(test_users: UserFixtures) -> None:
    held = test_users.boston_number
    calls = [store_missed_call(held), store_missed_call(held, outcome="voicemail"), store_missed_call(held)]
    store_missed_call(held, outcome="closed")
    store_missed_call(held, started_at=now() - timedelta(hours=25))

    check(test_users.customer)

    facts = facts_of(test_users, f"calls-missed#{test_users.boston.id}")
    assert facts is not None
    assert (facts["missed"], facts["messages"]) == (2, 1)
    check(test_users.other_customer)
    assert not any(key.startswith("calls-missed") for key in problems_of(test_users.other_customer))
    delete_records([Call(call.id) for call in calls])
    assert "calls-missed" not in check(test_users.customer)


def test_of_suspended_customers_only_that_is_said(test_users: UserFixtures) -> None:
    customer, actor = test_users.other_customer, permissions.system_actor(str(test_users.other_customer.id))
    assert test_users.foreign_number
    assert "number-without-rota" in check(customer)

    customers.suspend(str(customer.id), actor=actor, at=now())

    assert check(customer) == {"customer-suspended"}
    customers.resume(str(customer.id), actor=actor, at=now())
    assert "customer-suspended" not in check(customer)
