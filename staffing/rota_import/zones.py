"""Names of time zones as calendar programs write them. Pure."""

from config import zone_names

MAX_LENGTH = 200


def resolve_zone(name: str) -> str | None:
    """The canonical name of a zone by any of its names, or by a path that ends with one."""
    if len(name) > MAX_LENGTH:
        return None
    text = name.strip().strip('"')
    parts = text.split("/")
    paths = ["/".join(parts[index:]) for index in range(1, len(parts) - 1)]
    return next((zone for path in (text, *paths) if (zone := zone_names.find_canonical_name(path))), None)
