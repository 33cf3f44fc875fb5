"""Placeholders in the texts of configurations, filled in when a call says them. Pure.

Other braces are text: configurations had them before there were placeholders.
"""

import re
from collections.abc import Mapping

LOCATION, NEXT_OPENING = "{location}", "{nextOpening}"
MAX_LENGTH = 4_000
"""Characters that are spoken: Twilio refuses to say more than 4,096."""
_PATTERN = re.compile(r"(\s?)(" + "|".join(re.escape(name) for name in (LOCATION, NEXT_OPENING)) + ")")


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """The text with the value of each placeholder; values are not looked through.

    One with an empty value is left out, with the space before it.
    """

    def replace(match: re.Match[str]) -> str:
        value = values.get(match[2], match[2])
        return match[1] + value if value else ""

    return _PATTERN.sub(replace, text)[:MAX_LENGTH]


def describe(text: str) -> str:
    """The text with each placeholder in words: ``[name of the location]``."""
    return fill_in(text, {LOCATION: "[name of the location]", NEXT_OPENING: "[when somebody answers next]"})
