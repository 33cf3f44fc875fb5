"""Environment, secrets, hosts, and Django itself: apps, middleware, templates, security headers."""

from collections.abc import MutableMapping
from pathlib import Path

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VERSION = "0.2.0"

ENVIRONMENT = env.choice("ENVIRONMENT", ("local", "production"), "local")
LOCAL = ENVIRONMENT == "local"
DEBUG = False

LOCAL_SECRET_KEY = "local-only-" + "secret-" * 6
LOCAL_DATA_KEY = "bG9jYWwtb25seS1kYXRhLWtleS0zMi1ieXRlcyEhISE="


def local_default(value: str) -> str | None:
    """A default for a local run only; production must set the variable."""
    return value if LOCAL else None


SECRET_KEY = env.text("SECRET_KEY", local_default(LOCAL_SECRET_KEY))
SECRET_KEY_FALLBACKS = env.text_list("SECRET_KEY_FALLBACKS")
"""Keys that are accepted, but sign nothing new: while `SECRET_KEY` is being replaced."""
DATA_KEYS = env.data_keys("DATA_KEYS", "DATA_KEY", local_default(LOCAL_DATA_KEY))
"""By id; the first one encrypts and signs, all of them decrypt and verify."""
PUBLIC_BASE_URL = env.url("PUBLIC_BASE_URL", local_default("http://127.0.0.1:8000")).rstrip("/")
ALLOWED_HOSTS = env.text_list("ALLOWED_HOSTS", "127.0.0.1,localhost" if LOCAL else "")
_LOCAL_APP_ORIGINS = [
    f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (8081, 19006, 3000, 5173)
]  # where Expo, Create React App and Next.js, and Vite serve an app under development
CORS_ORIGINS = env.origins("CORS_ORIGINS", ",".join(_LOCAL_APP_ORIGINS) if LOCAL else "")
APP_CALLBACK_URLS = env.text_list(
    "APP_CALLBACK_URLS",
    ",".join(
        [
            *(page for origin in _LOCAL_APP_ORIGINS for page in (origin, f"{origin}/", f"{origin}/callback")),
            *("dutyline://callback", "exp://127.0.0.1:8081", "exp://localhost:8081"),
            *("exp://127.0.0.1:8081/--/callback", "exp://localhost:8081/--/callback"),
        ]
    )
    if LOCAL
    else "",
)
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

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
PAGE_SEGMENTS = frozenset({"admin", "static"})
"""First segments of the paths of the back office and of static files, which MIDDLEWARE is for."""
API_MIDDLEWARE = [  # of all other paths: they take no cookies, so sessions and CSRF are none of theirs
    "config.api.headers.SecurityHeadersMiddleware",  # first: refusals of the others have its headers too
    "config.api.middleware.RequestLogMiddleware",
    "config.api.middleware.HeaderLimitMiddleware",
    "config.api.middleware.TrustedProxyMiddleware",
    "config.api.address_limit.AddressLimitMiddleware",
    "config.api.compression.CompressionMiddleware",
    "config.api.conditional.ConditionalRequestMiddleware",
    "config.api.headers.CrossOriginMiddleware",
    "config.api.middleware.BodyLimitMiddleware",
]
MIDDLEWARE = [
    "config.api.stack.ApiStackMiddleware",  # all other paths end here
    "django.middleware.security.SecurityMiddleware",  # first: refusals of the others have its headers too
    "config.api.middleware.RequestLogMiddleware",
    "config.api.middleware.HeaderLimitMiddleware",
    "config.api.middleware.TrustedProxyMiddleware",
    "config.api.address_limit.AddressLimitMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.api.compression.CompressionMiddleware",
    "config.api.conditional.ConditionalRequestMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.api.middleware.BodyLimitMiddleware",
    "config.backoffice.middleware.BackOfficeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.backoffice.middleware.OperatorSessionMiddleware",
    "config.backoffice.clock.ClockMiddleware",
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


def _cache_docs_assets(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """Keep Swagger UI, two megabytes, for a week; our own files change with each release."""
    if "/drf_spectacular_sidecar/" in url:
        headers["Cache-Control"] = "public, max-age=604800"


WHITENOISE_ADD_HEADERS_FUNCTION = _cache_docs_assets
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.backoffice.formats"
DEFAULT_CHARSET = "utf-8"
BODY_LIMIT = 256 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT
BODY_SECONDS = env.integer("BODY_SECONDS", 10, minimum=1, maximum=120)
"""Seconds within which the body of a request must arrive."""
EXPORT_WAIT_MILLISECONDS = env.integer("EXPORT_WAIT_MILLISECONDS", 5_000, minimum=0, maximum=10_000)
"""How long a request for a long export waits for the worker that prints it."""
WEB_THREADS = env.integer("WEB_THREADS", 16, minimum=1, maximum=256)
"""Requests that a web process works on at the same time, besides those of calls."""
WEB_COMPUTING_THREADS = env.integer("WEB_COMPUTING_THREADS", 1, minimum=1, maximum=256)
"""How many of them may compute before another request begins; the others wait for answers."""
WEB_CALL_THREADS = env.integer("WEB_CALL_THREADS", 8, minimum=1, maximum=256)
"""Webhooks of calls that a web process works on at the same time."""
WEB_QUEUE_MILLISECONDS = env.integer("WEB_QUEUE_MILLISECONDS", 100, minimum=10, maximum=60_000)
"""How long a request may be expected to wait for a thread; others are refused at once."""
WEB_CALL_QUEUE_MILLISECONDS = env.integer("WEB_CALL_QUEUE_MILLISECONDS", 4_000, minimum=10, maximum=60_000)
"""The same for webhooks of calls."""
STOP_SECONDS = env.integer("STOP_SECONDS", 0 if LOCAL else 5, minimum=0, maximum=300)
"""How long a web process that is to stop fails its readiness, and still answers requests."""
METRICS_PORTS = env.port_range("METRICS_PORTS")
"""Each process serves its metrics on the first of these that is free; without any, on none."""
METRICS_ADDRESS = env.text("METRICS_ADDRESS", "127.0.0.1")
HAS_TRACES = env.has_traces()
if METRICS_PORTS or HAS_TRACES:
    for _middleware in (API_MIDDLEWARE, MIDDLEWARE):
        _middleware.insert(1, "config.api.observed_requests.ObservedRequestsMiddleware")
ZONE_RULES_MAX_DAYS = env.integer("ZONE_RULES_MAX_DAYS", 90, minimum=1, maximum=3650)
"""Days after which operators are told to look for newer rules of time zones."""
ZONE_RULES_REFRESH_SECONDS = env.integer("ZONE_RULES_REFRESH_SECONDS", 60, minimum=1, maximum=86_400)
"""How often each process reads whether others derive stored instants with other rules."""

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_SSL_REDIRECT = False  # the proxy terminates TLS and redirects
SECURE_PROXY_SSL_HEADER = None  # config.api.middleware.TrustedProxyMiddleware trusts listed proxies only
SECURE_HSTS_SECONDS = 0 if LOCAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not LOCAL
SECURE_HSTS_PRELOAD = not LOCAL
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the proxy terminates TLS and redirects
    "urls.W002",
]

CORS_ALLOWED_ORIGINS = [origin for origin in CORS_ORIGINS if "*" not in origin]
CORS_ALLOWED_ORIGIN_REGEXES = [env.origin_pattern(origin) for origin in CORS_ORIGINS if "*" in origin]
CORS_ALLOW_CREDENTIALS = False
CORS_EXPOSE_HEADERS = [
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
]
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "baggage",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "if-range",
    "range",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-request-id",
]
