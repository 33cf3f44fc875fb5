"""Every setting of Dutyline, read from the environment; docs/operations.md describes each one.

The defaults run everything on one machine. Production refuses them.
"""

import os
import re
from pathlib import Path

import dj_email_url
from botocore.config import Config

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

ENVIRONMENT = env.choice("ENVIRONMENT", ("local", "production"), "local")
LOCAL = ENVIRONMENT == "local"
DEBUG = False

_LOCAL_SECRET = "local-only-" + "secret-" * 6
_LOCAL_FILES = str(BASE_DIR / ".local/files")
_LOCAL_DATABASE = f"sqlite:///{BASE_DIR}/.local/data/operators.sqlite3"
_LOCAL_DATA_KEY = "bG9jYWwtb25seS1kYXRhLWtleS0zMi1ieXRlcyEhISE="


def _local_default(value: str) -> str | None:
    """A default that only a local run may rely on."""
    return value if LOCAL else None


# --- Who may call, and from where -----------------------------------------------------------------
SECRET_KEY = env.text("SECRET_KEY", _local_default(_LOCAL_SECRET))
DATA_KEY = env.base64_key("DATA_KEY", _local_default(_LOCAL_DATA_KEY))
PUBLIC_BASE_URL = env.url("PUBLIC_BASE_URL", _local_default("http://127.0.0.1:8000"), schemes=("https", "http")).rstrip(
    "/"
)
ALLOWED_HOSTS = env.text_list("ALLOWED_HOSTS", "127.0.0.1,localhost" if LOCAL else "")
CORS_ALLOWED_ORIGINS = env.text_list("CORS_ORIGINS")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# --- Engines --------------------------------------------------------------------------------------
REDIS_URL = env.url("REDIS_URL", _local_default("redis://127.0.0.1:8005/0"), schemes=("redis", "rediss", "unix"))
DYNAMODB = {
    "region": env.text("AWS_REGION", _local_default("eu-central-1")),
    "endpoint": env.url("DYNAMODB_ENDPOINT_URL", "http://127.0.0.1:8004" if LOCAL else "", schemes=("https", "http")),
    "prefix": env.text("DYNAMODB_TABLE_PREFIX", _local_default("dutyline-local")),
}

_DATABASE = env.database("DATABASE_URL", _local_default(_LOCAL_DATABASE))
if _DATABASE["ENGINE"].endswith("sqlite3"):
    _DATABASE["OPTIONS"] = {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
    }
else:
    _DATABASE |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
DATABASES = {"default": _DATABASE}  # of operators: who they are, and their sessions
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STORAGE_BUCKET = env.text("STORAGE_BUCKET", "")
STORAGE_ENDPOINT = env.url("STORAGE_ENDPOINT_URL", "", schemes=("https", "http"))
STORAGE_FOLDER = env.text("STORAGE_FOLDER", "" if STORAGE_BUCKET else _local_default(_LOCAL_FILES))
if STORAGE_BUCKET and env.text("STORAGE_FOLDER", ""):
    raise env.Misconfigured("Name STORAGE_BUCKET or STORAGE_FOLDER, not both.")
if STORAGE_ENDPOINT and not STORAGE_BUCKET:
    raise env.Misconfigured("STORAGE_ENDPOINT_URL needs a STORAGE_BUCKET.")

if LOCAL:  # the local engine takes any; on AWS the usual chain of credentials applies
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "local")

_S3_STORAGE = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": STORAGE_BUCKET,
        "region_name": DYNAMODB["region"],
        "endpoint_url": STORAGE_ENDPOINT or None,
        "client_config": Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"max_attempts": 2},
            signature_version="s3v4",
            s3={"addressing_style": "path" if STORAGE_ENDPOINT else "virtual"},
        ),
        "file_overwrite": False,
        "default_acl": None,
    },
}
_FILE_STORAGE = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": STORAGE_FOLDER, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
}
STORAGES = {
    "default": _S3_STORAGE if STORAGE_BUCKET else _FILE_STORAGE,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# --- Vendors --------------------------------------------------------------------------------------
_ISSUER = env.url("AUTH0_ISSUER", _local_default("http://127.0.0.1:8001/"), schemes=("https", "http"))
AUTH0 = {
    "issuer": _ISSUER,
    "audience": env.text("AUTH0_AUDIENCE", _local_default("https://api.dutyline.example/")),
    "management_url": env.url("AUTH0_MANAGEMENT_URL", f"{_ISSUER}api/v2/", schemes=("https", "http")),
    "client_id": env.text("AUTH0_CLIENT_ID", _local_default("dutyline-machine")),
    "client_secret": env.text("AUTH0_CLIENT_SECRET", _local_default("local-machine-secret")),
    "connection": env.text("AUTH0_CONNECTION", "Username-Password-Authentication"),
    "sso_client_id": env.text("AUTH0_SSO_CLIENT_ID", _local_default("dutyline-admin")),
    "sso_client_secret": env.text("AUTH0_SSO_CLIENT_SECRET", _local_default("local-admin-secret")),
    "roles_claim": env.text("AUTH0_ROLES_CLAIM", _local_default("https://dutyline.example/roles")),
}
EXPO = {
    "base_url": env.url(
        "EXPO_BASE_URL", "http://127.0.0.1:8003" if LOCAL else "https://exp.host", schemes=("https", "http")
    ).rstrip("/"),
    "access_token": env.text("EXPO_ACCESS_TOKEN", ""),
}
TWILIO = {
    "base_url": env.url(
        "TWILIO_BASE_URL", "http://127.0.0.1:8002" if LOCAL else "https://api.twilio.com", schemes=("https", "http")
    ).rstrip("/"),
    "account_sid": env.text("TWILIO_ACCOUNT_SID", _local_default("AC" + "10ca1" * 6 + "00")),
    "auth_token": env.text("TWILIO_AUTH_TOKEN", _local_default("local-twilio-token")),
    "old_auth_token": env.text("TWILIO_AUTH_TOKEN_OLD", ""),
    "caller_id": env.text("TWILIO_CALLER_ID", _local_default("+15005550006")),
}
_EMAIL_URL = env.text("EMAIL_URL", _local_default("smtp://127.0.0.1:8007"))
_EMAIL = dj_email_url.parse(_EMAIL_URL)
if not _EMAIL.get("EMAIL_BACKEND"):
    raise env.Misconfigured("EMAIL_URL must be like smtp://host:25 or submission://user:word@host.")
EMAIL_BACKEND = _EMAIL["EMAIL_BACKEND"]
EMAIL_HOST = _EMAIL["EMAIL_HOST"]
EMAIL_PORT = _EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = _EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = _EMAIL["EMAIL_USE_TLS"]
EMAIL_USE_SSL = _EMAIL["EMAIL_USE_SSL"]
EMAIL_FILE_PATH = _EMAIL["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT = 5  # a whole conversation must fit into an outbox lease
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", _local_default("Dutyline <hello@dutyline.example>"))

# --- Django ---------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "whitenoise.runserver_nostatic",
    "unfold.apps.BasicAppConfig",
    "config.backoffice.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "social_django",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "telephony",
    "staffing",
    "accounts",
    "config",
]
MIDDLEWARE = [
    "config.api.middleware.RequestLogMiddleware",
    "config.api.middleware.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.api.middleware.BodyLimitMiddleware",
    "config.backoffice.middleware.BackOfficeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.backoffice.middleware.OperatorSessionMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_CHARSET = "utf-8"
BODY_LIMIT = 256 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_SSL_REDIRECT = False  # the proxy in front ends TLS and redirects
SECURE_PROXY_SSL_HEADER = None  # config.api.middleware.Proxies believes trusted proxies only
SECURE_HSTS_SECONDS = 0 if LOCAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not LOCAL
SECURE_HSTS_PRELOAD = not LOCAL
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # TLS and its redirect belong to the proxy in front
    "urls.W002",
]

CORS_ALLOW_CREDENTIALS = False
CORS_EXPOSE_HEADERS = [*("ETag", "Location", "Content-Disposition"), *("X-Request-Id", "Retry-After", "RateLimit")]
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-request-id",
]

# --- The API --------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.auth.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": [],  # config.api.operations checks each operation's own
    "DEFAULT_PARSER_CLASSES": ["config.api.content_negotiation.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.content_negotiation.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.api.content_negotiation.JSONOnlyNegotiation",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.OperationSchema",
    "EXCEPTION_HANDLER": "config.api.problem_details.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Dutyline",
    "VERSION": VERSION,
    "DESCRIPTION": (
        "The people, rotas and phone lines of businesses with several locations. Sign in at Auth0 "
        "and send the access token as `Authorization: Bearer …`. Every error is an "
        "`application/problem+json` document (RFC 9457)."
    ),
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": "/"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayRequestDuration": True},
    "PREPROCESSING_HOOKS": ["config.api.schema.exclude_documentation_paths"],
    "POSTPROCESSING_HOOKS": ["config.api.schema.add_common_headers", "telephony.views.lines.add_ivr_schema"],
    "COMPONENT_SPLIT_REQUEST": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
RATE_LIMITS = {  # requests per minute: of one actor, or of one address that is not signed in
    "read": 6_000,
    "write": 1_200,
    "costly": 600,  # what costs money or sends mail
    "export": 10,  # what takes seconds of a processor
    "stranger": 3_000,
    "sign-in": 20,  # of one address, to the back office
}

# --- The back office: operators and their sessions ------------------------------------------------
AUTHENTICATION_BACKENDS = ["accounts.auth.operators.Auth0"]
if LOCAL:  # a password of Django's own opens the admin on one's own machine only
    AUTHENTICATION_BACKENDS.append("django.contrib.auth.backends.ModelBackend")
MIGRATION_MODULES = {"accounts": None, "staffing": None, "telephony": None, "config": None}
ADMIN_PATH = "/admin/"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_NAME = "dutyline-operator"
CSRF_COOKIE_NAME = "dutyline-form"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = ADMIN_PATH  # the API never sees either
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Auth0 sends the browser back
CSRF_FAILURE_VIEW = "config.backoffice.middleware.csrf_failure_page"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_RENEWAL_SECONDS = 600  # seconds after which Auth0 is asked again what an operator may do
SESSION_IDLE_SECONDS = 3600  # seconds after which what was not renewed is not believed any more
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SOCIAL_AUTH_REQUIRE_POST = True
SOCIAL_AUTH_AUTH0_OPENIDCONNECT_KEY = AUTH0["sso_client_id"]
SOCIAL_AUTH_AUTH0_OPENIDCONNECT_SECRET = AUTH0["sso_client_secret"]
SOCIAL_AUTH_AUTH0_OPENIDCONNECT_USE_PKCE = True
SOCIAL_AUTH_AUTH0_OPENIDCONNECT_SCOPE = ["openid", "profile", "email"]
SOCIAL_AUTH_URL_NAMESPACE = "social"
SOCIAL_AUTH_ALLOWED_REDIRECT_HOSTS: list[str] = []
SOCIAL_AUTH_REQUESTS_TIMEOUT = 5
SOCIAL_AUTH_PIPELINE = [
    "social_core.pipeline.social_auth.social_details",
    "social_core.pipeline.social_auth.social_uid",
    "accounts.auth.operators.require_operator_role",
    "social_core.pipeline.social_auth.social_user",
    "accounts.auth.operators.set_username",
    "social_core.pipeline.user.create_user",
    "social_core.pipeline.social_auth.associate_user",
    "accounts.auth.operators.apply_roles",
]
UNFOLD = {
    "SITE_TITLE": "Dutyline",
    "SITE_HEADER": "Dutyline",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "support_agent",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "STYLES": ["/static/backoffice/style.css"],
    "SCRIPTS": ["/static/backoffice/pages.js"],
    "SIDEBAR": {"navigation": "config.backoffice.site.menu_sections"},
    "COLORS": {
        "primary": {
            "50": "#eefbf9",
            "100": "#d2f4ef",
            "200": "#a8e8e0",
            "300": "#71d6cb",
            "400": "#3cbab0",
            "500": "#229d95",
            "600": "#127d77",
            "700": "#0f6560",
            "800": "#11514e",
            "900": "#134341",
            "950": "#042726",
        }
    },
}

BACK_OFFICE_MODULES = ["accounts.admin", "staffing.admin", "telephony.admin", "config.admin"]
APP_DISPLAY_NAMES = {"accounts": "Customers", "staffing": "Rota", "telephony": "Telephony", "config": "Platform"}
ADMIN_SECTIONS = ("Customers", "Rota", "Telephony", "Records", "Platform")
CUSTOMER_LIST = "admin:accounts_customer_changelist"  # what the search box falls back to
CUSTOMER_PAGE_PANELS = [
    "accounts.admin.attention.owner_panels",
    "staffing.admin.attention.on_duty_panels",
    "telephony.admin.attention.number_panels",
    "config.admin.audit.recent_change_panels",
]
ATTENTION_PANELS = [
    "config.admin.outbox.outbox_panels",
    "accounts.admin.attention.account_panels",
    "staffing.admin.attention.rota_panels",
    "telephony.admin.attention.telephony_panels",
]

# --- What telephony may cost ----------------------------------------------------------------------
TELEPHONY = {
    "numbers": env.integer("NUMBERS_PER_CUSTOMER", 10, minimum=0, maximum=10_000),
    "call_minutes": env.integer("CALL_MINUTES", 60, minimum=1, maximum=240),  # of one call
    "daily_minutes": env.integer("CALL_MINUTES_PER_DAY", 1_000, minimum=1, maximum=100_000),
    "proofs": env.integer("PHONE_CHECKS_PER_DAY", 5, minimum=1, maximum=100),  # of one person
    "customer_proofs": env.integer("PHONE_CHECKS_PER_CUSTOMER", 50, minimum=1, maximum=10_000),
    "kept_days": env.integer("CALLS_KEPT_DAYS", 90, minimum=1, maximum=3_650),
}
CALL_COUNTRIES = frozenset(env.text_list("CALL_COUNTRIES", "US,CA,GB,IE,DE,AT,CH,FR,NL,ES"))

# --- Work for later -------------------------------------------------------------------------------
OUTBOX_NOTIFIER = "config.celery.notify_worker"
OUTBOX_TASK_MODULES = [
    "accounts.notifications.dispatch",
    "accounts.notifications.invitations",
    "accounts.notifications.push",
    "accounts.terms.announcements",
    "accounts.users.change_email",
    "accounts.users.create",
    "accounts.users.delete",
    "accounts.users.update",
    "staffing.notifications.reminders",
    "staffing.notifications.rota_changes",
    "staffing.schedules.cleanup",
    "telephony.calls.recordings",
    "telephony.calls.ring_all",
    "telephony.numbers.inventory",
    "telephony.numbers.purchase",
]

DAILY_TASKS = ["telephony.numbers.reconcile.reconcile_numbers"]

# --- The data map: erasure and export of each app -------------------------------------------------
DATA_MAPS = [
    "accounts.privacy.data_map.MAP",
    "staffing.data_map.MAP",
    "telephony.data_map.MAP",
    "config.privacy.own_data.MAP",
]

# --- What keeps a location from being removed -----------------------------------------------------
LOCATION_GUARDS = ["staffing.schedules.cleanup.LOCATION_GUARD", "telephony.numbers.inventory.LOCATION_GUARD"]

# --- Logs: one JSON object a line -----------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logging.JSONLogFormatter"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stdout"], "level": "WARNING"},
    "loggers": {
        "dutyline": {"level": env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")},
        # What these report is in our own request line, or names values we never log.
        "django.request": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "pynamodb": {"level": "WARNING"},
        "celery.app.trace": {"level": "CRITICAL"},  # config.celery logs failures without values
    },
}


def _check_production_settings() -> None:
    """What only makes sense on one machine never reaches production."""
    addresses = {
        "PUBLIC_BASE_URL": PUBLIC_BASE_URL,
        "AUTH0_ISSUER": AUTH0["issuer"],
        "AUTH0_MANAGEMENT_URL": AUTH0["management_url"],
        "DYNAMODB_ENDPOINT_URL": DYNAMODB["endpoint"],
        "STORAGE_ENDPOINT_URL": STORAGE_ENDPOINT,
        "REDIS_URL": REDIS_URL,
        "EXPO_BASE_URL": EXPO["base_url"],
        "TWILIO_BASE_URL": TWILIO["base_url"],
        "EMAIL_URL": _EMAIL_URL,
        "DATABASE_URL": f"//{_DATABASE.get('HOST', '')}",
    }
    for name, address in addresses.items():
        if env.is_loopback(address):
            raise env.Misconfigured(f"{name} points at this machine; production refuses that.")
        if address.startswith("http://"):
            raise env.Misconfigured(f"{name} must be https in production.")
    if SECRET_KEY == _LOCAL_SECRET or len(SECRET_KEY) < 50:
        raise env.Misconfigured("SECRET_KEY must be at least 50 random characters.")
    if env.text("DATA_KEY") == _LOCAL_DATA_KEY:
        raise env.Misconfigured("DATA_KEY must be your own; the local one is public.")
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise env.Misconfigured("ALLOWED_HOSTS must list the hosts that clients call.")


if not AUTH0["issuer"].endswith("/"):
    raise env.Misconfigured("AUTH0_ISSUER must end with a slash, as Auth0 writes it in tokens.")
if not re.fullmatch(r"AC[0-9a-f]{32}", TWILIO["account_sid"]):
    raise env.Misconfigured("TWILIO_ACCOUNT_SID must be AC and 32 hexadecimal digits.")
if not re.fullmatch(r"\+[1-9][0-9]{6,14}", TWILIO["caller_id"]):
    raise env.Misconfigured("TWILIO_CALLER_ID must be a number like +14155550123.")
if len(DYNAMODB["prefix"]) < 6:
    raise env.Misconfigured("DYNAMODB_TABLE_PREFIX must have at least 6 characters.")
if not LOCAL:
    _check_production_settings()
