"""How a location answers: the configuration and what a call meets, as tables of cases."""

import copy
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from telephony import dialing_rules, ivr
from telephony.ivr.phrases import PHRASES
from telephony.ivr.schema import MOST_DEPTH, SCHEMA
from tests.conftest import Cast, problem
from tests.support.calls import NOON, around, opened

DEFAULT = ivr.default("Boston")
Change = Callable[[dict[str, Any]], object]


def test_the_schema_is_one_and_the_default_follows_it(web: str) -> None:
    published = httpx.get(f"{web}/schemas/ivr-1.json")
    assert published.headers["content-type"] == "application/schema+json"
    Draft202012Validator.check_schema(published.json())
    assert Draft202012Validator(published.json()).is_valid(DEFAULT)
    assert ivr.check(DEFAULT) == DEFAULT


def nested(depth: int) -> dict[str, Any]:
    action: dict[str, Any] = {"type": "hangup"}
    for _ in range(depth - 1):
        action = {"type": "say", "prompt": {"say": "x"}, "then": action}
    return action


WRONG: list[tuple[Change, str]] = [
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
    (
        lambda c: c.update(hours={"mode": "weekly", "weekly": {"mo": [["17:00", "09:00"]]}}),
        "/hours/weekly/mo/0",
    ),
    (
        lambda c: c.update(hours={"mode": "weekly", "weekly": {"mo": [["9:00", "17:00"]]}}),
        "/hours/weekly/mo/0/0",
    ),
    (
        lambda c: c["hours"].update(holidays={"country": "XX"}),
        "/hours/holidays",
    ),
    (
        lambda c: c["hours"].update(holidays={"dates": ["2026-02-30"]}),
        "/hours/holidays/dates/0",
    ),
    (lambda c: c.update(recording={"calls": True}), "/recording"),
    (lambda c: c["open"].update(ringSeconds=600), "/open/ringSeconds"),
    (lambda c: c["open"].update(target={"numbers": ["415"]}), "/open/target/numbers/0"),
    (lambda c: c["open"].update(target={"users": ["sam"]}), "/open/target/users/0"),
    (lambda c: c["open"].update(target={}), "/open/target"),
    (lambda c: c["open"]["otherwise"].update(maxSeconds=9000), "/open/otherwise/maxSeconds"),
    (lambda c: c.update(open={"type": "dance"}), "/open/type"),
    (lambda c: c.update(open={"type": "menu", "prompt": {"say": "x"}, "keys": {}}), "/open/keys"),
    (
        lambda c: c.update(
            open={"type": "menu", "prompt": {"say": "x"}, "keys": {"12": {"type": "hangup"}}}
        ),
        "/open/keys",
    ),
    (lambda c: c.update(open=nested(MOST_DEPTH + 1)), "/open" + "/then" * MOST_DEPTH),
    (lambda c: c.update(version=10**25), ""),
    (lambda c: c["open"].update(target={"numbers": ["+16175550142"] * 2}), "/open/target/numbers"),
    (lambda c: c.update(greeting={"say": "x" * 1001}), "/greeting/say"),
]


@pytest.mark.parametrize(("change", "pointer"), WRONG, ids=[pointer for _, pointer in WRONG])
def test_what_is_wrong_is_pointed_at(change: Change, pointer: str) -> None:
    configuration = copy.deepcopy(DEFAULT)
    change(configuration)
    with pytest.raises(ivr.BadConfiguration) as refused:
        ivr.check(configuration)
    assert pointer in [fault.pointer for fault in refused.value.faults]


@pytest.mark.parametrize("odd", [None, [], "x", 7, {}, {"open": None}])
def test_what_is_no_configuration_at_all_is_refused(odd: Any) -> None:
    with pytest.raises(ivr.BadConfiguration):
        ivr.check(odd)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "say", "keys", "1", "target", "open", "hours", "mode", "then"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["open", "closed", "hours", "greeting", "recording", "holiday"]))
def test_whatever_is_sent_is_a_configuration_or_a_clear_refusal(value: Any, where: str) -> None:
    faults: list[Any] = []
    try:
        checked = ivr.check({**DEFAULT, where: value})
    except ivr.BadConfiguration as refusal:
        faults = refusal.faults
        checked = None
    assert bool(faults) != bool(checked)
    assert checked is None or Draft202012Validator(SCHEMA).is_valid(checked)


def test_a_deep_configuration_is_refused_at_once() -> None:
    ring: dict[str, Any] = {"type": "ring", "target": {"onDuty": {}}}
    deep: dict[str, Any] = {"type": "hangup"}
    for _ in range(28):
        deep = {**ring, "otherwise": deep}
    began = time.monotonic()
    with pytest.raises(ivr.BadConfiguration, match="nested"):
        ivr.check({**DEFAULT, "open": deep})
    assert time.monotonic() - began < 0.5


def test_the_deepest_configuration_is_taken() -> None:
    assert ivr.check({**DEFAULT, "open": nested(MOST_DEPTH)})


MENU = {
    "type": "menu",
    "prompt": {"say": "x"},
    "keys": {"1": {"type": "hangup"}, "#": {"type": "hangup"}},
    "retries": 2,
}


@pytest.mark.parametrize(
    ("key", "attempt", "leads_to"),
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
def test_keys_lead_on_and_menus_end(key: str, attempt: int, leads_to: str | int) -> None:
    assert ivr.after_key(MENU, "open", key, attempt) == leads_to


@pytest.mark.parametrize("path", ["", "open/nothing", "version", "greeting", "open/type", "../x"])
def test_a_path_that_leads_nowhere_is_no_action(path: str) -> None:
    assert ivr.action_at(DEFAULT, path) is None


def test_hours_are_of_the_configurations_zone_before_the_locations() -> None:
    weekly = {"mode": "weekly", "weekly": {"we": [["09:00", "10:00"], ["23:00", "24:00"]]}}
    configuration = {**DEFAULT, "hours": weekly, "timeZone": "Europe/Berlin"}
    at = datetime.fromisoformat("2027-06-02T09:30:00+02:00")
    enter = ivr.entrance
    assert enter(configuration, at, zone="America/New_York", somebody_is_there=False) == "open"
    del configuration["timeZone"]
    assert enter(configuration, at, zone="America/New_York", somebody_is_there=True) == "closed"
    late = datetime.fromisoformat("2027-06-02T23:59:59-04:00")
    assert enter(configuration, late, zone="America/New_York", somebody_is_there=True) == "open"


def test_every_language_has_every_phrase() -> None:
    names = {language: set(phrases) for language, phrases in PHRASES.items()}
    assert names["en"] == names["de"] == names["es"]


@pytest.mark.parametrize(
    ("number", "country", "why"),
    [
        ("+16175550142", "US", ""),
        ("+14165550111", "US", "other_country"),
        ("+14165550111", "CA", ""),
        ("+18765551234", "US", "other_country"),  # Jamaica looks like the US, and costs
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
def test_calls_go_to_ordinary_numbers_of_the_country_only(
    number: str, country: str | None, why: str
) -> None:
    assert dialing_rules.why_not(number, country) == why


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
def test_a_location_is_in_the_country_of_its_zone(
    zone: str, number: str | None, country: str | None
) -> None:
    assert dialing_rules.country(zone, number) == country


# --- over the API ---------------------------------------------------------------------------------
def test_a_configuration_has_versions(cast: Cast) -> None:
    line = opened(cast)
    path = f"/ivrConfiguration/{line.place.id}"
    first = cast.ann.get(path)
    assert first.headers["ETag"] == '"1"'
    body = {"configuration": {**DEFAULT, "greeting": {"say": "Ahoy."}}}

    changed = cast.ann.call("PUT", path, json=body, headers={"If-Match": '"1"'})
    late = cast.ann.call("PUT", path, json=body, headers={"If-Match": '"1"'})
    same = cast.ann.call("PUT", path, json=body)

    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert late.status_code == 412
    assert same.headers["ETag"] == '"2"', "nothing changed"
    line.call().happened("Ahoy.")


def test_faults_point_into_the_body(cast: Cast) -> None:
    path = f"/ivrConfiguration/{cast.held.number.location_id}"
    wrong = {**DEFAULT, "open": {**DEFAULT["open"], "ringSeconds": 900}}
    answer = cast.ann.call("PUT", path, json={"configuration": wrong})
    assert [one["pointer"] for one in problem(answer)["errors"]] == [
        "/configuration/open/ringSeconds"
    ]


@pytest.mark.parametrize(
    ("numbers", "code"),
    [(["+442071838750"], "other_country"), (["+16175550142", "+19005551234"], "kind_of_number")],
)
def test_numbers_that_may_not_be_called_are_refused(
    cast: Cast, numbers: list[str], code: str
) -> None:
    path = f"/ivrConfiguration/{cast.held.number.location_id}"
    action = {"type": "ring", "target": {"numbers": numbers}}
    answer = cast.ann.call("PUT", path, json={"configuration": {**DEFAULT, "open": action}})
    assert answer.status_code == 400
    told = problem(answer)["errors"]
    assert [one["code"] for one in told] == [code]
    assert told[0]["pointer"] == f"/configuration/open/target/numbers/{len(numbers) - 1}"


def test_lines_may_not_ring_each_other(cast: Cast) -> None:
    line, other = opened(cast), opened(cast)
    action = {"type": "ring", "target": {"numbers": [other.number]}}
    body = {"configuration": {**DEFAULT, "open": action}}
    answer = cast.ann.call("PUT", f"/ivrConfiguration/{line.place.id}", json=body)
    assert [one["code"] for one in problem(answer)["errors"]] == ["own_number"]
    heard = line.call(**{"from": other.number})
    heard.happened("We cannot take calls at the moment.", "is hung up")


@pytest.mark.parametrize("odd", ["loc_" + "x" * 3000, "%00", "loc_1"])
def test_odd_locations_are_unknown_locations(cast: Cast, odd: str) -> None:
    assert cast.ann.get(f"/ivrConfiguration/{odd}").status_code == 404
    assert cast.ann.get(f"/ivrConfiguration/{odd}/preview").status_code == 404
    assert cast.ann.get(f"/call?locationId={odd}").status_code in (400, 404)
    body = {"configuration": DEFAULT}
    assert cast.ann.call("PUT", f"/ivrConfiguration/{odd}", json=body).status_code == 404


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_preview_is_of_this_century(cast: Cast, at: str) -> None:
    path = f"/ivrConfiguration/{cast.held.number.location_id}/preview?at={at}"
    assert cast.ann.get(path).status_code == 400


def test_people_of_others_are_as_unknown_as_nobody(cast: Cast) -> None:
    path = f"/ivrConfiguration/{cast.held.number.location_id}"
    answers = []
    for id in (cast.cleo.id, "usr_01J00000000000000000000000"):
        action = {"type": "ring", "target": {"users": [cast.sam.id, id]}}
        body = {"configuration": {**DEFAULT, "open": action}}
        answers.append(cast.ann.call("PUT", path, json=body))
    assert [answer.status_code for answer in answers] == [404, 404]
    told = [{**problem(answer), "requestId": ""} for answer in answers]
    assert told[0] == told[1]
    assert told[0]["errors"][0]["pointer"] == "/configuration/open/target/users/1"


def test_staff_see_no_configuration_and_managers_do_not_change_it(cast: Cast) -> None:
    path = f"/ivrConfiguration/{cast.held.number.location_id}"
    assert cast.sam.get(path).status_code == 403
    assert cast.mia.get(path).status_code == 200
    body = {"configuration": DEFAULT}
    assert cast.mia.call("PUT", path, json=body).status_code == 403


def test_named_people_and_numbers_are_rung_in_their_order(cast: Cast) -> None:
    line = opened(cast)
    who, phone = line.on_duty(*around(NOON))
    target = {"users": [who.id]}
    otherwise = {"type": "ring", "target": {"numbers": ["+16175550188"]}}
    line.configure(open={"type": "ring", "target": target, "otherwise": otherwise})

    heard = line.call(phones={"+16175550188": "answers"})

    heard.happened(f"rings {phone}", "rings +16175550188", "talks with +16175550188")
    assert heard.record["answeredBy"] == "+16175550188"


def test_roles_and_skills_narrow_who_is_rung(cast: Cast) -> None:
    line = opened(cast)
    _, staff = line.on_duty(*around(NOON, 5))
    manager = cast.fresh(role="manager", locations=[line.place.id], skills=["dentures"])
    line.on_duty(*around(NOON), user=manager)
    line.configure(open={"type": "ring", "target": {"onDuty": {"skills": ["dentures"]}}})

    heard = line.call()

    heard.never(staff)
    heard.happened("rings", "leave a message")
    assert [one["whyNot"] for one in heard.record["people"]] == ["other_skill", None]


# --- the preview ----------------------------------------------------------------------------------
def test_a_preview_tells_what_a_call_then_meets(cast: Cast) -> None:
    line = opened(cast)
    sure, phone = line.on_duty(*around(NOON, 5), name="Sure Person")
    off, _ = line.on_duty(*around(NOON), rings=False, name="Off Person")
    path = f"/ivrConfiguration/{line.place.id}/preview?at=2027-06-02T16:00:00Z"

    told = cast.mia.get(path)
    assert told.status_code == 403, "not her location"
    told = cast.ann.get(path)

    assert told.status_code == 200, told.text
    preview = told.json()
    assert preview["entrance"] == "open"
    assert [step["type"] for step in preview["steps"]] == ["say", "ring", "voicemail"]
    people = preview["steps"][1]["people"]
    assert [(p["staffId"], p["rings"], p["whyNot"]) for p in people] == [
        (sure.id, True, None),
        (off.id, False, "no_phone"),
    ]
    assert people[0]["until"] == "2027-06-02T21:00:00Z"
    heard = line.call("2027-06-02T16:00:00+00:00", phones={phone: "answers"})
    heard.happened(f"talks with {phone}")
    night = cast.ann.get(path.replace("T16", "T04")).json()
    assert night["entrance"] == "closed"
    assert [step["type"] for step in night["steps"]] == ["say", "say", "voicemail"]
