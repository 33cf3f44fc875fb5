"""Test users and what tests do with them.

Ann (owner), Abe (admin), Mia (manager) and Sam (staff) work for Harbour Dental, Cleo (owner) for
Hilltop Vets. Each test module gets new ones.
"""

import itertools
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx

from accounts import customers, locations, permissions, users
from accounts.auth import identity
from accounts.clients import auth0, auth0_http
from accounts.models import Customer, DirectoryEntry, Location, User
from accounts.users import create, update
from config import dynamodb, outbox
from config.audit import verification
from config.audit.log import AuditEntry
from config.dynamodb import unaudited
from config.outbox import worker
from staffing import shift_templates
from staffing.models import Schedule, Template
from staffing.schedules import commands, days
from telephony import line_lookup, phone_verification
from telephony.callbacks import opening
from telephony.calls.state import call_creation, call_record
from telephony.models import OngoingCall
from telephony.numbers import address_registration, adoption, profiles, purchase
from telephony.numbers.reservation import NumberWithLine
from telephony.public_hours import publication
from telephony.twilio import client
from tests.support import chaos, messages
from tests.support.environment import ENVIRONMENT, Environment
from tests.support.http_client import HTTP
from tests.support.problems import check_document, check_error

PASSWORD = "a-good-password"
_sequence = itertools.count(1)


@dataclass(frozen=True)
class SignedInUser:
    """A test user, signed in."""

    user: User
    token: str
    web: str

    @property
    def id(self) -> str:
        return str(self.user.id)

    @property
    def actor(self) -> permissions.Actor:
        return permissions.user_actor(self.user)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request as this user."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return check_error(chaos.send(method, self.web + path, headers=headers, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, json=body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("PUT", path, json=body, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **({"json": body} if body is not None else {}), **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **options)


@dataclass(frozen=True)
class UserFixtures:
    """A customer with its users, and the owner of another customer."""

    customer: Customer
    boston: Location
    denver: Location
    ann: SignedInUser
    abe: SignedInUser
    mia: SignedInUser
    sam: SignedInUser
    other_customer: Customer
    hilltop: Location
    cleo: SignedInUser

    @property
    def users_by_role(self) -> dict[str, SignedInUser]:
        return {"owner": self.ann, "admin": self.abe, "manager": self.mia, "staff": self.sam}

    def create_user(self, **fields: Any) -> User:
        """A new invited user: staff of Boston by default."""
        body = self.user_body()
        defaults = {"locations": [self.boston.id], "name": body["name"], "email": body["email"]}
        return create.create_user(
            create.NewUserData(customer_id=self.customer.id, **(defaults | fields)), actor=self.ann.actor, at=now()
        )

    def create_location(self) -> Location:
        """A new location without users."""
        return locations.create_location(actor=self.ann.actor, name="New", time_zone="America/New_York", at=now())

    def create_shift(self, **fields: Any) -> Schedule:
        """A new shift of Sam in Boston, on an unused day."""
        return create_shift(self.ann.actor, self.boston, self.sam.id, **fields)

    @cached_property
    def foreign_shift(self) -> Schedule:
        """A shift of Cleo."""
        return create_shift(self.cleo.actor, self.hilltop, self.cleo.id)

    def shift_body(self, **fields: Any) -> dict[str, Any]:
        """A valid body for POST /staffSchedule."""
        start = next(_free_days)
        body = {
            "customerId": self.customer.id,
            "locationId": self.boston.id,
            "staffId": self.sam.id,
            "startTime": start.isoformat(),
            "endTime": (start + timedelta(hours=8)).isoformat(),
        }
        return {**body, **fields}

    def create_template(self) -> Template:
        """A new template for Boston."""
        return create_template(self.ann.actor, self.boston)

    @cached_property
    def foreign_template(self) -> Template:
        """A template of Cleo's customer."""
        return create_template(self.cleo.actor, self.hilltop)

    def purchase_number(self, location: Location | None = None) -> NumberWithLine:
        """Buy a number, for a new location by default."""
        number_location = location or self.create_location()
        return purchase.purchase_number(free_number(), number_location.id, actor=self.ann.actor, at=now())

    @cached_property
    def boston_number(self) -> NumberWithLine:
        """Boston's phone number."""
        return self.purchase_number(self.boston)

    @cached_property
    def public_line(self) -> str:
        """The id in the URL of Boston's public hours."""
        location_id = self.boston_number.number.location_id
        record = publication.update_settings(location_id, is_public=True, actor=self.ann.actor, at=now())
        return str(record.public_id)

    def put_profile(self, country: str, *, has_bundle: bool = False) -> str:
        """Give Ann's customer a profile for numbers of a country; the country."""
        return put_profile(self.ann.actor, country, has_bundle=has_bundle)

    def put_day_note(self) -> str:
        """Give another day at Boston a note; the date."""
        day = date(2031, 1, 1) + timedelta(days=next(_line_digits) % 3_000)
        days.put_note(self.boston.id, day, "Stocktaking", actor=self.ann.actor, at=now())
        return day.isoformat()

    def reserve_number(self) -> str:
        """A number of the Twilio account that Ann's customer may adopt."""
        number = free_number()
        client.buy_number(number, tag="brought by a customer")
        adoption.reserve_number(number, actor=permissions.system_actor(self.customer.id), at=now())
        return number

    @cached_property
    def foreign_number(self) -> NumberWithLine:
        """The phone number of Cleo's location."""
        number = f"+4930{next(_line_digits)}"  # Hilltop is in Berlin
        put_profile(self.cleo.actor, "DE", has_bundle=True)
        return purchase.purchase_number(number, self.hilltop.id, actor=self.cleo.actor, at=now())

    @cached_property
    def recorded_call_id(self) -> str:
        """A call to Boston's number with a voicemail."""
        return leave_voicemail(self.boston_number)

    @cached_property
    def foreign_recorded_call_id(self) -> str:
        """A call to Cleo's number with a voicemail."""
        return leave_voicemail(self.foreign_number)

    def create_call(self) -> str:
        """A missed call to Boston's number, without a call-back yet; its id."""
        return store_missed_call(self.boston_number).id

    def create_withheld_call(self) -> str:
        """A missed call of somebody who withheld their number; its id."""
        row = store_missed_call(self.boston_number).row
        row.caller = ""
        dynamodb.call("PutItem", TableName=row.table_name(), Item=row.serialize())
        return str(row.id)

    def create_callback(self) -> str:
        """A call-back at Boston that is open; its id."""
        return leave_callback(self.boston_number)

    def create_callable_callback(self) -> str:
        """An open call-back at Boston that every user of the customer can call at once; its id."""
        assert self.phones_verified
        await_ended_callbacks()
        for user in self.users_by_role.values():
            unaudited.remove(OngoingCall(user.id), OngoingCall.user_id.exists())
        return self.create_callback()

    @cached_property
    def foreign_callback_id(self) -> str:
        """An open call-back of Cleo's customer."""
        return leave_callback(self.foreign_number)

    @cached_property
    def phones_verified(self) -> bool:
        """Give every user of the customer a verified phone with ringing enabled, once."""
        for user in self.users_by_role.values():
            enable_ringing(user.user)
        return True

    def audit_findings(self) -> list[verification.AuditFinding]:
        """What is wrong with the audit of both customers.

        The whole audit, with the thousands of streams of all modules, is verified where that is
        what a test is about.
        """
        condition = "#customer_id IN (:first, :second)"
        pages = dynamodb.iter_pages(
            "Scan",
            TableName=AuditEntry.table_name(),
            ConsistentRead=True,
            FilterExpression=condition,
            ProjectionExpression="#stream",
            ExpressionAttributeNames={**dynamodb.expression_names(condition), "#stream": "stream"},
            ExpressionAttributeValues={
                ":first": {"S": str(self.customer.id)},
                ":second": {"S": str(self.other_customer.id)},
            },
        )
        streams = {str(item["stream"]["S"]) for page in pages for item in page}
        people = {str(entry.id) for of in (self.customer, self.other_customer) for entry in list_directory(of.id)}
        return verification.verify_streams(streams | people).findings

    def user_body(self, **fields: Any) -> dict[str, Any]:
        """A valid body for POST /user."""
        return {**new_user_body(self.customer.id), **fields}


_callers = itertools.count(5_550_200)
_free_days = (datetime(2032, 1, 1, 9) + timedelta(days=n) for n in itertools.count())  # noqa: DTZ001


def create_shift(actor: permissions.Actor, location: Location, staff_id: str, **fields: Any) -> Schedule:
    """Create a shift, on an unused day by default."""
    start = fields.pop("start", None) or next(_free_days)
    end = fields.pop("end", start + timedelta(hours=8))
    new_schedule = commands.ScheduleDraft(actor.customer_id, location.id, staff_id, start, end, **fields)
    return commands.create_schedule(new_schedule, actor=actor, at=now())


_line_digits = itertools.count(2_000_000)


ADDRESS_BODY = {"businessName": "Harbour Dental", "street": "Quay 1", "city": "Port", "postalCode": "10115"}


def put_profile(actor: permissions.Actor, country: str, *, has_bundle: bool = False) -> str:
    """Give a customer a registered address in a country, and an approved bundle; the country."""
    address = address_registration.Address("Harbour Dental", "Quay 1", "Port", "10115")
    profile = profiles.put_address(country, address, actor=actor, at=now())
    assert profile.address_status == "registered"
    if has_bundle:
        bundle_sid = HTTP.post(f"{ENVIRONMENT.twilio}/_local/bundles", json={"country": country}).json()["sid"]
        system_actor = permissions.system_actor(actor.customer_id)
        profiles.record_bundle(
            country, actor.customer_id, bundle_sid=bundle_sid, address_sid="", actor=system_actor, at=now()
        )
    return country


def free_number() -> str:
    """An available number in San Francisco."""
    return f"+1415{next(_line_digits)}"


def phone_number_of(user: User) -> str:
    """The phone number of a test user."""
    return _phone_numbers.setdefault(user.id, f"+1617{next(_line_digits)}")


_phone_numbers: dict[str, str] = {}


def enable_ringing(user: User, phone: str = "") -> str:
    """Give a user a verified phone and enable ringing; the phone number."""
    number = phone or phone_number_of(user)
    changes = {"phone": number, "settings": {"ringing": True}}
    current = users.get_user(user.id)
    phone_verification.mark_verified(
        update.update_own_profile(current, changes, actor=permissions.user_actor(current), at=now()), at=now()
    )
    return number


def simulate_call(to: str, **parameters: Any) -> dict[str, Any]:
    """Call a number; the transcript, the webhooks and the call's id."""
    response = HTTP.post(f"{ENVIRONMENT.twilio}/_local/calls", json={"to": to, **parameters}, timeout=60)
    return dict(response.raise_for_status().json())


def leave_voicemail(held: NumberWithLine) -> str:
    """Call a number, leave a voicemail and wait until it is stored."""
    call_id = str(simulate_call(held.number.number)["sid"])
    process_outbox()
    return call_id


def store_missed_call(
    held: NumberWithLine, *, caller: str = "", outcome: str = "missed", started_at: datetime | None = None
) -> call_record.CallRecord:
    """Store a call, by default of a new caller, of which nothing has followed yet."""
    line = line_lookup.resolve_line(held.number.number)
    assert line
    number, at = caller or f"+1617{next(_callers)}", started_at or now()
    call = call_creation.new_call(f"CA{uuid.uuid4().hex}", line, caller=number, entrance="open", at=at)
    call.row.outcome, call.row.ended_at, call.row.seconds = outcome, at + timedelta(seconds=20), 20
    call.save()
    return call


def await_ended_callbacks() -> None:
    """Wait until the calls that the product has placed to call back are over."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        calls = HTTP.get(f"{ENVIRONMENT.twilio}/_local/calls", timeout=30).raise_for_status().json()
        if all(call["isOver"] for call in calls if "/voice/back?" in call["url"]):
            return
        time.sleep(0.05)
    raise TimeoutError("a call does not end")


def leave_callback(held: NumberWithLine) -> str:
    """Open the call-back of a call that was missed; its id."""
    call = store_missed_call(held)
    opening.follow_up_call(call.id, job=outbox_job(held.number.customer_id))
    stored = call_record.load(call.id)
    assert stored
    return str(stored.row.callback_id)


def outbox_job(customer_id: str) -> outbox.TaskContext:
    """The context of a task that the system runs for a customer."""
    author = permissions.system_actor(customer_id)
    return outbox.TaskContext("test", author, now(), None, "", lambda progress: None)


def create_template(actor: permissions.Actor, location: Location) -> Template:
    """Create a template for single shifts."""
    values = {"name": "Early", "location_id": location.id, "start": "06:00", "end": "14:00"}
    return shift_templates.create_template(values, actor=actor, at=now())


def new_user_body(customer_id: str) -> dict[str, Any]:
    """A body that creates a new user."""
    number = next(_sequence)
    return {
        "email": f"new{number}.{_timestamp()}@harbour.example",
        "customerId": customer_id,
        "name": f"New Person {number}",
    }


def _timestamp() -> str:
    return str(datetime.now(UTC).timestamp()).replace(".", "")


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def fetch_access_token(env: Environment, email: str, password: str = PASSWORD) -> str:
    """Fetch an access token as an app does."""
    response = HTTP.post(
        f"{env.issuer}oauth/token",
        data={
            "grant_type": "password",
            "username": email,
            "password": password,
            "audience": "https://api.dutyline.example/",
            "client_id": "dutyline-app",
            "client_secret": "local-app-secret",
        },
    )
    response.raise_for_status()
    return str(response.json()["access_token"])


def accept_invitation(env: Environment, web: str, user: User) -> SignedInUser:
    """Accept a user's invitation, or sign in after a handover: set a password and sign in."""
    link = auth0.create_password_ticket(user_id=user.id, seconds=600)
    HTTP.post(link, data={"password": PASSWORD}).raise_for_status()
    if user.handed_over_at:
        await_token_of_present_holder(user.id)
    accepted = identity.accept_invitation(user, origin=permissions.Origin(), at=now())
    return SignedInUser(accepted, fetch_access_token(env, user.email), web)


def await_token_of_present_holder(user_id: str) -> None:
    """Wait until new tokens are of a later second than the last handover of an account."""
    ended_at = users.get_user(user_id).handed_over_at
    assert ended_at is not None
    time.sleep(max(0.0, (ended_at - now()).total_seconds() + 1.0))


def set_password(env: Environment, address: str, password: str = PASSWORD) -> httpx.Response:
    """Open the link of the newest e-mail to an address, and set a password."""
    link = next(link for link in emails_to(env, address)[0]["links"] if "reset-verify" in link)
    return HTTP.post(link, data={"password": password})


def create_user_fixtures(env: Environment, web: str) -> UserFixtures:
    """Create both customers with their users and locations."""
    auth0_http._client()  # loads the SDK, for which the time of a call is short on a busy machine

    def create_customer(name: str, owner_name: str) -> tuple[Customer, SignedInUser]:
        email = f"{owner_name.lower()}.{_timestamp()}@cast.example"
        customer, user = customers.create_customer(
            name=name, owner_name=f"{owner_name} Canary-{name[:3]}", owner_email=email, at=now()
        )
        return customer, accept_invitation(env, web, user)

    customer, ann = create_customer("Harbour Dental", "Ann")
    other_customer, cleo = create_customer("Hilltop Vets", "Cleo")
    boston, denver, hilltop = (
        locations.create_location(actor=owner.actor, name=name, time_zone=zone, at=now())
        for owner, name, zone in (
            (ann, "Boston", "America/New_York"),
            (ann, "Denver", "America/Denver"),
            (cleo, "Hilltop", "Europe/Berlin"),
        )
    )

    def add_user(name: str, role: str, location_ids: list[str] | None = None) -> SignedInUser:
        new_user = create.NewUserData(
            customer_id=customer.id,
            email=f"{name.lower()}.{_timestamp()}@cast.example",
            name=f"{name} Canary-Har",
            role=role,
            locations=location_ids,
        )
        return accept_invitation(env, web, create.create_user(new_user, actor=ann.actor, at=now()))

    return UserFixtures(
        customer=customer,
        boston=boston,
        denver=denver,
        ann=ann,
        abe=add_user("Abe", "admin"),
        mia=add_user("Mia", "manager", [boston.id]),
        sam=add_user("Sam", "staff", [boston.id]),
        other_customer=other_customer,
        hilltop=hilltop,
        cleo=cleo,
    )


def list_directory(customer_id: str) -> list[DirectoryEntry]:
    """The directory of a customer."""
    values = {":of": {"S": customer_id}}
    return list(dynamodb.iter_records(DirectoryEntry, "#customer_id = :of", values, ConsistentRead=True))


def directory_differences(customer_id: str) -> list[str]:
    """Where the directory of a customer differs from its users; empty: nowhere."""
    condition, values = "#customer_id = :of", {":of": {"S": customer_id}}
    items = dynamodb.iter_pages(
        "Scan",
        TableName=User.table_name(),
        ConsistentRead=True,
        FilterExpression=condition,
        ExpressionAttributeNames=dynamodb.expression_names(condition),
        ExpressionAttributeValues=values,
    )
    users_of_customer = [User.from_item(item) for page in items for item in page]
    expected = {
        str(entry.serialize())
        for user in users_of_customer
        for entry in user.derived_records()
        if isinstance(entry, DirectoryEntry)
    }
    return sorted(expected ^ {str(entry.serialize()) for entry in list_directory(customer_id)})


def emails_to(env: Environment, address: str) -> list[dict[str, Any]]:
    """The e-mails delivered to an address, newest first."""
    response = HTTP.get(f"{env.mail}/messages", params={"to": address})
    return list(response.raise_for_status().json())


def process_outbox(seconds_ahead: float = 0) -> worker.PassReport:
    """Process due outbox messages in this process, with the clock ``seconds_ahead``."""

    def clock() -> datetime:
        return now() + timedelta(seconds=seconds_ahead)

    report = worker.PassReport()
    due_shards = messages.find_due_shards(clock())
    for shard in outbox.SHARDS:
        if shard in due_shards:
            worker.process_shard(shard, clock=clock, report=report)
            due_shards = messages.find_due_shards(clock())
    return report


def parse_problem(response: httpx.Response) -> dict[str, Any]:
    """The problem document of an error response, checked for its members."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = json.loads(response.content)
    assert check_document(document).status == response.status_code
    assert document["requestId"] == response.headers["x-request-id"]
    return dict(document)
