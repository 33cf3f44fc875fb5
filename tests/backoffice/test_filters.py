"""Filters of every list: any value gives a list or a 400, and ranges find what lies in them."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.urls import get_resolver
from django.utils.http import urlencode

from config import errors
from config.backoffice import operators
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.records import key_bounds, query_plan, range_reader
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.operators import create_many_users
from tests.support.users import UserFixtures, now

get_resolver().url_patterns  # noqa: B018 - the admin's modules are found with its paths
from accounts.admin import projected  # noqa: E402
from config.admin.audit import AuditEntry  # noqa: E402
from telephony.admin.projected import Call  # noqa: E402

HOSTILE_VALUES = (
    *("", " ", "\0", "x" * 3_000, "é😀", "%", "a,b", ",", "a,b,c", "2026-11-28,2026-11-29", "2026-13-45"),
    *("2026-11-28T14:00:00Z", "9" * 50, "-1", "1e999", "NaN", "true", "None", "null", "[]", '{"S": "x"}', "usr_1"),
)


def open_list(model_admin: RecordAdmin, query: str) -> int | None:
    """How many records a list reads for a page of a lead; None if it refuses the query."""
    request: Any = RequestFactory().get(f"{model_admin.list_url}?{query}")
    request.user, request.session = User(username="fuzz", is_staff=True), {}
    request.user._console_rights = operators.GROUPS["lead"]
    try:
        response: Any = model_admin.changelist_view(request)
    except errors.InvalidRequest:
        return None
    if response.status_code == 302:
        return None
    return int(response.context_data["cl"].scanned_count)


def iter_queries(model_admin: RecordAdmin, key_query: str) -> Iterator[str]:
    """Filters by every attribute and comparison with hostile values, also two of one attribute."""
    names = [field.attname for field in model_admin.model._meta.concrete_fields]
    values = itertools.cycle(HOSTILE_VALUES)
    for name, lookup in itertools.product(names, [*query_plan.LOOKUPS, "regex", "nothing"]):
        for number, value in enumerate(itertools.islice(values, len(HOSTILE_VALUES) if IS_SCALE_RUN else 2)):
            pairs = [(f"{name}__{lookup}", value), (f"{name}__gte", next(values)), (f"{name}__lt", next(values))]
            yield f"{key_query}&{urlencode(pairs if number % 2 else pairs[:1])}"


def key_query_of(model_admin: RecordAdmin, test_users: UserFixtures) -> str:
    """What a list needs to show anything."""
    values = {
        "customer_id": test_users.customer.id,
        "listed_for": test_users.customer.id,
        "location_id": test_users.boston.id,
        "user_id": test_users.ann.id,
    }
    sources = query_plan.key_sources(model_admin.model.record_class)
    names = [source.hash_name for source in sources if source.hash_name in values]
    return urlencode({f"{name}__exact": values[name] for name in names[:1]})


ADMINS = [model_admin for model_admin in admin.site._registry.values() if isinstance(model_admin, RecordAdmin)]


@pytest.mark.parametrize("model_admin", ADMINS, ids=lambda item: str(item.opts.model_name))
def test_hostile_filters_are_answered_within_the_read_budget(
    test_users: UserFixtures, operators_database: None, model_admin: RecordAdmin
) -> None:
    queries = list(iter_queries(model_admin, key_query_of(model_admin, test_users)))[:: 1 if IS_SCALE_RUN else 5]
    read_counts = [open_list(model_admin, query) for query in queries]
    assert len(read_counts) > 20
    assert max(count or 0 for count in read_counts) <= range_reader.READ_BUDGET + range_reader.CHUNK_SIZE


def test_ranges_of_a_sort_key_find_what_lies_in_them(test_users: UserFixtures, env: Environment) -> None:
    customer_id = f"cus_{'R' * 26}"
    created = create_many_users(customer_id, 30)
    keys = [user.name_key for user in created]
    people = projected.User.objects.filter(customer_id=customer_id).order_by("name_key")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"name_key__gte": keys[5], "name_key__lt": keys[9]}, keys[5:9]),
        ({"name_key__gt": keys[5], "name_key__lte": keys[9]}, keys[6:10]),
        ({"name_key__gt": keys[5], "name_key__lt": keys[6]}, []),
        ({"name_key__range": (keys[3], keys[4])}, keys[3:5]),
        ({"name_key__startswith": "crowd 0001", "name_key__gte": keys[15]}, keys[15:20]),
        ({"name_key__gte": keys[9], "name_key__lt": keys[5]}, []),
        ({"name_key__exact": keys[7], "name_key__gte": keys[5]}, keys[7:8]),
        ({"name_key__in": [keys[1], keys[2]], "name_key__gte": keys[2]}, keys[2:3]),
        ({"name_key__contains": "00012"}, keys[12:13]),
    ]
    for filters, expected in cases:
        assert [user.record.name_key for user in people.filter(**filters)] == expected, filters
        page = people.filter(**filters).page(2)
        assert [record.name_key for record in page.records] == expected[:2], filters
    assert key_bounds.combine([("gte", 1), ("gt", 1), ("lte", 1)]).is_empty


def test_a_range_in_a_url_selects_calls_and_audit_entries(test_users: UserFixtures, operators_database: None) -> None:
    """What support asks for: a day or a month, in any of the forms that lists take."""
    call = Call.get(test_users.recorded_call_id)
    assert call
    started = call.record.started_at
    before, after = started - timedelta(minutes=1), started + timedelta(minutes=1)
    calls = next(item for item in ADMINS if item.model is Call)
    location = f"location_id__exact={call.record.location_id}"
    stamps = [f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z" for moment in (before, after)]
    for query in (f"started_at__range={','.join(stamps)}", f"started_at__gte={stamps[0]}&started_at__lt={stamps[1]}"):
        assert (open_list(calls, f"{location}&{query}") or 0) >= 1, query
    entries = next(item for item in ADMINS if item.model is AuditEntry)
    customer = f"listed_for__exact={test_users.customer.id}"
    month = f"at__gte={datetime(2020, 1, 1, tzinfo=UTC):%Y-%m-%d}&at__lt={now() + timedelta(days=1):%Y-%m-%d}"
    assert (open_list(entries, f"{customer}&{month}") or 0) >= 1
    assert open_list(entries, f"{customer}&at__range=2020-01-01,2020-01-02") == 0
    assert open_list(entries, f"{customer}&at__range=2020-01-01") is None
