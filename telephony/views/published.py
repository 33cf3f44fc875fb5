"""The schema of IVR configurations, as a part of the OpenAPI document."""

import json
from typing import Any

from telephony.ivr.configuration import SCHEMA

COMPONENT_NAME = "IvrConfiguration"


def publish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add it, with its references rooted in the document."""
    text = json.dumps({name: value for name, value in SCHEMA.items() if name != "$schema"})
    with_component_refs = text.replace('"#/$defs/', f'"#/components/schemas/{COMPONENT_NAME}/$defs/')
    result["components"]["schemas"][COMPONENT_NAME] = json.loads(with_component_refs)
    return result
