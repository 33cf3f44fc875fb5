"""Public holidays of countries and their subdivisions (ISO 3166), by date, with names.

They come from the package ``holidays``, which is loaded when the first are asked for.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache


def has_calendar(country: str, subdivision: str | None) -> bool:
    """Whether the holidays of a country, or of a subdivision of it, are known."""
    try:
        list_holidays(country, subdivision, 2026)
    except NotImplementedError:  # the library does not know the country or subdivision
        return False
    return True


@lru_cache(maxsize=512)
def list_holidays(country: str, subdivision: str | None, year: int, language: str = "") -> Mapping[date, str]:
    """The names of a year's holidays by date.

    They are in ``language`` (BCP 47, such as en-US) if the library has them in it, otherwise in the
    country's own. Raises `NotImplementedError` for an unknown country or subdivision.
    """
    import holidays

    calendar = holidays.country_holidays(country, subdiv=subdivision, years=year)
    known_languages = calendar.supported_languages
    wanted_names = (language.replace("-", "_"), language[:2], f"{language[:2]}_US")
    name = next((name for name in wanted_names if name in known_languages), calendar.default_language)
    if name:
        calendar = holidays.country_holidays(country, subdiv=subdivision, years=year, language=name)
    return dict(sorted(calendar.items()))


def iter_holidays(
    country: str, subdivision: str | None, since: date, until: date, language: str = ""
) -> Iterator[tuple[date, str]]:
    """Date and name of each holiday from a day until before another; none of an unknown country."""
    if not has_calendar(country, subdivision):
        return
    for year in range(since.year, (until - timedelta(days=1)).year + 1):
        for day, name in list_holidays(country, subdivision, year, language).items():
            if since <= day < until:
                yield day, name
