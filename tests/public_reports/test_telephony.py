"""What others reported of telephony products, tried on this one; docstrings name the source."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qsl

import httpx
import pytest

from accounts import permissions, users
from config import dynamodb
from config.dynamodb import unaudited
from telephony import callers, dialing_rules, ivr, phone_verification
from telephony.calls.history import own_calls, queries
from telephony.calls.limits import usage
from telephony.calls.state import call_record
from telephony.ivr.configuration import iter_actions
from telephony.ivr.webhook_paths import decode_action_path, webhook_path
from telephony.models import Call, Usage
from telephony.numbers import unassigned
from tests.emulators.twilio.phones import rewrite_query, sign_webhook
from tests.support.callbacks import put_callback
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, local_times_around, new_call_ids, post_webhook
from tests.support.environment import Environment
from tests.support.users import UserFixtures, accept_invitation, emails_to, now, parse_problem, process_outbox

AUTH_TOKEN = "local-twilio-token"
SAFE_VALUE = r"(?:[A-Za-z0-9._-]|%2F|%23)"
SAFE_QUERY = re.compile(f"[a-z]+={SAFE_VALUE}*(?:&[a-z]+={SAFE_VALUE}*)*")
"""What encoders of queries leave as it is, and write so from what it stands for."""
MENU = {
    "type": "menu",
    "prompt": {"say": "Press star for the team, pound for one of them."},
    "keys": {
        "*": {"type": "ring", "target": {"onDuty": {}}, "strategy": "all", "otherwise": {"type": "voicemail"}},
        "#": {"type": "ring", "target": {"onDuty": {}}, "otherwise": {"type": "voicemail"}},
    },
    "otherwise": {"type": "hangup"},
}


SEARCHES = {
    "0301234567": ["+49 30 1234567", "0301234567"],
    "sip:+12125012671@Carrier.com": ["+12125012671", "2125012671", "sip:+12125012671@carrier.com"],
    "2125012672;ext=5": ["2125012672;ext=5", "2125012672", "+1 212 501 2672 x5"],
}
DELIVERED_CALLERS = ["+15550101234", "+16175550199", "sip:ann@example.com", "+266696687", "911", *SEARCHES]


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    """A location in Boston's time zone with a number and without staff."""
    return create_line(test_users)


@pytest.fixture
def sorting_twilio(env: Environment) -> Iterator[None]:
    """Twilio sorts queries and encodes them anew."""
    httpx.post(f"{env.twilio}/_local/switches", json={"query": "sorted"}).raise_for_status()
    yield
    httpx.post(f"{env.twilio}/_local/switches", json={"query": "as given"}).raise_for_status()


# --- webhooks -------------------------------------------------------------------------------------
@pytest.mark.usefixtures("sorting_twilio")
@pytest.mark.parametrize("key", ["*", "#"])
@pytest.mark.parametrize("behavior", ["answers", "silent"])
def test_twilio_php_790_twilio_node_1079_calls_survive_sorted_queries(
    test_users: UserFixtures, key: str, behavior: str
) -> None:
    """twilio/twilio-php#790, twilio/twilio-node#1079: the signature is that of the given URL."""
    line = create_line(test_users)
    _, phone = line.put_on_duty(*local_times_around(WEDNESDAY_NOON))
    recording = {"calls": True, "consentPrompt": {"say": "This call is recorded."}}
    line.update_configuration(open=MENU, recording=recording)

    call = line.call(press=[key], phones={phone: behavior})

    assert {webhook["status"] for webhook in call.webhooks} <= {200, 204}, call.text
    call.assert_sequence(f"talks with {phone}" if behavior == "answers" else "speaks for 7 seconds")
    assert call.api_record["outcome"] == ("answered" if behavior == "answers" else "voicemail")
    for webhook in call.webhooks:
        answer = unescape(webhook["answer"])
        for url in [webhook["url"], *re.findall(r'https?://[^"<\s]+/telephony/voice[^"<\s]*', answer)]:
            query = url.partition("#")[0].partition("?")[2]
            assert not query or SAFE_QUERY.fullmatch(query), url
            assert parse_qsl(query) == sorted(parse_qsl(query)), url
            assert rewrite_query(url) == url


def test_twilio_php_790_signature_is_that_of_either_form(line: LineFixture, env: Environment) -> None:
    """twilio/twilio-php#790: the query as it comes or as given, never one with other parameters."""
    form = line.call().webhooks[0]["form"]
    base = f"{env.web}/telephony/voice/key"
    original, signature = f"{base}?a=0&p=open.keys.1", ""

    def post(url: str, **changes: str) -> int:
        return post_webhook(url, {**form, **changes}, **{"X-Twilio-Signature": signature}).status_code

    signature = sign_webhook(original, form, AUTH_TOKEN)
    assert [post(original), post(f"{base}?p=open.keys.1&a=0"), post(f"{base}?p=open%2Ekeys%2E1&a=%30")] == [200] * 3
    for url in (f"{base}?a=1&p=open.keys.1", f"{base}?a=0", f"{original}&c=x", f"{base}?a=0&p=open.keys.1&p=x", base):
        assert post(url) == 403, url
    assert post(original, Digits="1") == 403
    signature = sign_webhook(original.replace(":" + original.split(":")[2].split("/")[0], ""), form, AUTH_TOKEN)
    assert post(f"{base}?p=open.keys.1&a=0") == 200, "signed without the port"
    for path in ("open%2Fkeys%2F%2A", "open.keys.star", "open%2Fkeys%2Fstar"):
        other = f"{base}?p={path}&a=0"
        signature = sign_webhook(other, form, AUTH_TOKEN)
        assert post(other) == 200, "a call of another release goes on"
    original = f"{base}?a=0&p=open%2Fkeys%2F%23"
    signature = sign_webhook(original, form, AUTH_TOKEN)
    for query in ("p=open/keys/%23&a=0", "a=0&p=open%2fkeys%2f%23", "p=%6Fpen%2Fkeys/%23&a=0"):
        assert post(f"{base}?{query}") == 200, query


def test_twilio_php_790_processes_of_the_release_before_read_today_s_webhooks() -> None:
    """twilio/twilio-php#790, the neighbor: 0.2.0 reads `p` as it is; for `*` it takes voicemail."""
    deep = {"type": "say", "prompt": {"say": "x"}, "then": MENU}
    configuration = {**ivr.default_configuration("Boston"), "open": MENU, "closed": deep}
    paths = [path for path, _ in iter_actions(configuration)]
    read = {path: dict(parse_qsl(webhook_path("key", action=path, a=0).partition("?")[2]))["p"] for path in paths}

    assert [path for path in paths if read[path] != path] == [path for path in paths if "*" in path]
    assert [path for path in paths if ivr.action_at(configuration, decode_action_path(read[path])) is None] == []
    dotted = [path.replace("/", ".").replace("*", "star").replace("#", "hash") for path in paths]
    assert [decode_action_path(text) for text in dotted] == paths


def test_twilio_php_790_repeated_values_have_one_meaning(line: LineFixture, env: Environment) -> None:
    """twilio/twilio-php#790: signatures do not cover the order of a parameter's values."""
    form = line.call(press=["1"]).webhooks[0]["form"]
    url = f"{env.web}/telephony/voice"
    content_type = {"Content-Type": "application/x-www-form-urlencoded"}
    pairs = [(name, value) for name, value in form.items() if name != "To"]
    text = url + "".join(name + value for name, value in sorted([*pairs, ("To", line.number), ("To", "+15005550006")]))
    signature = sign_webhook(text, {}, AUTH_TOKEN)

    answers = [
        httpx.post(
            url,
            content=str(httpx.QueryParams([*pairs, *[("To", number) for number in numbers]])),
            headers={"X-Twilio-Signature": signature, **content_type},
        )
        for numbers in ([line.number, "+15005550006"], ["+15005550006", line.number])
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].text == answers[1].text


def test_numbers_of_an_older_release_get_today_s_webhooks(line: LineFixture, env: Environment) -> None:
    """twilio/twilio-php#790, the neighbor: what Twilio keeps of a number is as of its purchase."""
    account = httpx.get(f"{env.twilio}/_local/account").json()
    numbers = {number["phone_number"]: number for number in account["numbers"]}
    current = numbers[line.number]
    path = f"{env.twilio}/2010-04-01/Accounts/{current['account_sid']}/IncomingPhoneNumbers/{current['sid']}.json"
    old = {"StatusCallback": current["status_callback"].partition("#")[0]}
    credentials = (current["account_sid"], AUTH_TOKEN)
    httpx.post(path, data=old, auth=credentials).raise_for_status()

    unassigned.update_list(now())
    process_outbox()

    assert httpx.get(path, auth=credentials).json()["status_callback"].endswith("/telephony/voice/ended#rc=3&rp=all")
    foreign = {**old, "VoiceUrl": "https://elsewhere.example/telephony/voice"}
    httpx.post(path, data=foreign, auth=credentials).raise_for_status()
    unassigned.update_list(now())
    process_outbox()
    untouched = httpx.get(path, auth=credentials).json()
    httpx.post(path, data={"VoiceUrl": current["voice_url"]}, auth=credentials).raise_for_status()
    assert untouched["status_callback"] == old["StatusCallback"], "another deployment has this number"


# --- numbers --------------------------------------------------------------------------------------
def test_nyaruka_phonenumbers_212_calls_from_and_to_a_new_area_code(
    test_users: UserFixtures, env: Environment, web: str
) -> None:
    """nyaruka/phonenumbers#212: +1 565 222 3333 has an area code that the library does not know."""
    line = create_line(test_users)
    employee, _ = line.put_on_duty(*local_times_around(WEDNESDAY_NOON), has_ringing_phone=False)
    phone = "+15652223333"
    httpx.post(f"{env.twilio}/_local/phones", json={"number": phone, "does": "answers"}).raise_for_status()
    person = accept_invitation(env, web, employee)
    response = person.patch("/user", {"phone": "+1 (565) 222-3333", "settings": {"ringing": True}})
    assert response.json()["phone"] == phone

    verification = person.post("/user/phone/verify", {})

    assert verification.status_code == 202, verification.text
    phone_verification.mark_verified(employee.with_changes(phone=phone), at=now())
    call = line.call(phones={phone: "answers"}, **{"from": "+15652224444"})
    call.assert_sequence(f"talks with {phone}")
    assert call.api_record["caller"] == "+15652224444"
    ring = {"type": "ring", "target": {"numbers": ["+15652225555"]}, "otherwise": {"type": "hangup"}}
    line.update_configuration(open=ring)
    line.call(phones={"+15652225555": "answers"}).assert_sequence("talks with +15652225555")


@pytest.mark.parametrize(
    ("number", "country", "reason"),
    [
        ("+15652223333", "US", ""),
        ("+15652223333", "CA", ""),
        ("+15652223333", "JM", "other_country"),
        ("+15652223333", "DE", "other_country"),
        ("+18760001111", "US", "other_country"),
        ("+12420001111", "US", "other_country"),
        ("+14160001111", "US", "other_country"),
        ("+14160001111", "CA", ""),
        ("+19000001111", "US", "kind_of_number"),
        ("+18220001111", "US", "kind_of_number"),
        ("+15440001111", "US", "kind_of_number"),
        ("+17000001111", "US", "kind_of_number"),
        ("+14110001111", "US", "no_number"),
        ("+10110001111", "US", "no_number"),
        ("+15550123", "US", "no_number"),
        ("+16175550101;ext=12", "US", "no_number"),
    ],
)
def test_nyaruka_phonenumbers_212_area_codes_of_elsewhere_stay_elsewhere(
    number: str, country: str, reason: str
) -> None:
    """nyaruka/phonenumbers#212: what is known of an area code bounds where unknown numbers call."""
    assert dialing_rules.rejection_reason(number, country) == reason


@pytest.mark.parametrize(
    ("delivered", "shown"),
    [
        ("+15652223333", "+15652223333"),
        ("+1 (617) 555-0101", "+16175550101"),
        ("tel:+16175550101", "+16175550101"),
        ("＋1６175550101", "+16175550101"),
        ("+492", "+492"),
        ("911", "911"),
        ("32665", "32665"),
        ("5550101234", "5550101234"),
        ("+16175550101;ext=12", "+16175550101;ext=12"),
        ("+123456789012345678", "+123456789012345678"),
        ("sip:ann@example.com", "sip:ann@example.com"),
        ('"Ann" <sip:ann@example.com>', "sip:ann@example.com"),
        ("client:support_agent", "client:support_agent"),
        ("sip:a\u202eb\n<script>'@example.com", "sip:abscript@example.com"),
        ("client:" + "x" * 3_000, "client:" + "x" * 248),
        *(
            (form, "")
            for form in ("", "+", "+1", "-", "0", "+10000000000", "0000000000", "No Caller ID", "Out of area")
        ),
        *(
            (form, "")
            for form in ("anonymous", "Anonymous", "RESTRICTED", "unknown", "Private", "unavailable", "blocked")
        ),
        *((form, "") for form in ("+266696687", "266696687", "+7378742833", "+2562533", "+8656696", "+86282452253")),
        *(
            (form, "")
            for form in ("+464", "client:Anonymous", "sip:anonymous@anonymous.invalid", "sip:restricted@10.0.0.1")
        ),
        *(
            (form, "")
            for form in ("Anonymous <sip:anonymous@example.com>", "sip:+266696687@example.com", "sip:@example.com")
        ),
    ],
)
def test_nyaruka_phonenumbers_212_callers_are_shown_as_delivered(delivered: str, shown: str) -> None:
    """nyaruka/phonenumbers#212, and the forms in which carriers withhold numbers."""
    assert callers.normalize_caller(delivered) == shown


@pytest.mark.parametrize(
    ("delivered", "shown"),
    [
        *((text, text) for text in ("464", "2562533", "8656696", "7748283", "+6622553743", "+17378742833")),
        *((text, text) for text in ("client:Private", "client:7378742833", "client:_", "sim:unknown")),
        *(
            (text, text)
            for text in ("sip:464@pbx.example.com", "sip:464@10.0.0.1", "sip:2562533@10.0.0.1", "sip:blocked@my.co")
        ),
        *(
            (text, text)
            for text in ("sip:unknown@x.com", "sip:266696687@pbx.example.com", "sips:private@voice.example")
        ),
        ("SIP:Ann@Example.COM:5060;transport=TCP", "sip:Ann@example.com:5060;transport=TCP"),
        *((text, "") for text in ("+2562533", "266696687", "7378742833", "client:anonymous", "client:", "sip:")),
        *(
            (text, "")
            for text in (
                "sip:unknown@[2001:db8::1]:5060",
                "sip:7378742833@10.0.0.1",
                "sip:x@unknown.invalid",
                "sip:Unknown",
            )
        ),
    ],
)
def test_nyaruka_phonenumbers_212_callers_resembling_withheld_numbers_are_stored(delivered: str, shown: str) -> None:
    """nyaruka/phonenumbers#212, the neighbor: who is dropped as withheld is lost for good."""
    assert callers.normalize_caller(delivered) == shown


@pytest.mark.parametrize(
    ("delivered", "texts", "country"),
    [
        ("0301234567", ["+49 30 1234567", "030 1234567", "0301234567", "0049 30 1234567"], "DE"),
        ("0049301234567", ["+49 30 1234567", "030/1234567"], "DE"),
        ("011493012345678", ["+49 30 12345678"], "US"),
        ("+390612345678", ["06 1234 5678", "0039 06 12345678"], "IT"),
        *(
            (f"sip:+14155552671@{host}", ["+14155552671", "4155552671", "(415) 555-2671", "5552671"], "US")
            for host in ("carrier.com", "10.0.0.1:5060;transport=udp")
        ),
        ("sip:4155552671;phone-context=+1@carrier.com", ["+14155552671"], "US"),
        ("client:+14155552671", ["client:+14155552671", "5552671"], "US"),
        (
            "sip:ann@Example.com:5060",
            ["sip:ann@example.com", "SIP:ann@EXAMPLE.com", "sips:ann@example.com", "sip:ann@example.com;transport=tcp"],
            "US",
        ),
        ("sip:ann@[2001:DB8::1]:5060", ["sip:ann@[2001:db8::1]", "sip:ann"], "US"),
        ("4155552671;ext=5", ["4155552671;ext=5", "+1 415 555 2671 x5", "4155552671", "+14155552671"], "US"),
        ("+14155552671;ext=5", ["+14155552671;ext=5", "415-555-2671 ext. 5", "415-555-2671"], "US"),
        ("911;ext=5", ["911;ext=5", "911"], None),
        ("464", ["464"], "US"),
    ],
)
def test_nyaruka_phonenumbers_212_each_form_of_a_number_finds_its_caller(
    delivered: str, texts: list[str], country: str | None
) -> None:
    """nyaruka/phonenumbers#212, the neighbor: among them always the form that is shown."""
    shown = callers.normalize_caller(delivered)
    for text in [shown, *texts]:
        assert callers.parse_search(text, country).matches(shown), text


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        ("+14155552671", "+14155552671 x5"),
        ("+14155552671;ext=5", "+14155552671 x6"),
        ("+4930123456789", "030 12345678"),
        ("sip:+141555526710@carrier.com", "+14155552671"),
        ("sip:joann@example.com", "sip:ann@example.com"),
        ("sip:ann@example.com.evil.example", "sip:ann@example.com"),
        ("client:anna", "client:ann"),
        ("", "415"),
    ],
)
def test_nyaruka_phonenumbers_212_searches_leave_out_other_callers(shown: str, text: str) -> None:
    """nyaruka/phonenumbers#212, the neighbor: a complete number or address is one caller's."""
    assert not callers.parse_search(text, "DE" if text.startswith("0") else "US").matches(shown)


def test_nyaruka_phonenumbers_212_callers_are_searched_in_any_form(test_users: UserFixtures) -> None:
    """nyaruka/phonenumbers#212, the neighbor: each person writes a number their way."""
    line = create_line(test_users)
    at = now()
    ids = {
        caller: line.call(at - timedelta(minutes=minutes), **{"from": caller}).id
        for minutes, caller in enumerate(DELIVERED_CALLERS)
    }

    def search(text: str) -> list[str]:
        response = test_users.ann.get("/call", params={"locationId": line.location.id, "caller": text})
        assert response.status_code == 200, response.text
        return [call["id"] for call in response.json()["items"]]

    for text in ("(555) 010-1234", "555 0101234", "+1 555 010 1234", "tel:+1-555-010-1234", "5550101234", "0101234"):
        assert search(text) == [ids["+15550101234"]], text
    assert search("+1617") == search("617-555-0199") == [ids["+16175550199"]]
    assert search("sip:ann@example.com") == [ids["sip:ann@example.com"]]
    assert search("anonymous") == [ids["+266696687"]]
    assert search("911") == [ids["911"]]
    for delivered, texts in SEARCHES.items():
        assert {text: search(text) for text in texts} == {text: [ids[delivered]] for text in texts}
    assert search("212 555 0100") == []
    for text in ("12", "Ann", "sip:", "client:", "sip:@example.com", "x" * 300):
        response = test_users.ann.get("/call", params={"locationId": line.location.id, "caller": text})
        assert response.status_code == 400, text
        assert parse_problem(response)["errors"][0]["pointer"] == "?caller"
    pages = [test_users.ann.get("/call", params={"locationId": line.location.id, "caller": "555", "limit": 1}).json()]
    cursor = {"cursor": pages[0]["nextCursor"]}
    query = {"locationId": line.location.id, "caller": "555", "limit": 1}
    pages.append(test_users.ann.get("/call", params=query | cursor).json())
    assert [page["items"][0]["id"] for page in pages] == [ids["+15550101234"], ids["+16175550199"]]
    assert pages[1]["nextCursor"] is None
    assert test_users.ann.get("/call", params={"locationId": line.location.id, **cursor}).status_code == 400
    table = test_users.ann.get(f"/call?locationId={line.location.id}", headers={"Accept": "text/csv"}).text
    assert ("sip:ann@example.com" in table, "911" in table, "+1 555-010-1234" in table) == (True, True, True)


@pytest.mark.parametrize("extension", ["x12", " ext. 12", ";ext=12", ",,12", " #12"])
def test_nyaruka_phonenumbers_212_extension_is_refused(test_users: UserFixtures, extension: str) -> None:
    """nyaruka/phonenumbers#212, the neighbor: an extension was dropped without a word."""
    profile = test_users.sam.patch("/user", {"phone": f"+16175550104{extension}"})
    line = {"target": {"numbers": [f"+16175550104{extension}"]}, "type": "ring", "otherwise": {"type": "hangup"}}
    path = f"/ivrConfiguration/{test_users.boston_number.number.location_id}"
    configuration = {**test_users.ann.get(path).json()["configuration"], "open": line}
    ring = test_users.ann.request("PUT", path, json={"configuration": configuration})
    purchase = test_users.ann.post(
        "/userManagement/purchase-phone-number",
        {"phoneNumber": f"+16175550104{extension}", "locationId": test_users.boston_number.number.location_id},
    )

    pointers = ["/phone", "/configuration/open/target/numbers/0", "/phoneNumber"]
    for response, pointer in zip([profile, ring, purchase], pointers, strict=True):
        assert response.status_code == 400
        (fault,) = parse_problem(response)["errors"]
        assert (fault["pointer"], "without extension" in fault["detail"].replace("an ", "")) == (pointer, True)


# --- who is told may act --------------------------------------------------------------------------
@pytest.mark.parametrize("is_considered", [True, False], ids=["rung", "told only"])
def test_yap_247_74_527_staff_on_duty_listen_to_the_voicemail(
    test_users: UserFixtures, env: Environment, web: str, *, is_considered: bool
) -> None:
    """bmlt-enabled/yap#247, #74, #527: a push says "Open the app to listen", which answered 403."""
    line, at = create_line(test_users), now()
    staff, phone = line.put_on_duty(*local_times_around(at), name="Sue Quick")
    colleague = test_users.create_user(locations=[line.location.id], name="Not Working")
    if not is_considered:
        line.update_configuration(open={"type": "voicemail"})
    sue, idle = accept_invitation(env, web, users.get_user(staff.id)), accept_invitation(env, web, colleague)
    token = f"ExponentPushToken[{line.location.id[-22:]}]"
    assert sue.post("/user/push-token", {"token": token}).is_success
    sue.patch("/user", {"settings": {"notifications": {"email": {"voicemailLeft": True}}}})
    earlier = line.call(at - timedelta(days=3), **{"from": "+16175550177", "hangUpAfter": 2})  # nobody calls back

    call = line.call(at, phones={phone: "nothing"}, **{"from": "+16175550188"})
    process_outbox()
    process_outbox()

    pushes = httpx.get(f"{env.expo}/messages", params={"to": token}).json()
    (push,) = [message for message in pushes if message["data"]["event"] == "voicemail_left"]
    data = {"event": "voicemail_left", "locationId": line.location.id, "callId": call.id}
    assert push["data"] == {**data, "callbackId": call.api_record["callbackId"]}
    assert "Harbour Street" in push["body"]
    assert "6175550188" not in str(push)
    assert any("Harbour Street" in message["subject"] for message in emails_to(env, str(staff.email)))
    path = f"/call/{push['data']['callId']}"
    assert sue.get(path).json()["heardBy"] == []
    for _ in range(2):
        recording = sue.get(f"{path}/recording", headers={"Range": "bytes=0-99"})
        assert (recording.status_code, recording.content[:4]) == (206, b"RIFF")
    assert [listener["staffId"] for listener in test_users.ann.get(path).json()["heardBy"]] == [staff.id]
    entries = sue.get("/user/export/my-data?format=json").json()["data"]
    assert call.id in str(entries["calls"])
    assert str(entries).count("call.listened") == 1

    listed = sue.get("/call", params={"locationId": line.location.id}).json()
    assert [item["id"] for item in listed["items"]] == [call.id]
    assert listed["nextCursor"] is None
    assert sue.get("/call", params={"locationId": line.location.id, "caller": "617 555 0177"}).json()["items"] == []
    assert idle.get("/call", params={"locationId": line.location.id}).json()["items"] == []
    assert sue.get("/call", params={"locationId": test_users.boston.id}).status_code == 403
    assert {sue.get(f"/call/{earlier.id}{end}").status_code for end in ("", "/recording")} == {403}
    for person, status in ((idle, 403), (test_users.sam, 403), (test_users.cleo, 404), (test_users.abe, 200)):
        assert {person.get(path + end).status_code for end in ("", "/recording")} == {status}
    unknown = sue.get("/call/CA" + "0" * 32)
    foreign = sue.get(f"/call/{test_users.foreign_recorded_call_id}")
    assert (unknown.status_code, foreign.status_code) == (404, 404)
    denied = sorted(permissions.ROLES["staff"] - {"calls:handle"})
    test_users.ann.patch("/userManagement", {"id": staff.id, "permissions": denied})
    assert {sue.get(path + end).status_code for end in ("", "/recording")} == {403}


def test_yap_247_staff_list_their_calls_in_pages(test_users: UserFixtures, env: Environment, web: str) -> None:
    """bmlt-enabled/yap#247: the calls of one person are as many as of a location."""
    line = create_line(test_users)
    elsewhere = create_line(test_users)
    at = now()
    staff, _ = line.put_on_duty(*local_times_around(at))
    own_calls.add_users(_load(elsewhere.call(at).id), [staff.id])
    ids = [line.call(at - timedelta(minutes=minutes)).id for minutes in range(5)]
    person = accept_invitation(env, web, users.get_user(staff.id))

    listed, query = [], {"locationId": line.location.id, "limit": 2}
    while True:
        page = person.get("/call", params=query).json()
        listed += [[call["id"] for call in page["items"]]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]

    assert listed == [ids[:2], ids[2:4], ids[4:]]
    table = person.get(f"/call?locationId={line.location.id}", headers={"Accept": "text/csv"}).text
    assert [call_id in table for call_id in ids] == [True] * 5


@pytest.mark.parametrize("has_location", [True, False], ids=["listed with location", "of 0.2.0"])
def test_yap_247_a_page_of_own_calls_reads_little(
    test_users: UserFixtures, env: Environment, web: str, *, has_location: bool
) -> None:
    """bmlt-enabled/yap#247, the neighbor: most calls of a person may be of other places."""
    line, elsewhere, at = create_line(test_users), create_line(test_users), now()
    staff, _ = line.put_on_duty(*local_times_around(at))
    mine = [line.call(at - timedelta(hours=hours)).id for hours in (2, 1)]
    item = _load(elsewhere.call(at).id).row.serialize()
    others = [Call.from_item(item) for _ in range(300)]
    for number, (call, call_id) in enumerate(zip(others, new_call_ids(len(others)), strict=True)):
        call.id, call.started_at = call_id, at - timedelta(minutes=5, seconds=number)
        call.pinned = {"configuration": {"open": "x" * 20_000}}
    rows = [row for call in others for row in call.list_users([staff.id])]
    for row in rows:
        row.location_id = elsewhere.location.id if has_location else None
    for start in range(0, len(others), 100):
        unaudited.write_all(puts=[*others[start : start + 100], *rows[start : start + 100]])
    person = accept_invitation(env, web, users.get_user(staff.id))
    listed: list[str] = []
    pages: list[tuple[int, float]] = []
    query = {"locationId": line.location.id, "limit": 1}

    while not pages or query.get("cursor"):
        with env.apply_plan() as plan:
            page = person.get("/call", params=query).json()
        calls = [call for call in plan.calls if call.service == "dynamodb"]
        pages.append((len(calls), sum(call.capacity for call in calls)))
        listed += [call["id"] for call in page["items"]]
        query["cursor"] = page["nextCursor"]

    assert listed == mine[::-1]
    reads, capacity = (max(figures) for figures in zip(*pages, strict=True))
    assert reads <= (8 if has_location else 16), pages
    assert capacity <= (40 if has_location else 650), pages
    assert len(pages) <= (3 if has_location else 5)


def test_yap_247_pages_of_own_calls_end_when_all_calls_may_be_read(
    test_users: UserFixtures, env: Environment, web: str
) -> None:
    """bmlt-enabled/yap#247: the two lists are in two tables, so their cursors are not the same."""
    line, at = create_line(test_users), now()
    staff, _ = line.put_on_duty(*local_times_around(at))
    for minutes in range(3):
        line.call(at - timedelta(minutes=minutes))
    person = accept_invitation(env, web, users.get_user(staff.id))
    query = {"locationId": line.location.id, "limit": 1}

    for granted in ([*permissions.ROLES["staff"], "calls:read"], [*permissions.ROLES["staff"]]):
        cursor = person.get("/call", params=query).json()["nextCursor"]
        assert cursor
        change = {"id": staff.id, "permissions": sorted(granted)}
        assert test_users.ann.patch("/userManagement", change).status_code == 200
        response = person.get("/call", params={**query, "cursor": cursor})
        assert (response.status_code, parse_problem(response)["code"]) == (400, "invalid_cursor")


def _load(call_id: str) -> call_record.CallRecord:
    call = call_record.load(call_id)
    assert call
    return call


# --- callers who are not wanted -------------------------------------------------------------------
@pytest.mark.parametrize("everywhere", [True, False], ids=["all locations", "one location"])
def test_yap_125_a_blocked_caller_rings_nobody(test_users: UserFixtures, env: Environment, *, everywhere: bool) -> None:
    """bmlt-enabled/yap#125: a list of numbers whose calls are not taken."""
    line, elsewhere, at = create_line(test_users), create_line(test_users), now()
    staff, phone = line.put_on_duty(*local_times_around(at))
    caller = f"+1617555{'0155' if everywhere else '0156'}"
    body = {"number": caller} if everywhere else {"number": caller, "locationId": line.location.id}
    assert test_users.ann.post("/blockedCaller", body).status_code == 201

    call = line.call(at, phones={phone: "answers"}, **{"from": caller})
    process_outbox()

    call.assert_sequence("hears the busy tone")
    call.assert_absent("hears: ")
    call.assert_absent(phone)
    record = call.api_record
    assert (record["outcome"], record["answeredBy"], record["people"], record["recordings"]) == (
        "blocked",
        None,
        [],
        [],
    )
    assert [event["kind"] for event in record["events"]] == ["blocked", "ended"]
    assert record["caller"] == caller
    query = {"locationId": line.location.id, "outcome": "blocked"}
    assert [item["id"] for item in test_users.ann.get("/call", params=query).json()["items"]] == [call.id]
    counter = dynamodb.get_record(Usage, usage.key(test_users.customer.id, at))
    assert call.id not in str(counter and counter.serialize())
    other = elsewhere.call(at, **{"from": caller}).api_record["outcome"]
    assert other == ("blocked" if everywhere else "voicemail")
    stranger = line.call(at, phones={phone: "answers"}, **{"from": "+16175550157"})
    assert stranger.api_record["answeredBy"] == staff.id
    query = {} if everywhere else {"locationId": line.location.id}
    assert test_users.ann.delete(f"/blockedCaller/{caller}", params=query).status_code == 200
    again = line.call(at, phones={phone: "answers"}, **{"from": caller})
    assert again.api_record["outcome"] == "answered"


def test_yap_125_a_blocked_caller_costs_no_further_read(test_users: UserFixtures, env: Environment) -> None:
    """bmlt-enabled/yap#125, the neighbor: a list of callers should not slow down the others."""
    line, at = create_line(test_users), now()
    line.update_configuration(open={"type": "hangup"}, hours={"mode": "always"})
    line.call(at, **{"from": "+16175550157"})  # a process reads more when it first answers a number
    counts = []
    for caller in ("+16175550158", "anonymous"):
        with env.apply_plan() as plan:
            line.call(at, **{"from": caller})
        counts.append(sum(call.service == "dynamodb" for call in plan.calls))
    test_users.ann.post("/blockedCaller", {"number": "+16175550158", "locationId": line.location.id})
    with env.apply_plan() as plan:
        line.call(at, **{"from": "+16175550158"})
    assert counts[0] == counts[1]
    assert sum(call.service == "dynamodb" for call in plan.calls) < counts[0]


def test_yap_125_a_blocked_caller_stays_blocked_while_calls_cannot_be_stored(
    test_users: UserFixtures, env: Environment
) -> None:
    """bmlt-enabled/yap#125, the neighbor: the end of a call tells what its begin could not."""
    line, at = create_line(test_users), now()
    line.put_on_duty(*local_times_around(at))
    test_users.ann.post("/blockedCaller", {"number": "+16175550159", "locationId": line.location.id})
    call = line.call(at, **{"from": "+16175550159"})
    queries.delete_call(call.id)
    ended = call.webhooks[-1]
    response = post_webhook(ended["url"], ended["form"], **{"X-Twilio-Signature": ended["signature"]})
    assert response.status_code < 300
    assert _load(call.id).row.outcome == "blocked"


def test_yap_125_blocking_a_caller_closes_their_callbacks(test_users: UserFixtures) -> None:
    """bmlt-enabled/yap#125, the neighbor: nobody should call back whom they have just blocked."""
    line, at = create_line(test_users), now()
    callback = put_callback(line.location, "+16175550152", line.call(at, **{"from": "+16175550152"}).id, at)
    other = put_callback(line.location, "+16175550153", line.call(at, **{"from": "+16175550153"}).id, at)

    assert test_users.ann.post("/blockedCaller", {"number": "+16175550152"}).status_code == 201
    process_outbox()

    closed = test_users.ann.get(f"/callback/{callback.id}").json()
    assert (closed["status"], closed["outcome"], closed["takenBy"]) == ("dropped", "spam", test_users.ann.id)
    assert test_users.ann.get(f"/callback/{other.id}").json()["status"] == "open"
