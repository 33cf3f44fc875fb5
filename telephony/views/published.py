"""The schema of IVR configurations, as a part of the OpenAPI document."""

import json
from typing import Any

from telephony.ivr.schema import SCHEMA

NAME = "IvrConfiguration"


def publish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add it, with its references rooted in the document."""
    text = json.dumps({name: value for name, value in SCHEMA.items() if name != "$schema"})
    rooted = text.replace('"#/$defs/', f'"#/components/schemas/{NAME}/$defs/')
    result["components"]["schemas"][NAME] = json.loads(rooted)
    return result
