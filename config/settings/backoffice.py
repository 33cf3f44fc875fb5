"""The back office: operators, their sessions, and its pages."""

from config import env
from config.settings.base import LOCAL
from config.settings.vendors import AUTH0

AUTHENTICATION_BACKENDS = ["accounts.auth.operators.Auth0"]
if LOCAL:  # Django's own passwords are for local operators only
    AUTHENTICATION_BACKENDS.append("django.contrib.auth.backends.ModelBackend")
MIGRATION_MODULES = {"accounts": None, "staffing": None, "telephony": None, "config": None}
ADMIN_PATH = "/admin/"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# A name with the prefix __Host- cannot be set by another host of the domain; browsers then require
# Secure and the path /. The API receives the cookies and ignores them.
_COOKIE_PREFIX = "" if LOCAL else "__Host-"
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}dutyline-operator"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}dutyline-form"
OPERATOR_COOKIE_NAME = f"{_COOKIE_PREFIX}dutyline-operator-id"  # signed: `config.backoffice.unsent_forms`
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = ADMIN_PATH if LOCAL else "/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Auth0 sends the browser back
CSRF_FAILURE_VIEW = "config.backoffice.middleware.csrf_failure_page"
SESSION_ENGINE = "config.backoffice.sessions"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_RENEWAL_SECONDS = 600  # until Auth0 confirms the operator's roles again
ACTION_RENEWAL_SECONDS = 60  # the same, before the page of an action
ACTION_PAGES = (  # ends of their URL names
    *("_do", "rota_move", "rota_of_move", "buy_number", "numbers_most", "numbers_reserve"),
    *("accounts_customer_add", "customer_setup_step", "bulk_run"),
)
SESSION_IDLE_SECONDS = 3600  # until a session that was not renewed ends
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
    "STYLES": [
        *("/static/backoffice/style.css", "/static/backoffice/board.css"),
        *("/static/backoffice/setup.css", "/static/backoffice/checks.css", "/static/backoffice/reach.css"),
    ],
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
AUDIT_WORDS = [
    "accounts.admin.audit_words.WORDS",
    "staffing.admin.audit_words.WORDS",
    "telephony.admin.audit_words.WORDS",
]
"""How fields of changes are shown: `config.admin.audit_text.FieldWords` by field."""
AUDIT_ACTION_GROUPS = {
    "People": ("user", "device", "phone", "terms", "grant", "attempt"),
    "Customer and locations": ("customer", "location"),
    "Rota": ("schedule", "template", "daynote", "feed"),
    "Calls and call-backs": ("call", "callback", "caller", "conversation", "voicemail"),
    "Numbers and IVR": ("number", "numberprofile", "quota", "ivr", "hours"),
    "Support": ("bulk", "import", "list"),
}
"""How the filter of the audit groups actions, by the first part of their names."""
AUDIT_CHANGES = ["telephony.admin.audit_words.CHANGES"]
"""What reads the changes of an entry: `config.admin.audit_text.ChangeReader` by action."""
AUDIT_NAMES = {
    "cus": ["accounts.models.Customer"],
    "loc": ["accounts.models.Location"],
    "tpl": ["staffing.models.Template"],
    "usr": ["accounts.models.User", "accounts.models.DeletedUser"],
}
"""Records whose names stand for their ids, by the prefix of the ids."""
AUDIT_SENTENCES = "config.admin.audit_file.describe_entries"
"""What turns entries into the rows of a readable file."""
AUDIT_SUBJECTS = ["staffing.admin.audit_words.SUBJECTS", "telephony.admin.audit_words.SUBJECTS"]
"""How subjects without a name are named: `config.admin.audit_subjects.SubjectWords` by type."""
ADMIN_SECTIONS = ("Customers", "Rota", "Telephony", "Records", "Platform")
PAGE_CUSTOMER = "accounts.admin.page_customer.load_page_customer"
RECORD_FACTS = {
    "accounts.user": ["accounts.admin.person_header.namesake_facts", "telephony.admin.record_facts.person_facts"],
    "accounts.location": ["telephony.admin.record_facts.location_facts"],
    "accounts.customer": ["accounts.admin.customers.customer_counts", "telephony.admin.record_facts.customer_facts"],
}
"""What adds facts to the headers of other apps' records: `config.backoffice.record_header`."""
RECORD_CHECKS = {
    "accounts.location": "telephony.admin.location_health.location_checks",
    "telephony.line": "telephony.admin.line_test_panel.line_checks",
}
"""What checks a record, above its form: `config.backoffice.checks`."""
SEEN_BY_PERSON = [
    "accounts.admin.seen_by.rights_section",
    "staffing.admin.seen_rota.rota_section",
    "telephony.admin.seen_calls.calls_section",
]
"""What a person sees, for operators: `accounts.admin.seen_by`."""
CUSTOMER_NUMBERS = "telephony.admin.record_facts.count_numbers"
"""Counts the numbers of customers, for their list."""
CUSTOMER_LIST = "admin:accounts_customer_changelist"
CUSTOMER_MODEL = "accounts.Customer"
DOCUMENT_PRINTER = "accounts.privacy.pdf_process.print_document"
CUSTOMER_SETUP_STEPS = [
    "accounts.admin.customer_setup.locations_step.STEP",
    "accounts.admin.customer_setup.people_step.STEP",
    "staffing.admin.rota_setup.STEP",
    "telephony.admin.number_setup.STEP",
]
"""The steps after a customer is added: `accounts.admin.customer_setup`."""
CUSTOMER_PAGE_PANELS = [
    "accounts.admin.attention.owner_panels",
    "staffing.admin.attention.on_duty_panels",
    "telephony.admin.attention.number_panels",
    "telephony.admin.attention.call_panels",
    "config.admin.audit.recent_change_panels",
]
DELETED_CUSTOMER_PANELS = (
    "accounts.admin.attention.owner_panels",
    "telephony.admin.attention.number_panels",
    "config.admin.audit.recent_change_panels",
)
LOCATION_PAGE_PANELS = ["telephony.admin.attention.location_call_panels"]
START_PAGE_PANELS = ["config.admin.outbox.outbox_panels", "config.admin.zone_rules.zone_rules_panels"]
"""About no customer; below the board."""
BOARD_MINUTES = env.integer("BOARD_MINUTES", 1 if LOCAL else 15, minimum=1, maximum=1_440)
"""Minutes between two passes that check all customers for what needs attention."""
BULK_RUNNER = "config.backoffice.bulk.execution.BulkRunner"
BOARD_BEGIN = "config.board.passes.begin_pass"
BOARD_CUSTOMERS, BOARD_CUSTOMER = "accounts.customers.list_checked_page", "accounts.customers.get_customer"
BOARD_SOURCES = ["accounts.problems.SOURCES", "telephony.problems.SOURCES"]
"""What is looked for at each customer."""
BOARD_PLATFORM_SOURCES = [
    "config.board.platform.SOURCES",
    "accounts.problems.PLATFORM_SOURCES",
    "telephony.problems.PLATFORM_SOURCES",
]
"""What is looked for once, for all customers."""
BOARD_CUSTOMER_NAMES = "accounts.admin.board.CUSTOMER_NAMES"
BOARD_KINDS = ["telephony.admin.board.KINDS", "accounts.admin.board.KINDS"]
"""What operators read of the items, in the order of the page."""
TASK_SENTENCES = [
    "accounts.admin.tasks.TASK_SENTENCES",
    "staffing.admin.tasks.TASK_SENTENCES",
    "telephony.admin.tasks.TASK_SENTENCES",
]
"""What operators read of tasks that failed."""
CUSTOMER_ATTENTION_PANELS = [
    "accounts.admin.unusual_volumes.volume_panels",
    "accounts.admin.attention.account_panels",
    "telephony.admin.attention.hole_panels",
    "telephony.admin.attention.callback_panels",
    "telephony.admin.attention.telephony_panels",
]
"""About a customer."""
