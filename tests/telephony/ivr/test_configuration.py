"""IVR configurations: validation, menus, dialing rules, the API and the preview."""

import copy
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from config import dynamodb
from telephony import dialing_rules, ivr
from telephony.ivr import schema
from telephony.ivr.configuration import MAX_DEPTH
from telephony.ivr.phrases import PHRASES
from telephony.ivr.schema import SCHEMA
from telephony.models import Line
from tests.support.calls import WEDNESDAY_NOON, create_line, local_times_around
from tests.support.users import UserFixtures, parse_problem

DEFAULT = ivr.default_configuration("Boston")
AJV_SCRIPT = Path(__file__).resolve().parents[3] / "config/dev/openapi_clients/ajv.mjs"
ConfigurationEdit = Callable[[dict[str, Any]], object]


def test_default_configuration_matches_the_published_schema(web: str) -> None:
    published = httpx.get(f"{web}/schemas/ivr-1.json")
    assert published.headers["content-type"] == "application/schema+json"
    assert published.json()["$id"] == f"{web}/schemas/ivr-1.json"
    Draft202012Validator.check_schema(published.json())
    assert Draft202012Validator(published.json()).is_valid(DEFAULT)
    assert ivr.validate_configuration(DEFAULT) == DEFAULT


ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    1.0,
    -1,
    10**25,
    "",
    "x",
    "en-US\n",
    "\ufeff",
    "09:00",
    "24:00",
    [],
    ["09:00"],
]
ODD_VALUES += [{}, {"say": "x"}, {"say": "x", "play": "y"}, {"play": "https://x.example/\x85"}, {"type": "hangup"}]
ODD_VALUES += [{"type": "ring"}, {"mode": "weekly"}, {"onDuty": {}}, {"users": ["usr_" + "0" * 26 + "\n"]}]
ODD_VALUES += [{"numbers": ["+4930123456"] * 2}, [["09:00", "17:00"], ["18:00", "24:00"]]]


def list_variants(value: Any) -> Iterator[Any]:
    """The value with each of its parts removed or replaced by an odd value, one at a time."""
    yield from ODD_VALUES
    if isinstance(value, dict):
        for name, member in value.items():
            yield {key: other for key, other in value.items() if key != name}
            yield from ({**value, name: variant} for variant in list_variants(member))
        yield {**value, "colour": "blue"}
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], variant, *value[index + 1 :]] for variant in list_variants(item))


def test_published_schema_and_product_agree(web: str, tmp_path: Path) -> None:
    menu = {"type": "menu", "prompt": {"say": "x"}, "keys": {"1": {"type": "hangup"}}, "otherwise": {"type": "hangup"}}
    weekly = {"mode": "weekly", "weekly": {"mo": [["09:00", "17:00"]]}, "holidays": {"dates": ["2026-12-24"]}}
    changed_parts = {"closed": menu, "hours": weekly, "recording": {"calls": True, "consentPrompt": {"say": "x"}}}
    values = [
        DEFAULT,
        *list_variants({**DEFAULT, "timeZone": "Europe/Berlin", "voice": "Polly.Joanna", **changed_parts}),
    ]
    (tmp_path / "schema.json").write_bytes(httpx.get(f"{web}/schemas/ivr-1.json").content)
    (tmp_path / "values.json").write_text(json.dumps(values))

    command = ["node", str(AJV_SCRIPT), str(tmp_path / "schema.json"), str(tmp_path / "values.json")]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)

    verdicts = json.loads(completed.stdout)
    disagreements = [
        value
        for value, is_valid in zip(values, verdicts, strict=True)
        if is_valid != (not list(schema.iter_faults(value)))
    ]
    assert not disagreements
    assert 50 < sum(verdicts) < len(values) - 500


def nested_action(depth: int) -> dict[str, Any]:
    action: dict[str, Any] = {"type": "hangup"}
    for _ in range(depth - 1):
        action = {"type": "say", "prompt": {"say": "x"}, "then": action}
    return action


INVALID_CONFIGURATIONS: list[tuple[ConfigurationEdit, str]] = [
    (lambda c: c.update(version=2), "/version"),
    (lambda c: c.update(colour="blue"), ""),
    (lambda c: c.pop("greeting"), ""),
    (lambda c: c.update(greeting={"say": ""}), "/greeting/say"),
    (lambda c: c.update(greeting={"say": "a", "play": "https://x.example/a.wav"}), "/greeting"),
    (lambda c: c.update(greeting={"play": "http://x.example/a.wav"}), "/greeting/play"),
    (lambda c: c.update(language="english"), "/language"),
    (lambda c: c.update(language="de"), "/language"),
    (lambda c: c.update(timeZone="Mars/Olympus"), "/timeZone"),
    (lambda c: c.update(timeZone="../etc/passwd"), "/timeZone"),
    (lambda c: c.update(hours={"mode": "weekly"}), "/hours"),
    (lambda c: c.update(hours={"mode": "weekly", "weekly": {"mo": [["09:00", "09:00"]]}}), "/hours/weekly/mo/0"),
    (lambda c: c.update(hours={"mode": "weekly", "weekly": {"mo": [["9:00", "17:00"]]}}), "/hours/weekly/mo/0/0"),
    (lambda c: c["hours"].update(holidays={"country": "XX"}), "/hours/holidays"),
    (lambda c: c["hours"].update(holidays={"dates": ["2026-02-30"]}), "/hours/holidays/dates/0"),
    (lambda c: c.update(recording={"calls": True}), "/recording"),
    (lambda c: c["open"].update(ringSeconds=600), "/open/ringSeconds"),
    (lambda c: c["open"].update(target={"numbers": ["415"]}), "/open/target/numbers/0"),
    (lambda c: c["open"].update(target={"users": ["sam"]}), "/open/target/users/0"),
    (lambda c: c["open"].update(target={}), "/open/target"),
    (lambda c: c["open"]["otherwise"].update(maxSeconds=9000), "/open/otherwise/maxSeconds"),
    (lambda c: c.update(open={"type": "dance"}), "/open/type"),
    (lambda c: c.update(open={"type": "menu", "prompt": {"say": "x"}, "keys": {}}), "/open/keys"),
    (
        lambda c: c.update(open={"type": "menu", "prompt": {"say": "x"}, "keys": {"12": {"type": "hangup"}}}),
        "/open/keys",
    ),
    (lambda c: c.update(open=nested_action(MAX_DEPTH + 1)), "/open" + "/then" * MAX_DEPTH),
    (lambda c: c.update(version=10**25), ""),
    (lambda c: c["open"].update(target={"numbers": ["+16175550142"] * 2}), "/open/target/numbers"),
    (lambda c: c.update(greeting={"say": "x" * 1001}), "/greeting/say"),
]


@pytest.mark.parametrize(
    ("change", "pointer"), INVALID_CONFIGURATIONS, ids=[pointer for _, pointer in INVALID_CONFIGURATIONS]
)
def test_invalid_configuration_is_reported_with_its_pointer(change: ConfigurationEdit, pointer: str) -> None:
    ivr_document = copy.deepcopy(DEFAULT)
    change(ivr_document)
    with pytest.raises(ivr.InvalidConfiguration) as excinfo:
        ivr.validate_configuration(ivr_document)
    assert f"/configuration{pointer}" in [fault.pointer for fault in excinfo.value.field_errors]


STORED_BY_OLDER_RELEASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"hours": {"mode": "always", "weekly": {"mo": [["09:00", "17:00"]]}}}, {"hours": {"mode": "always"}}, "hours"),
    ({"holiday": {"type": "hangup"}}, {}, "holiday"),
    ({"timeZone": "Europe/Berlin"}, {}, "timeZone"),
    ({"language": "xx-XX"}, {}, "language"),
    ({"voice": "Polly.Jane"}, {}, "voice"),
    ({"greeting": {"say": "Hello \u202eolleH"}}, {}, "greeting"),
]


@pytest.mark.parametrize(("stored", "corrected", "name"), STORED_BY_OLDER_RELEASES)
def test_configuration_of_an_older_release_can_be_sent_back(
    test_users: UserFixtures, stored: dict[str, Any], corrected: dict[str, Any], name: str
) -> None:
    """What a line has may stay while other members change; once it is gone, it is refused."""
    line = create_line(test_users)
    path, recording = f"/ivrConfiguration/{line.location.id}", {"calls": True, "consentPrompt": {"say": "Recorded."}}
    record = dynamodb.get_record(Line, line.location.id)
    assert record
    older = {**dict(record.configuration or {}), **stored}
    stored_item = record.with_changes(configuration=older).serialize()
    dynamodb.call("PutItem", TableName=Line.table_name(), Item=stored_item)

    read = test_users.ann.get(path).json()
    response = test_users.ann.request("PUT", path, json={"configuration": read["configuration"]})
    assert (response.status_code, response.json()["configuration"]) == (200, older), response.text
    assert line.update_configuration(recording=recording) == {**older, "recording": recording}
    removed = {member: value for member, value in {**older, **corrected}.items() if member != name or corrected}
    removed = {"language": "en-US", "greeting": {"say": "Hello."}, **removed}
    assert test_users.ann.request("PUT", path, json={"configuration": removed}).status_code == 200
    again = test_users.ann.request("PUT", path, json={"configuration": {**removed, **stored}})
    assert again.status_code == 400
    (fault,) = parse_problem(again)["errors"]
    assert fault["pointer"].startswith(f"/configuration/{name}")


def test_mode_can_be_switched_while_the_weekly_hours_stay(test_users: UserFixtures) -> None:
    """What worked until then may stay, other hours than those are refused; so is a lost voice."""
    line = create_line(test_users)
    weekly = {"mo": [["09:00", "17:00"]]}
    line.update_configuration(hours={"mode": "weekly", "weekly": weekly}, timeZone="Europe/Berlin", voice="alice")
    configuration = line.update_configuration(hours={"mode": "schedule", "weekly": weekly})
    path = f"/ivrConfiguration/{line.location.id}"

    for changes, pointer in (
        ({"hours": {"mode": "schedule", "weekly": {"tu": [["09:00", "17:00"]]}}}, "/hours/weekly"),
        ({"timeZone": "Europe/Paris"}, "/timeZone"),
        ({"language": "de-AT"}, "/voice"),
    ):
        response = test_users.ann.request("PUT", path, json={"configuration": {**configuration, **changes}})
        assert response.status_code == 400, changes
        assert [fault["pointer"] for fault in parse_problem(response)["errors"]] == [f"/configuration{pointer}"]


@pytest.mark.parametrize("value", [None, [], "x", 7, {}, {"open": None}])
def test_other_values_are_no_configuration(value: Any) -> None:
    with pytest.raises(ivr.InvalidConfiguration):
        ivr.validate_configuration(value)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "say", "keys", "1", "target", "open", "hours", "mode", "then"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON, st.sampled_from(["open", "closed", "hours", "greeting", "recording", "holiday"]))
def test_arbitrary_input_is_accepted_or_rejected_with_faults(value: Any, member: str) -> None:
    faults: list[Any] = []
    try:
        checked = ivr.validate_configuration({**DEFAULT, member: value})
    except ivr.InvalidConfiguration as error:
        faults = error.field_errors
        checked = None
    assert bool(faults) != bool(checked)
    assert checked is None or Draft202012Validator(SCHEMA).is_valid(checked)


def test_too_deep_configuration_is_rejected_quickly() -> None:
    ring_action: dict[str, Any] = {"type": "ring", "target": {"onDuty": {}}}
    action: dict[str, Any] = {"type": "hangup"}
    for _ in range(28):
        action = {**ring_action, "otherwise": action}
    started = time.monotonic()
    with pytest.raises(ivr.InvalidConfiguration, match="nested"):
        ivr.validate_configuration({**DEFAULT, "open": action})
    assert time.monotonic() - started < 0.5


def test_deepest_allowed_configuration_is_accepted() -> None:
    assert ivr.validate_configuration({**DEFAULT, "open": nested_action(MAX_DEPTH)})


MENU = {
    "type": "menu",
    "prompt": {"say": "x"},
    "keys": {"1": {"type": "hangup"}, "#": {"type": "hangup"}},
    "retries": 2,
}


@pytest.mark.parametrize(
    ("key", "attempt", "expected"),
    [
        ("1", 0, "open/keys/1"),
        ("#", 2, "open/keys/#"),
        ("9", 0, 1),
        ("", 1, 2),
        ("9", 2, "open/otherwise"),
        ("", 99, "open/otherwise"),
        ("keys", 0, 1),
    ],
)
def test_menu_keys_retries_and_fallback(key: str, attempt: int, expected: str | int) -> None:
    assert ivr.resolve_key(MENU, "open", key, attempt) == expected


@pytest.mark.parametrize("path", ["", "open/nothing", "version", "greeting", "open/type", "../x"])
def test_unknown_path_has_no_action(path: str) -> None:
    assert ivr.action_at(DEFAULT, path) is None


def test_time_zone_of_the_configuration_overrides_the_location() -> None:
    weekly = {"mode": "weekly", "weekly": {"we": [["09:00", "10:00"], ["23:00", "24:00"]]}}
    ivr_document = {**DEFAULT, "hours": weekly, "timeZone": "Europe/Berlin"}
    at = datetime.fromisoformat("2027-06-02T09:30:00+02:00")
    zone = "America/New_York"
    assert ivr.find_entrance(ivr_document, at, time_zone=zone, is_staffed=False).name == "open"
    del ivr_document["timeZone"]
    assert ivr.find_entrance(ivr_document, at, time_zone=zone, is_staffed=True).name == "closed"
    late = datetime.fromisoformat("2027-06-02T23:59:59-04:00")
    assert ivr.find_entrance(ivr_document, late, time_zone=zone, is_staffed=True).name == "open"


def test_all_languages_have_all_phrases() -> None:
    names = {language: set(phrases) for language, phrases in PHRASES.items()}
    assert names["en"] == names["de"] == names["es"]


@pytest.mark.parametrize(
    ("number", "country", "reason"),
    [
        ("+16175550142", "US", ""),
        ("+14165550111", "US", "other_country"),
        ("+14165550111", "CA", ""),
        ("+18765551234", "US", "other_country"),  # Jamaica: +1 like the US, but international
        ("+19005551234", "US", "kind_of_number"),
        ("+18005551234", "US", "kind_of_number"),
        ("+4915112345678", "DE", ""),
        ("+49900112345678", "DE", "no_number"),
        ("+491805123456", "DE", "kind_of_number"),
        ("+442071838750", "GB", ""),
        ("+442071838750", "US", "other_country"),
        ("+447700900123", "GB", "no_number"),
        ("+16175550142", None, "other_country"),
        ("911", "US", "no_number"),
        ("", "US", "no_number"),
    ],
)
def test_only_ordinary_domestic_numbers_can_be_dialed(number: str, country: str | None, reason: str) -> None:
    assert dialing_rules.rejection_reason(number, country) == reason


@pytest.mark.parametrize(
    ("zone", "number", "country"),
    [
        ("America/New_York", None, "US"),
        ("America/Toronto", None, "CA"),
        ("Europe/Berlin", "+14155550123", "DE"),
        ("UTC", "+14155550123", "US"),
        ("UTC", None, None),
    ],
)
def test_country_is_derived_from_the_time_zone(zone: str, number: str | None, country: str | None) -> None:
    assert dialing_rules.country_of_location(zone, number) == country


# --- API ------------------------------------------------------------------------------------------
def test_configuration_is_versioned(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    path = f"/ivrConfiguration/{line.location.id}"
    first = test_users.ann.get(path)
    assert first.headers["ETag"].startswith('"1.')
    body = {"configuration": {**DEFAULT, "greeting": {"say": "Ahoy."}}}

    changed = test_users.ann.request("PUT", path, json=body, headers={"If-Match": '"1"'})
    stale = test_users.ann.request("PUT", path, json=body, headers={"If-Match": '"1"'})
    same = test_users.ann.request("PUT", path, json=body)

    assert (changed.status_code, changed.headers["ETag"][:3]) == (200, '"2.')
    assert stale.status_code == 412
    assert same.headers["ETag"] == changed.headers["ETag"], "nothing changed"
    line.call().assert_sequence("Ahoy.")


def test_faults_point_into_the_body(test_users: UserFixtures) -> None:
    path = f"/ivrConfiguration/{test_users.boston_number.number.location_id}"
    invalid_document = {**DEFAULT, "open": {**DEFAULT["open"], "ringSeconds": 900}}
    response = test_users.ann.request("PUT", path, json={"configuration": invalid_document})
    assert [error["pointer"] for error in parse_problem(response)["errors"]] == ["/configuration/open/ringSeconds"]


@pytest.mark.parametrize(
    ("numbers", "code"), [(["+442071838750"], "other_country"), (["+16175550142", "+19005551234"], "kind_of_number")]
)
def test_numbers_outside_the_dialing_rules_are_rejected(
    test_users: UserFixtures, numbers: list[str], code: str
) -> None:
    path = f"/ivrConfiguration/{test_users.boston_number.number.location_id}"
    action = {"type": "ring", "target": {"numbers": numbers}}
    response = test_users.ann.request("PUT", path, json={"configuration": {**DEFAULT, "open": action}})
    assert response.status_code == 400
    errors = parse_problem(response)["errors"]
    assert [error["code"] for error in errors] == [code]
    assert errors[0]["pointer"] == f"/configuration/open/target/numbers/{len(numbers) - 1}"


def test_lines_may_not_ring_each_other(test_users: UserFixtures) -> None:
    line, other_line = create_line(test_users), create_line(test_users)
    action = {"type": "ring", "target": {"numbers": [other_line.number]}}
    body = {"configuration": {**DEFAULT, "open": action}}
    response = test_users.ann.request("PUT", f"/ivrConfiguration/{line.location.id}", json=body)
    assert [error["code"] for error in parse_problem(response)["errors"]] == ["own_number"]
    call = line.call(**{"from": other_line.number})
    call.assert_sequence("We cannot take calls at the moment.", "is hung up")


@pytest.mark.parametrize("location_id", ["loc_" + "x" * 3000, "%00", "loc_1"])
def test_malformed_location_ids_return_404(test_users: UserFixtures, location_id: str) -> None:
    assert test_users.ann.get(f"/ivrConfiguration/{location_id}").status_code == 404
    assert test_users.ann.get(f"/ivrConfiguration/{location_id}/preview").status_code == 404
    assert test_users.ann.get(f"/call?locationId={location_id}").status_code in (400, 404)
    body = {"configuration": DEFAULT}
    assert test_users.ann.request("PUT", f"/ivrConfiguration/{location_id}", json=body).status_code == 404


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_preview_time_out_of_range_is_rejected(test_users: UserFixtures, at: str) -> None:
    path = f"/ivrConfiguration/{test_users.boston_number.number.location_id}/preview?at={at}"
    assert test_users.ann.get(path).status_code == 400


def test_people_of_other_customers_are_unknown(test_users: UserFixtures) -> None:
    path = f"/ivrConfiguration/{test_users.boston_number.number.location_id}"
    responses = []
    for id in (test_users.cleo.id, "usr_01J00000000000000000000000"):
        action = {"type": "ring", "target": {"users": [test_users.sam.id, id]}}
        body = {"configuration": {**DEFAULT, "open": action}}
        responses.append(test_users.ann.request("PUT", path, json=body))
    assert [response.status_code for response in responses] == [404, 404]
    problems = [{**parse_problem(response), "requestId": ""} for response in responses]
    assert problems[0] == problems[1]
    assert problems[0]["errors"][0]["pointer"] == "/configuration/open/target/users/1"


def test_staff_see_no_configuration_and_managers_do_not_change_it(test_users: UserFixtures) -> None:
    path = f"/ivrConfiguration/{test_users.boston_number.number.location_id}"
    assert test_users.sam.get(path).status_code == 403
    assert test_users.mia.get(path).status_code == 200
    body = {"configuration": DEFAULT}
    assert test_users.mia.request("PUT", path, json=body).status_code == 403


def test_named_people_and_numbers_ring_in_order(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    staff, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    target = {"users": [staff.id]}
    otherwise = {"type": "ring", "target": {"numbers": ["+16175550188"]}}
    line.update_configuration(open={"type": "ring", "target": target, "otherwise": otherwise})

    call = line.call(phones={"+16175550188": "answers"})

    call.assert_sequence(f"rings {phone}", "rings +16175550188", "talks with +16175550188")
    assert call.api_record["answeredBy"] == "+16175550188"


def test_skills_narrow_who_rings(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    _, staff_phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5))
    manager = test_users.create_user(role="manager", locations=[line.location.id], skills=["dentures"])
    line.put_on_duty(*local_times_around(WEDNESDAY_NOON), user=manager)
    line.update_configuration(open={"type": "ring", "target": {"onDuty": {"skills": ["dentures"]}}})

    call = line.call()

    call.assert_absent(staff_phone)
    call.assert_sequence("rings", "leave a message")
    assert [person["whyNot"] for person in call.api_record["people"]] == ["other_skill", None]


# --- preview --------------------------------------------------------------------------------------
def test_preview_matches_the_actual_call(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    reachable, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON, 5), name="Sure Person")
    unreachable, _ = line.put_on_duty(*local_times_around(WEDNESDAY_NOON), has_ringing_phone=False, name="Off Person")
    path = f"/ivrConfiguration/{line.location.id}/preview?at=2027-06-02T16:00:00Z"

    response = test_users.mia.get(path)
    assert response.status_code == 403, "the manager has no access to this location"
    response = test_users.ann.get(path)

    assert response.status_code == 200, response.text
    preview = response.json()
    assert preview["entrance"] == "open"
    assert [step["type"] for step in preview["steps"]] == ["say", "ring", "voicemail"]
    people = preview["steps"][1]["people"]
    assert [(person["staffId"], person["rings"], person["whyNot"]) for person in people] == [
        (reachable.id, True, None),
        (unreachable.id, False, "not_signed_in"),
    ]
    assert people[0]["until"] == "2027-06-02T17:00:00-04:00"
    call = line.call("2027-06-02T16:00:00+00:00", phones={phone: "answers"})
    call.assert_sequence(f"talks with {phone}")
    assert test_users.ann.get(path.replace("T16:00:00Z", "T12:00")).json() == preview
    assert preview["at"] == "2027-06-02T12:00:00-04:00"
    night = test_users.ann.get(path.replace("T16", "T04")).json()
    assert night["entrance"] == "closed"
    assert [step["type"] for step in night["steps"]] == ["say", "say", "voicemail"]
