"""``python -m tests.emulators.auth0 --port 8001 --state .local/auth0.sqlite3``"""

import argparse
import os

from tests.emulators.auth0 import operators
from tests.emulators.auth0.login import Login
from tests.emulators.auth0.management import Management, error, made
from tests.emulators.auth0.tenant import Client, Tenant
from tests.emulators.server import StandIn, server

MACHINE_SCOPES = (
    "create:users read:users update:users delete:users create:user_tickets "
    "delete:sessions delete:refresh_tokens"
)


def main() -> None:
    """Serve until the process is told to stop."""
    parser = argparse.ArgumentParser(prog="tests.emulators.auth0", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", default=":memory:", help="a file; without it, memory")
    given = parser.parse_args()
    issuer = os.environ.get("AUTH0_ISSUER", f"http://127.0.0.1:{given.port}/")
    tenant = Tenant(
        given.state,
        issuer=issuer,
        audience=os.environ.get("AUTH0_AUDIENCE", "https://api.dutyline.example/"),
        clients=clients(),
    )
    standin = StandIn(malformed=lambda text: error(400, "Bad Request", text, "invalid_body"))
    Login(tenant).add_to(standin)
    Management(tenant).add_to(standin)
    _add_operators(tenant)
    server(standin, given.port).serve_forever()


def _add_operators(tenant: Tenant) -> None:
    for email, (name, roles) in operators.EVERY.items():
        if tenant.user_by_email(email) is None:
            id = f"operator-{email.partition('@')[0]}"
            given = {"user_id": id, "email": email, "name": name, "password": operators.PASSWORD}
            tenant.add_user(made({**given, "app_metadata": {"roles": roles}}))


def clients() -> list[Client]:
    """The registered applications: our backend, an app of ours, the admin site."""
    loopback = ("http://127.0.0.1:", "http://localhost:")
    return [
        Client(
            os.environ.get("AUTH0_CLIENT_ID", "dutyline-machine"),
            os.environ.get("AUTH0_CLIENT_SECRET", "local-machine-secret"),
            scopes=MACHINE_SCOPES,
        ),
        Client("dutyline-app", "local-app-secret", callbacks=loopback),
        Client("dutyline-admin", "local-admin-secret", callbacks=loopback),
    ]


if __name__ == "__main__":
    main()
