"""Names of time zones as calendar programs write them. Pure."""

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from staffing.recurrence import dst

MAX_LENGTH = 100


def resolve_zone(name: str) -> str | None:
    """The IANA name of a zone that has this one, or Windows' name, or a path that ends with it."""
    text = name.strip().strip('"')
    if len(text) > MAX_LENGTH:
        return None
    names = dst.list_zone_names()
    if text in names:
        return text
    if text in WINDOWS_TO_OLSON:
        return WINDOWS_TO_OLSON[text]
    parts = text.split("/")
    paths = ("/".join(parts[index:]) for index in range(1, len(parts)))
    return next((path for path in paths if "/" in path and path in names), None)
