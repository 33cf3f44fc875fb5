"""Which line takes a call, where each process remembers where calls to a number went."""

from config import costs
from config.dynamodb import unaudited
from telephony import line_lookup
from telephony.models import Line, PhoneNumber
from tests.support.calls import create_line
from tests.support.users import UserFixtures


def test_a_known_number_takes_one_round_trip(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    line_lookup.resolve_line(line.number, "+16175550199")

    with costs.measure() as cost:
        resolved = line_lookup.resolve_line(line.number, "+16175550198")

    assert resolved
    assert resolved.location_id == line.location.id
    assert cost.round_trips == 1


def test_a_number_that_moved_to_another_location_is_answered_there(test_users: UserFixtures) -> None:
    first, second = create_line(test_users), create_line(test_users, name="Back Bay")
    line_lookup.resolve_line(first.number)
    unaudited.replace_derived_values(
        PhoneNumber(first.number), {"location_id": second.location.id}, PhoneNumber.number.exists()
    )
    unaudited.replace_derived_values(Line(second.location.id), {"number": first.number}, Line.location_id.exists())

    resolved = line_lookup.resolve_line(first.number)

    assert resolved
    assert (resolved.location_id, resolved.location_name) == (second.location.id, "Back Bay")


def test_a_known_number_that_is_released_is_answered_by_nobody(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    assert line_lookup.resolve_line(line.number)

    assert test_users.ann.delete(f"/phoneNumber/{line.number}").status_code == 200

    assert line_lookup.resolve_line(line.number) is None
