"""Settings that contradict each other; the start refuses those that are wrong by themselves."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host  # noqa: TID251 - as Django compares hosts

from config import env
from config.doctor.checks import Check, Finding, Options, describe_error, failed, ok, skipped, warning

_PAIRS = (
    ("INVITATIONS_PER_USER", "invitations-of-user", "INVITATIONS_PER_CUSTOMER", "invitations-of-customer"),
    ("EMAIL_CHANGES_PER_USER", "email-changes-of-user", "EMAIL_CHANGES_PER_CUSTOMER", "email-changes-of-customer"),
    (
        "TAKEN_ADDRESSES_PER_USER",
        "taken-addresses-of-user",
        "TAKEN_ADDRESSES_PER_CUSTOMER",
        "taken-addresses-of-customer",
    ),
    ("PHONE_CHECKS_PER_DAY", "codes-to-user", "PHONE_CHECKS_PER_CUSTOMER", "codes-of-customer"),
    ("PHONE_CHECKS_PER_USER_AND_NUMBER", "codes-of-user-to-number", "PHONE_CHECKS_PER_NUMBER", "codes-to-number"),
)
"""Daily limits: name and key of the smaller one, and of the larger one."""


def _check_settings(options: Options) -> Iterator[Finding]:
    findings = [*_judge_keys(), *_judge_addresses(), *_judge_auth0(), *_judge_limits(), *_judge_web()]
    yield from findings or [ok("No settings contradict each other.")]


def _judge_keys() -> Iterator[Finding]:
    if settings.SECRET_KEY in settings.SECRET_KEY_FALLBACKS:
        sentence = "SECRET_KEY_FALLBACKS contains SECRET_KEY, so it keeps no earlier key valid."
        yield warning(sentence, "List the earlier or the next key there, or remove it.", "same_secret_key")


def _judge_addresses() -> Iterator[Finding]:
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        yield failed(f"ALLOWED_HOSTS lacks {host}, the host of PUBLIC_BASE_URL.", "Add it.", "disallowed_host")
    if not settings.LOCAL and not settings.TRUSTED_PROXIES:
        mend = "List the addresses of the proxy: without it all clients share its limits and its address in the audit."
        yield warning("TRUSTED_PROXIES is empty.", mend, "no_trusted_proxy")
    if settings.TWILIO["old_auth_token"] == settings.TWILIO["auth_token"]:
        yield warning("TWILIO_AUTH_TOKEN_OLD is TWILIO_AUTH_TOKEN.", "Remove it.", "same_token")


def _judge_auth0() -> Iterator[Finding]:
    auth0 = settings.AUTH0
    if auth0["audience"] == auth0["management_url"]:
        yield failed(
            "AUTH0_AUDIENCE is that of the Management API.", "Set the identifier of Dutyline's API.", "audience"
        )
    ids = {
        "AUTH0_CLIENT_ID": auth0["client_id"],
        "AUTH0_SSO_CLIENT_ID": auth0["sso_client_id"],
        "AUTH0_SPA_CLIENT_ID": auth0["spa_client_id"],
        "AUTH0_NATIVE_CLIENT_ID": auth0["native_client_id"],
    }
    names_by_id: dict[str, str] = {}
    for name, id in ids.items():
        if id and id in names_by_id:
            sentence = f"{name} and {names_by_id[id]} name the same application of Auth0."
            yield failed(sentence, "Give each its own: manage.py auth0 setup creates them.", "same_application")
        names_by_id.setdefault(id, name)
    issuer, management = (urlsplit(auth0[name]).hostname or "" for name in ("issuer", "management_url"))
    if not settings.LOCAL and management == issuer and not issuer.endswith(".auth0.com"):
        mend = "Set it to https://TENANT.REGION.auth0.com/api/v2/: Auth0's tokens for it have that audience."
        yield warning("AUTH0_MANAGEMENT_URL is on the custom domain of AUTH0_ISSUER.", mend, "management_url")


def _judge_limits() -> Iterator[Finding]:
    limits, telephony = settings.DAILY_LIMITS, settings.TELEPHONY
    values = [(small, limits[key], large, limits[other]) for small, key, large, other in _PAIRS]
    values += [
        (
            *("CALL_MINUTES_PER_CALLER", telephony["daily_minutes_of_caller"]),
            *("CALL_MINUTES_PER_DAY", telephony["daily_minutes"]),
        ),
        (
            *("CALLS_AT_ONCE_PER_CALLER", telephony["concurrent_calls_of_caller"]),
            *("CALLS_AT_ONCE_PER_CUSTOMER", telephony["concurrent_calls"]),
        ),
        (
            *("COST_PER_USER", settings.RATE_LIMITS["cost"]),
            *("COST_PER_CUSTOMER", settings.RATE_LIMITS["customer-cost"]),
        ),
    ]
    for small, small_value, large, large_value in values:
        if small_value > large_value:
            sentence = f"{small} ({small_value}) is above {large} ({large_value}), so it never applies."
            yield warning(sentence, "Lower the first or raise the second.", "limit_without_effect")


def _judge_web() -> Iterator[Finding]:
    if settings.REQUESTS_AT_ONCE_PER_TOKEN >= settings.WEB_THREADS:
        sentence = "REQUESTS_AT_ONCE_PER_TOKEN is not below WEB_THREADS: one person can occupy a whole process."
        yield warning(sentence, "Set it to a quarter of WEB_THREADS.", "threads")


def _check_tls(options: Options) -> Iterator[Finding]:
    """Engines that `HOSTS_WITHOUT_TLS` lets production reach without TLS, and where they are."""
    listed, used = settings.HOSTS_WITHOUT_TLS, settings.ENGINES_WITHOUT_TLS
    for host in sorted(listed - set(used.values())):
        yield warning(f"HOSTS_WITHOUT_TLS lists {host}, which no engine needs.", "Remove it.", "not_needed")
    for name, host in used.items():
        yield _judge_engine(name, host)
    if not listed and not used:
        yield ok("All engines are reached with TLS.")


def _judge_engine(name: str, host: str) -> Finding:
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        return skipped(f"{name} is reached without TLS; its host is not found ({describe_error(error)}).")
    public = sorted(address for address in addresses if not env.is_private_host(address.partition("%")[0]))
    if public:
        sentence = f"{name} is reached without TLS at {public[0]}, which is not in a private network."
        return failed(sentence, "Use TLS, and remove its host from HOSTS_WITHOUT_TLS.", "public_address")
    if settings.LOCAL:
        return ok(f"{name} is reached without TLS, on a development machine.")
    sentence = f"{name} is reached without TLS, as HOSTS_WITHOUT_TLS allows: whoever is on its network can read along."
    return warning(sentence, "Use TLS if the engine can.", "without_tls")


CHECKS = (
    Check("settings.contradictions", _check_settings),
    Check("settings.tls", _check_tls, setting="HOSTS_WITHOUT_TLS"),
)
