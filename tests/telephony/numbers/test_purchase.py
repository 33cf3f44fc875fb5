"""Numbers are bought once or not at all, despite crashes, faults, delays and stale lists."""

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
from config.audit import reader
from telephony.models import Line, PhoneNumber, Quota
from telephony.numbers import inventory, reservation, unassigned
from telephony.numbers.purchase import purchase_number
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    free_number,
    now,
    parse_problem,
    process_outbox,
    simulate_call,
)

PATH = "/userManagement/purchase-phone-number"
BUY_PATH_PATTERN = r"/2010-04-01/Accounts/[^/]+/IncomingPhoneNumbers\.json"
_key_numbers = itertools.count(1)


@dataclass
class PurchaseCase:
    """A purchase with planned faults, and its responses."""

    number: str
    location: Location
    fault_plan: FaultPlan = field(default_factory=FaultPlan)
    responses: list[dict[str, Any] | None] = field(default_factory=list)
    description: str = ""

    @property
    def body(self) -> dict[str, str]:
        return {"phoneNumber": self.number, "locationId": self.location.id}

    @property
    def summary(self) -> str:
        return f"{self.description} {self.fault_plan.fired_faults} {self.responses}"

    @property
    def record(self) -> PhoneNumber | None:
        return dynamodb.get_record(PhoneNumber, self.number)

    @property
    def line(self) -> Line | None:
        return dynamodb.get_record(Line, self.location.id)


def make_case(test_users: UserFixtures, description: str = "") -> PurchaseCase:
    return PurchaseCase(free_number(), test_users.create_location(), description=description)


def read_twilio_account(env: Environment) -> dict[str, Any]:
    """The state of the emulated Twilio account."""
    return dict(httpx.get(f"{env.twilio}/_local/account").json())


def configure_emulator(env: Environment, **values: Any) -> None:
    httpx.post(f"{env.twilio}/_local/switches", json=values).raise_for_status()


def inject_fault(
    env: Environment, kind: str, *, method: str = "POST", path: str = BUY_PATH_PATTERN, **more: Any
) -> None:
    fault_rule = {"method": method, "path": path, "fault": kind, **more}
    httpx.post(f"{env.twilio}/_local/faults", json=fault_rule).raise_for_status()


@pytest.fixture
def twilio(env: Environment) -> Iterator[Environment]:
    """The environment; faults and switches of the Twilio emulator are reset afterwards."""
    yield env
    httpx.delete(f"{env.twilio}/_local/faults").raise_for_status()
    configure_emulator(env, rebuy="update", list_lag=0)


def check_bought(cases: list[PurchaseCase], env: Environment) -> None:
    """Check that each number is stored, was charged once and answers calls."""
    twilio_account = read_twilio_account(env)
    by_number = {purchase["phone_number"]: purchase for purchase in twilio_account["numbers"]}
    for purchase in cases:
        record, line = purchase.record, purchase.line
        assert record, f"a reservation was lost: {purchase.summary}"
        assert record.status == "active", f"not active: {purchase.summary}"
        assert line, purchase.summary
        assert line.number == purchase.number, purchase.summary
        assert line.configuration, purchase.summary
        assert twilio_account["bought"].count(purchase.number) == 1, f"not charged once: {purchase.summary}"
        owned_number = by_number[purchase.number]
        assert owned_number["sid"] == record.sid, purchase.summary
        assert owned_number["friendly_name"] == f"dl:{record.purchase_id}", purchase.summary
        assert owned_number["voice_url"].endswith("/telephony/voice"), purchase.summary
        transcript = simulate_call(purchase.number)
        assert "Thank you for calling" in "\n".join(transcript["lines"]), purchase.summary


def check_not_bought(cases: list[PurchaseCase], env: Environment) -> None:
    """Check that purchases left nothing, in the database and at Twilio."""
    bought = read_twilio_account(env)["bought"]
    for purchase in cases:
        assert purchase.record is None, purchase.summary
        assert purchase.line is None or purchase.line.number is None, purchase.summary
        assert purchase.number not in bought, purchase.summary


def process_outbox_until_finished() -> None:
    """Process the outbox at increasingly later times; it must finish all purchases."""
    for seconds_ahead in (60, 600, 1500, 2500, 4000):
        process_outbox(seconds_ahead)
    messages = dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"]
    purchase_messages = [row for row in messages if row["task"]["S"] == "telephony.finish_purchase"]
    assert purchase_messages == []


# --- crashes and faults ---------------------------------------------------------------------------
@pytest.mark.parametrize("rebuy", ["update", "refuse"])
@pytest.mark.parametrize("mode", CRASH_MODES)
def test_purchase_survives_faults(
    harness: CrashHarness,
    test_users: UserFixtures,
    twilio: Environment,
    mode: str,
    rebuy: str,
    record_figure: Callable[[str], None],
) -> None:
    """Every other client does not retry; the outbox finishes these purchases too."""
    configure_emulator(twilio, rebuy=rebuy)
    golden = make_case(test_users)
    send_purchase(harness, test_users, golden, golden.fault_plan)
    assert [attempt and attempt["status"] for attempt in golden.responses] == [200]
    cases = []
    for index, call in enumerate(c for c in golden.fault_plan.calls if is_worth_trying(c)):
        attempt = make_case(test_users)
        attempt.fault_plan = FaultPlan(faults={call.signature: mode})
        key = f"purchase-{next(_key_numbers)}"
        send_purchase(harness, test_users, attempt, attempt.fault_plan, key)
        if not attempt.fault_plan.fired_faults:
            continue  # the mode does not apply to this call
        if index % 2:
            send_purchase(harness, test_users, attempt, None, key)
        cases.append(attempt)
    recorded = [attempt for attempt in cases if attempt.record]
    unrecorded = [attempt for attempt in cases if not attempt.record]
    assert recorded
    process_outbox_until_finished()
    check_bought(recorded, twilio)
    check_not_bought(unrecorded, twilio)
    for attempt in recorded:
        statuses = {response["status"] for response in attempt.responses if response}
        assert statuses <= {200, 503, 409}, attempt.summary
    assert test_users.audit_findings() == []
    record_figure(
        f"purchase, {mode}, rebuy={rebuy}: {len(recorded)} bought once, {len(unrecorded)} not started, of {len(cases)}"
    )


def send_purchase(
    harness: CrashHarness, test_users: UserFixtures, purchase: PurchaseCase, fault_plan: FaultPlan | None, key: str = ""
) -> None:
    purchase.responses.append(
        harness.request(test_users.ann.token, "POST", PATH, purchase.body, plan=fault_plan, key=key)
    )


LIST_REQUEST: dict[str, Any] = {"method": "GET"}
TWILIO_FAULTS: dict[str, list[dict[str, Any]]] = {
    "503 before": [{"kind": "503"}],
    "503 after": [{"kind": "503_after"}],
    "cut before": [{"kind": "drop"}],
    "cut after": [{"kind": "drop_after"}],
    "slow": [{"kind": "slow", "seconds": 5}],
    "429": [{"kind": "429"}],
    "503 after, and lists lag": [{"kind": "503_after"}, {"list_lag": 3}],
    "cut after, and lists lag": [{"kind": "drop_after"}, {"list_lag": 3}],
    "lists unavailable": [{"kind": "503", **LIST_REQUEST, "times": 2}],
    "503 after, then lists unavailable": [{"kind": "503_after"}, {"kind": "503", **LIST_REQUEST}],
}
"""Faults and list lags of the Twilio emulator, by name."""


@pytest.mark.parametrize("rebuy", ["update", "refuse"])
@pytest.mark.parametrize("fault_name", TWILIO_FAULTS)
def test_twilio_faults_never_buy_twice(
    test_users: UserFixtures, twilio: Environment, fault_name: str, rebuy: str, record_figure: Callable[[str], None]
) -> None:
    configure_emulator(twilio, rebuy=rebuy)
    purchase = make_case(test_users, fault_name)
    for fault_rule in TWILIO_FAULTS[fault_name]:
        (configure_emulator if "list_lag" in fault_rule else inject_fault)(twilio, **fault_rule)
    key = {"Idempotency-Key": f"trouble-{next(_key_numbers)}"}

    for _ in range(3):
        response = test_users.ann.post(PATH, purchase.body, headers=key)
        purchase.responses.append({"status": response.status_code, "body": response.text[:200]})
        if response.status_code == 503:
            assert "Retry-After" in response.headers
            assert response.elapsed.total_seconds() < 6
    process_outbox_until_finished()

    statuses = [recorded["status"] for recorded in purchase.responses if recorded]
    assert set(statuses) <= {200, 503}, purchase.summary
    check_bought([purchase], twilio)
    record_figure(f"purchase, {fault_name}, rebuy={rebuy}: statuses {statuses}, bought once")


def test_eight_customers_race_for_the_same_number(
    env: Environment, web: str, test_users: UserFixtures, twilio: Environment, record_figure: Callable[[str], None]
) -> None:
    racers = [create_racer(env, web, number) for number in range(8)]
    for _ in range(3 if not IS_SCALE_RUN else 30):
        number = free_number()
        racer_locations = [
            locations.create_location(actor=person.actor, name="R", time_zone="America/New_York", at=now())
            for person in racers
        ]
        bodies = [{"phoneNumber": number, "locationId": location.id} for location in racer_locations]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda pair: pair[0].post(PATH, pair[1]), zip(racers, bodies, strict=True)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] + [409] * 7, [answer.text for answer in answers]
        winner = next(index for index, answer in enumerate(answers) if answer.status_code == 200)
        check_bought([PurchaseCase(number, racer_locations[winner])], twilio)
        codes = {parse_problem(response)["code"] for response in answers if response.status_code == 409}
        assert codes == {"number_taken"}
        lines = [
            dynamodb.get_record(Line, location.id) for index, location in enumerate(racer_locations) if index != winner
        ]
        assert [line for line in lines if line and line.number] == []
    record_figure("eight customers racing for a number: one success per round")


def create_racer(env: Environment, web: str, number: int) -> SignedInUser:
    email = f"racer{number}.{now().timestamp()}@race.example"
    _, user = customers.create_customer(name=f"Race {number}", owner_name="R", owner_email=email, at=now())
    return accept_invitation(env, web, user)


# --- rejections -----------------------------------------------------------------------------------
def test_unavailable_number_is_rejected_and_leaves_nothing(test_users: UserFixtures, twilio: Environment) -> None:
    purchase = make_case(test_users)
    httpx.post(f"{twilio.twilio}/_local/others", json={"number": purchase.number}).raise_for_status()
    held_before = count_held_numbers(test_users.customer.id)
    key = {"Idempotency-Key": f"refused-{next(_key_numbers)}"}

    responses = [test_users.ann.post(PATH, purchase.body, headers=key) for _ in range(2)]

    assert [response.status_code for response in responses] == [409, 409]
    assert parse_problem(responses[0])["code"] == "number_taken"
    check_not_bought([purchase], twilio)
    assert count_held_numbers(test_users.customer.id) == held_before
    assert list_audit_actions(test_users.ann.id)[0] == "number.refused"
    next_response = test_users.ann.post(PATH, {**purchase.body, "phoneNumber": free_number()})
    assert next_response.status_code == 200


def test_number_unknown_to_twilio_returns_400(test_users: UserFixtures, twilio: Environment) -> None:
    response = test_users.ann.post(PATH, {"phoneNumber": "+15005550001", "locationId": test_users.create_location().id})
    assert response.status_code == 400


def test_purchase_with_unknown_outcome_is_eventually_abandoned(test_users: UserFixtures, twilio: Environment) -> None:
    """Not at once, as the number may be ours; but eventually."""
    purchase = make_case(test_users)
    inject_fault(twilio, "drop")
    assert test_users.ann.post(PATH, purchase.body).status_code == 503
    httpx.post(f"{twilio.twilio}/_local/others", json={"number": purchase.number}).raise_for_status()

    early_response = test_users.ann.post(PATH, purchase.body)
    process_outbox(60)
    record = purchase.record
    process_outbox_until_finished()

    assert early_response.status_code == 503
    assert record
    assert record.status == "buying"
    check_not_bought([purchase], twilio)


def test_foreign_number_of_the_account_is_not_adopted(test_users: UserFixtures, twilio: Environment) -> None:
    """Twilio would accept buying it again, and would replace its webhooks."""
    number = free_number()
    buy_foreign_number(twilio, number, "the fax in the cellar")

    response = test_users.ann.post(PATH, {"phoneNumber": number, "locationId": test_users.create_location().id})

    assert response.status_code == 409
    owned_number = next(item for item in read_twilio_account(twilio)["numbers"] if item["phone_number"] == number)
    assert owned_number["voice_url"] == "https://elsewhere.example/"
    assert owned_number["friendly_name"] == "the fax in the cellar"


def buy_foreign_number(env: Environment, number: str, tag: str) -> None:
    """Buy a number in our Twilio account without Dutyline."""
    sid = "AC" + "10ca1" * 6 + "00"
    httpx.post(
        f"{env.twilio}/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json",
        data={"PhoneNumber": number, "FriendlyName": tag, "VoiceUrl": "https://elsewhere.example/"},
        auth=(sid, "local-twilio-token"),
    ).raise_for_status()


# --- idempotency and quotas -----------------------------------------------------------------------
def test_repeated_purchase_returns_the_same_number(test_users: UserFixtures, twilio: Environment) -> None:
    purchase, other_purchase = make_case(test_users), make_case(test_users)

    responses = [test_users.ann.post(PATH, purchase.body) for _ in range(3)]

    assert [response.status_code for response in responses] == [200] * 3
    assert responses[0].json() == responses[2].json()
    assert responses[0].json()["ivrConfiguration"]["greeting"] == {"say": "Thank you for calling New."}
    check_bought([purchase], twilio)
    elsewhere_response = test_users.ann.post(PATH, {**other_purchase.body, "phoneNumber": purchase.number})
    assert parse_problem(elsewhere_response)["code"] == "number_taken"
    second_response = test_users.ann.post(PATH, {**purchase.body, "phoneNumber": other_purchase.number})
    assert parse_problem(second_response)["code"] == "location_has_number"
    outside_location = locations.create_location(
        actor=test_users.cleo.actor, name="New", time_zone="America/New_York", at=now()
    )
    outsider_response = test_users.cleo.post(PATH, {"phoneNumber": purchase.number, "locationId": outside_location.id})
    assert problem_without_request_id(outsider_response) == problem_without_request_id(elsewhere_response)


def test_numbers_are_of_the_location_s_own_country(test_users: UserFixtures, env: Environment) -> None:
    """LOW: a number of any country could be bought, also where `CALL_COUNTRIES` allows no calls."""
    boston, kiel, lima, sydney = (
        locations.create_location(actor=test_users.ann.actor, name="New", time_zone=zone, at=now())
        for zone in ("America/New_York", "Europe/Berlin", "America/Lima", "Australia/Sydney")
    )
    foreign = [(boston, "+442071838750"), (boston, "+493012345672"), (kiel, free_number()), (lima, "+5112345678")]
    for location, number in [*foreign, (sydney, "+61255501234")]:
        response = test_users.ann.post(PATH, {"phoneNumber": number, "locationId": location.id})
        assert response.status_code == 400, (number, response.text)
        problem = parse_problem(response)
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("number_not_purchasable", "/phoneNumber")
        assert number not in read_twilio_account(env)["bought"]
    test_users.put_profile("DE", has_bundle=True)
    allowed = test_users.ann.post(PATH, {"phoneNumber": "+493012345672", "locationId": kiel.id})
    assert allowed.status_code == 200, allowed.text


def test_location_answers_in_the_local_language(test_users: UserFixtures, env: Environment) -> None:
    location = locations.create_location(actor=test_users.ann.actor, name="Kiel", time_zone="Europe/Berlin", at=now())
    test_users.put_profile("DE", has_bundle=True)
    purchase_number("+493012345671", location.id, actor=test_users.ann.actor, at=now())
    transcript = "\n".join(simulate_call("+493012345671")["lines"])
    assert "Vielen Dank für Ihren Anruf bei Kiel." in transcript
    assert "Zurzeit ist leider niemand erreichbar." in transcript


def problem_without_request_id(answer: httpx.Response) -> dict[str, Any]:
    return {**parse_problem(answer), "requestId": ""}


def test_concurrent_purchases_for_a_location_buy_a_single_number(test_users: UserFixtures, twilio: Environment) -> None:
    location = test_users.create_location()
    bodies = [{"phoneNumber": free_number(), "locationId": location.id} for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda body: test_users.ann.post(PATH, body), bodies))
    assert sorted(response.status_code for response in responses) == [200, 409, 409, 409]
    assert sum(read_twilio_account(twilio)["bought"].count(body["phoneNumber"]) for body in bodies) == 1


def test_number_quota_is_enforced_and_can_be_raised(test_users: UserFixtures, twilio: Environment) -> None:
    held_before = count_held_numbers(test_users.customer.id)
    reservation.set_number_limit(held_before + 1, actor=permissions.system_actor(test_users.customer.id), at=now())
    cases = [make_case(test_users) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda purchase: test_users.ann.post(PATH, purchase.body), cases))
    assert sorted(response.status_code for response in responses) == [200, 409, 409, 409]
    quota_response = next(response for response in responses if response.status_code == 409)
    assert parse_problem(quota_response)["code"] == "number_quota_reached"

    assert "5000" in run_numbers_command("quota", test_users.customer.id, "5000")
    assert test_users.ann.post(PATH, make_case(test_users).body).status_code == 200


def count_held_numbers(customer_id: str) -> int:
    quota_record = dynamodb.get_record(Quota, customer_id)
    return int(quota_record.held) if quota_record else 0


def list_audit_actions(stream: str) -> list[str]:
    stream_head = dynamodb.get_record(audit.AuditEntry, stream, 0)
    last = int(stream_head.last) if stream_head else 0
    return [entry.action for entry in reader.read_page(stream, last=last, offset=0, limit=20)]


# --- release and restore --------------------------------------------------------------------------
def test_number_release_is_scheduled_reverted_and_executed(test_users: UserFixtures, twilio: Environment) -> None:
    purchase = make_case(test_users)
    assert test_users.ann.post(PATH, purchase.body).status_code == 200
    held_before = count_held_numbers(test_users.customer.id)
    path = f"/phoneNumber/{purchase.number}"
    assert test_users.ann.delete(f"/location/{purchase.location.id}").status_code == 409

    release = test_users.ann.delete(path).json()
    assert release["status"] == "releasing"
    assert release["releaseAt"] > now().isoformat()
    process_outbox(6 * 86_400)
    assert account_has_number(twilio, purchase.number)
    restore_response = test_users.ann.post(f"{path}/restore", {})
    assert restore_response.json()["status"] == "active"
    check_bought([purchase], twilio)

    assert test_users.ann.delete(path).status_code == 200
    assert test_users.ann.delete(path).json()["status"] == "releasing"
    second_purchase = make_case(test_users)
    second_purchase.location = purchase.location
    assert test_users.ann.post(PATH, second_purchase.body).status_code == 200, "the location may get another number"
    process_outbox(7 * 86_400 + 60)

    assert not account_has_number(twilio, purchase.number)
    assert purchase.record is None
    assert count_held_numbers(test_users.customer.id) == held_before
    assert test_users.ann.post(f"{path}/restore", {}).status_code == 404
    logged_actions = list_audit_actions(test_users.ann.id)
    assert {"number.purchased", "number.given_up", "number.restored"} <= set(logged_actions)
    check_bought([second_purchase], twilio)


def run_numbers_command(*command: str) -> str:
    """Run ``manage.py numbers …``; its output."""
    output = StringIO()
    call_command("numbers", *command, stdout=output)
    return output.getvalue()


def account_has_number(env: Environment, number: str) -> bool:
    return any(item["phone_number"] == number for item in read_twilio_account(env)["numbers"])


def test_restore_after_the_grace_period_is_rejected(test_users: UserFixtures, twilio: Environment) -> None:
    bought = test_users.purchase_number()
    inventory.schedule_release(
        bought.number.number, actor=test_users.ann.actor, at=now() - inventory.RELEASE_GRACE_PERIOD
    )
    response = test_users.ann.post(f"/phoneNumber/{bought.number.number}/restore", {})
    assert parse_problem(response)["code"] == "number_releasing"


def test_a_manager_sees_the_numbers_of_their_locations(test_users: UserFixtures) -> None:
    own_number = test_users.boston_number.number.number
    other_number = test_users.purchase_number().number.number
    assert {own_number, other_number} <= {
        item["phoneNumber"] for item in test_users.ann.get("/phoneNumber").json()["items"]
    }
    assert [item["phoneNumber"] for item in test_users.mia.get("/phoneNumber").json()["items"]] == [own_number]
    assert test_users.mia.delete(f"/phoneNumber/{own_number}").status_code == 403
    assert test_users.cleo.delete(f"/phoneNumber/{own_number}").status_code == 404


def test_location_with_a_pending_purchase_cannot_be_removed(test_users: UserFixtures, twilio: Environment) -> None:
    purchase = make_case(test_users)
    with twilio.apply_plan(FaultPlan(always={"twilio": "503"})):
        assert test_users.ann.post(PATH, purchase.body).status_code == 503
    assert test_users.ann.delete(f"/location/{purchase.location.id}").status_code == 409
    process_outbox_until_finished()
    check_bought([purchase], twilio)


# --- unexplained numbers --------------------------------------------------------------------------
def test_unexplained_numbers_are_reported_adopted_or_released(
    test_users: UserFixtures, env: Environment, twilio: Environment
) -> None:
    lost_number, spare_number, fax_number = free_number(), free_number(), free_number()
    for number, tag in ((lost_number, "dl:pur_lost"), (spare_number, "dl:pur_spare"), (fax_number, "our fax")):
        buy_foreign_number(env, number, tag)
    recorded_number = test_users.boston_number.number.number

    report = run_numbers_command("unexplained")

    assert lost_number in report
    assert spare_number in report
    assert fax_number not in report
    assert recorded_number not in report
    assert account_has_number(env, lost_number), "the report must not change anything"
    location = test_users.create_location()
    assert "is active" in run_numbers_command("adopt", lost_number, location.id, test_users.customer.id)
    check_bought([PurchaseCase(lost_number, location)], env)
    assert "is released" in run_numbers_command("release", spare_number)
    with pytest.raises(CommandError, match="not in the list of unassigned numbers"):
        run_numbers_command("release", recorded_number)
    assert not account_has_number(env, spare_number)
    assert [
        orphan.number for orphan in unassigned.update_list(now()) if orphan.number in (lost_number, spare_number)
    ] == []


# --- search ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("country", "area", "prefix"),
    [("US", "415", "+1415"), ("ca", "416", "+1416"), ("GB", "020", "+4420"), ("DE", "030", "+4930")],
)
def test_number_search(test_users: UserFixtures, country: str, area: str, prefix: str) -> None:
    response = test_users.mia.post("/userManagement/find-phone-numbers", {"country": country, "areaCode": area})
    assert response.status_code == 200, response.text
    items = response.json()["items"]
    assert 0 < len(items) <= 30
    assert all(item["phoneNumber"].startswith(prefix) for item in items)
    assert all(item["capabilities"]["voice"] for item in items)


def test_search_without_results_is_empty(test_users: UserFixtures) -> None:
    search = {"country": "US", "areaCode": "533"}
    response = test_users.ann.post("/userManagement/find-phone-numbers", search)
    assert response.json() == {"items": []}


@pytest.mark.parametrize(
    ("search", "pointer"),
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
def test_invalid_search_returns_400(test_users: UserFixtures, search: dict[str, str], pointer: str) -> None:
    response = test_users.ann.post("/userManagement/find-phone-numbers", search)
    assert response.status_code == 400
    assert [error["pointer"] for error in parse_problem(response)["errors"]] == [pointer]


@pytest.mark.parametrize("kind", ["503", "drop", "slow", "429"])
def test_search_returns_503_when_twilio_is_unavailable(
    test_users: UserFixtures, twilio: Environment, kind: str
) -> None:
    inject_fault(twilio, kind, method="GET", path=r".*/Local\.json", seconds=6)
    started = now()
    search = {"country": "US", "areaCode": "415"}
    response = test_users.ann.post("/userManagement/find-phone-numbers", search)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert (now() - started).total_seconds() < 6
