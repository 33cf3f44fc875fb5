"""Django querysets over DynamoDB: query plans, results and costs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError
from django.db.models import Count, Q
from django.urls import get_resolver

from accounts.models import User as Record
from config import dynamodb, journal
from config.backoffice.records import query_plan, range_reader
from config.dynamodb.pagination import CursorPage
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.operators import create_many_users
from tests.support.users import UserFixtures, now

get_resolver().url_patterns  # noqa: B018 - the admin's modules are found with its paths

from accounts.admin.projected import Customer, TermsAcceptance, User  # noqa: E402
from config.admin.audit import AuditEntry  # noqa: E402
from config.admin.outbox import OutboxEntry  # noqa: E402
from staffing.admin.projected import Schedule  # noqa: E402
from telephony.admin.projected import Line, Orphan  # noqa: E402

PLAN_CASES: list[tuple[Any, str]] = [
    (User.objects.filter(pk="usr_1"), "primary keys"),
    (User.objects.filter(pk__in=["usr_1", "usr_2"], customer_id="cus_1"), "primary keys"),
    (User.objects.filter(pk__in=[]), "nothing"),
    (User.objects.none(), "nothing"),
    (User.objects.filter(customer_id="cus_1"), "index byCustomer"),
    (User.objects.filter(customer_id="cus_1", role="staff"), "index byCustomer"),
    (User.objects.filter(customer_id="cus_1", name_key__startswith="a"), "index byCustomer"),
    (Customer.objects.filter(listed="all"), "index byName"),
    (Schedule.objects.filter(location_id="loc_1"), "index byLocation"),
    (Schedule.objects.filter(location_id="loc_1", customer_id="cus_1"), "index byLocation"),
    (Schedule.objects.filter(staff_id="usr_1", customer_id="cus_1"), "index byCustomer"),
    (TermsAcceptance.objects.filter(user_id="usr_1"), "table"),
    (AuditEntry.objects.filter(stream="usr_1", seq__gte=1), "table"),
    (AuditEntry.objects.filter(listed_for="cus_1"), "index byCustomer"),
    (OutboxEntry.objects.filter(shard__in=["0", "1"]), "index byDue"),
    (Orphan.objects.all(), "table scan"),
    (Schedule.objects.filter(location_id=""), "nothing"),
    (Schedule.objects.filter(location_id="x" * 2_049), "nothing"),
    (Schedule.objects.filter(location_id__in=["", "loc_1"]), "index byLocation"),
    (TermsAcceptance.objects.filter(user_id="", version="1"), "nothing"),
]
QUERIES_WITHOUT_KEY: list[Any] = [
    User.objects.all(),
    User.objects.filter(email="x@y.example"),
    User.objects.filter(Q(customer_id="cus_1") | Q(customer_id="cus_2")),
    User.objects.exclude(customer_id="cus_1"),
    Schedule.objects.filter(staff_id="usr_1"),
    Line.objects.filter(number="+1"),
]
UNSUPPORTED_QUERIES: list[Callable[[], Any]] = [
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
    lambda: list(User.objects.filter(customer_id="cus_1").order_by("pk").union(User.objects.none())),
]


@pytest.mark.parametrize(("queryset", "expected_plan"), PLAN_CASES, ids=range(len(PLAN_CASES)))
def test_query_is_planned_by_keys(queryset: Any, expected_plan: str) -> None:
    assert str(queryset.plan()) == expected_plan


@pytest.mark.parametrize("queryset", QUERIES_WITHOUT_KEY, ids=range(len(QUERIES_WITHOUT_KEY)))
def test_query_that_needs_a_full_scan_is_rejected(queryset: Any) -> None:
    with pytest.raises(query_plan.KeyRequired):
        queryset.plan()


@pytest.mark.parametrize("run_query", UNSUPPORTED_QUERIES, ids=range(len(UNSUPPORTED_QUERIES)))
def test_unsupported_query_is_rejected(run_query: Callable[[], Any], env: Environment) -> None:
    with pytest.raises(NotSupportedError):
        run_query()


def test_pages_in_both_directions_cost_the_same(env: Environment, record_figure: Callable[[str], None]) -> None:
    user_count = 20_000 if IS_SCALE_RUN else 4_000
    customer_id = dynamodb.new_id("cus", now())
    created_users = create_many_users(customer_id, user_count)
    queryset = User.objects.filter(customer_id=customer_id).order_by("name_key")
    forward_pages, backward_pages = (walk_pages(queryset, backward=False), walk_pages(queryset, backward=True))

    assert [record.id for page in forward_pages for record in page.records] == [record.id for record in created_users]
    assert [record.id for page in backward_pages[::-1] for record in page.records][
        : -len(forward_pages[-1].records)
    ] == [record.id for page in forward_pages[:-1] for record in page.records]
    read_counts = {page.scanned_count for page in [*forward_pages[:-1], *backward_pages[1:]]}
    assert read_counts <= {50, 51}, "its own rows, and one to detect a next page"
    newest_page = queryset.order_by("-name_key").page(50)
    assert [record.id for record in newest_page.records] == [record.id for record in created_users[::-1][:50]]
    record_figure(
        f"{user_count:,} users of a customer: {len(forward_pages)} pages forward, "
        f"{len(backward_pages)} backward, "
        f"{sorted(read_counts)} rows read each"
    )
    filtered_page = queryset.filter(role="owner").page(50)
    assert (filtered_page.records, filtered_page.scanned_count) == ([], range_reader.READ_BUDGET), (
        "reads stop at the budget"
    )
    assert filtered_page.next_cursor is not None


def walk_pages(queryset: Any, *, backward: bool) -> list[CursorPage[Any]]:
    """All pages, from the first forward or from the last backward."""
    pages = [queryset.page(50)]
    while not backward and pages[-1].next_cursor:
        pages.append(queryset.page(50, pages[-1].next_cursor))
    if not backward:
        return pages
    page = queryset.page(50)
    while page.next_cursor:
        page = queryset.page(50, page.next_cursor)
    pages = [page]
    while pages[-1].previous_cursor:
        pages.append(queryset.page(50, pages[-1].previous_cursor))
    return pages


def test_filtered_page_reads_until_it_is_full(env: Environment) -> None:
    customer_id = dynamodb.new_id("cus", now())
    created_users = create_many_users(customer_id, 600)
    expected_ids = {user.id for user in created_users[::7]}
    matching = User.objects.filter(customer_id=customer_id, pk__in=sorted(expected_ids))
    assert {user.pk for user in matching} == expected_ids
    assert not list(User.objects.filter(customer_id="cus_other", pk__in=sorted(expected_ids)))
    late_users = User.objects.filter(customer_id=customer_id, email__gte=created_users[590].email)
    page = late_users.page(50)
    assert [user.id for user in page.records] == [user.id for user in created_users[590:]]
    assert page.scanned_count == 600
    assert page.next_cursor is None


def test_several_ranges_are_merged(test_users: UserFixtures) -> None:
    with journal.write_intent(test_users.ann.actor, now()) as write:
        for _ in range(8):
            write.enqueue("accounts.close_attempts", key="nobody", action="test.happened", code="none")
    queryset = OutboxEntry.objects.filter(shard__in=["0", "1", "2", "3"]).order_by("due_at")
    paged_ids: list[Any] = []
    cursor = None
    while True:
        page = queryset.page(3, cursor)
        paged_ids += [record.id for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    iterated_ids = [record.record.id for record in queryset.iterator()]
    assert paged_ids == iterated_ids
    assert len(set(iterated_ids)) == len(iterated_ids)
    assert len(iterated_ids) >= 8


def test_composite_key_is_a_single_string(test_users: UserFixtures) -> None:
    entry = next(iter(AuditEntry.objects.filter(stream=test_users.ann.id, seq__gte=1)))
    assert entry.pk == f"{test_users.ann.id}~1"
    loaded = AuditEntry.get(entry.pk)
    assert loaded is not None
    assert loaded.record.hash == entry.record.hash
    for invalid_key in ("", "~", "x", f"{test_users.ann.id}~x", f"{test_users.ann.id}~1~2", "é" * 900, "a~" + "9" * 40):
        assert AuditEntry.get(invalid_key) is None
        assert User.get(invalid_key) is None


def test_encrypted_attributes_are_not_fields() -> None:
    names = {field.name for field in TermsAcceptance._meta.concrete_fields}
    assert "sealed" not in names
    assert Record.table_name() == User._meta.db_table
