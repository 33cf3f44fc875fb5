"""Public holidays at a location, for those who plan its rota."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from config import public_holidays, zone_names

if TYPE_CHECKING:
    from accounts.models import Location

HolidaySettings = Callable[[str], Mapping[str, Any]]
"""``country``, ``subdivision`` and ``dates`` that apply to the location of an id, as far as set."""


def list_holidays(location: "Location", since: date, until: date, *, language: str = "en-US") -> dict[date, str]:
    """The names of holidays at a location by date, from a day until before another.

    They are those that the location's number observes; without a country there, those of the
    country of the time zone. One round trip.
    """
    own = cast(HolidaySettings, import_string(settings.LOCATION_HOLIDAYS))(str(location.id))
    dates = (date.fromisoformat(text) for text in own.get("dates", ()))
    holidays = {day: "Holiday" for day in dates if since <= day < until}
    country = own.get("country") or zone_names.country_of_zone(str(location.time_zone))
    if country:
        holidays |= public_holidays.iter_holidays(country, own.get("subdivision"), since, until, language)
    return holidays
