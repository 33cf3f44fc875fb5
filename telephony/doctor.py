"""Checks of Twilio for ``manage.py doctor``."""

from collections.abc import Iterator

import httpx
from django.conf import settings

from config import errors, failures
from config.doctor import Check, Finding, Options, describe_error, failed, ok, warning
from telephony.twilio import account, client, voice

TIMEOUT = httpx.Timeout(3.0, connect=2.0)
_CREDENTIALS = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."


def _check_account(options: Options) -> Iterator[Finding]:
    """The account is active, calls from a number of its own, and its numbers call us."""
    try:
        own_account = account.fetch_account()
        if own_account.status != "active":
            sentence = f"The account at Twilio is {own_account.status}: it takes and makes no calls."
            yield failed(
                sentence, "See Twilio's console, or set TWILIO_ACCOUNT_SID to an active one.", own_account.status
            )
            return
        yield from _judge_account(own_account)
        yield from _judge_numbers(client.list_owned_numbers())
    except (client.TwilioRejected, errors.Unavailable) as error:
        code = str(error) if isinstance(error, client.TwilioRejected) else failures.last_code("telephone service")
        is_refusal = code.startswith(("401", "403", "404"))
        mend = _CREDENTIALS if is_refusal else "Check TWILIO_BASE_URL and the network."
        yield failed(f"Twilio refuses us or does not answer ({code}).", mend, code)


def _judge_account(own_account: account.Account) -> Iterator[Finding]:
    caller_id = settings.TWILIO["caller_id"]
    if not account.may_call_from(caller_id):
        sentence = f"TWILIO_CALLER_ID ({caller_id}) is no number of the account: nobody gets a verification code."
        yield failed(sentence, "Buy it, verify it at Twilio, or set another one.", "caller_id")
    if own_account.type == "Trial" and not settings.LOCAL:
        yield warning("The account at Twilio is a trial: it calls verified numbers only.", "Upgrade it.", "trial")


def _judge_numbers(numbers: list[client.OwnedNumber]) -> Iterator[Finding]:
    """Numbers of ours that call another address than ours, or with old settings."""
    ours = [number for number in numbers if number.tag.startswith(client.NUMBER_TAG_PREFIX)]
    elsewhere = [number.number for number in ours if number.is_misdirected]
    if elsewhere:
        sentence = f"{len(elsewhere)} numbers call another address than PUBLIC_BASE_URL: {', '.join(elsewhere[:5])}."
        mend = "Set their webhooks at Twilio to PUBLIC_BASE_URL/telephony/voice, or correct PUBLIC_BASE_URL."
        yield failed(sentence, mend, "webhooks")
    if outdated := sum(number.has_old_webhooks for number in ours):
        yield warning(
            f"{outdated} numbers have webhooks of an older release.", "The daily task replaces them.", "webhooks"
        )
    if not elsewhere:
        yield ok(f"The account at Twilio is active, and all numbers of customers ({len(ours)}) call PUBLIC_BASE_URL.")


def _check_webhooks(options: Options) -> Iterator[Finding]:
    """A webhook that we sign as Twilio does reaches a web process, which answers with TwiML.

    It is the one for calls that failed, which stores nothing.
    """
    url = f"{settings.PUBLIC_BASE_URL}/telephony/voice/fallback"
    form = {"AccountSid": settings.TWILIO["account_sid"]}
    headers = {"X-Twilio-Signature": voice.sign(url, form)}
    try:
        response = httpx.post(url, data=form, headers=headers, timeout=TIMEOUT)
    except httpx.HTTPError as error:
        sentence = f"Webhooks do not reach PUBLIC_BASE_URL ({describe_error(error)})."
        yield failed(sentence, "See public_url.api; calls are not answered.", type(error).__name__)
        return
    if response.status_code == 200 and response.headers.get("Content-Type", "").startswith(voice.CONTENT_TYPE):
        yield ok("A webhook that is signed as Twilio's reaches a web process and is accepted.")
    elif response.status_code == 403:
        mend = "Web processes need this TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL, and the proxy must not change the path."
        yield failed("Web processes refuse a webhook that is signed with TWILIO_AUTH_TOKEN.", mend, "invalid_signature")
    else:
        sentence = f"A webhook got {response.status_code} at PUBLIC_BASE_URL/telephony/voice/fallback."
        yield failed(sentence, "See public_url.api; calls are not answered.", f"status_{response.status_code}")


def _prepare() -> None:
    client.prepare()
    voice.sign("", {})


CHECKS = (
    Check("twilio.account", _check_account, prepare=_prepare, seconds=10, setting="TWILIO_BASE_URL"),
    Check("twilio.webhooks", _check_webhooks, prepare=_prepare, setting="PUBLIC_BASE_URL"),
)
