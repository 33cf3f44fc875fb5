"""A valid request per operation, by operationId, for the contract and isolation tests.

A new operation needs a sample here; both tests then cover it automatically.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from telephony import ivr
from tests.support.users import UserFixtures, free_number

_sequence = itertools.count(1)
UNKNOWN_IDS = {
    "usr": "usr_01J00000000000000000000000",
    "cus": "cus_01J00000000000000000000000",
    "loc": "loc_01J00000000000000000000000",
    "sch": "sch_01J00000000000000000000000",
    "tpl": "tpl_01J00000000000000000000000",
    "num": "+14155550000",
    "cal": "CA" + "0" * 32,
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
    "deleteUser": lambda test_users: RequestSample(
        body={"id": test_users.create_user().id}, invalid_values={"id": None}
    ),
    "listUsers": lambda test_users: RequestSample(
        query={"customerId": test_users.customer.id, "limit": "50"}, invalid_values={"limit": "1001"}
    ),
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
    "listTemplates": lambda test_users: RequestSample(
        query={"locationId": test_users.boston.id, "limit": "50"}, invalid_values={"limit": "0"}
    ),
    "createTemplate": lambda test_users: RequestSample(
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
    "updateTemplate": lambda test_users: RequestSample(
        body={"id": test_users.create_template().id, "locationId": test_users.boston.id, "endTime": "15:00"},
        invalid_values={"endTime": "3 pm"},
        id_kind="tpl",
    ),
    "deleteTemplate": lambda test_users: RequestSample(
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
    "getIvrConfiguration": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id}
    ),
    "updateIvrConfiguration": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id},
        body={"configuration": ivr.default_configuration(f"Boston {next(_sequence)}")},
        invalid_values={"configuration": {"version": 2}},
    ),
    "previewCall": lambda test_users: RequestSample(
        path={"locationId": test_users.boston_number.number.location_id},
        query={"at": "2031-01-01T10:00:00Z"},
        invalid_values={"at": "noon"},
    ),
    "listCalls": lambda test_users: RequestSample(
        query={"locationId": test_users.boston_number.number.location_id, "limit": "50"}, invalid_values={"limit": "0"}
    ),
    "getCallRecording": lambda test_users: RequestSample(
        path={"id": test_users.recorded_call_id},
        query={"kind": "voicemail"},
        invalid_values={"kind": "song"},
        id_kind="cal",
    ),
    "getPhone": lambda test_users: RequestSample(),
    "verifyPhone": lambda test_users: RequestSample(body={}, invalid_values={"x": not test_users.phones_verified}),
    "confirmPhone": lambda test_users: RequestSample(
        body={"code": "123456"}, invalid_values={"code": 7 if test_users.phones_verified else 0}
    ),
}


def id_fields(sample: RequestSample) -> list[tuple[str, str]]:
    """The ids of a sample, as pairs of ``path``, ``query`` or ``body`` and parameter name."""
    fields = [("path", name) for name in sample.path]
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

    def path(self, sample: RequestSample) -> str:
        path = self.path_template
        for name, value in sample.path.items():
            path = path.replace("{" + name + "}", value)
        return path


def operations(openapi: dict[str, Any]) -> list[Operation]:
    """All documented operations."""
    return [
        Operation(definition["operationId"], method.upper(), path_template, definition)
        for path_template, methods in openapi["paths"].items()
        for method, definition in methods.items()
    ]
