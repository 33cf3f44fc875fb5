"""The JSON API: REST framework, OpenAPI document and rate limits."""

from config import env
from config.settings.base import PUBLIC_BASE_URL, VERSION
from config.settings.openapi import OPENAPI_TAGS
from config.settings.vendors import AUTH0

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.auth.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": [],  # config.api checks each operation's own
    "DEFAULT_PARSER_CLASSES": ["config.content_negotiation.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.content_negotiation.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.content_negotiation.FirstRendererNegotiation",
    "DATETIME_FORMAT": None,  # config.strict_json writes times
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
        "Manages the people, rotas and phone lines of businesses with several locations. Sign in at Auth0 "
        "and send the access token as `Authorization: Bearer …`. Every error is an "
        "`application/problem+json` document (RFC 9457)."
    ),
    "OAS_VERSION": "3.1.0",
    "SERVERS": [{"url": PUBLIC_BASE_URL, "description": "This deployment"}],
    "TAGS": [{"name": name, "description": text} for name, text in OPENAPI_TAGS.items()],
    "CONTACT": {"name": "Dutyline", "url": f"{PUBLIC_BASE_URL}/docs/"},
    "LICENSE": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayRequestDuration": True},
    "SWAGGER_UI_OAUTH2_CONFIG": {
        "clientId": AUTH0["spa_client_id"],
        "scopes": "openid profile email",
        "usePkceWithAuthorizationCodeGrant": True,
        "additionalQueryStringParams": {"audience": AUTH0["audience"]},
    },
    "PREPROCESSING_HOOKS": ["config.api.schema.exclude_documentation_paths"],
    "POSTPROCESSING_HOOKS": [
        "config.api.schema.add_common_headers",
        "config.api.error_catalog.add_error_catalog",
        "telephony.views.lines.add_ivr_schema",
        "config.api.schema_members.name_enums",
        "config.api.schema_members.describe_members",
        "config.api.schema_components.share_components",
    ],
    "COMPONENT_SPLIT_REQUEST": False,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
PERMISSIONS_OF_EVERYONE = "accounts.permissions.SELF_SERVICE"
"""The permissions that nobody can lose: operations that need one of them document no 403."""
DELETION_GRACE_DAYS = env.integer("DELETION_GRACE_DAYS", 30, minimum=0, maximum=90)
"""Days for which whoever was deleted can be restored; then they are erased. 0: at once."""
DENIED_ATTEMPTS_PER_MINUTE = env.integer("DENIED_ATTEMPTS_PER_MINUTE", 10, minimum=1, maximum=10_000)
DAILY_LIMITS = {  # config.daily_limits: per day (UTC)
    "invitations-of-user": env.integer("INVITATIONS_PER_USER", 200, minimum=1, maximum=1_000_000),
    "invitations-of-customer": env.integer("INVITATIONS_PER_CUSTOMER", 1_000, minimum=1, maximum=1_000_000),
    "email-changes-of-user": env.integer("EMAIL_CHANGES_PER_USER", 50, minimum=1, maximum=1_000_000),
    "email-changes-of-customer": env.integer("EMAIL_CHANGES_PER_CUSTOMER", 200, minimum=1, maximum=1_000_000),
    "email-changes-to-user": env.integer("EMAIL_CHANGES_PER_TARGET", 5, minimum=1, maximum=1_000_000),
    "taken-addresses-of-user": env.integer("TAKEN_ADDRESSES_PER_USER", 20, minimum=1, maximum=1_000_000),
    "taken-addresses-of-customer": env.integer("TAKEN_ADDRESSES_PER_CUSTOMER", 100, minimum=1, maximum=1_000_000),
    "emails-to-address": env.integer("EMAILS_PER_ADDRESS", 10, minimum=1, maximum=1_000_000),
    "notifications-to-address": env.integer("NOTIFICATIONS_PER_ADDRESS", 200, minimum=1, maximum=1_000_000),
    "codes-to-user": env.integer("PHONE_CHECKS_PER_DAY", 5, minimum=1, maximum=100),
    "codes-of-customer": env.integer("PHONE_CHECKS_PER_CUSTOMER", 50, minimum=1, maximum=10_000),
    "codes-to-number": env.integer("PHONE_CHECKS_PER_NUMBER", 3, minimum=1, maximum=1_000),
    "codes-of-user-to-number": env.integer("PHONE_CHECKS_PER_USER_AND_NUMBER", 2, minimum=1, maximum=1_000),
}
RATE_LIMITS = {  # requests per minute of one actor, or of one anonymous IP address
    "read": env.integer("READS_PER_USER", 6_000, minimum=1, maximum=10_000_000),
    "write": env.integer("WRITES_PER_USER", 1_200, minimum=1, maximum=10_000_000),
    # operations that cost money or send e-mail
    "costly": env.integer("COSTLY_REQUESTS_PER_USER", 600, minimum=1, maximum=10_000_000),
    # operations that take seconds of CPU time
    "export": env.integer("EXPORTS_PER_USER", 10, minimum=1, maximum=10_000_000),
    "anonymous": env.integer("REQUESTS_PER_ADDRESS", 3_000, minimum=1, maximum=10_000_000),
    # milliseconds of CPU time and round trips of one person and of one customer: config.costs
    "cost": env.integer("COST_PER_USER", 20_000, minimum=1, maximum=10_000_000),
    "customer-cost": env.integer("COST_PER_CUSTOMER", 120_000, minimum=1, maximum=10_000_000),
    # to the back office, of one IP address
    "sign-in": env.integer("SIGN_INS_PER_ADDRESS", 20, minimum=1, maximum=10_000_000),
}
RATE_LIMIT_LEASE_SECONDS = env.integer("RATE_LIMIT_LEASE_SECONDS", 2, minimum=0, maximum=30)
"""Seconds for which a process counts reads and writes by itself; 0: it asks Redis each time."""
REQUESTS_AT_ONCE_PER_TOKEN = env.integer("REQUESTS_AT_ONCE_PER_TOKEN", 4, minimum=1, maximum=256)
"""Reads, and changes, of one person that a web process works on at once."""
SIGN_IN_VERIFIER = "accounts.auth.tokens.get_verifier"
"""Returns what knows the tokens that this process has verified."""
