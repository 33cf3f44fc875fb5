"""Alerts when callers would reach nobody: settings of customers and their locations."""

from typing import Any

import pytest

from accounts import customers, locations, reach_alerts
from tests.support.users import UserFixtures, parse_problem

DEFAULTS = {"days": 7, "minMinutes": 15, "off": False}
NOTHING = {"days": None, "minMinutes": None, "off": None}


def alerts(**values: Any) -> dict[str, Any]:
    return {"settings": {"reachAlerts": values}}


def test_a_location_has_what_it_chose_else_what_its_customer_has(test_users: UserFixtures) -> None:
    cleo, path = test_users.cleo, f"/location/{test_users.hilltop.id}"

    def resolve() -> reach_alerts.ReachAlerts:
        location = locations.get_location(test_users.hilltop.id, actor=cleo.actor)
        return reach_alerts.resolve(
            location.own_settings, customers.get_customer(test_users.other_customer.id).settings
        )

    assert cleo.get("/customer").json()["settings"]["reachAlerts"] == DEFAULTS
    assert cleo.get(path).json()["settings"]["reachAlerts"] == NOTHING
    assert resolve() == reach_alerts.ReachAlerts()

    assert cleo.patch("/customer", alerts(days=14, off=True)).is_success
    assert cleo.patch(path, alerts(off=False)).json()["settings"]["reachAlerts"] == {**NOTHING, "off": False}
    changed = cleo.patch(path, alerts(minMinutes=30)).json()
    assert changed["settings"]["reachAlerts"] == {"days": None, "minMinutes": 30, "off": False}
    assert resolve() == reach_alerts.ReachAlerts(days=14, min_minutes=30, off=False)

    customer = cleo.get("/customer").json()
    assert customer["settings"]["reachAlerts"] == {"days": 14, "minMinutes": 15, "off": True}
    assert cleo.patch("/customer", customer).json() == customer
    assert cleo.patch(path, changed).json() == changed
    assert customers.get_customer(test_users.other_customer.id).settings["reach_alerts"] == {"days": 14, "off": True}

    assert cleo.patch(path, {"settings": {"reachAlerts": None}}).json()["settings"]["reachAlerts"] == NOTHING
    assert cleo.patch("/customer", alerts(days=None, off=None)).json()["settings"]["reachAlerts"] == DEFAULTS
    assert resolve() == reach_alerts.ReachAlerts()


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"days": 0}, "days"),
        ({"days": 32}, "days"),
        ({"minMinutes": 4}, "minMinutes"),
        ({"minMinutes": 241}, "minMinutes"),
        ({"off": "yes"}, "off"),
        ({"hours": 3}, "hours"),
    ],
)
def test_alerts_are_bounded(test_users: UserFixtures, values: dict[str, Any], pointer: str) -> None:
    for path in ("/customer", f"/location/{test_users.hilltop.id}"):
        response = test_users.cleo.patch(path, alerts(**values))
        assert response.status_code == 400
        (error,) = parse_problem(response)["errors"]
        assert error["pointer"] == f"/settings/reachAlerts/{pointer}"
