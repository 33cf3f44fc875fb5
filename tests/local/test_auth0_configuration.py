"""The emulator's configuration API against Auth0's SDK, which is generated from its specification.

The published subset that `tests.local.test_auth0` reads lacks these paths.
"""

import inspect
import time
from collections.abc import Iterator

import httpx
import pytest
from auth0.management.client import Auth0
from auth0.management.core.api_error import ApiError
from auth0.management.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError

from tests.emulators.auth0.actions_api import ACTION_FIELDS
from tests.emulators.auth0.configuration import COLLECTIONS
from tests.emulators.auth0.local_configuration import SETUP_ID, SETUP_SECRET
from tests.support.environment import Environment

pytestmark = pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")  # in the SDK's comments


@pytest.fixture(scope="module")
def connections() -> Iterator[httpx.Client]:
    """The HTTP client of the SDK, closed at the end."""
    with httpx.Client() as client:
        yield client


def management_client(
    env: Environment, connections: httpx.Client, client_id: str = SETUP_ID, secret: str = SETUP_SECRET
) -> Auth0:
    """The SDK with the token of an application."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    response = httpx.post(f"{env.issuer}oauth/token", json={**form, "audience": f"{env.issuer}api/v2/"})
    token = response.json()["access_token"]
    return Auth0(base_url=f"{env.issuer}api/v2", token=token, max_retries=0, httpx_client=connections)


def test_the_sdk_creates_reads_and_changes_a_tenant(env: Environment, connections: httpx.Client) -> None:
    client, number = management_client(env, connections), time.time_ns()

    application = client.clients.create(name=f"App {number}", app_type="spa", callbacks=["https://a.example/"])
    assert application.client_id
    assert application.client_secret
    changed = client.clients.update(application.client_id, grant_types=["authorization_code"])
    assert (changed.grant_types, changed.callbacks) == (["authorization_code"], ["https://a.example/"])
    listed = {item.client_id: item for item in client.clients.list(per_page=2)}
    assert listed[application.client_id].name == f"App {number}"
    assert listed[application.client_id].client_secret is None, "secrets need a scope of their own"

    api = client.resource_servers.create(identifier=f"https://{number}.example/", allow_offline_access=True)
    assert api.id
    assert client.resource_servers.update(api.id, signing_alg="RS256").signing_alg == "RS256"
    with pytest.raises(ConflictError):
        client.resource_servers.create(identifier=f"https://{number}.example/")
    assert f"https://{number}.example/" in {item.identifier for item in client.resource_servers.list()}

    audience = f"https://{number}.example/"
    grant = client.client_grants.create(client_id=application.client_id, audience=audience, scope=["a"])
    assert grant.id
    assert client.client_grants.update(grant.id, scope=["a", "b"]).scope == ["a", "b"]
    assert [item.id for item in client.client_grants.list(client_id=application.client_id)] == [grant.id]
    with pytest.raises(NotFoundError):
        client.client_grants.create(client_id="none", audience=audience, scope=[])

    connection = client.connections.create(name=f"db-{number}", strategy="auth0")
    assert connection.id
    client.connections.clients.update(connection.id, request=[{"client_id": application.client_id, "status": True}])
    assert [item.client_id for item in client.connections.clients.get(connection.id)] == [application.client_id]
    assert [item.id for item in client.connections.list(name=f"db-{number}")] == [connection.id]

    with pytest.raises(BadRequestError):
        client.clients.create(name="x", app_type="toaster")
    with pytest.raises(BadRequestError):
        client.clients.update(
            application.client_id, refresh_token={"rotation_type": "rotating", "expiration_type": "non-expiring"}
        )


def test_actions_are_deployed_once_built_and_bound_once_deployed(env: Environment, connections: httpx.Client) -> None:
    client = management_client(env, connections)
    bindings = client.actions.triggers.bindings
    before = [binding.id for binding in bindings.list("post-login")]

    action = client.actions.create(
        name=f"Action {time.time_ns()}",
        supported_triggers=[{"id": "post-login", "version": "v3"}],
        code="exports.onExecutePostLogin = async () => {};",
    )
    assert action.id
    with pytest.raises(BadRequestError):
        client.actions.deploy(action.id)
    binding = {"ref": {"type": "action_id", "value": action.id}, "display_name": "x"}
    others = [{"ref": {"type": "binding_id", "value": id}, "display_name": "y"} for id in before]
    with pytest.raises(BadRequestError):
        bindings.update_many("post-login", bindings=[*others, binding])
    time.sleep(0.6)
    assert client.actions.deploy(action.id).deployed
    bound = bindings.update_many("post-login", bindings=[*others, binding])
    assert [item.action.id for item in bound.bindings or [] if item.action][-1] == action.id
    bindings.update_many("post-login", bindings=others)
    assert [item.id for item in bindings.list("post-login")] == before
    assert action.id in {item.id for item in client.actions.list(trigger_id="post-login")}


def test_the_products_machine_application_cannot_configure_the_tenant(
    env: Environment, connections: httpx.Client
) -> None:
    client = management_client(env, connections, "dutyline-machine", "local-machine-secret")

    with pytest.raises(ForbiddenError):
        list(client.clients.list())
    with pytest.raises(ApiError):
        client.connections.update("con_local", options={"disable_signup": False})


def test_the_emulator_knows_no_members_that_auth0_does_not(env: Environment, connections: httpx.Client) -> None:
    client = management_client(env, connections)
    sdk = {
        "clients": client.clients,
        "resource-servers": client.resource_servers,
        "client-grants": client.client_grants,
        "connections": client.connections,
    }
    for path, collection in COLLECTIONS.items():
        resource = sdk[path]
        assert collection.create_fields <= set(inspect.signature(resource.create).parameters), path
        assert collection.update_fields <= set(inspect.signature(resource.update).parameters), path
    assert set(inspect.signature(client.actions.update).parameters) >= ACTION_FIELDS
