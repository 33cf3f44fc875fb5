"""Lines of which somebody is told when callers would reach nobody."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts import customers, locations, reach_alerts
from accounts.reach_alerts import ReachAlerts
from config import errors
from telephony import lines
from telephony.lines import ResolvedLine

if TYPE_CHECKING:
    from accounts.models import Location


@dataclass(frozen=True)
class WatchedLine:
    """A line whose holes somebody is told of."""

    line: ResolvedLine
    location: "Location"
    alerts: ReachAlerts


def find_watched(location_id: str, customer_id: str) -> WatchedLine | None:
    """The line of a location, if somebody is to be told of its holes."""
    line = lines.find_active_line(location_id, customer_id)
    location = locations.load_locations([location_id], customer_id).get(location_id)
    try:
        customer = customers.get_customer(customer_id)
    except errors.NotFound:
        return None
    if line is None or location is None or customer.status != "active":
        return None
    alerts = reach_alerts.resolve(location.own_settings, customer.settings)
    return None if alerts.off else WatchedLine(line, location, alerts)
