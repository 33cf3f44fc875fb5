"""The stored text of a ring plan: whom an action rings, and why not the others; phones are sealed.

It must stay readable: calls may span a deployment.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.conf import settings

from config.dynamodb import encryption
from telephony.calls.rota.routing import RingCandidate, RingPlan

ENCRYPTION_KEY_NAME = "calls"


def encode(plan: RingPlan, call_id: str, path: str) -> str:
    """The stored text of the plan of an action; each time another, as phones are encrypted."""
    phones = {candidate.id: candidate.phone for candidate in plan.ringable}
    encrypted_phones = encryption.encrypt_application_json(ENCRYPTION_KEY_NAME, phones, f"{call_id} {path}")
    people = [[candidate.id, candidate.why, candidate.why_not] for candidate in plan.candidates]
    facts = {"path": path, "people": people, "lost": plan.lookup_failed, "minutes": plan.minutes}
    if keyless := [candidate.id for candidate in plan.ringable if candidate.answers_without_key]:
        facts["keyless"] = keyless
    facts["places"] = {item.id: item.location_id for item in plan.candidates if item.location_id}
    facts["spoken"] = [item.id for item in plan.candidates if item.has_spoken_last]
    return orjson.dumps({**facts, "sealed": encrypted_phones.hex()}).decode()


def decode(texts: Sequence[str], call_id: str, path: str) -> RingPlan | None:
    """The plan of an action among those of a call."""
    body = next((body for body in map(json.loads, texts) if body["path"] == path), None)
    if body is None:
        return None
    sealed = bytes.fromhex(body["sealed"])
    phones = encryption.decrypt_application_json(ENCRYPTION_KEY_NAME, sealed, f"{call_id} {path}")
    candidates = [_read_candidate(person, body, phone=phones.get(person[0], "")) for person in body["people"]]
    minutes = body.get("minutes", settings.TELEPHONY["call_minutes"])
    return RingPlan(candidates, lookup_failed=body["lost"], minutes=minutes)


def list_candidates(texts: Sequence[str]) -> list[RingCandidate]:
    """Everybody in the plans of a call, without phones."""
    candidates_by_id: dict[str, RingCandidate] = {}
    for body in map(json.loads, texts):
        for person in body["people"]:
            candidates_by_id.setdefault(person[0], _read_candidate(person, body))
    return list(candidates_by_id.values())


def _read_candidate(person: Sequence[str], plan_body: Mapping[str, Any], *, phone: str = "") -> RingCandidate:
    """A candidate of a stored plan; plans of the release before do not tell the last members."""
    id, why, why_not = person
    return RingCandidate(
        id,
        "",
        why,
        phone=phone,
        why_not=why_not,
        answers_without_key=id in plan_body.get("keyless", ()),
        location_id=plan_body.get("places", {}).get(id),
        has_spoken_last=id in plan_body.get("spoken", ()),
    )
