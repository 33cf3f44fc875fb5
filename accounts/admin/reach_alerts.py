"""Settings of alerts in the forms of customers and locations."""

REACH_ALERT_LABELS = {
    "settings__reachAlerts__days": "Look ahead, days",
    "settings__reachAlerts__minMinutes": "Shortest time to alert of, minutes",
    "settings__reachAlerts__off": "No alerts",
}
TITLE = "Alerts when callers would reach nobody"
