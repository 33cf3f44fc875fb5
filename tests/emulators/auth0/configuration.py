"""The Management API's part for a tenant's configuration, with Auth0's checks and errors."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.auth0.actions_api import ActionsApi
from tests.emulators.auth0.management import error_response, require_scope
from tests.emulators.auth0.tenant import Auth0Tenant
from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, json_response

Check = Callable[[Auth0Tenant, dict[str, Any]], EmulatorResponse | None]

CLIENT_FIELDS = frozenset(
    {"name", "description", "app_type", "grant_types", "token_endpoint_auth_method", "oidc_conformant"}
    | {"callbacks", "allowed_logout_urls", "web_origins", "allowed_origins", "jwt_configuration"}
    | {"refresh_token", "client_metadata", "is_first_party", "sso", "cross_origin_authentication"}
)
API_FIELDS = frozenset(
    {"name", "scopes", "signing_alg", "allow_offline_access", "token_lifetime", "token_dialect"}
    | {"skip_consent_for_verifiable_first_party_clients", "enforce_policies"}
)
CHOICES = {
    "app_type": ("native", "spa", "regular_web", "non_interactive"),
    "token_endpoint_auth_method": ("none", "client_secret_post", "client_secret_basic"),
    "signing_alg": ("HS256", "RS256", "PS256"),
    "strategy": ("auth0",),
}
TYPES: dict[str, type] = {
    **dict.fromkeys(("callbacks", "allowed_logout_urls", "web_origins", "allowed_origins", "grant_types"), list),
    **dict.fromkeys(("jwt_configuration", "refresh_token", "options"), dict),
    **dict.fromkeys(("allow_offline_access", "oidc_conformant"), bool),
    "scope": list,
}
NEW_CLIENT = {
    "app_type": None,
    "token_endpoint_auth_method": "client_secret_post",
    "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
    "oidc_conformant": False,
    "jwt_configuration": {"alg": "HS256", "lifetime_in_seconds": 36_000},
    "refresh_token": {"rotation_type": "non-rotating", "expiration_type": "non-expiring", "leeway": 0},
    "is_first_party": True,
    "callbacks": [],
    "web_origins": [],
    "allowed_logout_urls": [],
}


@dataclass(frozen=True)
class Collection:
    """A kind of record that the API creates, lists and changes."""

    kind: str
    noun: str
    members: str
    """The name of the list in an answer with totals or a checkpoint."""
    create_fields: frozenset[str]
    update_fields: frozenset[str]
    required: tuple[str, ...]
    defaults: dict[str, Any]
    id_field: str = "id"
    unique: tuple[str, ...] = ()
    """Members of which no two records have the same values."""
    filters: tuple[str, ...] = ()
    by_checkpoint: bool = False
    hidden: frozenset[str] = field(default_factory=frozenset)


COLLECTIONS = {
    "clients": Collection(
        *("client", "clients", "clients", CLIENT_FIELDS, CLIENT_FIELDS, ("name",), NEW_CLIENT, "client_id"),
        hidden=frozenset({"client_secret"}),
    ),
    "resource-servers": Collection(
        *("resource_server", "resource_servers", "resource_servers", API_FIELDS | {"identifier"}, API_FIELDS),
        *(("identifier",), {"signing_alg": "HS256", "allow_offline_access": False, "token_lifetime": 86_400}),
        unique=("identifier",),
    ),
    "client-grants": Collection(
        *("client_grant", "client_grants", "client_grants", frozenset({"client_id", "audience", "scope"})),
        *(frozenset({"scope"}), ("client_id", "audience", "scope"), {}),
        unique=("client_id", "audience"),
        filters=("client_id", "audience"),
        by_checkpoint=True,
    ),
    "connections": Collection(
        *("connection", "connections", "connections", frozenset({"name", "strategy", "options", "display_name"})),
        *(frozenset({"options", "display_name"}), ("name", "strategy"), {"options": {}, "enabled_clients": []}),
        unique=("name",),
        filters=("name", "strategy"),
        by_checkpoint=True,
        hidden=frozenset({"enabled_clients"}),
    ),
}


class ConfigurationApi:
    """Adds the routes of the tenant's configuration to an emulator."""

    def __init__(self, tenant: Auth0Tenant) -> None:
        self._tenant = tenant
        self._actions = ActionsApi(tenant)

    def register_routes(self, emulator: Emulator) -> None:
        def add(method: str, path: str, scope: str, handler: Callable[..., EmulatorResponse]) -> None:
            emulator.add_route(method, f"/api/v2/{path}", require_scope(self._tenant, scope, handler))

        for path, collection in COLLECTIONS.items():
            add("GET", path, f"read:{collection.noun}", self._handler(collection, self.list_records))
            add("POST", path, f"create:{collection.noun}", self._handler(collection, self.create_record))
            add("GET", f"{path}/{{id}}", f"read:{collection.noun}", self._handler(collection, self.get_record))
            if collection.kind != "connection":
                handler = self._handler(collection, self.update_record)
                add("PATCH", f"{path}/{{id}}", f"update:{collection.noun}", handler)
        emulator.add_route("PATCH", "/api/v2/connections/{id}", self.update_connection)
        add("GET", "connections/{id}/clients", "read:connections", self.list_enabled_clients)
        add("PATCH", "connections/{id}/clients", "update:connections", self.update_enabled_clients)
        self._actions.register_routes(add)

    @staticmethod
    def _handler(collection: Collection, handler: Callable[..., EmulatorResponse]) -> Callable[..., EmulatorResponse]:
        return lambda request, **parts: handler(collection, request, **parts)

    def list_records(self, collection: Collection, request: EmulatorRequest) -> EmulatorResponse:
        query = dict(request.query)
        filters = {name: query.pop(name) for name in collection.filters if name in query}
        records = [
            _visible(collection, record)
            for record in self._tenant.list_records(collection.kind)
            if filters.items() <= record.items()
        ]
        if collection.by_checkpoint:
            return checkpoint_page(query, collection.members, records)
        page, per_page = int(query.pop("page", 0)), int(query.pop("per_page", 50))
        with_totals = query.pop("include_totals", "false") == "true"
        if query or page < 0 or not 1 <= per_page <= 100:
            return query_error(query)
        chunk = records[page * per_page :][:per_page]
        totals = {"start": page * per_page, "limit": per_page, "total": len(records)}
        return json_response({**totals, collection.members: chunk} if with_totals else chunk)

    def create_record(self, collection: Collection, request: EmulatorRequest) -> EmulatorResponse:
        body = request.json()
        missing = [name for name in collection.required if name not in body]
        if problem := body_error(body, collection.create_fields, missing):
            return problem
        with self._tenant.locked():
            if problem := self._reference_error(collection, body) or self._duplicate_error(collection, body):
                return problem
            id = secrets.token_hex(12)
            record = {**collection.defaults, **body, collection.id_field: id}
            secret = {"client_secret": secrets.token_urlsafe(48)} if collection.kind == "client" else {}
            self._tenant.put_record(collection.kind, id, {**record, **secret})
        return json_response({**_visible(collection, record), **secret}, 201)

    def get_record(self, collection: Collection, request: EmulatorRequest, id: str) -> EmulatorResponse:
        record = self._tenant.get_record(collection.kind, id)
        return json_response(_visible(collection, record)) if record else unknown_error(collection.kind)

    def update_record(self, collection: Collection, request: EmulatorRequest, id: str) -> EmulatorResponse:
        """Replace the members that are sent, nested ones as a whole."""
        body = request.json()
        if problem := body_error(body, collection.update_fields):
            return problem
        with self._tenant.locked():
            record = self._tenant.get_record(collection.kind, id)
            if record is None:
                return unknown_error(collection.kind)
            updated = {**record, **body}
            self._tenant.put_record(collection.kind, id, updated)
        return json_response(_visible(collection, updated))

    def update_connection(self, request: EmulatorRequest, id: str) -> EmulatorResponse:
        """Options of a connection need a scope of their own."""
        scope = "update:connections_options" if "options" in request.json() else "update:connections"
        handler = self._handler(COLLECTIONS["connections"], self.update_record)
        return require_scope(self._tenant, scope, handler)(request, id=id)

    def _reference_error(self, collection: Collection, body: dict[str, Any]) -> EmulatorResponse | None:
        if collection.kind == "client_grant":
            if self._tenant.get_record("client", str(body["client_id"])) is None:
                return unknown_error("client")
            if self._tenant.get_resource_server(str(body["audience"])) is None:
                return unknown_error("resource_server")
        return None

    def _duplicate_error(self, collection: Collection, body: dict[str, Any]) -> EmulatorResponse | None:
        same = {name: body[name] for name in collection.unique}
        if same and any(same.items() <= record.items() for record in self._tenant.list_records(collection.kind)):
            return error_response(409, "Conflict", f"A {collection.kind} like this exists already.", "conflict")
        return None

    def list_enabled_clients(self, request: EmulatorRequest, id: str) -> EmulatorResponse:
        connection = self._tenant.get_record("connection", id)
        if connection is None:
            return unknown_error("connection")
        records = [{"client_id": client_id} for client_id in connection["enabled_clients"]]
        return checkpoint_page(dict(request.query), "clients", records)

    def update_enabled_clients(self, request: EmulatorRequest, id: str) -> EmulatorResponse:
        body = request.json_value()
        if not isinstance(body, list) or not 1 <= len(body) <= 50 or not all(_is_client_status(item) for item in body):
            return error_response(400, "Bad Request", "Payload validation error: a list of statuses.", "invalid_body")
        with self._tenant.locked():
            connection = self._tenant.get_record("connection", id)
            if connection is None:
                return unknown_error("connection")
            statuses = dict.fromkeys(connection["enabled_clients"], True)
            statuses |= {item["client_id"]: item["status"] for item in body}
            enabled = [client_id for client_id, is_enabled in statuses.items() if is_enabled]
            self._tenant.put_record("connection", id, {**connection, "enabled_clients": enabled})
        return EmulatorResponse(204)


def checkpoint_page(query: dict[str, str], members: str, records: list[dict[str, Any]]) -> EmulatorResponse:
    """A page of a collection that continues from a checkpoint."""
    start, take = int(query.pop("from", 0)), int(query.pop("take", 50))
    query.pop("include_totals", None)
    if query or start < 0 or not 1 <= take <= 100:
        return query_error(query)
    following = {"next": str(start + take)} if start + take < len(records) else {}
    return json_response({members: records[start:][:take], **following})


def query_error(query: dict[str, str]) -> EmulatorResponse:
    """The answer to an unknown or wrong query parameter."""
    message = f"Query validation error: '{', '.join(query) or 'page'}' is not allowed."
    return error_response(400, "Bad Request", message, "invalid_query_string")


def body_error(
    body: dict[str, Any], known: frozenset[str], missing: list[str] | None = None
) -> EmulatorResponse | None:
    """The answer to a body with missing, unknown or wrong members."""
    unknown = sorted(set(body) - known)
    message = f"Missing required property: {missing[0]}" if missing else ""
    if unknown:
        message = f"Additional properties not allowed: {unknown[0]}"
    for name, value in body.items():
        if name in CHOICES and value not in CHOICES[name]:
            message = f"No enum match for: {value} on property {name}"
        if not isinstance(value, TYPES.get(name, object)):
            message = f"Expected another type on property {name}"
    rules = body.get("refresh_token") or {}
    if rules.get("rotation_type") == "rotating" and rules.get("expiration_type") != "expiring":
        message = "Rotating refresh tokens must expire on property refresh_token"
    if not message:
        return None
    return error_response(400, "Bad Request", f"Payload validation error: '{message}'.", "invalid_body")


def unknown_error(kind: str) -> EmulatorResponse:
    """The answer about a record that does not exist."""
    return error_response(404, "Not Found", f"The {kind} does not exist.", f"inexistent_{kind}")


def _visible(collection: Collection, record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in collection.hidden}


def _is_client_status(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("client_id"), str) and isinstance(item.get("status"), bool)
