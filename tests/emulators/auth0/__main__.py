"""``python -m tests.emulators.auth0 --port 8001 --state .local/auth0.sqlite3``"""

import argparse
import os

from accounts.auth.tenant_configuration import read_installation
from tests.emulators.auth0 import local_configuration, operators
from tests.emulators.auth0.configuration import ConfigurationApi
from tests.emulators.auth0.login import LoginPages
from tests.emulators.auth0.management import ManagementApi, build_user, error_response
from tests.emulators.auth0.tenant import Auth0Tenant
from tests.emulators.auth0.tokens import TokenApi
from tests.emulators.server import Emulator, create_server, refuse_production


def main() -> None:
    """Serve until the process receives a signal."""
    parser = argparse.ArgumentParser(prog="tests.emulators.auth0", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", default=":memory:", help="state file; in memory if omitted")
    parser.add_argument("--empty", action="store_true", help="a tenant that is not set up for Dutyline")
    arguments = parser.parse_args()
    refuse_production()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    issuer = os.environ.get("AUTH0_ISSUER", f"http://127.0.0.1:{arguments.port}/")
    tenant = Auth0Tenant(arguments.state, issuer=issuer)
    emulator = Emulator(malformed_response=lambda text: error_response(400, "Bad Request", text, "invalid_body"))
    for api in (LoginPages(tenant), TokenApi(tenant), ManagementApi(tenant), ConfigurationApi(tenant)):
        api.register_routes(emulator)
    if arguments.empty:
        local_configuration.create_system_records(tenant)
    else:
        local_configuration.create_local_records(tenant, read_installation())
        _add_operators(tenant)
    create_server(emulator, arguments.port).serve_forever()


def _add_operators(tenant: Auth0Tenant) -> None:
    for email, (name, roles) in operators.OPERATORS.items():
        if tenant.get_user_by_email(email) is None:
            id = f"operator-{email.partition('@')[0]}"
            fields = {"user_id": id, "email": email, "name": name, "password": operators.PASSWORD}
            tenant.add_user(build_user({**fields, "app_metadata": {"roles": roles}}))


if __name__ == "__main__":
    main()
