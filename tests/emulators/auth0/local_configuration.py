"""The tenant of a local run: the product's own plan, with fixed ids and public secrets."""

from typing import Any

from accounts.auth import tenant_configuration as plans
from tests.emulators.auth0.actions import POST_LOGIN
from tests.emulators.auth0.tenant import CONNECTION, Auth0Tenant, format_now

MACHINE_ID, MACHINE_SECRET = "dutyline-machine", "local-machine-secret"
SETUP_ID, SETUP_SECRET = "dutyline-setup", "local-setup-secret"
ACTION_ID = "act_local"
CREDENTIALS = {
    "web": ("dutyline-web", ""),
    "mobile": ("dutyline-mobile", ""),
    "machine": (MACHINE_ID, MACHINE_SECRET),
    "operators": ("dutyline-admin", "local-admin-secret"),
}
TOKEN_APPLICATION = {
    "name": "Dutyline for scripts",
    "app_type": "regular_web",
    "token_endpoint_auth_method": "client_secret_post",
    "grant_types": ["password", "authorization_code"],
}
"""The application of ``make token``: only the emulator has it."""
LISTS_OF_ADDRESSES = ("callbacks", "allowed_logout_urls", "web_origins")


def create_system_records(tenant: Auth0Tenant) -> None:
    """What every new tenant has, and the application that sets it up (docs/sign-in.md)."""
    management_api = {"id": "system", "name": "Auth0 Management API", "identifier": tenant.management_audience}
    tenant.put_record("resource_server", "system", {**management_api, "is_system": True, "signing_alg": "RS256"})
    connection = {"id": "con_local", "name": CONNECTION, "strategy": "auth0", "options": {}, "enabled_clients": []}
    if tenant.get_record("connection", "con_local") is None:
        tenant.put_record("connection", "con_local", connection)
    setup = {"name": "Dutyline set-up", "app_type": "non_interactive", "grant_types": ["client_credentials"]}
    _put_application(tenant, SETUP_ID, SETUP_SECRET, setup)
    _put_grant(tenant, SETUP_ID, tenant.management_audience, plans.SETUP_SCOPES)


def create_local_records(tenant: Auth0Tenant, installation: plans.Installation) -> None:
    """A tenant that is set up for this installation; addresses may also name ``localhost``."""
    create_system_records(tenant)
    api = {"id": "api_local", "name": "Dutyline", "token_lifetime": 86_400, **plans.plan_api(installation)}
    tenant.put_record("resource_server", "api_local", api)
    for role, plan in plans.plan_applications(installation).items():
        fields = {**plan.required, **plan.initial, "name": plan.name}
        for name in LISTS_OF_ADDRESSES:
            fields[name] = _with_localhost(fields.get(name, []))
        _put_application(tenant, *CREDENTIALS[role], fields)
    _put_application(tenant, "dutyline-app", "local-app-secret", TOKEN_APPLICATION)
    _put_grant(tenant, MACHINE_ID, tenant.management_audience, plans.MACHINE_SCOPES)
    signs_in = [CREDENTIALS[role][0] for role in ("web", "mobile", "operators")]
    options = {option: value for option, (value, _) in plans.plan_connection_options({}).items()}
    connection = {"id": "con_local", "name": CONNECTION, "strategy": "auth0", "options": options}
    tenant.put_record("connection", "con_local", {**connection, "enabled_clients": [*signs_in, "dutyline-app"]})
    _put_action(tenant, installation)


def _put_application(tenant: Auth0Tenant, client_id: str, secret: str, fields: dict[str, Any]) -> None:
    credentials = {"client_id": client_id, **({"client_secret": secret} if secret else {})}
    tenant.put_record("client", client_id, {**fields, **credentials})


def _put_grant(tenant: Auth0Tenant, client_id: str, audience: str, scopes: tuple[str, ...]) -> None:
    id = f"cgr_{client_id}"
    grant = {"id": id, "client_id": client_id, "audience": audience, "scope": list(scopes)}
    tenant.put_record("client_grant", id, grant)


def _put_action(tenant: Auth0Tenant, installation: plans.Installation) -> None:
    code = plans.plan_action_code(installation)
    action = {
        "id": ACTION_ID,
        "name": plans.ACTION_NAME,
        "supported_triggers": [{"id": POST_LOGIN, "version": "v3"}],
        "code": code,
        "deployed_version": {"code": code, "deployed": True},
        "all_changes_deployed": True,
        "status": "built",
        "created_at": format_now(),
    }
    tenant.put_record("action", ACTION_ID, action)
    tenant.put_record("bindings", POST_LOGIN, {"action_ids": [ACTION_ID]})


def _with_localhost(addresses: list[str]) -> list[str]:
    aliases = [address.replace("//127.0.0.1:", "//localhost:") for address in addresses]
    return list(dict.fromkeys([*addresses, *aliases]))
