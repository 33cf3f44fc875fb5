"""The bridge from Django's queries to DynamoDB: how they are answered, and at what cost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Count, Q
from django.urls import get_resolver

from accounts.models import User as Record
from config.backoffice.records import query_plan, range_reader
from config.dynamodb import ids
from tests.conftest import Cast, now
from tests.support.environment import SCALE, World
from tests.support.operators import crowd

get_resolver().url_patterns  # noqa: B018 - the admin's modules are found with its paths

from accounts.admin.projected import Customer, TermsAcceptance, User  # noqa: E402
from config.admin.audit import AuditEntry  # noqa: E402
from config.admin.outbox import OutboxEntry  # noqa: E402
from staffing.admin.projected import Schedule  # noqa: E402
from telephony.admin.projected import Line, Orphan  # noqa: E402

PLANS: list[tuple[Any, str]] = [
    (User.objects.filter(pk="usr_1"), "1 by key"),
    (User.objects.filter(pk__in=["usr_1", "usr_2"], customer_id="cus_1"), "2 by key"),
    (User.objects.filter(pk__in=[]), "nothing"),
    (User.objects.none(), "nothing"),
    (User.objects.filter(customer_id="cus_1"), "a range of byCustomer"),
    (User.objects.filter(customer_id="cus_1", role="staff"), "a range of byCustomer"),
    (User.objects.filter(customer_id="cus_1", name_key__startswith="a"), "a range of byCustomer"),
    (Customer.objects.filter(listed="all"), "a range of byName"),
    (Schedule.objects.filter(location_id="loc_1"), "a range of byLocation"),
    (Schedule.objects.filter(location_id="loc_1", customer_id="cus_1"), "a range of byLocation"),
    (Schedule.objects.filter(staff_id="usr_1", customer_id="cus_1"), "a range of byCustomer"),
    (TermsAcceptance.objects.filter(user_id="usr_1"), "a range of keys"),
    (AuditEntry.objects.filter(stream="usr_1", seq__gte=1), "a range of keys"),
    (AuditEntry.objects.filter(listed_for="cus_1"), "a range of byCustomer"),
    (OutboxEntry.objects.filter(shard__in=["0", "1"]), "a range of byDue"),
    (Orphan.objects.all(), "scan"),
]
NEEDS_KEY: list[Any] = [
    User.objects.all(),
    User.objects.filter(email="x@y.example"),
    User.objects.filter(Q(customer_id="cus_1") | Q(customer_id="cus_2")),
    User.objects.exclude(customer_id="cus_1"),
    Schedule.objects.filter(staff_id="usr_1"),
    Line.objects.filter(number="+1"),
]
REFUSED: list[Callable[[], Any]] = [
    lambda: User.objects.aggregate(Count("pk")),
    lambda: User.objects.annotate(n=Count("pk")),
    lambda: User.objects.values("pk"),
    lambda: User.objects.raw("select 1"),
    lambda: User.objects.filter(pk="usr_1").delete(),
    lambda: User.objects.filter(pk="usr_1").update(name="x"),
    lambda: User.objects.create(name="x"),
    lambda: User(name="x").save(),
    lambda: User(id="usr_1").delete(),
    lambda: list(Schedule.objects.filter(location_id="loc_1", staff__role="owner")),
    lambda: list(User.objects.filter(customer_id="cus_1", name__icontains="x")),
    lambda: list(User.objects.filter(customer_id="cus_1", name__regex="x")),
    lambda: list(
        User.objects.filter(customer_id="cus_1").order_by("pk").union(User.objects.none())
    ),
]


@pytest.mark.parametrize(("asked", "plan"), PLANS, ids=range(len(PLANS)))
def test_a_query_becomes_keys(asked: Any, plan: str) -> None:
    assert str(asked.plan()) == plan


@pytest.mark.parametrize("asked", NEEDS_KEY, ids=range(len(NEEDS_KEY)))
def test_what_only_reading_everything_would_answer_is_refused(asked: Any) -> None:
    with pytest.raises(query_plan.NeedsKey):
        asked.plan()


@pytest.mark.parametrize("asked", REFUSED, ids=range(len(REFUSED)))
def test_wrong_rows_are_never_answered_instead(asked: Callable[[], Any], world: World) -> None:
    with pytest.raises(NotSupportedError):
        asked()


def test_pages_go_both_ways_and_each_costs_the_same(
    world: World, say: Callable[[str], None]
) -> None:
    many = 20_000 if SCALE else 4_000
    customer_id = ids.new("cus", now())
    people = crowd(customer_id, many)
    asked = User.objects.filter(customer_id=customer_id).order_by("name_key")
    forth, back = walk(asked, back=False), walk(asked, back=True)

    assert [one.id for page in forth for one in page.records] == [one.id for one in people]
    assert [one.id for page in back[::-1] for one in page.records][: -len(forth[-1].records)] == [
        one.id for page in forth[:-1] for one in page.records
    ]
    reads = {page.read for page in [*forth[:-1], *back[1:]]}
    assert reads <= {50, 51}, "its own rows, and one to know that there are more"
    newest = asked.order_by("-name_key").page(50)
    assert [one.id for one in newest.records] == [one.id for one in people[::-1][:50]]
    say(
        f"{many:,} people of a customer: {len(forth)} pages forth, {len(back)} back, "
        f"{sorted(reads)} read each"
    )
    filtered = asked.filter(role="owner").page(50)
    assert (filtered.records, filtered.read) == ([], range_reader.BUDGET), "a budget, not the table"
    assert filtered.next is not None


def walk(asked: Any, *, back: bool) -> list[range_reader.Page]:
    """Every page, from the beginning to the end; or from the last one back."""
    pages = [asked.page(50)]
    while not back and pages[-1].next:
        pages.append(asked.page(50, pages[-1].next))
    if not back:
        return pages
    page = asked.page(50)
    while page.next:
        page = asked.page(50, page.next)
    pages = [page]
    while pages[-1].previous:
        pages.append(asked.page(50, pages[-1].previous))
    return pages


def test_a_filter_reads_on_until_it_has_a_page(world: World) -> None:
    customer_id = ids.new("cus", now())
    people = crowd(customer_id, 600)
    wanted = {one.id for one in people[::7]}
    some = User.objects.filter(customer_id=customer_id, pk__in=sorted(wanted))
    assert {one.pk for one in some} == wanted
    assert not list(User.objects.filter(customer_id="cus_other", pk__in=sorted(wanted)))
    late = User.objects.filter(customer_id=customer_id, email__gte=people[590].email)
    found = late.page(50)
    assert [one.id for one in found.records] == [one.id for one in people[590:]]
    assert found.read == 600
    assert found.next is None


def test_what_waits_in_several_ranges_is_one_list(cast: Cast) -> None:
    found = OutboxEntry.objects.filter(shard__in=["0", "1", "2", "3"]).order_by("due_at")
    small: list[Any] = []
    place = None
    while True:
        page = found.page(3, place)
        small += [one.id for one in page.records]
        place = page.next
        if place is None:
            break
    whole = [one.kept.id for one in found.iterator()]
    assert small == whole
    assert len(set(whole)) == len(whole)
    assert whole, "making the cast left work to do"


def test_a_key_of_two_parts_is_one_string(cast: Cast) -> None:
    entry = next(iter(AuditEntry.objects.filter(stream=cast.ann.id, seq__gte=1)))
    assert entry.pk == f"{cast.ann.id}~1"
    again = AuditEntry.get(entry.pk)
    assert again is not None
    assert again.kept.hash == entry.kept.hash
    for odd in ("", "~", "x", f"{cast.ann.id}~x", f"{cast.ann.id}~1~2", "é" * 900, "a~" + "9" * 40):
        assert AuditEntry.get(odd) is None
        assert User.get(odd) is None


def test_nothing_sealed_becomes_a_field() -> None:
    names = {field.name for field in TermsAcceptance._meta.concrete_fields}
    assert "sealed" not in names
    assert Record.table_name() == User._meta.db_table
