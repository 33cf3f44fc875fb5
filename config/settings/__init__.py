"""Settings, read from the environment; docs/operations/settings.md describes each variable.

The defaults run everything on one machine. Production refuses them.
"""

import base64

from config import env
from config.settings import base, storage, vendors
from config.settings.api import *
from config.settings.backoffice import *
from config.settings.base import *
from config.settings.openapi import *
from config.settings.storage import *
from config.settings.vendors import *

# Where the mechanisms of config find the parts of the apps
PROTECTED_ATTRIBUTES = [
    "config.dynamodb.encryption.PERSON_KEYS",
    "config.audit.log.STREAM_HEADS",
    "accounts.terms.acceptance.IDENTITIES",
    "telephony.numbers.address_registration.ADDRESSES",
]
UNAUDITED_TABLES = (
    "denied-attempts",
    "daily-counts",
    "data-keys",
    "outbox",
    "idempotency",
    "installation",
    "calls",
    "call-people",
    "last-conversations",
    "ongoing-calls",
    "phone-usage",
    "phone-proofs",
    "phone-orphans",
    "reach",
    "line-tests",
    "ended-shifts",
    "customer-exports",
    "prepared-exports",
    "sent-emails",
    "board",
    "board-passes",
    "bulk-runs",
    "bulk-chunks",
)
OUTBOX_NOTIFIER = "config.celery.notify_worker"
OUTBOX_TASK_MODULES = [
    "accounts.denied_attempts",
    "accounts.notifications.dispatch",
    "accounts.notifications.handovers",
    "accounts.notifications.invitations",
    "accounts.notifications.push",
    "accounts.privacy.customer_deletion",
    "accounts.privacy.customer_export",
    "accounts.privacy.prepared_exports",
    "accounts.terms.announcements",
    "accounts.users.address_claims",
    "accounts.users.change_email",
    "accounts.users.create",
    "accounts.users.delete",
    "accounts.users.erase",
    "accounts.users.undo_deletion",
    "accounts.users.update",
    "config.board.passes",
    "config.bulk.runs",
    "staffing.notifications.reminders",
    "staffing.notifications.rota_changes",
    "staffing.schedules.cleanup",
    "telephony.blocked_callers",
    "telephony.ivr_revisions",
    "telephony.caller_data.erasure",
    "telephony.callbacks.bridge.call_end",
    "telephony.callbacks.handing_over",
    "telephony.callbacks.notifications",
    "telephony.callbacks.reminders",
    "telephony.callbacks.opening",
    "telephony.callbacks.spam",
    "telephony.calls.webhooks.ending",
    "telephony.calls.recordings",
    "telephony.calls.webhooks.ring_all",
    "telephony.numbers.address_registration",
    "telephony.numbers.inventory",
    "telephony.numbers.purchase",
    "telephony.numbers.unassigned",
    "telephony.line_tests.planning",
    "telephony.numbers.webhooks",
    "telephony.public_hours.publication",
    "telephony.reach.causes",
    "telephony.reach.hole_messages",
    "telephony.reach.look",
    "telephony.reach.nightly",
    "telephony.reach.readiness",
    "telephony.reach.ready_messages",
]
WRITE_FOLLOW_UPS = ["telephony.reach.causes.enqueue_looks"]
"""What each write of records adds to itself: functions of the `Write`."""
OUTBOX_LANES = ("push", "mail", "sign-in", "telephone", "files", "line-tests")
"""What tasks wait for, besides DynamoDB: what is away delays only the messages of its lane."""

AUDIT_ACTIONS = [
    "accounts.audit_actions.ACTIONS",
    "staffing.audit_actions.ACTIONS",
    "telephony.audit_actions.ACTIONS",
    "config.audit.actions.ACTIONS",
]

RESTORATION_STEPS = [
    "accounts.privacy.customer_restoration.delete_again",
    "accounts.users.restoration.erase_again",
    "accounts.users.restoration.delete_again",
    "accounts.users.restoration.compare_accounts",
    "telephony.caller_data.restoration.erase_again",
    "telephony.numbers.restoration.compare_numbers",
    "telephony.calls.restoration.reconcile_files",
    "config.restore.messages.review_messages",
    "config.restore.sessions.end_sessions",
]

RESTORATION_CHECKS = [
    "config.restore.checks.check_tables",
    "config.restore.checks.check_data_keys",
    "config.restore.checks.check_references",
    "config.restore.checks.check_audit",
    "accounts.terms.restoration.check_acceptances",
    "telephony.calls.restoration.check_recordings",
    "config.restore.checks.check_operators",
]
"""What `manage.py restore check` checks of restored tables."""
REFERENCES = [f"{app}.references.REFERENCES" for app in ("accounts", "staffing", "telephony")]
"""What records name in other tables."""

DOCTOR_CHECKS = [
    "config.doctor.settings.CHECKS",
    "config.doctor.rights.CHECKS",
    "config.doctor.store.CHECKS",
    "config.doctor.files.CHECKS",
    "config.doctor.sql.CHECKS",
    "config.doctor.redis.CHECKS",
    "config.doctor.mail.CHECKS",
    "config.doctor.network.CHECKS",
    "accounts.doctor.CHECKS",
    "telephony.doctor.CHECKS",
]
"""What `manage.py doctor` tries."""
WARM_UP_TASKS = ["accounts.auth.tokens.load_keys"]
"""What a web process does before it listens, in addition to what config needs."""
DAILY_TASKS = [
    "telephony.numbers.unassigned.update_list",
    "config.zone_rules.log_warning",
    "telephony.reach.nightly.begin_planning",
    "accounts.privacy.prepared_exports.delete_old_files",
    "telephony.line_tests.planning.begin_planning",
]

DATA_MAPS = [
    "accounts.privacy.data_map.MAP",
    "staffing.data_map.MAP",
    "telephony.data_map.MAP",
    "config.privacy.own_data.MAP",
]

CUSTOMER_DATA = [
    "accounts.privacy.customer_data.SOURCES",
    "staffing.customer_data.SOURCES",
    "telephony.customer_data.SOURCES",
    "config.privacy.audit_export.SOURCES",
]
"""What an export of everything of a customer has, and the erasure of the customer removes."""

CUSTOMER_ERASURE = [
    "accounts.privacy.customer_erasure.STEPS",
    "staffing.customer_erasure.STEPS",
    "telephony.customer_erasure.STEPS",
    "config.privacy.customer_erasure.STEPS",
]
"""What erases those records of a customer that are not simply removed."""

LOCATION_NUMBERS = "telephony.numbers.inventory.LOCATION_NUMBERS"
LOCATION_HOLIDAYS = "telephony.lines.get_holiday_settings"
LOCATION_HOURS = "telephony.lines.load_open_periods"
ROTA_CALLS = "telephony.admin.rota_calls.describe_calls"
IS_OWN_NUMBER = "telephony.numbers.inventory.is_own_number"
CALL_BREAKS = "telephony.phone_pauses.CALL_BREAKS"
DUTY_OF_PEOPLE = "staffing.admin.people_on_duty.describe_duty"
UNVERIFY_PHONE = "telephony.phone_verification.unverify_phone"
LOCATION_GUARDS = [
    "staffing.schedules.cleanup.LOCATION_GUARD",
    "telephony.blocked_callers.LOCATION_GUARD",
    "telephony.numbers.inventory.LOCATION_GUARD",
    "telephony.ivr_revisions.LOCATION_GUARD",
    "telephony.public_hours.publication.LOCATION_GUARD",
    "telephony.callbacks.handing_over.LOCATION_GUARD",
    "telephony.reach.look.LOCATION_GUARD",
]
ACCESS_LOSS_TASKS = ["telephony.check_holder"]
ROTA_CHANGE_TASKS = ["telephony.check_holder"]

# Logs: one JSON object per line
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logging.JSONLogFormatter"}},
    "handlers": {"stderr": {"class": "config.logging.JSONLogHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "dutyline": {"level": env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")},
        # Their lines repeat our request log, or contain values that we never log.
        "django.request": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "pynamodb": {"level": "WARNING"},
        "celery.app.trace": {"level": "CRITICAL"},  # config.celery logs failures without values
    },
}


MAX_FALLBACKS = 3
"""Each of them is tried for every invalid cursor and session."""


def _check_production_settings() -> None:
    """Reject local addresses, plain HTTP and the public local keys."""
    engines = {
        "DYNAMODB_ENDPOINT_URL": storage.DYNAMODB["endpoint"],
        "STORAGE_ENDPOINT_URL": storage.STORAGE_ENDPOINT,
        "REDIS_URL": storage.REDIS_URL,
        "DATABASE_URL": f"//{storage.DATABASES['default'].get('HOST', '')}",
    }
    addresses = {
        "PUBLIC_BASE_URL": base.PUBLIC_BASE_URL,
        "AUTH0_ISSUER": vendors.AUTH0["issuer"],
        "AUTH0_MANAGEMENT_URL": vendors.AUTH0["management_url"],
        "EXPO_BASE_URL": vendors.EXPO["base_url"],
        "TWILIO_BASE_URL": vendors.TWILIO["base_url"],
        "EMAIL_URL": f"//{vendors.EMAIL_HOST}",
        **{
            name: address
            for name, address in engines.items()
            if storage.ENGINES_WITHOUT_TLS.get(name) not in storage.HOSTS_WITHOUT_TLS
        },
    }
    origins = [("CORS_ORIGINS", origin) for origin in base.CORS_ORIGINS]
    for name, address in [*addresses.items(), *origins]:
        if env.is_loopback(address):
            exception = ", unless HOSTS_WITHOUT_TLS lists its host" if name in engines else ""
            raise env.Misconfigured(f"{name} points at this machine, which production does not allow{exception}.")
        if address.startswith("http://") and name not in engines:
            raise env.Misconfigured(f"{name} must be https in production.")
    if not _is_good_secret_key(base.SECRET_KEY):
        raise env.Misconfigured("SECRET_KEY must be at least 50 random characters.")
    if len(base.SECRET_KEY_FALLBACKS) > MAX_FALLBACKS or not all(map(_is_good_secret_key, base.SECRET_KEY_FALLBACKS)):
        raise env.Misconfigured(
            f"SECRET_KEY_FALLBACKS must be at most {MAX_FALLBACKS} keys of at least 50 random characters, "
            "with commas between them."
        )
    if base64.b64decode(base.LOCAL_DATA_KEY) in base.DATA_KEYS.values():
        raise env.Misconfigured("DATA_KEYS or DATA_KEY must be your own; the local key is public.")
    if not base.ALLOWED_HOSTS or "*" in base.ALLOWED_HOSTS:
        raise env.Misconfigured("ALLOWED_HOSTS must list the hosts that clients call.")


_TLS_BY_ENGINE = {
    "DYNAMODB_ENDPOINT_URL": "be https",
    "STORAGE_ENDPOINT_URL": "be https",
    "REDIS_URL": "be rediss:// or unix://",
    "DATABASE_URL": "have the server's certificate checked (sslmode=verify-full, or verify-ca with "
    "sslrootcert=/path/ca.pem)",
}


def _is_good_secret_key(key: str) -> bool:
    return len(key) >= 50 and key != base.LOCAL_SECRET_KEY


def _check_transport() -> None:
    """Reject servers that are reached without TLS, but for engines whose hosts are listed."""
    for name, host in storage.ENGINES_WITHOUT_TLS.items():
        if host not in storage.HOSTS_WITHOUT_TLS:
            raise env.Misconfigured(
                f"{name} must {_TLS_BY_ENGINE[name]} in production, unless HOSTS_WITHOUT_TLS lists its host."
            )
    if not (vendors.EMAIL_USE_TLS or vendors.EMAIL_USE_SSL):
        raise env.Misconfigured("EMAIL_URL must be submission:// or smtps:// in production.")


if not base.LOCAL:
    _check_production_settings()
    _check_transport()
