"""Fill an empty product with the demo cast. They set their passwords as everybody does."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import actors, auth0, customers, locations, provisioning, signins
from accounts.models import User

PASSWORD = "demo-{name}-1234"  # noqa: S105 - public, on this machine only


class Command(BaseCommand):
    """``manage.py demo --out FILE``: local only."""

    help = "Create the demo customers and people; writes who they are to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("Demo data is for ENVIRONMENT=local only.")
        accounts = [*_harbour(), *_hilltop()]
        draft = options["out"].with_suffix(".part")
        draft.write_text(json.dumps({"accounts": accounts}, indent=2))
        draft.rename(options["out"])


def _harbour() -> list[dict[str, Any]]:
    at = datetime.now(UTC)
    _, ann = customers.create(
        name="Harbour Dental",
        owner_name="Ann Archer",
        owner_email="ann@harbour.example",
        at=at,
    )
    ann = _comes(ann)
    owner = actors.of(ann)
    boston, denver = (
        locations.create(actor=owner, name=name, time_zone=zone, at=at).id
        for name, zone in (("Boston Harbour", "America/New_York"), ("Denver", "America/Denver"))
    )
    rest = [
        ("Abe Atwood", "admin", None),
        ("Mia Moreno", "manager", [boston]),
        ("Sam Reed", "staff", [boston]),
        ("Sue Stone", "staff", [boston, denver]),
    ]
    people = [_joins(owner, "harbour", *who) for who in rest]
    return [_account(person) for person in (ann, *people)]


def _hilltop() -> list[dict[str, Any]]:
    at = datetime.now(UTC)
    _, cleo = customers.create(
        name="Hilltop Vets", owner_name="Cleo Cole", owner_email="cleo@hilltop.example", at=at
    )
    cleo = _comes(cleo)
    owner = actors.of(cleo)
    place = locations.create(actor=owner, name="Hilltop", time_zone="Europe/Berlin", at=at)
    carl = _joins(owner, "hilltop", "Carl Quist", "staff", [place.id])
    return [_account(cleo), _account(carl)]


def _joins(
    owner: actors.Actor, business: str, name: str, role: str, places: list[str] | None
) -> User:
    wanted = provisioning.Wanted(
        customer_id=owner.customer_id,
        email=f"{_first(name)}@{business}.example",
        name=name,
        role=role,
        locations=places,
    )
    return _comes(provisioning.create(wanted, actor=owner, at=datetime.now(UTC)))


def _comes(user: User) -> User:
    """The person opens the invitation's link, sets a password, and is active."""
    link = auth0.password_ticket(user_id=user.id, seconds=600)
    httpx.post(link, data={"password": _password(user)}).raise_for_status()
    return signins.accept(user, origin=actors.Origin(), at=datetime.now(UTC))


def _account(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "password": _password(user),
        "role": user.role,
        "customerId": user.customer_id,
        "userId": user.id,
        "locations": list(user.locations),
    }


def _password(user: User) -> str:
    return PASSWORD.format(name=_first(user.name))


def _first(name: str) -> str:
    return name.partition(" ")[0].lower()
