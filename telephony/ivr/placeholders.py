"""Placeholders in the texts of configurations, filled in when a call says them. Pure.

Other braces are text: configurations had them before there were placeholders.
"""

import re
from collections.abc import Mapping

LOCATION, NEXT_OPENING = "{location}", "{nextOpening}"
MAX_LENGTH = 4_000
"""Characters that are spoken: Twilio refuses to say more than 4,096."""
_PATTERN = re.compile("|".join(re.escape(name) for name in (LOCATION, NEXT_OPENING)))


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """The text with the value of each placeholder; values are not looked through."""
    return _PATTERN.sub(lambda match: values.get(match[0], match[0]), text)[:MAX_LENGTH]
