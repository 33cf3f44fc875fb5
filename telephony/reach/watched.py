"""Lines of which somebody is told when callers would reach nobody."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts import customers, locations, reach_alerts
from accounts.reach_alerts import ReachAlerts
from config import dynamodb
from telephony import lines
from telephony.lines import ResolvedLine
from telephony.models import Line, PhoneNumber

if TYPE_CHECKING:
    from accounts.models import Location


@dataclass(frozen=True)
class WatchedLine:
    """A line whose holes somebody is told of."""

    line: ResolvedLine
    location: "Location"
    alerts: ReachAlerts


def find_watched(location_id: str, customer_id: str) -> WatchedLine | None:
    """The line of a location, if somebody is to be told of its holes; two round trips."""
    keys = [dynamodb.RecordKey(Line, location_id), locations.location_key(location_id)]
    records = dynamodb.batch_get([*keys, customers.customer_key(customer_id)])
    line, customer = records.get(Line, location_id), customers.find_customer_in(records, customer_id)
    location = locations.find_location_in(records, location_id, customer_id)
    if customer is None or customer.status != "active" or location is None:
        return None
    alerts = reach_alerts.resolve(location.own_settings, customer.settings)
    if alerts.off or line is None or not line.number or not line.configuration:
        return None
    number = dynamodb.get_record(PhoneNumber, str(line.number))
    is_answered = number and number.status == "active" and number.location_id == location_id
    return WatchedLine(lines.to_resolved_line(line, location), location, alerts) if is_answered else None
