"""Operators see and change the alerts of a customer and of a location."""

from config.backoffice.links import admin_change_url
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures


def test_support_changes_alerts(test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> None:
    support, prefix = operator_sessions["support"], "settings__reachAlerts__"
    location = test_users.create_location()
    path = admin_change_url("accounts", "location", str(location.id))
    assert "Alerts when callers would reach nobody" in support.get(path).text
    form = {"name": "New", "timeZone": "America/New_York", "address": "", "version": "1"}
    saved = support.post(path, **form, **{f"{prefix}days": "", f"{prefix}minMinutes": "30", f"{prefix}off": "on"})
    assert saved.status_code == 200
    stored = test_users.ann.get(f"/location/{location.id}").json()
    assert stored["settings"]["reachAlerts"] == {"days": None, "minMinutes": 30, "off": True}
    assert stored["name"] == "New"

    refused = support.post(path, **{**form, "version": "2"}, **{f"{prefix}minMinutes": "3"})
    assert "from 5 to 240" in " ".join(support.visible_text(refused))
