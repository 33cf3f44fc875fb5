"""The TypeScript client's own tests, against this product."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.clients.conftest import run_npm
from tests.support.environment import Environment
from tests.support.sign_in import AUDIENCE, MOBILE_APP, MOBILE_CALLBACK
from tests.support.users import PASSWORD, UserFixtures


def test_client_works_with_the_running_product(
    env: Environment, test_users: UserFixtures, clients_build: Path, record_figure: Callable[[str], None]
) -> None:
    product = {
        "api": test_users.ann.web,
        "issuer": env.issuer,
        "audience": AUDIENCE,
        "clientId": MOBILE_APP,
        "redirectUri": MOBILE_CALLBACK,
        "customerId": test_users.customer.id,
        "locationId": test_users.boston.id,
        "email": test_users.ann.user.email,
        "password": PASSWORD,
        "staffId": test_users.sam.id,
    }

    output = run_npm("test", "--workspace", "@dutyline/client", DUTYLINE_TEST=json.dumps(product))

    passed = output.count("\nok ")
    assert passed >= 18, output
    record_figure(f"TypeScript client: {passed} tests against the running product")
