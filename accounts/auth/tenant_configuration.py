"""How Dutyline's Auth0 tenant is set up: what `manage.py auth0 setup` checks and creates.

Plans have the form of Auth0's Management API; docs/sign-in.md explains each part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

MACHINE_SCOPES = (
    "create:users",
    "read:users",
    "update:users",
    "delete:users",
    "create:user_tickets",
    "delete:sessions",
    "delete:refresh_tokens",
    "delete:grants",
    "delete:authentication_methods",
)
"""What the product does at the Management API."""
SETUP_SCOPES = tuple(
    f"{verb}:{noun}"
    for noun in ("clients", "resource_servers", "client_grants", "connections", "connections_options", "actions")
    for verb in ("read", "create", "update")
    if (verb, noun) != ("create", "connections_options")
)
"""What the set-up itself does there, as an application of its own."""
PUBLIC_APPLICATIONS = ("web", "mobile")
"""Applications without a secret: staff sign in with them."""
FORBIDDEN_GRANTS = ("implicit", "password", "http://auth0.com/oauth/grant-type/password-realm")
"""Grants that an application without a secret must not have."""
ACTION_NAME = "Dutyline operator roles"
DOCS_CALLBACK_PATH = "/docs/oauth2-redirect.html"
OPERATORS_CALLBACK_PATH = "/admin/sign-in/complete/auth0_openidconnect/"
OPERATORS_LOGOUT_PATH = "/admin/login/"
MIN_PASSWORD_LENGTH = 8
"""What ASVS 6.2.1 asks for; connections that the set-up creates have `NEW_PASSWORD_LENGTH`."""
NEW_PASSWORD_LENGTH = 12
PASSWORD_WORDS = ("dutyline",)
"""Passwords that are refused besides the 10,000 commonest."""
_ROTATING_REFRESH_TOKENS = {"rotation_type": "rotating", "expiration_type": "expiring"}
_REFRESH_TOKEN_LIFETIMES = {
    "leeway": 10,
    "token_lifetime": 2_592_000,
    "idle_token_lifetime": 1_296_000,
    "infinite_token_lifetime": False,
    "infinite_idle_token_lifetime": False,
}


@dataclass(frozen=True)
class Installation:
    """What the settings say about sign-in."""

    audience: str
    management_url: str
    connection: str
    roles_claim: str
    public_base_url: str
    web_origins: tuple[str, ...] = ()
    """Origins of staff apps in a browser."""
    app_callbacks: tuple[str, ...] = ()
    """Where sign-in goes back to in staff apps: web addresses and custom schemes."""


@dataclass(frozen=True)
class ApplicationPlan:
    """An application: what it must have, and what it gets once, when it is created."""

    name: str
    required: dict[str, Any]
    initial: dict[str, Any]


def read_installation() -> Installation:
    """The installation of our settings."""
    return Installation(
        **{name: settings.AUTH0[name] for name in ("audience", "management_url", "connection", "roles_claim")},
        public_base_url=settings.PUBLIC_BASE_URL,
        web_origins=tuple(settings.CORS_ORIGINS),
        app_callbacks=tuple(settings.APP_CALLBACK_URLS),
    )


def plan_applications(installation: Installation) -> dict[str, ApplicationPlan]:
    """The applications by role: ``web``, ``mobile``, ``machine`` and ``operators``."""
    base_url = installation.public_base_url
    web_callbacks = [f"{base_url}{DOCS_CALLBACK_PATH}", *filter(_is_web_address, installation.app_callbacks)]
    mobile_callbacks = [url for url in installation.app_callbacks if not _is_web_address(url)]
    web_origins = list(dict.fromkeys([_origin_of(base_url), *installation.web_origins]))
    origin_pages = [page for origin in web_origins for page in (origin, f"{origin}/")]
    return {
        "web": _public_application(
            "Dutyline web",
            app_type="spa",
            callbacks=web_callbacks,
            web_origins=web_origins,
            allowed_logout_urls=[*web_callbacks, *origin_pages],
        ),
        "mobile": _public_application(
            "Dutyline mobile", app_type="native", callbacks=mobile_callbacks, allowed_logout_urls=mobile_callbacks
        ),
        "machine": ApplicationPlan(
            "Dutyline machine",
            required={"app_type": "non_interactive", "grant_types": ["client_credentials"]},
            initial={"oidc_conformant": True, "token_endpoint_auth_method": "client_secret_post"},
        ),
        "operators": ApplicationPlan(
            "Dutyline back office",
            required={
                "app_type": "regular_web",
                "grant_types": ["authorization_code"],
                "jwt_configuration": {"alg": "RS256"},
                "callbacks": [f"{base_url}{OPERATORS_CALLBACK_PATH}"],
                "allowed_logout_urls": [f"{base_url}{OPERATORS_LOGOUT_PATH}"],
            },
            initial={"oidc_conformant": True, "token_endpoint_auth_method": "client_secret_post"},
        ),
    }


def plan_api(installation: Installation) -> dict[str, Any]:
    """The API (resource server): RS256, with refresh tokens for who asks for them."""
    return {"identifier": installation.audience, "signing_alg": "RS256", "allow_offline_access": True}


def plan_connection_options(options: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """By option of a database connection: its value, and why it must be changed to that.

    Passwords may consist of any characters: Auth0's level "low" is its only one that asks for
    length alone; the length of its own, 6, is replaced by ours.
    """
    length = (options.get("password_complexity_options") or {}).get("min_length") or 0
    dictionary = options.get("password_dictionary") or {}
    words = dictionary.get("dictionary") or []
    missing_words = [word for word in PASSWORD_WORDS if word not in words]
    changes: dict[str, tuple[Any, str]] = {}
    if not options.get("disable_signup"):
        changes["disable_signup"] = (True, "Anybody can sign up: switch on Disable Sign Ups")
    if options.get("brute_force_protection") is not True:
        changes["brute_force_protection"] = (True, "Passwords may be guessed: switch on brute_force_protection")
    if options.get("passwordPolicy") != "low":
        changes["passwordPolicy"] = ("low", "The password policy asks for kinds of characters or for nothing: set Low")
    if not isinstance(length, int) or length < MIN_PASSWORD_LENGTH:
        changes["password_complexity_options"] = (
            {"min_length": NEW_PASSWORD_LENGTH},
            f"Passwords are too short: ask for {NEW_PASSWORD_LENGTH}",
        )
    if dictionary.get("enable") is not True or missing_words:
        changes["password_dictionary"] = (
            {"enable": True, "dictionary": [*words, *missing_words]},
            "Common passwords are accepted: switch on the password dictionary",
        )
    if (options.get("password_no_personal_info") or {}).get("enable") is not True:
        changes["password_no_personal_info"] = (
            {"enable": True},
            "Passwords may be the person's own name: switch on password_no_personal_info",
        )
    return changes


def plan_action_code(installation: Installation) -> str:
    """The post-login Action: the roles of an operator, in the ID token."""
    return (
        "exports.onExecutePostLogin = async (event, api) => {\n"
        f'  api.idToken.setCustomClaim("{installation.roles_claim}", event.authorization?.roles ?? []);\n'
        "};\n"
    )


def _public_application(name: str, *, app_type: str, **lists: list[str]) -> ApplicationPlan:
    required = {
        "app_type": app_type,
        "oidc_conformant": True,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "jwt_configuration": {"alg": "RS256"},
        "refresh_token": _ROTATING_REFRESH_TOKENS,
        **lists,
    }
    refresh_token = {**_ROTATING_REFRESH_TOKENS, **_REFRESH_TOKEN_LIFETIMES}
    return ApplicationPlan(name, required, {"refresh_token": refresh_token})


def _is_web_address(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
