"""What a customer does at a web process of any release: requests that both releases know."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.support.environment import ENVIRONMENT
from tests.support.http_client import HTTP

_numbers = itertools.count(2_900_000)
_days = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody of the demo data, by first name, at a web process."""

    id: str
    email: str
    web: str

    def request(self, method: str, path: str, *, key: str = "", **options: Any) -> httpx.Response:
        issued_at = int(datetime.now().timestamp())  # noqa: DTZ005 - seconds of the epoch
        audience = "https://api.dutyline.example/"
        claims = {"iss": ENVIRONMENT.issuer, "aud": audience, "sub": f"auth0|{self.id}"}
        token = ENVIRONMENT.tenant().sign({**claims, "iat": issued_at - 5, "exp": issued_at + 3_600})
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        return HTTP.request(method, self.web + path, headers=headers, timeout=60, **options)

    def read(self, path: str) -> Any:
        response = self.request("GET", path)
        assert response.status_code == 200, (self.web, path, response.status_code, response.text)
        return response.json()

    def change(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        response = self.request(method, path, key=key, **({} if body is None else {"json": body}))
        assert response.is_success, (self.web, method, path, body, response.status_code, response.text)
        return response.json() if response.content else None

    def at(self, web: str) -> "Person":
        """The same person at another web process."""
        return Person(self.id, self.email, web)


@dataclass
class Done:
    """What a run of the scenario has left."""

    invited_ids: list[str] = field(default_factory=list)
    mail_to: list[str] = field(default_factory=list)
    """Who must get a mail of it."""
    schedule_ids: list[str] = field(default_factory=list)
    location_id: str = ""
    template_id: str = ""
    number: str = ""
    key: str = ""
    """The idempotency key with which `invited_ids[0]` was created, by `invitation`."""
    invitation: dict[str, Any] = field(default_factory=dict)
    feed_url: str = ""
    call_id: str = ""


def run(people: dict[str, Person], tag: str) -> Done:
    """Change something of every kind; ``tag`` is of this run."""
    ann, mia, sam = people["ann"], people["mia"], people["sam"]
    done = Done(key=f"key-{tag}")
    customer_id = ann.read("/user")["customerId"]
    boston, denver = (item["id"] for item in sorted(ann.read("/location?limit=50")["items"], key=_by_name)[:2])
    done.location_id = ann.change("POST", "/location", {"name": f"Zoo {tag}", "timeZone": "America/Chicago"})["id"]
    done.invitation = {"email": f"ivy.{tag}@harbour.example", "customerId": customer_id, "name": f"Ivy {tag}"}
    done.invitation |= {"locations": [boston], "userRole": "staff"}
    for number in range(3):
        body = {**done.invitation, "email": f"ivy{number or ''}.{tag}@harbour.example"}
        done.invited_ids.append(ann.change("POST", "/userManagement", body, key=f"{done.key}{number or ''}")["id"])
        done.mail_to.append(body["email"])
    invited, _, deleted = done.invited_ids
    done.mail_to.pop()  # that of who is deleted again
    ann.change("PATCH", "/userManagement", {"id": invited, "name": f"Ivy New {tag}", "locations": [boston, denver]})
    ann.change("PATCH", "/userManagement", {"id": people["sue"].id, "status": "blocked"})
    ann.change("PATCH", "/userManagement", {"id": people["sue"].id, "status": "active"})
    ann.change("DELETE", "/userManagement", {"id": deleted})
    ann.change("PATCH", "/userManagement", {"id": sam.id, "name": f"Sam {tag}"})
    sam.change("PATCH", "/user", {"profileName": f"Sammy {tag}"})
    sam.change("POST", "/user/push-token", {"token": f"ExponentPushToken[{tag}]"})
    sam.change("POST", "/user/accept-terms", {"locale": "de"})
    done.feed_url = sam.change("POST", "/user/calendar-feed", {})["url"]
    done.template_id = mia.change(
        "POST",
        "/scheduleTemplate",
        {
            "customerId": customer_id,
            "name": f"Early {tag}",
            "locationId": boston,
            "startTime": "06:00",
            "endTime": "14:00",
        },
    )["id"]
    _plan(mia, sam, boston, customer_id, done)
    done.number = f"+1415{next(_numbers)}"
    body = {"phoneNumber": done.number, "locationId": done.location_id}
    ann.change("POST", "/userManagement/purchase-phone-number", body)
    path = f"/ivrConfiguration/{done.location_id}"
    ann.change("PUT", path, {"configuration": ann.read(path)["configuration"]})
    configuration = ann.read(path)["configuration"]
    assert ann.read(f"{path}/preview?at=2031-01-01T10:00:00Z")
    ann.change("PUT", path, {"configuration": configuration})
    return done


def leave_voicemail(done: Done) -> list[str]:
    """Call the new number, where nobody is on duty; what the caller heard."""
    call = HTTP.post(f"{ENVIRONMENT.twilio}/_local/calls", json={"to": done.number}, timeout=60).json()
    done.call_id = call["sid"]
    return [str(line) for line in call["lines"]]


def _by_name(item: dict[str, Any]) -> str:
    return str(item["name"])


def _plan(mia: Person, sam: Person, location_id: str, customer_id: str, done: Done) -> None:
    """A shift, a series and a changed occurrence; later runs plan other days."""
    start = datetime(2033, 1, 1, 6) + timedelta(weeks=60 * next(_days))  # noqa: DTZ001 - at the location
    body = {"customerId": customer_id, "locationId": location_id, "staffId": sam.id}
    shift = {**body, **_times(start)}
    pattern = {"frequency": "weekly", "byDay": [{"day": "su"}], "count": 5}
    series = {**body, **_times(start + timedelta(days=1)), "recurrencePattern": pattern}
    for new in (shift, series):
        done.schedule_ids.append(mia.change("POST", "/staffSchedule", new)["id"])
    changed = {"endTime": (start + timedelta(hours=9)).isoformat()}
    mia.change("PUT", f"/staffSchedule/{done.schedule_ids[0]}?scope=all", changed)
    second = mia.read(f"/staffSchedule?locationId={location_id}&staffId={sam.id}&limit=50")["items"]
    assert {item["id"] for item in second} >= set(done.schedule_ids)


def _times(start: datetime) -> dict[str, str]:
    return {"startTime": start.isoformat(), "endTime": (start + timedelta(hours=8)).isoformat()}


def read_paths(people: dict[str, Person], done: Done) -> list[tuple[str, str]]:
    """Who reads what: each must be answered alike by both releases, by its ids."""
    boston = next(item["id"] for item in people["ann"].read("/location?limit=50")["items"] if "Boston" in item["name"])
    return [
        *(("ann", path) for path in ("/user", "/customer", "/location?limit=50", "/userManagement?limit=50")),
        *(("ann", f"/staffSchedule/{id}") for id in done.schedule_ids),
        ("mia", f"/staffSchedule?locationId={boston}&limit=50"),
        ("sam", f"/location/{boston}/on-duty?at=2033-03-03T15:00:00Z"),
        ("ann", f"/scheduleTemplate?locationId={boston}&limit=50"),
        *(("ann", path) for path in ("/phoneNumber?limit=50", f"/ivrConfiguration/{done.location_id}")),
        ("ann", f"/ivrConfiguration/{done.location_id}/preview?at=2031-01-01T10:00:00Z"),
        ("ann", f"/call?locationId={boston}&limit=50"),
        ("sam", "/user/terms-status"),
        ("sam", "/user/phone"),
        ("ann", f"/user/{people['sam'].id}/audit-logs?limit=50"),
        ("ann", "/user/export/my-data?format=json"),
    ]
