"""The Management API's part for Actions: created, built by Auth0, deployed, bound to a trigger."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.emulators.auth0.actions import POST_LOGIN
from tests.emulators.auth0.management import error_response
from tests.emulators.auth0.tenant import Auth0Tenant, format_now
from tests.emulators.server import EmulatorRequest, EmulatorResponse, json_response

BUILD_SECONDS = 0.5
ACTION_FIELDS = frozenset({"name", "supported_triggers", "code", "dependencies", "runtime", "secrets"})
Route = Callable[[str, str, str, Callable[..., EmulatorResponse]], None]


class ActionsApi:
    """Actions and what is bound to the login flow."""

    def __init__(self, tenant: Auth0Tenant) -> None:
        self._tenant = tenant

    def register_routes(self, add: Route) -> None:
        add("GET", "actions/actions", "read:actions", self.list_actions)
        add("POST", "actions/actions", "create:actions", self.create_action)
        add("PATCH", "actions/actions/{id}", "update:actions", self.update_action)
        add("POST", "actions/actions/{id}/deploy", "create:actions", self.deploy_action)
        add("GET", f"actions/triggers/{POST_LOGIN}/bindings", "read:actions", self.list_bindings)
        add("PATCH", f"actions/triggers/{POST_LOGIN}/bindings", "update:actions", self.replace_bindings)

    def list_actions(self, request: EmulatorRequest) -> EmulatorResponse:
        if unknown := set(request.query) - {"page", "per_page", "triggerId", "actionName", "deployed"}:
            return _invalid(f"Query validation error: {sorted(unknown)[0]}")
        return _page(request, "actions", [_visible(action) for action in self._tenant.list_records("action")])

    def create_action(self, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        if set(body) - ACTION_FIELDS or not {"name", "supported_triggers"} <= set(body):
            return _invalid("Payload validation error")
        id, at = secrets.token_hex(12), format_now()
        built = {"all_changes_deployed": False, "built_at": time.time() + BUILD_SECONDS}
        action = {"code": "", **body, "id": id, "created_at": at, "updated_at": at, **built}
        self._tenant.put_record("action", id, action)
        return json_response(_visible(action), 201)

    def update_action(self, request: EmulatorRequest, id: str) -> EmulatorResponse:
        body, action = request.json(), self._tenant.get_record("action", id)
        if action is None:
            return _unknown_action()
        if set(body) - ACTION_FIELDS:
            return _invalid("Payload validation error")
        built = {"all_changes_deployed": False, "built_at": time.time() + BUILD_SECONDS}
        action = {**action, **body, "updated_at": format_now(), **built}
        self._tenant.put_record("action", id, action)
        return json_response(_visible(action))

    def deploy_action(self, request: EmulatorRequest, id: str) -> EmulatorResponse:
        action = self._tenant.get_record("action", id)
        if action is None:
            return _unknown_action()
        if _visible(action)["status"] != "built":
            return _invalid("A draft must be in the 'built' state before it can be deployed.")
        version = {"id": secrets.token_hex(8), "code": action["code"], "deployed": True, "number": 1}
        self._tenant.put_record("action", id, {**action, "deployed_version": version, "all_changes_deployed": True})
        return json_response(version, 202)

    def list_bindings(self, request: EmulatorRequest) -> EmulatorResponse:
        return _page(request, "bindings", self._bindings())

    def replace_bindings(self, request: EmulatorRequest) -> EmulatorResponse:
        """Replace all bindings; an Action must be deployed before it is bound."""
        current = {binding["id"]: binding["action"]["id"] for binding in self._bindings()}
        ids = []
        for item in request.json().get("bindings", []):
            kind, value = item["ref"]["type"], item["ref"]["value"]
            action = self._tenant.get_record("action", current.get(value, "") if kind == "binding_id" else value)
            if action is None or not action.get("deployed_version"):
                return _invalid("The action is not deployed or does not exist.")
            ids.append(action["id"])
        self._tenant.put_record("bindings", POST_LOGIN, {"action_ids": ids})
        return json_response({"bindings": self._bindings()})

    def _bindings(self) -> list[dict[str, Any]]:
        stored = self._tenant.get_record("bindings", POST_LOGIN) or {"action_ids": []}
        actions = [self._tenant.get_record("action", id) for id in stored["action_ids"]]
        return [
            {
                "id": f"bnd_{action['id']}",
                "trigger_id": POST_LOGIN,
                "display_name": action["name"],
                "action": _visible(action),
            }
            for action in actions
            if action
        ]


def _page(request: EmulatorRequest, members: str, records: list[dict[str, Any]]) -> EmulatorResponse:
    page, per_page = int(request.query.get("page", 0)), int(request.query.get("per_page", 50))
    totals = {"total": len(records), "page": page, "per_page": per_page}
    return json_response({members: records[page * per_page :][:per_page], **totals})


def _visible(action: dict[str, Any]) -> dict[str, Any]:
    status = "built" if time.time() >= action.get("built_at", 0) else "pending"
    return {**{name: value for name, value in action.items() if name != "built_at"}, "status": status}


def _invalid(message: str) -> EmulatorResponse:
    return error_response(400, "Bad Request", message, "invalid_body")


def _unknown_action() -> EmulatorResponse:
    return error_response(404, "Not Found", "The action does not exist.", "inexistent_action")
