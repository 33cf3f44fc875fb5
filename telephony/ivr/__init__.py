from telephony.ivr.answering import first_ring_target, list_answering_targets
from telephony.ivr.configuration import (
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
    list_location_references,
    list_number_references,
    list_user_references,
    longest_grace_period,
    max_ring_seconds,
    parse_configuration,
    resolve_key,
    ring_seconds,
    shows_caller,
    validate_configuration,
)
from telephony.ivr.opening_hours import (
    Entrance,
    find_entrance,
    find_holiday,
    list_boundaries,
    list_changes,
    list_open_periods,
)
from telephony.ivr.ways import Way, list_ways
