"""Auth0, Expo, Twilio and the mail server, and what telephony may cost."""

import re

import dj_email_url

from config import env
from config.settings.base import LOCAL, local_default

_ISSUER = env.url("AUTH0_ISSUER", local_default("http://127.0.0.1:8001/"))
AUTH0 = {
    "issuer": _ISSUER,
    "audience": env.text("AUTH0_AUDIENCE", local_default("https://api.dutyline.example/")),
    "management_url": env.url("AUTH0_MANAGEMENT_URL", f"{_ISSUER}api/v2/"),
    "client_id": env.text("AUTH0_CLIENT_ID", local_default("dutyline-machine")),
    "client_secret": env.text("AUTH0_CLIENT_SECRET", local_default("local-machine-secret")),
    "connection": env.text("AUTH0_CONNECTION", "Username-Password-Authentication"),
    "sso_client_id": env.text("AUTH0_SSO_CLIENT_ID", local_default("dutyline-admin")),
    "sso_client_secret": env.text("AUTH0_SSO_CLIENT_SECRET", local_default("local-admin-secret")),
    "spa_client_id": env.text("AUTH0_SPA_CLIENT_ID", "dutyline-web" if LOCAL else ""),
    "native_client_id": env.text("AUTH0_NATIVE_CLIENT_ID", "dutyline-mobile" if LOCAL else ""),
    "setup_client_id": env.text("AUTH0_SETUP_CLIENT_ID", "dutyline-setup" if LOCAL else ""),
    "setup_client_secret": env.text("AUTH0_SETUP_CLIENT_SECRET", "local-setup-secret" if LOCAL else ""),
    "roles_claim": env.text("AUTH0_ROLES_CLAIM", local_default("https://dutyline.example/roles")),
}
EXPO = {
    "base_url": env.url("EXPO_BASE_URL", "http://127.0.0.1:8003" if LOCAL else "https://exp.host").rstrip("/"),
    "access_token": env.text("EXPO_ACCESS_TOKEN", ""),
}
TWILIO = {
    "base_url": env.url("TWILIO_BASE_URL", "http://127.0.0.1:8002" if LOCAL else "https://api.twilio.com").rstrip("/"),
    "account_sid": env.text("TWILIO_ACCOUNT_SID", local_default("AC" + "10ca1" * 6 + "00")),
    "auth_token": env.text("TWILIO_AUTH_TOKEN", local_default("local-twilio-token")),
    "old_auth_token": env.text("TWILIO_AUTH_TOKEN_OLD", ""),
    "caller_id": env.text("TWILIO_CALLER_ID", local_default("+15005550006")),
}
_EMAIL_URL = env.text("EMAIL_URL", local_default("smtp://127.0.0.1:8007"))
_EMAIL = dj_email_url.parse(_EMAIL_URL)
if not _EMAIL.get("EMAIL_BACKEND"):
    raise env.Misconfigured("EMAIL_URL must be like smtp://host:25 or submission://user:password@host.")
EMAIL_BACKEND = _EMAIL["EMAIL_BACKEND"]
EMAIL_HOST = _EMAIL["EMAIL_HOST"]
EMAIL_PORT = _EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = _EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _EMAIL["EMAIL_USE_TLS"]
EMAIL_USE_SSL = _EMAIL["EMAIL_USE_SSL"]
EMAIL_FILE_PATH = _EMAIL["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT = 5  # the whole SMTP dialogue must fit into an outbox lease
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", local_default("Dutyline <hello@dutyline.example>"))

TELEPHONY = {
    "numbers": env.integer("NUMBERS_PER_CUSTOMER", 10, minimum=0, maximum=10_000),
    "call_minutes": env.integer("CALL_MINUTES", 60, minimum=1, maximum=240),  # of one call
    "daily_minutes": env.integer("CALL_MINUTES_PER_DAY", 1_000, minimum=1, maximum=100_000),
    "daily_minutes_of_caller": env.integer("CALL_MINUTES_PER_CALLER", 250, minimum=1, maximum=100_000),
    "concurrent_calls": env.integer("CALLS_AT_ONCE_PER_CUSTOMER", 20, minimum=1, maximum=1_000),
    "concurrent_calls_of_location": env.integer("CALLS_AT_ONCE_PER_LOCATION", 4, minimum=0, maximum=1_000),
    "concurrent_calls_of_caller": env.integer("CALLS_AT_ONCE_PER_CALLER", 3, minimum=1, maximum=1_000),
    "kept_days": env.integer("CALLS_KEPT_DAYS", 90, minimum=1, maximum=3_650),
}
CALL_COUNTRIES = frozenset(env.text_list("CALL_COUNTRIES", "US,CA,GB,IE,DE,AT,CH,FR,NL,ES"))

EMAIL_EVENTS_SECRETS = env.text_list(
    "EMAIL_EVENTS_SECRETS", "local-email-events-secret-0123456789abcdef" if LOCAL else ""
)
"""Each of them signs reports of the mail service; without any, none is accepted."""

if not AUTH0["issuer"].endswith("/"):
    raise env.Misconfigured("AUTH0_ISSUER must end with a slash, as in Auth0's tokens.")
if not re.fullmatch(r"AC[0-9a-f]{32}", TWILIO["account_sid"]):
    raise env.Misconfigured("TWILIO_ACCOUNT_SID must be AC and 32 hexadecimal digits.")
if not re.fullmatch(r"\+[1-9][0-9]{6,14}", TWILIO["caller_id"]):
    raise env.Misconfigured("TWILIO_CALLER_ID must be a number like +14155550123.")
if any(len(secret) < 32 for secret in EMAIL_EVENTS_SECRETS) or len(EMAIL_EVENTS_SECRETS) > 3:
    raise env.Misconfigured("EMAIL_EVENTS_SECRETS must be at most 3 secrets of at least 32 characters.")
