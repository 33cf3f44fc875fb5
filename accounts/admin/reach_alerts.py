"""Settings of alerts in the forms of customers and locations."""

REACH_ALERT_LABELS = {
    "settings__reachAlerts__days": "Days ahead",
    "settings__reachAlerts__minMinutes": "From so many minutes on",
    "settings__reachAlerts__off": "Tell nobody",
}
TITLE = "Alerts: callers would reach nobody"
