"""Filters of the audit: a period, a person, an action, and one's own looks."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache, reduce
from operator import itemgetter, or_
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from config import audit, dynamodb, search_index
from config.admin import audit_text
from config.audit.log import format_instant
from config.backoffice import operators
from config.backoffice.page_customer import get_page_customer
from config.backoffice.records.changelist import CursorChangeList
from config.backoffice.records.list_filters import BarFilter, PeriodFilter

MAX_PEOPLE = 10
LOOKS_PARAM = "looks"


class LoggedFilter(PeriodFilter):
    """When entries were written."""

    attribute = "at"

    def to_value(self, at: datetime) -> str:
        return format_instant(at)


OTHER_ACTIONS = "Dutyline itself"
"""The group of actions that no other group has."""


class ActionFilter(BarFilter):
    """What happened: one action, or all of a group."""

    title, parameter_names = "What", ("what",)

    @property
    def option_groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return [
            (
                title,
                [
                    (title, f"{title}: everything"),
                    *sorted(((name, audit_text.describe_action(name)) for name in names), key=itemgetter(1)),
                ],
            )
            for title, names in actions_by_group().items()
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if names := actions_by_group().get(self.value):
            return queryset.filter(action__in=names)
        return queryset.filter(action=self.value) if self.value in audit.known_actions() else queryset


def describe_choice(value: str) -> str:
    """A choice of the filter in words."""
    return value if value in actions_by_group() else audit_text.describe_action(value)


@cache
def actions_by_group() -> Mapping[str, list[str]]:
    """The actions that there are, by group."""
    group_names = {prefix: title for title, prefixes in settings.AUDIT_ACTION_GROUPS.items() for prefix in prefixes}
    groups: dict[str, list[str]] = {title: [] for title in (*settings.AUDIT_ACTION_GROUPS, OTHER_ACTIONS)}
    for name in audit.known_actions():
        groups[group_names.get(name.partition(".")[0], OTHER_ACTIONS)].append(name)
    return groups


class PersonFilter(BarFilter):
    """Entries by or about a person: an id, or a part of a name or an e-mail address."""

    title, parameter_names = "Person", ("person",)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value:
            return queryset
        is_id = any(dynamodb.is_id(prefix, self.value) for prefix in ("usr", "opr"))
        ids = [self.value] if is_id else _find_people(self.value, request)
        return queryset.filter(reduce(or_, (Q(body__contains=id) for id in ids))) if ids else queryset.none()


def _find_people(text: str, request: HttpRequest) -> list[str]:
    """The ids of the people of the page's customer that a text finds."""
    customer = get_page_customer(request)
    matches = search_index.find_matches(search_index.parse_term(text), kind="usr").matches[:100]
    people = next(item for item in admin.site._registry.values() if getattr(item, "search_kind", "") == "usr")  # noqa: SLF001
    keys = [people.model.dynamo_key(match.pk) for match in matches]
    records = dynamodb.batch_get(keys)
    matching = [record for key in keys if (record := records.get(*key))]
    return [record.id for record in matching if customer is None or record.customer_id == customer.id][:MAX_PEOPLE]


class LooksFilter(BarFilter):
    """Whether one's own looks are listed."""

    title, parameter_names, is_hidden = "Looks", (LOOKS_PARAM,), True

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset


def is_own_look(obj: Any, operator_id: str) -> bool:
    """Whether an entry says that this operator viewed something."""
    return str(obj.record.action).endswith(".viewed") and obj.record.body["actor"]["id"] == operator_id


class AuditChangeList(CursorChangeList):
    """Folds away the looks of the operator who reads; a page costs the same."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.needs_key:
            return
        if request.GET.get(LOOKS_PARAM):
            self.hide_looks_url = self.get_query_string(remove=[LOOKS_PARAM])
            return
        own_id, objects = operators.operator_id(request.user), list(self.result_list)
        shown = [obj for obj in objects if not is_own_look(obj, own_id)]
        self.folded_count = len(objects) - len(shown)
        self.result_list = self.queryset.with_objects(shown)
        self.looks_url = self.get_query_string({LOOKS_PARAM: "1"})
