"""Requests per operation, by operationId, for the contract and isolation tests.

`SAMPLES` are valid; `REQUEST_BY_OPERATION` provokes failures that only one operation has (its 404,
its 409), `REQUEST_BY_STATUS` those that all have.

A new operation needs a sample here; both tests then cover it automatically.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from accounts import locations
from accounts.models.exports import ExportState
from accounts.terms import documents
from config import dynamodb
from telephony import blocked_callers, ivr
from telephony.models import PhoneNumber, Quota
from tests.support import bulk, chaos, exports, rate_limits
from tests.support.environment import ENVIRONMENT
from tests.support.problems import check_error
from tests.support.proxy import FaultPlan
from tests.support.users import ADDRESS_BODY, SignedInUser, UserFixtures, free_number, now, phone_number_of

_sequence = itertools.count(1)
UNKNOWN_IDS = {
    "usr": "usr_01J00000000000000000000000",
    "cus": "cus_01J00000000000000000000000",
    "loc": "loc_01J00000000000000000000000",
    "sch": "sch_01J00000000000000000000000",
    "tpl": "tpl_01J00000000000000000000000",
    "num": "+14155550000",
    "cal": "CA" + "0" * 32,
    "cbk": "cbk_01J00000000000000000000000",
    "exp": "exp_01J00000000000000000000000",
}


@dataclass
class RequestSample:
    """Values for the path, the query and the body."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    invalid_values: dict[str, Any] = field(default_factory=dict)
    """Values in body or query that cause a 400."""
    id_kind: str = "usr"
    """Kind of record that ``id`` refers to."""


_acceptance_bodies = itertools.cycle([{"locale": "en"}, {"locale": "de"}, {"locale": "es"}])


def push_token() -> str:
    """A new push token."""
    return f"ExponentPushToken[sample-{next(_sequence)}]"


SAMPLES: dict[str, Callable[[UserFixtures], RequestSample]] = {
    "getCurrentUser": lambda test_users: RequestSample(),
    "createUser": lambda test_users: RequestSample(
        body=test_users.user_body(locations=[test_users.boston.id]), invalid_values={"email": 7}
    ),
    "getUserAuditLogs": lambda test_users: RequestSample(
        path={"userId": test_users.sam.id}, query={"limit": "10", "offset": "0"}, invalid_values={"limit": "x"}
    ),
    "updateCurrentUser": lambda test_users: RequestSample(
        body={"profileName": f"Name {next(_sequence)}"}, invalid_values={"phone": "12"}
    ),
    "getTermsStatus": lambda test_users: RequestSample(),
    "acceptTerms": lambda test_users: RequestSample(
        body=next(_acceptance_bodies), invalid_values={"version": "1999-01-01"}
    ),
    "registerPushToken": lambda test_users: RequestSample(body={"token": push_token()}, invalid_values={"token": "x"}),
    "removePushToken": lambda test_users: RequestSample(body={"token": push_token()}, invalid_values={"token": 7}),
    "exportMyData": lambda test_users: RequestSample(query={"format": "json"}, invalid_values={"format": "doc"}),
    "getPreparedExport": lambda test_users: RequestSample(
        path={"exportId": exports.store_export_of_everybody(user.id for user in test_users.users_by_role.values())}
    ),
    "deleteUser": lambda test_users: RequestSample(
        body={"id": test_users.create_user().id}, invalid_values={"id": None}
    ),
    "listManagedUsers": lambda test_users: RequestSample(
        query={"customerId": test_users.customer.id, "locationId": test_users.boston.id, "q": "a", "limit": "50"},
        invalid_values={"limit": "0"},
    ),
    "listColleagues": lambda test_users: RequestSample(
        query={"locationId": test_users.boston.id, "q": "a", "limit": "50"}, invalid_values={"limit": "0"}
    ),
    "getManagedUser": lambda test_users: RequestSample(path={"id": test_users.mia.id}),
    "createManagedUser": lambda test_users: RequestSample(
        body=test_users.user_body(locations=[test_users.boston.id], isSetup=True), invalid_values={"userRole": "king"}
    ),
    "updateManagedUser": lambda test_users: RequestSample(
        body={"id": test_users.create_user().id, "locations": [test_users.boston.id], "name": "Another Name"},
        invalid_values={"settings": {"timeZone": "Mars/Olympus"}},
    ),
    "deleteManagedUser": lambda test_users: RequestSample(
        body={"id": test_users.create_user().id}, invalid_values={"x": 1}
    ),
    "resendInvitation": lambda test_users: RequestSample(
        path={"id": test_users.create_user().id}, body={}, invalid_values={"x": 1}
    ),
    "getCustomer": lambda test_users: RequestSample(),
    "updateCustomer": lambda test_users: RequestSample(
        body={"name": f"Harbour Dental {next(_sequence)}"}, invalid_values={"name": ""}
    ),
    "listLocations": lambda test_users: RequestSample(query={"limit": "50"}, invalid_values={"limit": "0"}),
    "createLocation": lambda test_users: RequestSample(
        body={"name": f"Place {next(_sequence)}", "timeZone": "America/Denver"}, invalid_values={"timeZone": "MST7MDTX"}
    ),
    "getLocation": lambda test_users: RequestSample(path={"id": test_users.boston.id}, id_kind="loc"),
    "updateLocation": lambda test_users: RequestSample(
        path={"id": test_users.boston.id},
        body={"address": f"{next(_sequence)} Long Wharf"},
        invalid_values={"name": 7},
        id_kind="loc",
    ),
    "deleteLocation": lambda test_users: RequestSample(path={"id": test_users.create_location().id}, id_kind="loc"),
    "listSchedules": lambda test_users: RequestSample(
        query={
            "locationId": test_users.boston.id,
            "customerId": test_users.customer.id,
            "staffId": test_users.sam.id,
            "limit": "50",
        },
        invalid_values={"limit": "0"},
    ),
    "createSchedule": lambda test_users: RequestSample(
        body=test_users.shift_body(templateId=test_users.create_template().id), invalid_values={"endTime": "tomorrow"}
    ),
    "getSchedule": lambda test_users: RequestSample(path={"id": test_users.create_shift().id}, id_kind="sch"),
    "updateSchedule": lambda test_users: RequestSample(
        path={"id": test_users.create_shift().id},
        query={"scope": "all"},
        body={
            "endTime": "2031-01-01T12:00:00Z",
            "startTime": "2031-01-01T09:00:00Z",
            "staffId": test_users.sam.id,
            "locationId": test_users.boston.id,
            "allowOverlap": True,
        },
        invalid_values={"startTime": 7},
        id_kind="sch",
    ),
    "deleteSchedule": lambda test_users: RequestSample(
        path={"id": test_users.create_shift().id},
        query={"scope": "all"},
        invalid_values={"scope": "some"},
        id_kind="sch",
    ),
    "getOnDuty": lambda test_users: RequestSample(
        path={"id": test_users.boston.id},
        query={"at": "2031-01-01T10:00:00Z"},
        invalid_values={"at": "noon"},
        id_kind="loc",
    ),
    "listLocationDays": lambda test_users: RequestSample(
        path={"id": test_users.boston.id},
        query={"from": "2026-12-01", "to": "2026-12-31"},
        invalid_values={"to": "2026-11-30"},
        id_kind="loc",
    ),
    "putDayNote": lambda test_users: RequestSample(
        path={"id": test_users.boston.id, "date": "2031-12-24"},
        body={"note": f"Stocktaking {next(_sequence)}"},
        invalid_values={"note": "x" * 501},
        id_kind="loc",
    ),
    "deleteDayNote": lambda test_users: RequestSample(
        path={"id": test_users.boston.id, "date": test_users.put_day_note()}, id_kind="loc"
    ),
    "listScheduleTemplates": lambda test_users: RequestSample(
        query={"locationId": test_users.boston.id, "limit": "50"}, invalid_values={"limit": "0"}
    ),
    "createScheduleTemplate": lambda test_users: RequestSample(
        body={
            "customerId": test_users.customer.id,
            "name": f"Early {next(_sequence)}",
            "locationId": test_users.boston.id,
            "startTime": "06:00",
            "endTime": "14:00",
            "recurrencePattern": {"frequency": "weekly", "byDay": [{"day": "mo"}]},
        },
        invalid_values={"startTime": "25:00"},
    ),
    "getScheduleTemplate": lambda test_users: RequestSample(
        path={"id": test_users.create_template().id}, id_kind="tpl"
    ),
    "updateScheduleTemplate": lambda test_users: RequestSample(
        body={"id": test_users.create_template().id, "locationId": test_users.boston.id, "endTime": "15:00"},
        invalid_values={"endTime": "3 pm"},
        id_kind="tpl",
    ),
    "deleteScheduleTemplate": lambda test_users: RequestSample(
        body={"id": test_users.create_template().id}, invalid_values={"x": 1}, id_kind="tpl"
    ),
    "openCalendarFeed": lambda test_users: RequestSample(body={}, invalid_values={"x": 1}),
    "closeCalendarFeed": lambda test_users: RequestSample(),
    "findPhoneNumbers": lambda test_users: RequestSample(
        body={"country": "US", "areaCode": "415"}, invalid_values={"areaCode": "1"}
    ),
    "purchasePhoneNumber": lambda test_users: RequestSample(
        body={"phoneNumber": free_number(), "locationId": test_users.create_location().id},
        invalid_values={"phoneNumber": "415"},
    ),
    "listPhoneNumbers": lambda test_users: RequestSample(query={"limit": "50"}, invalid_values={"limit": "0"}),
    "releasePhoneNumber": lambda test_users: RequestSample(path={"number": test_users.purchase_number().number.number}),
    "restorePhoneNumber": lambda test_users: RequestSample(
        path={"number": test_users.purchase_number().number.number}, body={}, invalid_values={"x": 1}
    ),
    "adoptPhoneNumber": lambda test_users: RequestSample(
        body={"phoneNumber": test_users.reserve_number(), "locationId": test_users.create_location().id},
        invalid_values={"phoneNumber": "415"},
    ),
    "getNumberRequirement": lambda test_users: RequestSample(
        query={"country": "DE", "type": "local"}, invalid_values={"country": "Germany"}
    ),
    "listNumberProfiles": lambda test_users: RequestSample(),
    "getNumberProfile": lambda test_users: RequestSample(path={"country": test_users.put_profile("IE")}),
    "putNumberProfile": lambda test_users: RequestSample(
        path={"country": "IE"}, body=dict(ADDRESS_BODY), invalid_values={"street": 7}
    ),
    "deleteNumberProfile": lambda test_users: RequestSample(path={"country": test_users.put_profile("ES")}),
    "getIvrConfiguration": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id}
    ),
    "updateIvrConfiguration": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id},
        body={"configuration": ivr.default_configuration(f"Boston {next(_sequence)}")},
        invalid_values={"configuration": {"version": 2}},
    ),
    "getLineTest": lambda test_users: RequestSample(
        path={"id": test_users.boston_number.number.location_id}, id_kind="loc"
    ),
    "getPublicHoursSettings": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id}
    ),
    "updatePublicHoursSettings": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id},
        body={"enabled": True},
        invalid_values={"enabled": "yes"},
    ),
    "getPublicHours": lambda test_users: RequestSample(
        path={"line": test_users.public_line}, invalid_values={"format": "doc"}
    ),
    "previewCall": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id},
        query={"at": "2031-01-01T10:00:00Z"},
        invalid_values={"at": "noon"},
    ),
    "listCalls": lambda test_users: RequestSample(
        query={
            "locationId": test_users.boston_number.number.location_id,
            "limit": "50",
            "outcome": "voicemail,missed",
            "answeredBy": test_users.sam.id,
            "direction": "in",
        },
        invalid_values={"limit": "0", "outcome": "lost", "direction": "up"},
    ),
    "getReach": lambda test_users: RequestSample(
        path={"id": test_users.boston.id},
        query={"from": "2027-06-07", "to": "2027-06-14", "key": "open"},
        invalid_values={"from": "noon", "key": "closed"},
        id_kind="loc",
    ),
    "listReach": lambda test_users: RequestSample(
        query={"customerId": test_users.customer.id, "from": "2027-06-07T00:00:00Z", "limit": "5"},
        invalid_values={"from": "noon", "limit": "0"},
    ),
    "getDemand": lambda test_users: RequestSample(
        path={"id": test_users.boston.id}, query={"weeks": "2"}, invalid_values={"weeks": "13"}, id_kind="loc"
    ),
    "replayCalls": lambda test_users: RequestSample(
        path={"id": test_users.boston_number.number.location_id},
        body={**_past_week(), "changes": [{"action": "remove", "scheduleId": test_users.create_shift().id}]},
        invalid_values={"to": "2031-01-01"},
        id_kind="loc",
    ),
    "getCall": lambda test_users: RequestSample(path={"id": test_users.recorded_call_id}, id_kind="cal"),
    "getCallRecording": lambda test_users: RequestSample(
        path={"id": test_users.recorded_call_id},
        query={"kind": "voicemail"},
        invalid_values={"kind": "song"},
        id_kind="cal",
    ),
    "listCallbacks": lambda test_users: RequestSample(
        query={"locationId": test_users.boston.id, "status": "open,taken,done", "limit": "50"},
        invalid_values={"status": "late"},
    ),
    "getCallback": lambda test_users: RequestSample(path={"id": test_users.create_callback()}, id_kind="cbk"),
    "createCallback": lambda test_users: RequestSample(
        body={"callId": test_users.create_call()}, invalid_values={"dueAt": "soon"}, id_kind="cal"
    ),
    "takeCallback": lambda test_users: RequestSample(
        path={"id": test_users.create_callback()}, body={}, invalid_values={"x": 1}, id_kind="cbk"
    ),
    "releaseCallback": lambda test_users: RequestSample(
        path={"id": test_users.create_callback()}, body={}, invalid_values={"x": 1}, id_kind="cbk"
    ),
    "closeCallback": lambda test_users: RequestSample(
        path={"id": test_users.create_callback()},
        body={"outcome": "reached", "note": f"Comes at {next(_sequence)}."},
        invalid_values={"outcome": "sold"},
        id_kind="cbk",
    ),
    "callCallback": lambda test_users: RequestSample(
        path={"id": test_users.create_callable_callback()}, body={}, invalid_values={"x": 1}, id_kind="cbk"
    ),
    "listBlockedCallers": lambda test_users: RequestSample(
        query={"customerId": test_users.customer.id, "locationId": test_users.boston.id, "limit": "50"},
        invalid_values={"limit": "0"},
    ),
    "blockCaller": lambda test_users: RequestSample(
        body={"number": free_number(), "locationId": test_users.boston.id, "reason": "Advertising"},
        invalid_values={"number": "anonymous"},
    ),
    "unblockCaller": lambda test_users: RequestSample(
        path={"number": _blocked_number(test_users)}, query={"locationId": test_users.boston.id}, id_kind="num"
    ),
    "getPhone": lambda test_users: RequestSample(),
    "beginPhoneBreak": lambda test_users: RequestSample(body={"minutes": 30}, invalid_values={"minutes": 4}),
    "endPhoneBreak": lambda test_users: RequestSample(),
    "verifyPhone": lambda test_users: RequestSample(body={}, invalid_values={"x": not test_users.phones_verified}),
    "confirmPhone": lambda test_users: RequestSample(
        body={"code": f"{next(_sequence):06}"}, invalid_values={"code": 7 if test_users.phones_verified else 0}
    ),
}


def id_fields(sample: RequestSample) -> list[tuple[str, str]]:
    """The ids of a sample, as pairs of ``path``, ``query`` or ``body`` and parameter name."""
    fields = [("path", name) for name in sample.path if name not in ("country", "date")]
    fields += [("query", name) for name in sample.query if name.endswith("Id")]
    for name in sample.body or {}:
        if name.endswith("Id") or name in ("id", "locations"):
            fields.append(("body", name))
    return fields


def foreign_value(test_users: UserFixtures, name: str, id_kind: str) -> Any:
    """An id of the other customer for a parameter of this name."""
    kind = ID_KINDS.get(name, id_kind)
    foreign_id = {
        "usr": lambda: test_users.cleo.id,
        "cus": lambda: test_users.other_customer.id,
        "loc": lambda: test_users.hilltop.id,
        "sch": lambda: test_users.foreign_shift.id,
        "tpl": lambda: test_users.foreign_template.id,
        "num": lambda: test_users.foreign_number.number.number,
        "cal": lambda: test_users.foreign_recorded_call_id,
        "cbk": lambda: test_users.foreign_callback_id,
        "exp": lambda: exports.foreign_export_id(test_users.cleo.id),
    }[kind]()
    return [foreign_id] if name == "locations" else foreign_id


def unknown_value(name: str, id_kind: str) -> Any:
    """An id that does not exist, for a parameter of this name."""
    unknown_id = UNKNOWN_IDS[ID_KINDS.get(name, id_kind)]
    return [unknown_id] if name == "locations" else unknown_id


ID_KINDS = {
    "locations": "loc",
    "locationId": "loc",
    "customerId": "cus",
    "callId": "cal",
    "exportId": "exp",
    "staffId": "usr",
    "userId": "usr",
    "templateId": "tpl",
    "number": "num",
}
"""Kind of record per parameter name; for ``id`` see `RequestSample.id_kind`."""


@dataclass(frozen=True)
class Operation:
    """An operation of the OpenAPI document."""

    id: str
    method: str
    path_template: str
    definition: dict[str, Any]

    @property
    def is_public(self) -> bool:
        """Whether it needs no token."""
        return bool(self.definition["security"] == [])

    def path(self, sample: RequestSample) -> str:
        path = self.path_template
        for name, value in sample.path.items():
            path = path.replace("{" + name + "}", value)
        return path


def operations(openapi: dict[str, Any]) -> list[Operation]:
    """All documented operations, with their shared parameters, responses and headers."""
    return [
        Operation(definition["operationId"], method.upper(), path_template, _resolve(definition, openapi))
        for path_template, methods in openapi["paths"].items()
        for method, definition in methods.items()
    ]


def _resolve(node: Any, openapi: dict[str, Any]) -> Any:
    """A part of the document without references, except those to schemas."""
    if isinstance(node, list):
        return [_resolve(child, openapi) for child in node]
    if not isinstance(node, dict):
        return node
    _, _, kind, name = f"{node.get('$ref', '')}///".split("/")[:4]
    if kind and kind != "schemas":
        return _resolve(openapi["components"][kind][name], openapi)
    return {key: _resolve(value, openapi) for key, value in node.items()}


# --- how each documented failure is provoked ---
def send_request(
    user: SignedInUser | None, operation: Operation, sample: RequestSample, **options: Any
) -> httpx.Response:
    """Send an operation's request."""
    web = options.pop("web", user.web if user else "")
    headers = options.pop("headers", {})
    if user:
        headers = {"Authorization": f"Bearer {user.token}", **headers}
    if sample.body is not None and "content" not in options:
        options["json"] = sample.body
    url = web + operation.path(sample)
    response = chaos.send(operation.method, url, params=sample.query, headers=headers, **options)
    return check_error(response)


def success_status(operation: Operation) -> int:
    statuses = [int(status) for status in operation.definition["responses"]]
    return 201 if 201 in statuses else min(statuses)


# --- requests by status, for all operations ------------------------------------------------------
def _invalid_request(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    """A wrong value in the body or the query; where neither takes one, an unknown parameter."""
    query = {**sample.query, **((sample.invalid_values or {"unknown": "1"}) if sample.body is None else {})}
    body = {**sample.body, **sample.invalid_values} if sample.body is not None else None
    return send_request(test_users.ann, operation, replace(sample, query=query, body=body))


def _reused_key(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    headers = {"Idempotency-Key": f"reused by {operation.id}"}
    assert send_request(test_users.ann, operation, sample, headers=headers).status_code == success_status(operation)
    other_sample = replace(SAMPLES[operation.id](test_users), path=sample.path)
    return send_request(test_users.ann, operation, other_sample, headers=headers)


def _not_modified(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    etag = send_request(test_users.ann, operation, sample).headers["ETag"]
    return send_request(test_users.ann, operation, sample, headers={"If-None-Match": etag})


def _with_unknown_id(sample: RequestSample) -> RequestSample:
    unknown_id = {"id": UNKNOWN_IDS[sample.id_kind]}
    if "id" in sample.path:
        return replace(sample, path={**sample.path, **unknown_id})
    return replace(sample, body={**(sample.body or {}), **unknown_id})


def _request_pdf(test_users: UserFixtures, operation: Operation, state: ExportState) -> httpx.Response:
    """A request that is repeated while, or after, a worker prints the PDF."""
    exports.store_export(test_users.ann.id, state)
    return send_request(test_users.ann, operation, RequestSample(query={"format": "pdf"}))


def _fetch_export(test_users: UserFixtures, operation: Operation, state: ExportState) -> httpx.Response:
    record = exports.store_export(test_users.ann.id, state)
    return send_request(test_users.ann, operation, RequestSample(path={"exportId": str(record.id)}))


def _unknown_location(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    body = {**(sample.body or {}), "locations": [UNKNOWN_IDS["loc"]]}
    return send_request(test_users.ann, operation, replace(sample, body=body))


def _duplicate_email(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    body = {**(sample.body or {}), "email": test_users.sam.user.email}
    return send_request(test_users.ann, operation, replace(sample, body=body))


def _delete_last_owner(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    return send_request(test_users.ann, operation, replace(sample, body={"id": test_users.ann.id}))


def _token_of_unknown_user(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    unknown_user = replace(test_users.ann, token=token_for(f"auth0|{UNKNOWN_IDS['usr']}"))
    return send_request(unknown_user, operation, sample)


def _replay_after_delete(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    headers = {"Idempotency-Key": "created and removed"}
    created = send_request(test_users.ann, operation, sample, headers=headers)
    assert test_users.ann.delete(f"/location/{created.json()['id']}").status_code == 200
    return send_request(test_users.ann, operation, sample, headers=headers)


def _with_body_fields(
    test_users: UserFixtures, operation: Operation, sample: RequestSample, **fields: Any
) -> httpx.Response:
    return send_request(test_users.ann, operation, replace(sample, body={**(sample.body or {}), **fields}))


def _send_twice(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    assert send_request(test_users.ann, operation, sample).status_code == 201
    return send_request(test_users.ann, operation, sample)


def _overlap_another_shift(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    other_shift = test_users.create_shift()
    times = {"startTime": f"{other_shift.start}", "endTime": f"{other_shift.end}"}
    return send_request(test_users.ann, operation, replace(sample, body=times))


def _replay_closed_feed(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    headers = {"Idempotency-Key": "opened and closed"}
    assert send_request(test_users.ann, operation, sample, headers=headers).status_code == 201
    assert test_users.ann.delete("/user/calendar-feed").status_code == 200
    return send_request(test_users.ann, operation, sample, headers=headers)


def _exclude_one_shift_too_many(test_users: UserFixtures, operation: Operation) -> httpx.Response:
    """Exclude a shift from a series of a person whose series have the most changed shifts."""
    start = datetime.fromisoformat("2032-01-05T09:00")
    series = [bulk.changed_series(number, 400, start=start) for number in range(5)]
    schedules = bulk.load_series(test_users, test_users.create_user().id, series)
    query = {"scope": "occurrence", "recurrenceId": (start + timedelta(days=401)).isoformat()}
    return send_request(test_users.ann, operation, RequestSample(path={"id": schedules[0].id}, query=query))


def _past_week() -> dict[str, str]:
    """The window of the last seven days."""
    return {"from": (now() - timedelta(days=7)).isoformat(), "to": now().isoformat()}


def _make_series_with_exception_single(
    test_users: UserFixtures, operation: Operation, sample: RequestSample
) -> httpx.Response:
    start = datetime.fromisoformat("2045-01-02T09:00")
    exceptions = {start.isoformat(): {"notes": "Bring the keys."}}
    pattern = {"frequency": "weekly", "byDay": [{"day": "mo"}], "count": 2, "exceptions": exceptions}
    times = {"start": start, "end": start + timedelta(hours=1)}
    series = test_users.create_shift(**times, pattern=pattern, recurring=True, allow_overlap=True)
    change = {"action": "change", "scheduleId": series.id, "recurring": False}
    return _with_body_fields(test_users, operation, sample, changes=[change])


def _unknown_ivr_location(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    return send_request(test_users.ann, operation, replace(sample, path={"locationId": UNKNOWN_IDS["loc"]}))


def _of_country(test_users: UserFixtures, operation: Operation, sample: RequestSample, country: str) -> httpx.Response:
    return send_request(test_users.ann, operation, replace(sample, path={"country": country}))


def _change_address_in_bundle(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    test_users.put_profile("NL", has_bundle=True)
    body = {**(sample.body or {}), "street": f"Keizersgracht {next(_sequence)}"}
    return send_request(test_users.ann, operation, replace(sample, path={"country": "NL"}, body=body))


def _delete_used_profile(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    assert test_users.boston_number.number.number.startswith("+1415")
    return _of_country(test_users, operation, sample, test_users.put_profile("US"))


def _release_pending_purchase(test_users: UserFixtures, operation: Operation) -> httpx.Response:
    body = {"phoneNumber": free_number(), "locationId": test_users.create_location().id}
    with ENVIRONMENT.apply_plan(FaultPlan(always={"twilio": "503"})):
        purchase_response = test_users.ann.post("/userManagement/purchase-phone-number", body)
    assert purchase_response.status_code == 503, purchase_response.text
    return send_request(test_users.ann, operation, RequestSample(path={"number": body["phoneNumber"]}))


def _restore_when_replaced(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    number = dynamodb.get_record(PhoneNumber, sample.path["number"])
    assert number
    assert test_users.ann.delete(f"/phoneNumber/{number.number}").status_code == 200
    test_users.purchase_number(
        locations.load_locations([number.location_id], test_users.customer.id)[number.location_id]
    )
    return send_request(test_users.ann, operation, sample)


def _blocked_number(test_users: UserFixtures) -> str:
    """Another number, blocked at Boston."""
    number = free_number()
    blocked_callers.block_caller(number, location_id=test_users.boston.id, actor=test_users.ann.actor, at=now())
    return number


def _block_one_too_many(test_users: UserFixtures, operation: Operation) -> httpx.Response:
    quota = dynamodb.get_record(Quota, test_users.customer.id)
    set_blocked_count(test_users, blocked_callers.MAX_BLOCKED)
    try:
        return send_request(test_users.ann, operation, RequestSample(body={"number": free_number()}))
    finally:
        set_blocked_count(test_users, int(quota.blocked) if quota else 0)


def set_blocked_count(test_users: UserFixtures, count: int) -> None:
    """Let the customer have this many blocked callers, as far as the limit knows."""
    dynamodb.call(
        "UpdateItem",
        TableName=Quota.table_name(),
        Key=Quota.to_dynamodb_key(test_users.customer.id),
        UpdateExpression="SET blocked = :count",
        ExpressionAttributeValues={":count": {"N": str(count)}},
    )


def _verify_foreign_phone(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    for phone in ("+442071838750", phone_number_of(test_users.ann.user)):
        assert test_users.ann.patch("/user", {"phone": phone}).status_code == 200
        if phone.startswith("+44"):
            response = send_request(test_users.ann, operation, sample)
    return response


def token_for(subject: str) -> str:
    """A valid token for any subject."""
    issued_at = int(now().timestamp())
    audience = "https://api.dutyline.example/"
    claims = {"iss": ENVIRONMENT.issuer, "aud": audience, "sub": subject, "iat": issued_at, "exp": issued_at + 600}
    return ENVIRONMENT.tenant().sign(claims)


REQUEST_BY_STATUS: dict[int, Callable[[UserFixtures, Operation, RequestSample], httpx.Response]] = {
    206: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, sample, headers={"Range": "bytes=0-1"}
    ),
    416: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, sample, headers={"Range": "bytes=999999999-"}
    ),
    304: _not_modified,
    400: _invalid_request,
    401: lambda test_users, operation, sample: send_request(None, operation, sample, web=test_users.ann.web),
    404: lambda test_users, operation, sample: send_request(test_users.ann, operation, _with_unknown_id(sample)),
    412: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, sample, headers={"If-Match": '"999"'}
    ),
    413: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, replace(sample, body={**(sample.body or {}), "name": "x" * 300_000})
    ),
    415: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, sample, content=b"a=1", headers={"Content-Type": "text/plain"}
    ),
    422: _reused_key,
}


# --- requests by status, for single operations ----------------------------------------------------
def _repeat_without_key(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    """What a first request created is there already."""
    assert send_request(test_users.ann, operation, sample).status_code == 201
    return send_request(test_users.ann, operation, sample)


def _change_closed_callback(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    path = f"/callback/{sample.path['id']}/close"
    assert test_users.ann.post(path, {"outcome": "spam"}).status_code == 200
    return send_request(test_users.ann, operation, sample)


def _ask_too_often(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    """What anybody may read counts against the address."""
    with rate_limits.use_up(["anonymous"], "127.0.0.1"):
        return send_request(None, operation, sample, web=test_users.ann.web)


REQUEST_BY_OPERATION: dict[tuple[str, int], Callable[[UserFixtures, Operation, RequestSample], httpx.Response]] = {
    ("createUser", 404): _unknown_location,
    ("createUser", 409): _duplicate_email,
    ("createManagedUser", 404): _unknown_location,
    ("createManagedUser", 409): _duplicate_email,
    ("updateManagedUser", 409): _duplicate_email,
    ("updateCurrentUser", 404): _unknown_location,
    ("updateCurrentUser", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(body={"locations": [test_users.boston.id]})
    ),
    ("updateCurrentUser", 403): lambda test_users, operation, sample: send_request(
        test_users.sam, operation, RequestSample(body={"userPermissions": ["users:read"]})
    ),
    ("deleteUser", 409): _delete_last_owner,
    ("deleteManagedUser", 409): _delete_last_owner,
    ("getLocation", 403): lambda test_users, operation, sample: send_request(
        test_users.mia, operation, replace(sample, path={"id": test_users.denver.id})
    ),
    ("listManagedUsers", 404): _token_of_unknown_user,
    ("resendInvitation", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"id": test_users.sam.id}, body={})
    ),
    ("acceptTerms", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(body={"version": documents.list_versions()[0]})
    ),
    ("createLocation", 404): _replay_after_delete,
    ("deleteLocation", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"id": test_users.boston.id}, id_kind="loc")
    ),
    ("createSchedule", 404): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, staffId=UNKNOWN_IDS["usr"]
    ),
    ("createSchedule", 409): lambda test_users, operation, sample: _send_twice(test_users, operation, sample),
    ("updateSchedule", 409): lambda test_users, operation, sample: _overlap_another_shift(
        test_users, operation, sample
    ),
    ("deleteSchedule", 409): lambda test_users, operation, sample: _exclude_one_shift_too_many(test_users, operation),
    ("listColleagues", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, replace(sample, query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("listSchedules", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("listScheduleTemplates", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("createScheduleTemplate", 404): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, locationId=UNKNOWN_IDS["loc"]
    ),
    ("openCalendarFeed", 404): lambda test_users, operation, sample: _replay_closed_feed(test_users, operation, sample),
    ("purchasePhoneNumber", 404): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, locationId=UNKNOWN_IDS["loc"]
    ),
    ("purchasePhoneNumber", 409): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, locationId=test_users.boston_number.number.location_id
    ),
    ("adoptPhoneNumber", 404): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, phoneNumber=free_number()
    ),
    ("adoptPhoneNumber", 409): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, locationId=test_users.boston_number.number.location_id
    ),
    ("getNumberProfile", 404): lambda test_users, operation, sample: _of_country(test_users, operation, sample, "FR"),
    ("putNumberProfile", 404): lambda test_users, operation, sample: _of_country(test_users, operation, sample, "PE"),
    ("putNumberProfile", 409): lambda test_users, operation, sample: _change_address_in_bundle(
        test_users, operation, sample
    ),
    ("deleteNumberProfile", 404): lambda test_users, operation, sample: _of_country(
        test_users, operation, sample, "FR"
    ),
    ("deleteNumberProfile", 409): lambda test_users, operation, sample: _delete_used_profile(
        test_users, operation, sample
    ),
    ("releasePhoneNumber", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"number": UNKNOWN_IDS["num"]})
    ),
    ("releasePhoneNumber", 409): lambda test_users, operation, sample: _release_pending_purchase(test_users, operation),
    ("restorePhoneNumber", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"number": UNKNOWN_IDS["num"]}, body={})
    ),
    ("restorePhoneNumber", 409): lambda test_users, operation, sample: _restore_when_replaced(
        test_users, operation, sample
    ),
    ("getIvrConfiguration", 404): lambda test_users, operation, sample: _unknown_ivr_location(
        test_users, operation, sample
    ),
    ("updateIvrConfiguration", 404): lambda test_users, operation, sample: _unknown_ivr_location(
        test_users, operation, sample
    ),
    ("getPublicHoursSettings", 404): lambda test_users, operation, sample: _unknown_ivr_location(
        test_users, operation, sample
    ),
    ("updatePublicHoursSettings", 404): lambda test_users, operation, sample: _unknown_ivr_location(
        test_users, operation, sample
    ),
    ("getPublicHours", 404): lambda test_users, operation, sample: send_request(
        None, operation, RequestSample(path={"line": "pub_" + "0" * 52}), web=test_users.ann.web
    ),
    ("getPublicHours", 429): lambda test_users, operation, sample: _ask_too_often(test_users, operation, sample),
    ("previewCall", 404): lambda test_users, operation, sample: _unknown_ivr_location(test_users, operation, sample),
    ("exportMyData", 202): lambda test_users, operation, sample: _request_pdf(test_users, operation, "preparing"),
    ("exportMyData", 409): lambda test_users, operation, sample: _request_pdf(test_users, operation, "failed"),
    ("getPreparedExport", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"exportId": UNKNOWN_IDS["exp"]})
    ),
    ("getPreparedExport", 202): lambda test_users, operation, sample: _fetch_export(test_users, operation, "preparing"),
    ("getPreparedExport", 409): lambda test_users, operation, sample: _fetch_export(test_users, operation, "failed"),
    ("replayCalls", 409): lambda test_users, operation, sample: _make_series_with_exception_single(
        test_users, operation, sample
    ),
    ("listCalls", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("listCallbacks", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("createCallback", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(body={"callId": UNKNOWN_IDS["cal"]})
    ),
    ("createCallback", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(body={"callId": test_users.create_withheld_call()})
    ),
    ("createCallback", 200): lambda test_users, operation, sample: _repeat_without_key(test_users, operation, sample),
    ("takeCallback", 409): lambda test_users, operation, sample: _change_closed_callback(test_users, operation, sample),
    ("releaseCallback", 409): lambda test_users, operation, sample: _change_closed_callback(
        test_users, operation, sample
    ),
    ("closeCallback", 409): lambda test_users, operation, sample: _change_closed_callback(
        test_users, operation, sample
    ),
    ("callCallback", 409): lambda test_users, operation, sample: _change_closed_callback(test_users, operation, sample),
    ("listBlockedCallers", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("blockCaller", 200): lambda test_users, operation, sample: _repeat_without_key(test_users, operation, sample),
    ("blockCaller", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(body={"number": free_number(), "locationId": UNKNOWN_IDS["loc"]})
    ),
    ("blockCaller", 409): lambda test_users, operation, sample: _block_one_too_many(test_users, operation),
    ("unblockCaller", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"number": free_number()})
    ),
    ("verifyPhone", 409): lambda test_users, operation, sample: _verify_foreign_phone(test_users, operation, sample),
    ("getUserAuditLogs", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"userId": UNKNOWN_IDS["usr"]})
    ),
}
