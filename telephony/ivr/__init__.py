from telephony.ivr.configuration import (
    RING_SECONDS,
    InvalidConfiguration,
    IvrAction,
    IvrConfiguration,
    action_at,
    default_configuration,
    duty_grace_period,
    follows_rota,
    grace_period,
    is_recording_enabled,
    iter_actions,
    list_number_references,
    list_user_references,
    parse_configuration,
    resolve_key,
    validate_configuration,
)
from telephony.ivr.opening_hours import Entrance, find_entrance, find_holiday, list_boundaries
