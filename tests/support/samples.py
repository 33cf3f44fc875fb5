"""One request per operation that works, by operationId: the seed of contract and isolation tests.

Whoever adds an operation adds its sample here; both tests then try it by themselves.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from telephony import ivr
from tests.conftest import Cast, free_number

_numbers = itertools.count(1)
UNKNOWN = {
    "usr": "usr_01J00000000000000000000000",
    "cus": "cus_01J00000000000000000000000",
    "loc": "loc_01J00000000000000000000000",
    "sch": "sch_01J00000000000000000000000",
    "tpl": "tpl_01J00000000000000000000000",
    "num": "+14155550000",
    "cal": "CA" + "0" * 32,
}


@dataclass
class Sample:
    """Values for the path, the query and the body."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    wrong: dict[str, Any] = field(default_factory=dict)
    """What to change in body or query to get 400."""
    about: str = "usr"
    """What an ``id`` names."""


_acceptances = itertools.cycle([{"locale": "en"}, {"locale": "de"}, {"locale": "es"}])


def token() -> str:
    """A push token that nobody registered."""
    return f"ExponentPushToken[sample-{next(_numbers)}]"


SAMPLES: dict[str, Callable[[Cast], Sample]] = {
    "getCurrentUser": lambda cast: Sample(),
    "createUser": lambda cast: Sample(
        body=cast.new_user(locations=[cast.boston.id]), wrong={"email": 7}
    ),
    "getUserAuditLogs": lambda cast: Sample(
        path={"userId": cast.sam.id}, query={"limit": "10", "offset": "0"}, wrong={"limit": "x"}
    ),
    "updateCurrentUser": lambda cast: Sample(
        body={"profileName": f"Name {next(_numbers)}"}, wrong={"phone": "12"}
    ),
    "getTermsStatus": lambda cast: Sample(),
    "acceptTerms": lambda cast: Sample(body=next(_acceptances), wrong={"version": "1999-01-01"}),
    "registerPushToken": lambda cast: Sample(body={"token": token()}, wrong={"token": "x"}),
    "removePushToken": lambda cast: Sample(body={"token": token()}, wrong={"token": 7}),
    "exportMyData": lambda cast: Sample(query={"format": "json"}, wrong={"format": "doc"}),
    "deleteUser": lambda cast: Sample(body={"id": cast.fresh().id}, wrong={"id": None}),
    "listUsers": lambda cast: Sample(
        query={"customerId": cast.customer.id, "limit": "50"}, wrong={"limit": "1001"}
    ),
    "createManagedUser": lambda cast: Sample(
        body=cast.new_user(locations=[cast.boston.id], isSetup=True), wrong={"userRole": "king"}
    ),
    "updateManagedUser": lambda cast: Sample(
        body={"id": cast.fresh().id, "locations": [cast.boston.id], "name": "Another Name"},
        wrong={"settings": {"timeZone": "Mars/Olympus"}},
    ),
    "deleteManagedUser": lambda cast: Sample(body={"id": cast.fresh().id}, wrong={"x": 1}),
    "resendInvitation": lambda cast: Sample(path={"id": cast.fresh().id}, body={}, wrong={"x": 1}),
    "getCustomer": lambda cast: Sample(),
    "updateCustomer": lambda cast: Sample(
        body={"name": f"Harbour Dental {next(_numbers)}"}, wrong={"name": ""}
    ),
    "listLocations": lambda cast: Sample(query={"limit": "50"}, wrong={"limit": "0"}),
    "createLocation": lambda cast: Sample(
        body={"name": f"Place {next(_numbers)}", "timeZone": "America/Denver"},
        wrong={"timeZone": "MST7MDTX"},
    ),
    "updateLocation": lambda cast: Sample(
        path={"id": cast.boston.id},
        body={"address": f"{next(_numbers)} Long Wharf"},
        wrong={"name": 7},
        about="loc",
    ),
    "deleteLocation": lambda cast: Sample(path={"id": cast.place().id}, about="loc"),
    "listSchedules": lambda cast: Sample(
        query={
            "locationId": cast.boston.id,
            "customerId": cast.customer.id,
            "staffId": cast.sam.id,
            "limit": "50",
        },
        wrong={"limit": "0"},
    ),
    "createSchedule": lambda cast: Sample(
        body=cast.new_shift(templateId=cast.template().id), wrong={"endTime": "tomorrow"}
    ),
    "getSchedule": lambda cast: Sample(path={"id": cast.shift().id}, about="sch"),
    "updateSchedule": lambda cast: Sample(
        path={"id": cast.shift().id},
        query={"scope": "all"},
        body={
            "endTime": "2031-01-01T12:00:00Z",
            "startTime": "2031-01-01T09:00:00Z",
            "staffId": cast.sam.id,
            "locationId": cast.boston.id,
            "allowOverlap": True,
        },
        wrong={"startTime": 7},
        about="sch",
    ),
    "deleteSchedule": lambda cast: Sample(
        path={"id": cast.shift().id}, query={"scope": "all"}, wrong={"scope": "some"}, about="sch"
    ),
    "getOnDuty": lambda cast: Sample(
        path={"id": cast.boston.id},
        query={"at": "2031-01-01T10:00:00Z"},
        wrong={"at": "noon"},
        about="loc",
    ),
    "listTemplates": lambda cast: Sample(
        query={"locationId": cast.boston.id, "limit": "50"}, wrong={"limit": "0"}
    ),
    "createTemplate": lambda cast: Sample(
        body={
            "customerId": cast.customer.id,
            "name": f"Early {next(_numbers)}",
            "locationId": cast.boston.id,
            "startTime": "06:00",
            "endTime": "14:00",
            "recurrencePattern": {"frequency": "weekly", "byDay": [{"day": "mo"}]},
        },
        wrong={"startTime": "25:00"},
    ),
    "updateTemplate": lambda cast: Sample(
        body={"id": cast.template().id, "locationId": cast.boston.id, "endTime": "15:00"},
        wrong={"endTime": "3 pm"},
        about="tpl",
    ),
    "deleteTemplate": lambda cast: Sample(
        body={"id": cast.template().id}, wrong={"x": 1}, about="tpl"
    ),
    "openCalendarFeed": lambda cast: Sample(body={}, wrong={"x": 1}),
    "closeCalendarFeed": lambda cast: Sample(),
    "findPhoneNumbers": lambda cast: Sample(
        body={"country": "US", "areaCode": "415"}, wrong={"areaCode": "1"}
    ),
    "purchasePhoneNumber": lambda cast: Sample(
        body={"phoneNumber": free_number(), "locationId": cast.place().id},
        wrong={"phoneNumber": "415"},
    ),
    "listPhoneNumbers": lambda cast: Sample(query={"limit": "50"}, wrong={"limit": "0"}),
    "releasePhoneNumber": lambda cast: Sample(path={"number": cast.bought().number.number}),
    "restorePhoneNumber": lambda cast: Sample(
        path={"number": cast.bought().number.number}, body={}, wrong={"x": 1}
    ),
    "getIvrConfiguration": lambda cast: Sample(path={"locationId": cast.held.number.location_id}),
    "updateIvrConfiguration": lambda cast: Sample(
        path={"locationId": cast.held.number.location_id},
        body={"configuration": ivr.default(f"Boston {next(_numbers)}")},
        wrong={"configuration": {"version": 2}},
    ),
    "previewCall": lambda cast: Sample(
        path={"locationId": cast.held.number.location_id},
        query={"at": "2031-01-01T10:00:00Z"},
        wrong={"at": "noon"},
    ),
    "listCalls": lambda cast: Sample(
        query={"locationId": cast.held.number.location_id, "limit": "50"}, wrong={"limit": "0"}
    ),
    "getCallRecording": lambda cast: Sample(
        path={"id": cast.recorded},
        query={"kind": "voicemail"},
        wrong={"kind": "song"},
        about="cal",
    ),
    "getPhone": lambda cast: Sample(),
    "verifyPhone": lambda cast: Sample(body={}, wrong={"x": not cast.proven}),
    "confirmPhone": lambda cast: Sample(
        body={"code": "123456"}, wrong={"code": 7 if cast.proven else 0}
    ),
}


def places(sample: Sample) -> list[tuple[str, str]]:
    """Where a sample names somebody's things: (path, query or body; name)."""
    found = [("path", name) for name in sample.path]
    found += [("query", name) for name in sample.query if name.endswith("Id")]
    for name in sample.body or {}:
        if name.endswith("Id") or name in ("id", "locations"):
            found.append(("body", name))
    return found


def foreign(cast: Cast, name: str, about: str) -> Any:
    """The outsider's thing for a place of this name."""
    kind = KINDS.get(name, about)
    theirs = {
        "usr": lambda: cast.cleo.id,
        "cus": lambda: cast.elsewhere.id,
        "loc": lambda: cast.hilltop.id,
        "sch": lambda: cast.foreign_shift.id,
        "tpl": lambda: cast.foreign_template.id,
        "num": lambda: cast.foreign_held.number.number,
        "cal": lambda: cast.foreign_recorded,
    }[kind]()
    return [theirs] if name == "locations" else theirs


def unknown(name: str, about: str) -> Any:
    """Nobody's thing for a place of this name."""
    nobodys = UNKNOWN[KINDS.get(name, about)]
    return [nobodys] if name == "locations" else nobodys


KINDS = {
    "locations": "loc",
    "locationId": "loc",
    "customerId": "cus",
    "staffId": "usr",
    "userId": "usr",
    "templateId": "tpl",
    "number": "num",
}
"""What an id of this name names; ``id`` names what the sample is about."""


@dataclass(frozen=True)
class Operation:
    """One operation of the OpenAPI document."""

    id: str
    method: str
    template: str
    document: dict[str, Any]

    def path(self, sample: Sample) -> str:
        path = self.template
        for name, value in sample.path.items():
            path = path.replace("{" + name + "}", value)
        return path


def operations(openapi: dict[str, Any]) -> list[Operation]:
    """Every operation that is documented."""
    return [
        Operation(document["operationId"], method.upper(), template, document)
        for template, methods in openapi["paths"].items()
        for method, document in methods.items()
    ]
