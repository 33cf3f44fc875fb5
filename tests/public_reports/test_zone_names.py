"""Reports about names of time zones: links, names of Windows, zones that are no places."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from accounts import customers, locations, users
from accounts.models import Location
from accounts.users import update
from config import dynamodb, zone_names
from telephony.models import Line
from tests.support.bulk import put_records
from tests.support.calls import create_line
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now, parse_problem

INDIANAPOLIS_PHONE = "+13175550142"


@pytest.fixture
def owner(env: Environment, web: str) -> SignedInUser:
    """The owner of a customer without locations, with a phone of Indianapolis."""
    _, user = customers.create_customer(
        name="Hoosier Vets", owner_name="Ida Vance", owner_email=f"ida.{now().timestamp()}@cast.example", at=now()
    )
    signed_in = accept_invitation(env, web, user)
    current = users.get_user(user.id)
    update.update_own_profile(current, {"phone": INDIANAPOLIS_PHONE}, actor=signed_in.actor, at=now())
    return signed_in


def store_zone(location: Location, zone: str) -> None:
    """Give a location the name of a zone that the API took before."""
    put_records([location.with_changes(time_zone=zone)])


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("America/Indianapolis", "America/Indiana/Indianapolis"),
        ("US/Eastern", "America/New_York"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        (" america/new york ", "America/New_York"),
        ("Eastern Standard Time", "America/New_York"),
        ("W. Europe Standard Time", "Europe/Berlin"),
    ],
)
def test_iamkun_dayjs_2784_and_microsoftgraph_docs_contrib_3174_names_are_understood(
    sent: str, answered: str, test_users: UserFixtures
) -> None:
    """iamkun/dayjs#2784, microsoftgraph-docs-contrib#3174: links, and names of Windows."""
    created = test_users.ann.post("/location", {"name": "Elsewhere", "timeZone": sent})
    assert (created.status_code, created.json()["timeZone"]) == (201, answered)

    changed = test_users.ann.patch(f"/location/{created.json()['id']}", {"name": "Named", "timeZone": sent})
    assert (changed.status_code, changed.json()["timeZone"], changed.json()["version"]) == (200, answered, 2)


def test_google_libphonenumber_1265_a_phone_at_a_link_is_verified(owner: SignedInUser) -> None:
    """iamkun/dayjs#2784, google/libphonenumber#1265: a link is in the country of its zone."""
    assert owner.post("/location", {"name": "Indy", "timeZone": "America/Indianapolis"}).status_code == 201

    response = owner.post("/user/phone/verify", {})

    assert response.status_code == 202, response.text


def test_google_libphonenumber_1265_stored_links_are_read_as_canonical_names(owner: SignedInUser) -> None:
    """google/libphonenumber#1265: a location of before, too, is in the country of its zone."""
    location = locations.create_location(actor=owner.actor, name="Indy", time_zone="America/Denver", at=now())
    store_zone(location, "America/Indianapolis")
    path = f"/location/{location.id}"

    assert owner.get(path).json()["timeZone"] == "America/Indiana/Indianapolis"
    assert owner.post("/user/phone/verify", {}).status_code == 202
    assert owner.patch(path, {**owner.get(path).json(), "name": "Indianapolis"}).json()["name"] == "Indianapolis"


@pytest.mark.parametrize(
    ("sent", "code", "proposal"),
    [
        ("EST", "time_zone_without_place", "America/New_York"),
        ("MST", "time_zone_without_place", "America/Denver"),
        ("Etc/GMT+6", "time_zone_without_place", "America/Chicago"),
        ("UTC", "time_zone_without_place", "Europe/London"),
        ("Factory", "unknown_time_zone", "Europe/Berlin"),
        ("posix/America/Denver", "unknown_time_zone", "America/Denver"),
        ("New_York", "unknown_time_zone", "America/New_York"),
        ("Eastern Nonsense Time", "unknown_time_zone", "Europe/Berlin"),
    ],
)
def test_microsoftgraph_docs_contrib_3174_a_refusal_proposes_a_place(
    sent: str, code: str, proposal: str, test_users: UserFixtures
) -> None:
    """microsoftgraph-docs-contrib#3174: a zone that tells no country, or an unknown name."""
    for method, path in (("POST", "/location"), ("PATCH", f"/location/{test_users.denver.id}")):
        problem = parse_problem(test_users.ann.request(method, path, json={"name": "Denver", "timeZone": sent}))

        [field_error] = problem["errors"]
        assert (problem["status"], field_error["pointer"], field_error["code"]) == (400, "/timeZone", code)
        assert proposal in field_error["detail"]


def test_a_stored_zone_that_is_no_place_may_be_sent_back(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    store_zone(location, "EST")
    path = f"/location/{location.id}"

    renamed = test_users.ann.patch(path, {"name": "Renamed", "timeZone": "EST"})

    assert (renamed.status_code, renamed.json()["name"], renamed.json()["timeZone"]) == (200, "Renamed", "EST")
    assert test_users.ann.patch(path, {"timeZone": "US/Eastern"}).json()["timeZone"] == "America/New_York"


def test_settings_patterns_and_configurations_store_canonical_names(test_users: UserFixtures) -> None:
    ann, zone = test_users.ann, "Eastern Standard Time"
    settings = ann.patch("/user", {"settings": {"timeZone": zone}}).json()["settings"]
    defaults = ann.patch("/customer", {"settings": {"timeZone": "Zulu"}}).json()["settings"]
    pattern = {"frequency": "weekly", "timeZone": "us/eastern"}
    schedule = ann.post("/staffSchedule", test_users.shift_body(recurrencePattern=pattern)).json()
    hours = {"mode": "weekly", "weekly": {"mo": [["09:00", "17:00"]]}}
    configuration = create_line(test_users).update_configuration(timeZone=zone, hours=hours)

    assert (settings["timeZone"], defaults["timeZone"]) == ("America/New_York", "UTC")
    assert (schedule["timeZone"], schedule["recurrencePattern"]["timeZone"]) == ("America/New_York",) * 2
    assert configuration["timeZone"] == "America/New_York"


def test_a_configuration_with_a_file_name_of_before_answers_calls(test_users: UserFixtures) -> None:
    """`posix/…` was taken where the machine has such a file."""
    line = create_line(test_users)
    configuration = line.update_configuration(
        hours={"mode": "weekly", "weekly": {"we": [["11:30", "12:30"]]}},
        open={"type": "say", "prompt": {"say": "We are open."}},
    )
    line_key = dynamodb.RecordKey(Line, line.location.id)
    for stored in ("posix/America/New_York", "localtime"):
        record = dynamodb.batch_get([line_key]).get(Line, line.location.id)
        assert record
        put_records([record.with_changes(configuration={**configuration, "timeZone": stored})])
        line.call().assert_sequence("We are open.")
        shown = test_users.ann.get(f"/ivrConfiguration/{line.location.id}").json()["configuration"]
        assert shown.get("timeZone") == ("America/New_York" if stored.startswith("posix/") else None)


@pytest.mark.parametrize(
    ("sent", "proposal"),
    [
        ("CEST", "; did you mean `Europe/Berlin` or `Europe/Paris`?"),
        ("pdt", "; did you mean `America/Los_Angeles` or `America/Tijuana`?"),
        ("XEST", "."),
        ("Europe/Berln", "; did you mean `Europe/Berlin`?"),
    ],
)
def test_abbreviations_propose_places_and_never_similar_abbreviations(sent: str, proposal: str) -> None:
    """`EST` was proposed for `CEST`, seven hours away."""
    assert zone_names.describe_unknown(sent) == f"Must be an IANA time zone, such as Europe/Berlin{proposal}"


def test_places_proposed_for_an_abbreviation_use_it() -> None:
    for abbreviation, places in zone_names.PLACES_OF_ABBREVIATIONS.items():
        assert zone_names.find_canonical_name(abbreviation) is None, abbreviation
        for zone in places:
            days = [datetime(2026, month, 1, tzinfo=ZoneInfo(zone)) for month in (1, 7)]
            assert abbreviation in {day.tzname() for day in days}, (abbreviation, zone)
