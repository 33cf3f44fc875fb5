"""What others reported of telephony products, tried on this one; docstrings name the source."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qsl

import httpx
import pytest

from telephony.numbers import unassigned
from tests.emulators.twilio.phones import rewrite_query, sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, local_times_around, post_webhook
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now, process_outbox

AUTH_TOKEN = "local-twilio-token"
SAFE_QUERY = re.compile(r"[A-Za-z0-9._-]+=[A-Za-z0-9._-]*(&[A-Za-z0-9._-]+=[A-Za-z0-9._-]*)*")
"""What every encoder of queries leaves as it is."""
MENU = {
    "type": "menu",
    "prompt": {"say": "Press star for the team, pound for one of them."},
    "keys": {
        "*": {"type": "ring", "target": {"onDuty": {}}, "strategy": "all", "otherwise": {"type": "voicemail"}},
        "#": {"type": "ring", "target": {"onDuty": {}}, "otherwise": {"type": "voicemail"}},
    },
    "otherwise": {"type": "hangup"},
}


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
    old = f"{base}?p=open%2Fkeys%2F%2A&a=0"
    signature = sign_webhook(old, form, AUTH_TOKEN)
    assert post(old) == 200, "a call of an older release goes on"


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
