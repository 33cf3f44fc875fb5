"""``python -m tests.emulators.auth0 --port 8001 --state .local/auth0.sqlite3``"""

import argparse
import os

from tests.emulators.auth0 import operators
from tests.emulators.auth0.login import AuthenticationApi
from tests.emulators.auth0.management import ManagementApi, build_user, error_response
from tests.emulators.auth0.tenant import Auth0Tenant, ClientApplication
from tests.emulators.server import Emulator, create_server

MANAGEMENT_SCOPES = (
    "create:users read:users update:users delete:users create:user_tickets delete:sessions delete:refresh_tokens"
)


def main() -> None:
    """Serve until the process receives a signal."""
    parser = argparse.ArgumentParser(prog="tests.emulators.auth0", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", default=":memory:", help="state file; in memory if omitted")
    arguments = parser.parse_args()
    issuer = os.environ.get("AUTH0_ISSUER", f"http://127.0.0.1:{arguments.port}/")
    tenant = Auth0Tenant(
        arguments.state,
        issuer=issuer,
        audience=os.environ.get("AUTH0_AUDIENCE", "https://api.dutyline.example/"),
        clients=client_applications(),
    )
    emulator = Emulator(malformed_response=lambda text: error_response(400, "Bad Request", text, "invalid_body"))
    AuthenticationApi(tenant).register_routes(emulator)
    ManagementApi(tenant).register_routes(emulator)
    _add_operators(tenant)
    create_server(emulator, arguments.port).serve_forever()


def _add_operators(tenant: Auth0Tenant) -> None:
    for email, (name, roles) in operators.OPERATORS.items():
        if tenant.get_user_by_email(email) is None:
            id = f"operator-{email.partition('@')[0]}"
            fields = {"user_id": id, "email": email, "name": name, "password": operators.PASSWORD}
            tenant.add_user(build_user({**fields, "app_metadata": {"roles": roles}}))


def client_applications() -> list[ClientApplication]:
    """The registered applications: backend, app and admin site."""
    loopback = ("http://127.0.0.1:", "http://localhost:")
    return [
        ClientApplication(
            os.environ.get("AUTH0_CLIENT_ID", "dutyline-machine"),
            os.environ.get("AUTH0_CLIENT_SECRET", "local-machine-secret"),
            scopes=MANAGEMENT_SCOPES,
        ),
        ClientApplication("dutyline-app", "local-app-secret", callback_prefixes=loopback),
        ClientApplication("dutyline-admin", "local-admin-secret", callback_prefixes=loopback),
    ]


if __name__ == "__main__":
    main()
