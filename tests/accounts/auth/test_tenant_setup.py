"""``manage.py auth0 setup`` against tenants that are empty, complete, or wrong in one part."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.auth import tenant_configuration as plans
from accounts.auth.tenant_applications import SETTING_OF_ROLE
from tests.emulators.auth0 import local_configuration
from tests.emulators.auth0.actions import POST_LOGIN
from tests.emulators.auth0.configuration import ConfigurationApi
from tests.emulators.auth0.login import LoginPages
from tests.emulators.auth0.management import build_user, error_response
from tests.emulators.auth0.tenant import Auth0Tenant, SigningKey, generate_key
from tests.emulators.auth0.tokens import TokenApi
from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, create_server
from tests.support.environment import free_port
from tests.support.sign_in import PublicApp

COMPLETE = "The Auth0 tenant has everything that Dutyline needs."


class CountingEmulator(Emulator):
    """An emulator that remembers which changes it received."""

    def __init__(self) -> None:
        super().__init__(malformed_response=lambda text: error_response(400, "Bad Request", text, "invalid_body"))
        self.changes: list[str] = []

    def dispatch(self, request: EmulatorRequest) -> EmulatorResponse:
        if request.path.startswith("/api/") and request.method != "GET":
            self.changes.append(f"{request.method} {request.path.removeprefix('/api/v2/')}")
        return super().dispatch(request)


@dataclass
class TenantUnderTest:
    """A tenant of its own with the emulator in front of it."""

    tenant: Auth0Tenant
    emulator: CountingEmulator

    def run_setup(self, *options: str) -> tuple[int, list[str]]:
        """Exit code and lines of the command."""
        out = io.StringIO()
        try:
            call_command("auth0", "setup", *options, stdout=out)
        except SystemExit as stopped:
            return int(str(stopped.code)), out.getvalue().splitlines()
        return 0, out.getvalue().splitlines()

    def change(self, kind: str, id: str, **fields: Any) -> None:
        record = self.tenant.get_record(kind, id)
        assert record
        self.tenant.put_record(kind, id, {**record, **fields})


@cache
def signing_keys() -> list[SigningKey]:
    """The keys of all tenants of this module: making them takes longer than a test."""
    return [generate_key(), generate_key()]


@pytest.fixture
def under_test(settings: Any) -> Iterator[TenantUnderTest]:
    """An empty tenant, at which our settings point."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/"
    tenant = Auth0Tenant(":memory:", issuer=issuer, keys=signing_keys())
    local_configuration.create_system_records(tenant)
    emulator = CountingEmulator()
    for api in (LoginPages(tenant), TokenApi(tenant), ConfigurationApi(tenant)):
        api.register_routes(emulator)
    settings.AUTH0 = {**settings.AUTH0, "issuer": issuer, "management_url": f"{issuer}api/v2/"}
    with create_server(emulator, port) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield TenantUnderTest(tenant, emulator)
        http_server.shutdown()
    tenant.close()


@pytest.fixture
def complete(under_test: TenantUnderTest) -> TenantUnderTest:
    """The tenant of ``make run``."""
    local_configuration.create_local_records(under_test.tenant, plans.read_installation())
    return under_test


def test_an_empty_tenant_is_reported_created_and_then_complete(under_test: TenantUnderTest, settings: Any) -> None:
    tenant = under_test.tenant
    tenant.delete_record("connection", "con_local")

    code, lines = under_test.run_setup("--check")

    assert code == 1
    assert under_test.emulator.changes == [], "a check changes nothing"
    for subject in ("API", "web application", "mobile application", "machine application", "operators application"):
        assert any(subject in line for line in lines), (subject, lines)
    assert any("connection" in line for line in lines)
    assert any("Action" in line for line in lines)

    code, lines = under_test.run_setup()

    assert code == 1, "the ids that Auth0 gave are still to be set"
    remaining = [line for line in lines if line.startswith("open")]
    assert len(remaining) == len(SETTING_OF_ROLE), remaining
    created = {client["name"]: client for client in tenant.list_records("client")}
    for plan, (setting, key) in zip(
        plans.plan_applications(plans.read_installation()).values(), SETTING_OF_ROLE.values(), strict=True
    ):
        (sentence,) = [line for line in remaining if setting in line.split()]
        assert sentence.endswith(f"set it to {created[plan.name]['client_id']}.")
        settings.AUTH0[key] = created[plan.name]["client_id"]
    assert not any(client.get("client_secret", "-") in "\n".join(lines) for client in created.values())

    under_test.emulator.changes.clear()
    assert under_test.run_setup() == (0, [COMPLETE])
    assert under_test.emulator.changes == [], "a second run changes nothing"
    assert under_test.run_setup("--check") == (0, [COMPLETE])

    tenant.add_user(build_user({"email": "new@cast.example", "password": "Pass-word-1"}))
    tokens = PublicApp(tenant.issuer, created["Dutyline web"]["client_id"]).sign_in("new@cast.example", "Pass-word-1")
    assert tokens["refresh_token"], "one can sign in at a tenant that the command has set up"


def test_the_tenant_of_a_local_run_is_complete(complete: TenantUnderTest) -> None:
    assert complete.run_setup("--check") == (0, [COMPLETE])
    assert complete.run_setup() == (0, [COMPLETE])
    assert complete.emulator.changes == []


def change_client(role: str, **fields: Any) -> Callable[[TenantUnderTest], None]:
    return lambda under_test: under_test.change("client", local_configuration.CREDENTIALS[role][0], **fields)


def change_record(kind: str, id: str, **fields: Any) -> Callable[[TenantUnderTest], None]:
    return lambda under_test: under_test.change(kind, id, **fields)


def change_options(**options: Any) -> Callable[[TenantUnderTest], None]:
    planned = {option: value for option, (value, _) in plans.plan_connection_options({}).items()}
    return change_record("connection", "con_local", options={**planned, **options})


def delete_record(kind: str, id: str) -> Callable[[TenantUnderTest], None]:
    return lambda under_test: under_test.tenant.delete_record(kind, id)


FAULTS = {
    "API signs with HS256": (
        change_record("resource_server", "api_local", signing_alg="HS256"),
        "signs tokens with HS256",
    ),
    "API without offline access": (
        change_record("resource_server", "api_local", allow_offline_access=False),
        "gives no refresh tokens",
    ),
    "web app has a secret": (
        change_client("web", token_endpoint_auth_method="client_secret_post"),
        "Authentication Method of the web application is client_secret_post: change it to none.",
    ),
    "web app of another type": (change_client("web", app_type="native"), "Application Type of the web application"),
    "web app without refresh tokens": (
        change_client("web", grant_types=["authorization_code"]),
        "Grant Types of the web application lack refresh_token: add it.",
    ),
    "web app with the implicit flow": (
        change_client("web", grant_types=["authorization_code", "refresh_token", "implicit"]),
        "Grant Types of the web application allow implicit: remove it.",
    ),
    "callback missing": (
        change_client("web", callbacks=["https://kept.example/callback"]),
        "Allowed Callback URLs of the web application lack",
    ),
    "logout address missing": (
        change_client("mobile", allowed_logout_urls=[]),
        "Allowed Logout URLs of the mobile application lack dutyline://callback",
    ),
    "origin missing": (change_client("web", web_origins=None), "Allowed Web Origins of the web application lack"),
    "refresh tokens that do not rotate": (
        change_client("mobile", refresh_token={"rotation_type": "non-rotating", "expiration_type": "non-expiring"}),
        "Refresh Token Rotation of the mobile application must be rotating, expiring",
    ),
    "ID tokens with HS256": (
        change_client("operators", jwt_configuration={"alg": "HS256", "lifetime_in_seconds": 36_000}),
        "Signature Algorithm of the operators application must be RS256",
    ),
    "operators' callback": (
        change_client("operators", callbacks=[]),
        "Callback URLs of the operators application lack",
    ),
    "machine grant": (
        delete_record("client_grant", "cgr_dutyline-machine"),
        "The machine application may not call the Management API",
    ),
    "machine scope": (
        change_record("client_grant", "cgr_dutyline-machine", scope=["read:users", "kept:scope"]),
        "The machine application lacks scopes of the Management API: grant it create:users",
    ),
    "sign-up": (
        change_record("connection", "con_local", options={"import_mode": False, "passwordPolicy": "low"}),
        "Anybody can sign up: switch on Disable Sign Ups in the connection",
    ),
    "password rules of a new connection": (
        change_record("connection", "con_local", options={"disable_signup": True}),
        "Passwords are too short: ask for 12 in the connection",
    ),
    "kinds of characters": (change_options(passwordPolicy="good"), "The password policy asks for kinds of characters"),
    "short passwords": (change_options(password_complexity_options={"min_length": 7}), "Passwords are too short"),
    "common passwords": (
        change_options(password_dictionary={"enable": False, "dictionary": ["harbour"]}),
        "Common passwords are accepted: switch on the password dictionary",
    ),
    "names as passwords": (change_options(password_no_personal_info=None), "Passwords may be the person's own name"),
    "guesses": (change_options(brute_force_protection=False), "Passwords may be guessed"),
    "connection not enabled": (
        change_record("connection", "con_local", enabled_clients=["kept", "dutyline-admin"]),
        "Nobody can sign in to the mobile application: enable",
    ),
    "Action missing": (delete_record("action", "act_local"), 'The Action "Dutyline operator roles" does not exist'),
    "Action of another claim": (
        change_record("action", "act_local", code="exports.onExecutePostLogin = async () => {};"),
        'does not set the claim "https://dutyline.example/roles"',
    ),
    "Action not deployed": (change_record("action", "act_local", all_changes_deployed=False), "is not deployed"),
    "Action not bound": (delete_record("bindings", POST_LOGIN), "is not part of the login flow"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_reported_by_name_and_corrected(complete: TenantUnderTest, name: str) -> None:
    plant, expected = FAULTS[name]
    plant(complete)

    code, lines = complete.run_setup("--check")

    assert code == 1
    assert any(expected in line for line in lines), lines
    assert complete.emulator.changes == []
    code, lines = complete.run_setup()
    assert (code, lines[-1]) == (0, COMPLETE), lines
    assert any(expected in line for line in lines if line.startswith("corrected")), lines
    unknown = {
        "callback missing": ("client", "dutyline-web", "callbacks", "https://kept.example/callback"),
        "machine scope": ("client_grant", "cgr_dutyline-machine", "scope", "kept:scope"),
        "sign-up": ("connection", "con_local", "options", "import_mode"),
        "connection not enabled": ("connection", "con_local", "enabled_clients", "kept"),
        "ID tokens with HS256": ("client", "dutyline-admin", "jwt_configuration", "lifetime_in_seconds"),
    }
    if name in unknown:
        kind, id, member, value = unknown[name]
        assert value in (complete.tenant.get_record(kind, id) or {})[member], "what is unknown stays"


def test_other_actions_of_the_login_flow_stay_in_their_order(complete: TenantUnderTest) -> None:
    other = {**(complete.tenant.get_record("action", "act_local") or {}), "id": "act_other", "name": "Other"}
    complete.tenant.put_record("action", "act_other", other)
    complete.tenant.put_record("bindings", POST_LOGIN, {"action_ids": ["act_other"]})

    assert complete.run_setup()[0] == 0

    assert complete.tenant.get_record("bindings", POST_LOGIN) == {"action_ids": ["act_other", "act_local"]}


def test_settings_that_name_one_application_twice_are_for_a_person_to_mend(
    complete: TenantUnderTest, settings: Any
) -> None:
    settings.AUTH0["native_client_id"] = "dutyline-web"

    code, lines = complete.run_setup()

    assert (code, complete.emulator.changes) == (1, [])
    assert lines == [
        "open       AUTH0_NATIVE_CLIENT_ID and AUTH0_SPA_CLIENT_ID name the same application: give each its own."
    ]


def test_refusals_are_one_sentence(complete: TenantUnderTest, settings: Any) -> None:
    complete.change("client_grant", "cgr_dutyline-setup", scope=["read:clients"])
    with pytest.raises(CommandError, match=r"refuses GET resource-servers: 403 .*read:resource_servers"):
        complete.run_setup("--check")
    settings.AUTH0["setup_client_secret"] = "wrong"
    with pytest.raises(CommandError, match="gives the set-up application no token: 401 Unauthorized"):
        complete.run_setup("--check")
    settings.AUTH0["setup_client_id"] = ""
    with pytest.raises(CommandError, match="AUTH0_SETUP_CLIENT_ID and AUTH0_SETUP_CLIENT_SECRET are not set"):
        complete.run_setup("--check")


def test_rate_limits_are_waited_for_and_writes_are_sent_once(complete: TenantUnderTest) -> None:
    FAULTS["sign-up"][0](complete)
    server = complete.emulator
    fault = {"path": "/api/v2/clients", "fault": "429", "times": 1}
    server.dispatch(_local_request(fault))
    assert complete.run_setup("--check")[0] == 1
    server.dispatch(_local_request({"path": "/api/v2/connections/con_local", "method": "PATCH", "fault": "503"}))

    with pytest.raises(CommandError, match="refuses PATCH connections/con_local: 503"):
        complete.run_setup()

    assert complete.emulator.changes == []
    assert complete.run_setup()[0] == 0


def _local_request(body: dict[str, Any]) -> EmulatorRequest:
    return EmulatorRequest("POST", "/_local/faults", {}, {}, json.dumps(body).encode())
