"""Compares the applications of an Auth0 tenant with their plans."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from accounts.auth.tenant_configuration import FORBIDDEN_GRANTS, PUBLIC_APPLICATIONS, ApplicationPlan
from accounts.clients.auth0_configuration import quoted

Application = dict[str, Any]
Correction = tuple[str, str, Any]
"""Method, path and body of a call to the Management API."""
SETTING_OF_ROLE = {
    "web": ("AUTH0_SPA_CLIENT_ID", "spa_client_id"),
    "mobile": ("AUTH0_NATIVE_CLIENT_ID", "native_client_id"),
    "machine": ("AUTH0_CLIENT_ID", "client_id"),
    "operators": ("AUTH0_SSO_CLIENT_ID", "sso_client_id"),
}
_DASHBOARD_NAMES = {
    "app_type": "Application Type",
    "token_endpoint_auth_method": "Authentication Method",
    "oidc_conformant": "OIDC Conformant",
    "jwt_configuration": "JSON Web Token Signature Algorithm",
    "refresh_token": "Refresh Token Rotation",
    "grant_types": "Grant Types",
    "callbacks": "Allowed Callback URLs",
    "allowed_logout_urls": "Allowed Logout URLs",
    "web_origins": "Allowed Web Origins",
}


@dataclass(frozen=True)
class Difference:
    """What is missing or different, with what to do, and the call that does it, if one can."""

    sentence: str
    correction: Correction | None = None
    is_pending: bool = False
    """Whether Auth0 is at work on it."""


def match_applications(clients: list[Application], plans: Mapping[str, ApplicationPlan]) -> dict[str, Application]:
    """The application of each role: the one of our settings, else the one of the planned name."""
    by_id = {client["client_id"]: client for client in clients if not client.get("global")}
    by_name = {client.get("name"): client for client in reversed(by_id.values())}
    matches = {
        role: by_id.get(settings.AUTH0[SETTING_OF_ROLE[role][1]]) or by_name.get(plan.name)
        for role, plan in plans.items()
    }
    return {role: match for role, match in matches.items() if match is not None}


def compare(by_role: Mapping[str, Application], plans: Mapping[str, ApplicationPlan]) -> Iterator[Difference]:
    """The differences of all applications from their plans."""
    roles_by_id: dict[str, str] = {}
    for role, plan in plans.items():
        application = by_role.get(role)
        if application is None:
            body = {"name": plan.name, **plan.required, **plan.initial}
            sentence = f'There is no {role} application: create "{plan.name}" of type {plan.required["app_type"]}.'
            yield Difference(sentence, ("POST", "clients", body))
            continue
        client_id = application["client_id"]
        if client_id in roles_by_id:
            setting, other = SETTING_OF_ROLE[role][0], SETTING_OF_ROLE[roles_by_id[client_id]][0]
            yield Difference(f"{setting} and {other} name the same application: give each its own.")
            continue
        roles_by_id[client_id] = role
        yield from _compare_setting(role, client_id)
        yield from _compare_members(role, application, plan)


def _compare_setting(role: str, client_id: str) -> Iterator[Difference]:
    setting, key = SETTING_OF_ROLE[role]
    if settings.AUTH0[key] != client_id:
        yield Difference(f"{setting} is not the client id of the {role} application: set it to {client_id}.")


def _compare_members(role: str, application: Application, plan: ApplicationPlan) -> Iterator[Difference]:
    path = f"clients/{quoted(application['client_id'])}"
    for member, planned in plan.required.items():
        actual, label = application.get(member), f"{_DASHBOARD_NAMES[member]} of the {role} application"
        if isinstance(planned, list):
            yield from _compare_list(role, member, actual or [], planned, path)
        elif isinstance(planned, dict):
            if any((actual or {}).get(name) != value for name, value in planned.items()):
                values = ", ".join(str(value) for value in planned.values())
                body = {member: {**(actual or {}), **plan.initial.get(member, planned)}}
                yield Difference(f"{label} must be {values}: change it.", ("PATCH", path, body))
        elif actual != planned:
            yield Difference(f"{label} is {actual}: change it to {planned}.", ("PATCH", path, {member: planned}))


def _compare_list(role: str, member: str, actual: list[str], planned: list[str], path: str) -> Iterator[Difference]:
    forbidden = FORBIDDEN_GRANTS if member == "grant_types" and role in PUBLIC_APPLICATIONS else ()
    missing = [value for value in planned if value not in actual]
    excess = [value for value in actual if value in forbidden]
    label = f"{_DASHBOARD_NAMES[member]} of the {role} application"
    correction = ("PATCH", path, {member: [value for value in [*actual, *missing] if value not in excess]})
    if missing:
        yield Difference(f"{label} lack {', '.join(missing)}: add it.", correction)
    if excess:
        yield Difference(f"{label} allow {', '.join(excess)}: remove it.", correction)
