"""Whether somebody else on duty can be called while a person has a break."""

from datetime import datetime
from typing import TYPE_CHECKING

from staffing.schedules import listing
from telephony import lines
from telephony.calls.rota import routing
from telephony.lines import ResolvedLine

if TYPE_CHECKING:
    from accounts.models import User


def list_locations_alone(user: "User", at: datetime) -> list[str]:
    """The locations with a line where a user is on duty and no other phone on duty would ring."""
    on_duty_at = lines.load_lines(listing.list_locations_on_duty(user.id, at), user.customer_id)
    return [line.location_id for line in on_duty_at if _is_alone(line, user, at)]


def _is_alone(line: ResolvedLine, user: "User", at: datetime) -> bool:
    candidates = routing.list_candidates(line, {"onDuty": {"graceMinutes": 0}}, at)
    return not any(candidate.phone for candidate in candidates if candidate.id != user.id)
