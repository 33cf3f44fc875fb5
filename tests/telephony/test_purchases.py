"""A number is bought once, or not at all: whatever is killed, cut, refused, slow or behind."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from accounts import customers, locations, permissions
from accounts.models import Location
from config import audit, dynamodb, outbox
from config.audit import reader, verification
from telephony.models import Line, PhoneNumber, Quota
from telephony.numbers import inventory, reconcile, reservation
from tests.conftest import Cast, Person, come, free_number, now, problem, ring, sweep
from tests.support.crash_harness import Harness, worth_trying
from tests.support.environment import SCALE, World
from tests.support.proxy import MODES, Plan

PATH = "/userManagement/purchase-phone-number"
BUY = r"/2010-04-01/Accounts/[^/]+/IncomingPhoneNumbers\.json"
RUN = MODES if SCALE else ("kill_before", "kill_after", "lost")
_keys = itertools.count(1)


@dataclass
class Case:
    """One purchase that something happens to."""

    number: str
    place: Location
    plan: Plan = field(default_factory=Plan)
    answers: list[dict[str, Any] | None] = field(default_factory=list)
    about: str = ""

    @property
    def body(self) -> dict[str, str]:
        return {"phoneNumber": self.number, "locationId": self.place.id}

    @property
    def told(self) -> str:
        return f"{self.about} {self.plan.fired} {self.answers}"

    @property
    def record(self) -> PhoneNumber | None:
        return dynamodb.get(PhoneNumber, self.number)

    @property
    def line(self) -> Line | None:
        return dynamodb.get(Line, self.place.id)


def case(cast: Cast, about: str = "") -> Case:
    return Case(free_number(), cast.place(), about=about)


def account(world: World) -> dict[str, Any]:
    """What Twilio has."""
    return dict(httpx.get(f"{world.twilio}/_local/account").json())


def switch(world: World, **values: Any) -> None:
    httpx.post(f"{world.twilio}/_local/switches", json=values).raise_for_status()


def fault(world: World, kind: str, *, method: str = "POST", path: str = BUY, **more: Any) -> None:
    plan = {"method": method, "path": path, "fault": kind, **more}
    httpx.post(f"{world.twilio}/_local/faults", json=plan).raise_for_status()


@pytest.fixture
def twilio(world: World) -> Iterator[World]:
    """The stand-in, behaving as usual again afterwards."""
    yield world
    httpx.delete(f"{world.twilio}/_local/faults").raise_for_status()
    switch(world, rebuy="update", list_lag=0)


def check_bought(cases: list[Case], world: World) -> None:
    """Exactly one recorded, paid, answering number each."""
    there = account(world)
    by_number = {one["phone_number"]: one for one in there["numbers"]}
    for one in cases:
        record, line = one.record, one.line
        assert record, f"a claim was lost: {one.told}"
        assert record.status == "active", f"not finished: {one.told}"
        assert line, one.told
        assert line.number == one.number, one.told
        assert line.configuration, one.told
        assert there["bought"].count(one.number) == 1, f"not paid once: {one.told}"
        owned = by_number[one.number]
        assert owned["sid"] == record.sid, one.told
        assert owned["friendly_name"] == f"dl:{record.purchase_id}", one.told
        assert owned["voice_url"].endswith("/telephony/voice"), one.told
        heard = ring(one.number)
        assert "Thank you for calling" in "\n".join(heard["lines"]), one.told


def check_not_bought(cases: list[Case], world: World) -> None:
    """Nothing is left of it."""
    bought = account(world)["bought"]
    for one in cases:
        assert one.record is None, one.told
        assert one.line is None or one.line.number is None, one.told
        assert one.number not in bought, one.told


def finish_everything() -> None:
    """The outbox, at later and later times, until it has finished every purchase."""
    for later in (60, 600, 1500, 2500, 4000):
        sweep(later)
    left = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    ours = [row for row in left if row["task"]["S"] == "telephony.finish_purchase"]
    assert ours == []


# --- killed, cut, refused -------------------------------------------------------------------------
@pytest.mark.parametrize("rebuy", ["update", "refuse"])
@pytest.mark.parametrize("mode", RUN)
def test_a_purchase_survives(
    harness: Harness,
    cast: Cast,
    twilio: World,
    mode: str,
    rebuy: str,
    say: Callable[[str], None],
) -> None:
    """Every second client never comes back; the outbox finishes for them all the same."""
    switch(twilio, rebuy=rebuy)
    golden = case(cast)
    buy(harness, cast, golden, golden.plan)
    assert [one and one["status"] for one in golden.answers] == [200]
    cases = []
    for number, call in enumerate(c for c in golden.plan.calls if worth_trying(c)):
        one = case(cast)
        one.plan = Plan(faults={call.signature: mode})
        key = f"purchase-{next(_keys)}"
        buy(harness, cast, one, one.plan, key)
        if not one.plan.fired:
            continue  # the mode does not apply to this call
        if number % 2:
            buy(harness, cast, one, Plan(), key)
        cases.append(one)
    begun = [one for one in cases if one.record]
    before = [one for one in cases if not one.record]
    assert begun
    finish_everything()
    check_bought(begun, twilio)
    check_not_bought(before, twilio)
    for one in begun:
        statuses = {answer["status"] for answer in one.answers if answer}
        assert statuses <= {200, 503, 409}, one.told
    assert verification.verify().findings == []
    say(
        f"a purchase, {mode}, buying again would {rebuy}: {len(begun)} bought once, "
        f"{len(before)} not begun, of {len(cases)}"
    )


def buy(harness: Harness, cast: Cast, one: Case, plan: Plan, key: str = "") -> None:
    one.answers.append(harness.request(cast.ann.token, "POST", PATH, one.body, plan=plan, key=key))


LIST: dict[str, Any] = {"method": "GET"}
FAULTS: dict[str, list[dict[str, Any]]] = {
    "503 before": [{"kind": "503"}],
    "503 after": [{"kind": "503_after"}],
    "cut before": [{"kind": "drop"}],
    "cut after": [{"kind": "drop_after"}],
    "slow": [{"kind": "slow", "seconds": 5}],
    "429": [{"kind": "429"}],
    "503 after, and the list lags": [{"kind": "503_after"}, {"list_lag": 3}],
    "cut after, and the list lags": [{"kind": "drop_after"}, {"list_lag": 3}],
    "the list is away": [{"kind": "503", **LIST, "times": 2}],
    "503 after, then the list is away": [{"kind": "503_after"}, {"kind": "503", **LIST}],
}
"""What goes wrong at Twilio: planned faults, and how far its list lags behind."""


@pytest.mark.parametrize("rebuy", ["update", "refuse"])
@pytest.mark.parametrize("what", FAULTS)
def test_trouble_at_twilio_buys_once(
    cast: Cast, twilio: World, what: str, rebuy: str, say: Callable[[str], None]
) -> None:
    switch(twilio, rebuy=rebuy)
    one = case(cast, what)
    for planned in FAULTS[what]:
        (switch if "list_lag" in planned else fault)(twilio, **planned)
    key = {"Idempotency-Key": f"trouble-{next(_keys)}"}

    for _ in range(3):
        answer = cast.ann.post(PATH, one.body, headers=key)
        one.answers.append({"status": answer.status_code, "body": answer.text[:200]})
        if answer.status_code == 503:
            assert "Retry-After" in answer.headers
            assert answer.elapsed.total_seconds() < 6
    finish_everything()

    statuses = [told["status"] for told in one.answers if told]
    assert set(statuses) <= {200, 503}, one.told
    check_bought([one], twilio)
    say(f"a purchase, {what}, buying again would {rebuy}: answered {statuses}, bought once")


def test_eight_customers_race_for_one_number(
    world: World, web: str, cast: Cast, twilio: World, say: Callable[[str], None]
) -> None:
    racers = [racer(world, web, number) for number in range(8)]
    for _ in range(3 if not SCALE else 30):
        number = free_number()
        places = [
            locations.create(actor=p.actor, name="R", time_zone="UTC", at=now()) for p in racers
        ]
        bodies = [{"phoneNumber": number, "locationId": place.id} for place in places]
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda pair: pair[0].post(PATH, pair[1]), zip(racers, bodies, strict=True))
            )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] + [409] * 7, [answer.text for answer in answers]
        winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
        check_bought([Case(number, places[winner])], twilio)
        told = {problem(a)["code"] for a in answers if a.status_code == 409}
        assert told == {"number_taken"}
        lines = [dynamodb.get(Line, place.id) for n, place in enumerate(places) if n != winner]
        assert [line for line in lines if line and line.number] == []
    say("eight customers racing for a number: one winner each, 3 rounds")


def racer(world: World, web: str, number: int) -> Person:
    email = f"racer{number}.{now().timestamp()}@race.example"
    _, user = customers.create_customer(
        name=f"Race {number}", owner_name="R", owner_email=email, at=now()
    )
    return come(world, web, user)


# --- refused --------------------------------------------------------------------------------------
def test_a_number_that_somebody_else_has_is_refused_and_nothing_stays(
    cast: Cast, twilio: World
) -> None:
    one = case(cast)
    httpx.post(f"{twilio.twilio}/_local/others", json={"number": one.number}).raise_for_status()
    held = quota(cast.customer.id)
    key = {"Idempotency-Key": f"refused-{next(_keys)}"}

    answers = [cast.ann.post(PATH, one.body, headers=key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert problem(answers[0])["code"] == "number_taken"
    check_not_bought([one], twilio)
    assert quota(cast.customer.id) == held
    assert actions(cast.ann.id)[0] == "number.refused"
    again = cast.ann.post(PATH, {**one.body, "phoneNumber": free_number()})
    assert again.status_code == 200


def test_a_number_that_twilio_does_not_know_is_a_400(cast: Cast, twilio: World) -> None:
    answer = cast.ann.post(PATH, {"phoneNumber": "+15005550001", "locationId": cast.place().id})
    assert answer.status_code == 400


def test_after_an_unknown_outcome_a_number_that_stays_away_is_given_up(
    cast: Cast, twilio: World
) -> None:
    """Not at once, since it may be ours; but not for ever either."""
    one = case(cast)
    fault(twilio, "drop")
    assert cast.ann.post(PATH, one.body).status_code == 503
    httpx.post(f"{twilio.twilio}/_local/others", json={"number": one.number}).raise_for_status()

    early = cast.ann.post(PATH, one.body)
    sweep(60)
    record = one.record
    finish_everything()

    assert early.status_code == 503
    assert record
    assert record.status == "buying"
    check_not_bought([one], twilio)


def test_a_number_of_the_account_that_is_not_ours_is_not_taken_over(
    cast: Cast, twilio: World
) -> None:
    """Twilio would let us "buy" it again, and point it at us."""
    number = free_number()
    foreign(twilio, number, "the fax in the cellar")

    answer = cast.ann.post(PATH, {"phoneNumber": number, "locationId": cast.place().id})

    assert answer.status_code == 409
    owned = next(n for n in account(twilio)["numbers"] if n["phone_number"] == number)
    assert owned["voice_url"] == "https://elsewhere.example/"
    assert owned["friendly_name"] == "the fax in the cellar"


def foreign(world: World, number: str, tag: str) -> None:
    """A number of our account that somebody else bought there."""
    sid = "AC" + "10ca1" * 6 + "00"
    httpx.post(
        f"{world.twilio}/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json",
        data={
            "PhoneNumber": number,
            "FriendlyName": tag,
            "VoiceUrl": "https://elsewhere.example/",
        },
        auth=(sid, "local-twilio-token"),
    ).raise_for_status()


# --- once, one each, so many ----------------------------------------------------------------------
def test_a_purchase_is_the_same_however_often_it_is_asked_for(cast: Cast, twilio: World) -> None:
    one, other = case(cast), case(cast)

    answers = [cast.ann.post(PATH, one.body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].json() == answers[2].json()
    assert answers[0].json()["ivrConfiguration"]["greeting"] == {
        "say": "Thank you for calling New."
    }
    check_bought([one], twilio)
    elsewhere = cast.ann.post(PATH, {**other.body, "phoneNumber": one.number})
    assert problem(elsewhere)["code"] == "number_taken"
    second = cast.ann.post(PATH, {**one.body, "phoneNumber": other.number})
    assert problem(second)["code"] == "location_has_number"
    outsider = cast.cleo.post(PATH, {"phoneNumber": one.number, "locationId": cast.hilltop.id})
    assert told(outsider) == told(elsewhere)


def test_a_place_answers_in_what_is_spoken_there(cast: Cast, world: World) -> None:
    place = locations.create(actor=cast.ann.actor, name="Kiel", time_zone="Europe/Berlin", at=now())
    heard = "\n".join(ring(cast.bought(place).number.number)["lines"])
    assert "Willkommen bei Kiel." in heard
    assert "Gerade ist niemand da." in heard


def told(answer: httpx.Response) -> dict[str, Any]:
    return {**problem(answer), "requestId": ""}


def test_two_numbers_at_once_for_one_location_are_one(cast: Cast, twilio: World) -> None:
    place = cast.place()
    bodies = [{"phoneNumber": free_number(), "locationId": place.id} for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: cast.ann.post(PATH, body), bodies))
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409]
    assert sum(account(twilio)["bought"].count(body["phoneNumber"]) for body in bodies) == 1


def test_a_customer_holds_so_many_numbers_and_operators_raise_it(cast: Cast, twilio: World) -> None:
    held = quota(cast.customer.id)
    reservation.allow(held + 1, actor=permissions.system(cast.customer.id), at=now())
    cases = [case(cast) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: cast.ann.post(PATH, one.body), cases))
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409]
    refused = next(a for a in answers if a.status_code == 409)
    assert problem(refused)["code"] == "number_quota_reached"

    assert "5000" in manage("quota", cast.customer.id, "5000")
    assert cast.ann.post(PATH, case(cast).body).status_code == 200


def quota(customer_id: str) -> int:
    found = dynamodb.get(Quota, customer_id)
    return int(found.held) if found else 0


def actions(stream: str) -> list[str]:
    head = dynamodb.get(audit.AuditEntry, stream, 0)
    last = int(head.last) if head else 0
    return [entry.action for entry in reader.page(stream, last=last, offset=0, limit=20)]


# --- given up, restored, released -----------------------------------------------------------------
def test_a_number_is_given_up_restored_and_released(cast: Cast, twilio: World) -> None:
    one = case(cast)
    assert cast.ann.post(PATH, one.body).status_code == 200
    held = quota(cast.customer.id)
    path = f"/phoneNumber/{one.number}"
    assert cast.ann.delete(f"/location/{one.place.id}").status_code == 409

    given_up = cast.ann.delete(path).json()
    assert given_up["status"] == "releasing"
    assert given_up["releaseAt"] > now().isoformat()
    sweep(6 * 86_400)
    assert account_has(twilio, one.number)
    restored = cast.ann.post(f"{path}/restore", {})
    assert restored.json()["status"] == "active"
    check_bought([one], twilio)

    assert cast.ann.delete(path).status_code == 200
    assert cast.ann.delete(path).json()["status"] == "releasing"
    second = case(cast)
    second.place = one.place
    assert cast.ann.post(PATH, second.body).status_code == 200, "its location may have another"
    sweep(7 * 86_400 + 60)

    assert not account_has(twilio, one.number)
    assert one.record is None
    assert quota(cast.customer.id) == held
    assert cast.ann.post(f"{path}/restore", {}).status_code == 404
    log = actions(cast.ann.id)
    assert {"number.purchased", "number.given_up", "number.restored"} <= set(log)
    check_bought([second], twilio)


def manage(*command: str) -> str:
    """What ``manage.py numbers …`` prints."""
    told = StringIO()
    call_command("numbers", *command, stdout=told)
    return told.getvalue()


def account_has(world: World, number: str) -> bool:
    return any(one["phone_number"] == number for one in account(world)["numbers"])


def test_the_last_seconds_before_a_release_are_too_late(cast: Cast, twilio: World) -> None:
    held = cast.bought()
    inventory.give_up(held.number.number, actor=cast.ann.actor, at=now() - inventory.GRACE)
    answer = cast.ann.post(f"/phoneNumber/{held.number.number}/restore", {})
    assert problem(answer)["code"] == "number_releasing"


def test_a_manager_sees_the_numbers_of_their_locations(cast: Cast) -> None:
    ours = cast.held.number.number
    hidden = cast.bought().number.number
    assert {ours, hidden} <= {
        n["phoneNumber"] for n in cast.ann.get("/phoneNumber").json()["items"]
    }
    assert [n["phoneNumber"] for n in cast.mia.get("/phoneNumber").json()["items"]] == [ours]
    assert cast.mia.delete(f"/phoneNumber/{ours}").status_code == 403
    assert cast.cleo.delete(f"/phoneNumber/{ours}").status_code == 404


def test_what_was_bought_while_its_location_went_is_given_up(cast: Cast, twilio: World) -> None:
    one = case(cast)
    with twilio.plan(Plan(always={"twilio": "503"})):
        assert cast.ann.post(PATH, one.body).status_code == 503
    assert cast.ann.delete(f"/location/{one.place.id}").status_code == 409
    finish_everything()
    check_bought([one], twilio)


# --- numbers that no record explains --------------------------------------------------------------
def test_numbers_that_no_record_explains_are_reported_adopted_or_released(
    cast: Cast, world: World, twilio: World
) -> None:
    lost, spare, fax = free_number(), free_number(), free_number()
    for number, tag in ((lost, "dl:pur_lost"), (spare, "dl:pur_spare"), (fax, "our fax")):
        foreign(world, number, tag)
    known = cast.held.number.number

    report = manage("unexplained")

    assert lost in report
    assert spare in report
    assert fax not in report
    assert known not in report
    assert account_has(world, lost), "a report changes nothing"
    place = cast.place()
    assert "is active" in manage("adopt", lost, place.id, cast.customer.id)
    check_bought([Case(lost, place)], world)
    assert "is released" in manage("release", spare)
    with pytest.raises(CommandError, match="no such number"):
        manage("release", known)
    assert not account_has(world, spare)
    assert [one.number for one in reconcile.report(now()) if one.number in (lost, spare)] == []


# --- finding --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("country", "area", "begins"),
    [
        ("US", "415", "+1415"),
        ("ca", "416", "+1416"),
        ("GB", "020", "+4420"),
        ("DE", "030", "+4930"),
    ],
)
def test_numbers_are_found(cast: Cast, country: str, area: str, begins: str) -> None:
    answer = cast.mia.post(
        "/userManagement/find-phone-numbers", {"country": country, "areaCode": area}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()["items"]
    assert 0 < len(found) <= 30
    assert all(one["phoneNumber"].startswith(begins) for one in found)
    assert all(one["capabilities"]["voice"] for one in found)


def test_an_area_without_numbers_is_no_failure(cast: Cast) -> None:
    wanted = {"country": "US", "areaCode": "533"}
    answer = cast.ann.post("/userManagement/find-phone-numbers", wanted)
    assert answer.json() == {"items": []}


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"country": "ZZ", "areaCode": "415"}, "/country"),
        ({"country": "AQ", "areaCode": "415"}, "/country"),
        ({"country": "USA", "areaCode": "415"}, "/country"),
        ({"country": "US", "areaCode": "015"}, "/areaCode"),
        ({"country": "US", "areaCode": "41"}, "/areaCode"),
        ({"country": "US", "areaCode": "4a5"}, "/areaCode"),
        ({"country": "GB", "areaCode": "0"}, "/areaCode"),
        ({"country": "US"}, "/areaCode"),
        ({"areaCode": "415"}, "/country"),
    ],
)
def test_senseless_searches_are_400s(cast: Cast, wanted: dict[str, str], pointer: str) -> None:
    answer = cast.ann.post("/userManagement/find-phone-numbers", wanted)
    assert answer.status_code == 400
    assert [one["pointer"] for one in problem(answer)["errors"]] == [pointer]


@pytest.mark.parametrize("kind", ["503", "drop", "slow", "429"])
def test_a_search_says_that_twilio_is_away(cast: Cast, twilio: World, kind: str) -> None:
    fault(twilio, kind, method="GET", path=r".*/Local\.json", seconds=6)
    began = now()
    wanted = {"country": "US", "areaCode": "415"}
    answer = cast.ann.post("/userManagement/find-phone-numbers", wanted)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert (now() - began).total_seconds() < 6
