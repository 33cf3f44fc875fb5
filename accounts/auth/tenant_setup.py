"""Compares an Auth0 tenant with the plan (`accounts.auth.tenant_configuration`) and corrects it.

Nothing that the plan does not know is removed: lists grow, other members stay. The exception are
grant types that an application without a secret must not have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.auth import tenant_applications as applications
from accounts.auth import tenant_configuration as plans
from accounts.auth.tenant_applications import Correction, Difference
from accounts.clients.auth0_configuration import TenantConfiguration, quoted

MAX_ROUNDS = 15
"""What is created in one round is what the next one refers to; Auth0 may need time between."""
POST_LOGIN = "post-login"
_BINDINGS = f"actions/triggers/{POST_LOGIN}/bindings"


@dataclass(frozen=True)
class Outcome:
    """What was corrected, and what remains for a person to do."""

    corrected: list[str]
    remaining: list[str]


def inspect(tenant: TenantConfiguration, installation: plans.Installation) -> list[Difference]:
    """Everything that is missing or different. Raises `SetupRefused`."""
    clients = list(tenant.list_all("clients", "clients"))
    by_role = applications.match_applications(clients, plans.plan_applications(installation))
    return [
        *_compare_api(tenant, installation),
        *applications.compare(by_role, plans.plan_applications(installation)),
        *_compare_connection(tenant, installation, by_role),
        *_compare_machine_grant(tenant, installation, by_role),
        *_compare_action(tenant, installation),
    ]


def correct(tenant: TenantConfiguration, installation: plans.Installation) -> Outcome:
    """Create and correct what is missing or different. Raises `SetupRefused`."""
    corrected: list[str] = []
    for _ in range(MAX_ROUNDS):
        differences = inspect(tenant, installation)
        corrections = [difference.correction for difference in differences if difference.correction]
        if not corrections and not any(difference.is_pending for difference in differences):
            break
        if not corrections:
            tenant.pause()
        for method, path, body in _merge(corrections):
            tenant.call(method, path, body)
        corrected += [difference.sentence for difference in differences if difference.correction]
    return Outcome(corrected, [difference.sentence for difference in inspect(tenant, installation)])


def _merge(corrections: list[Correction]) -> Iterator[Correction]:
    """One call for each record: the changes of one are sent together."""
    merged: dict[tuple[str, str], Correction] = {}
    for number, (method, path, body) in enumerate(corrections):
        key = (method, path) if method == "PATCH" else (method, f"{path} {number}")
        previous = merged[key][2] if key in merged else None
        if isinstance(previous, dict) and isinstance(body, dict):
            body = {**previous, **body}
        merged[key] = (method, path, body)
    yield from merged.values()


def _compare_api(tenant: TenantConfiguration, installation: plans.Installation) -> Iterator[Difference]:
    plan, name = plans.plan_api(installation), f'The API "{installation.audience}"'
    servers = tenant.list_all("resource-servers", "resource_servers")
    api = next((server for server in servers if server.get("identifier") == installation.audience), None)
    if api is None:
        sentence = f"{name} does not exist: create it with RS256 and offline access (AUTH0_AUDIENCE is its identifier)."
        yield Difference(sentence, ("POST", "resource-servers", {"name": "Dutyline", **plan}))
        return
    path = f"resource-servers/{quoted(api['id'])}"
    if api.get("signing_alg") != plan["signing_alg"]:
        sentence = f"{name} signs tokens with {api.get('signing_alg')}: set its signing algorithm to RS256."
        yield Difference(sentence, ("PATCH", path, {"signing_alg": plan["signing_alg"]}))
    if not api.get("allow_offline_access"):
        sentence = f"{name} gives no refresh tokens: switch on Allow Offline Access."
        yield Difference(sentence, ("PATCH", path, {"allow_offline_access": True}))


def _compare_connection(
    tenant: TenantConfiguration, installation: plans.Installation, by_role: Mapping[str, dict[str, Any]]
) -> Iterator[Difference]:
    name = installation.connection
    connections = tenant.list_from("connections", "connections", name=name, strategy="auth0")
    connection = next((connection for connection in connections if connection.get("name") == name), None)
    if connection is None:
        options = {option: value for option, (value, _) in plans.plan_connection_options({}).items()}
        body = {"name": name, "strategy": "auth0", "options": options}
        sentence = f'The database connection "{name}" does not exist: create it without sign-up.'
        yield Difference(sentence, ("POST", "connections", body))
        return
    path, options = f"connections/{quoted(connection['id'])}", connection.get("options") or {}
    changes = plans.plan_connection_options(options)
    corrected = {**options, **{option: value for option, (value, _) in changes.items()}}
    for _, reason in changes.values():
        # Auth0 replaces all options by those that are sent.
        yield Difference(f'{reason} in the connection "{name}".', ("PATCH", path, {"options": corrected}))
    enabled = {client.get("client_id") for client in tenant.list_from(f"{path}/clients", "clients")}
    ids_by_role = {role: application["client_id"] for role, application in by_role.items() if role != "machine"}
    missing = {role: id for role, id in ids_by_role.items() if id not in enabled}
    correction = ("PATCH", f"{path}/clients", [{"client_id": id, "status": True} for id in missing.values()])
    for role in missing:
        yield Difference(f'Nobody can sign in to the {role} application: enable "{name}" for it.', correction)


def _compare_machine_grant(
    tenant: TenantConfiguration, installation: plans.Installation, by_role: Mapping[str, dict[str, Any]]
) -> Iterator[Difference]:
    if "machine" not in by_role:
        return  # it is created first
    pair = {"client_id": by_role["machine"]["client_id"], "audience": installation.management_url}
    grants = tenant.list_from("client-grants", "client_grants", **pair)
    grant = next((grant for grant in grants if pair.items() <= grant.items()), None)
    if grant is None:
        sentence = (
            f"The machine application may not call the Management API: grant it {' '.join(plans.MACHINE_SCOPES)}."
        )
        yield Difference(sentence, ("POST", "client-grants", {**pair, "scope": list(plans.MACHINE_SCOPES)}))
        return
    scopes = grant.get("scope") or []
    missing = [scope for scope in plans.MACHINE_SCOPES if scope not in scopes]
    if missing:
        sentence = f"The machine application lacks scopes of the Management API: grant it {' '.join(missing)}."
        path = f"client-grants/{quoted(grant['id'])}"
        yield Difference(sentence, ("PATCH", path, {"scope": [*scopes, *missing]}))


def _compare_action(tenant: TenantConfiguration, installation: plans.Installation) -> Iterator[Difference]:
    name, code = f'The Action "{plans.ACTION_NAME}"', plans.plan_action_code(installation)
    actions = tenant.list_all("actions/actions", "actions", triggerId=POST_LOGIN)
    action = next((action for action in actions if action.get("name") == plans.ACTION_NAME), None)
    if action is None:
        sentence = f"{name} does not exist: create it for the login flow, so that operators have their roles."
        trigger = {"id": POST_LOGIN, "version": "v3"}
        body = {"name": plans.ACTION_NAME, "supported_triggers": [trigger], "code": code}
        yield Difference(sentence, ("POST", "actions/actions", body))
        return
    path = f"actions/actions/{quoted(action['id'])}"
    if action.get("code") != code:
        sentence = f'{name} does not set the claim "{installation.roles_claim}" as planned: replace its code.'
        yield Difference(sentence, ("PATCH", path, {"code": code}))
    elif action.get("status") in ("pending", "building"):
        yield Difference(f"{name} is still being built: run this again.", is_pending=True)
    elif not action.get("all_changes_deployed"):
        yield Difference(f"{name} is not deployed: deploy it.", ("POST", f"{path}/deploy", None))
    else:
        yield from _compare_binding(tenant, name, action["id"])


def _compare_binding(tenant: TenantConfiguration, name: str, action_id: str) -> Iterator[Difference]:
    bindings = list(tenant.list_all(_BINDINGS, "bindings"))
    if any((binding.get("action") or {}).get("id") == action_id for binding in bindings):
        return
    refs = [("binding_id", binding["id"], binding.get("display_name")) for binding in bindings]
    refs.append(("action_id", action_id, plans.ACTION_NAME))
    # Auth0 replaces all bindings by those that are sent.
    body = [{"ref": {"type": kind, "value": id}, "display_name": label} for kind, id, label in refs]
    sentence = f"{name} is not part of the login flow: add it to the trigger {POST_LOGIN}."
    yield Difference(sentence, ("PATCH", _BINDINGS, {"bindings": body}))
