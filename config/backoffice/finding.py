"""The search box: opens what an id, an e-mail address or a link names, and finds all else by parts.

A page of results reads the search index, then the records that it shows, then the customers and
other records whose names it shows: three round trips, however many there are.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.contrib.admin.utils import unquote
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import urlencode
from unfold.admin import ModelAdmin

from config import dynamodb, search_index
from config.backoffice.links import admin_change_url
from config.backoffice.record_header import Badge
from config.dynamodb.pagination import Cursor

MAX_SHOWN, MAX_SHOWN_OF_KIND = 10, 90
"""Results of a kind on the page of all kinds, and on that of one kind."""
MAX_TERM_LENGTH = 2_000
"""Of what is pasted, such as a link; of a search `MAX_TEXT_LENGTH`."""
MAX_TEXT_LENGTH = 200
_ID = re.compile(r"([A-Za-z]{3})_([0-9A-Za-z]{26})")


@dataclass(frozen=True)
class SearchResult:
    """One result."""

    name: str
    url: str
    detail: str = ""
    role: str = ""
    badge: Badge | None = None
    customer_name: str = ""
    customer_url: str = ""


@dataclass(frozen=True)
class ResultGroup:
    """The results of one kind, best first."""

    title: str
    records: Sequence[SearchResult]
    more: int = 0
    """How many match that are not shown; at least, if the search is not complete."""
    more_url: str = ""

    @property
    def columns(self) -> list[str]:
        """What some of the results have beside a name."""
        values: dict[str, list[Any]] = {
            "Customer": [result.customer_name for result in self.records],
            "Role": [result.role for result in self.records],
            "Status": [result.badge for result in self.records],
        }
        return [name for name, cells in values.items() if any(cells)]


@dataclass(frozen=True)
class SearchPage:
    """What a search has found."""

    groups: list[ResultGroup] = field(default_factory=list)
    next_cursor: Cursor | None = None
    """Where the search goes on; None if everything was searched."""


class FindableAdmin(ModelAdmin):
    """What the search box needs to know about a kind of record."""

    search_kind: ClassVar[str] = ""
    """The kind of its entries in the search index."""
    is_found_last: ClassVar[bool] = False
    """Whether other kinds are shown first."""
    model: Any

    def find_pk(self, term: str) -> str | None:
        """The primary key of the one record that a term names."""
        raise NotImplementedError

    def find_url(self, term: str) -> str | None:
        """The page of the one record that a term names."""
        pk = self.find_pk(term)
        return admin_change_url(self.opts.app_label, str(self.opts.model_name), pk) if pk else None

    def find_others(self, text: str) -> Sequence[Any]:
        """Records that a text finds beside those of the search index."""
        return ()

    def keys_of_names(self, record: Any) -> Iterable[dynamodb.RecordKey]:
        """The records whose names a result shows, beside the customer."""
        return ()

    def describe_result(self, record: Any, names: dynamodb.BatchResult) -> Mapping[str, Any]:
        """The members of `SearchResult` that this kind of record has, such as a role."""
        return {}


def find_url(admins: Iterable[Any], text: str) -> str | None:
    """The page that an id, an e-mail address, a number with its country code or a link names."""
    term = text.strip()
    if url := _own_url(term):
        return url
    if len(term) > MAX_TEXT_LENGTH:
        return None
    term = unquote(term)  # as ids stand in links
    if match := _ID.fullmatch(term):
        term = f"{match[1].lower()}_{match[2].upper()}"
    return next((url for model_admin in admins if (url := model_admin.find_url(term))), None)


def _own_url(text: str) -> str | None:
    """The path of a link to a page of the back office."""
    if not text.startswith(("http://", "https://", settings.ADMIN_PATH)):
        return None
    try:
        parts = urlsplit(text)
        match = resolve(parts.path)
    except (ValueError, Resolver404):
        return None
    if not parts.path.startswith(settings.ADMIN_PATH) or match.url_name in ("find", "logout", None):
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def find_records(admins: Sequence[Any], text: str, *, kind: str = "", cursor: Cursor | None = None) -> SearchPage:
    """What a text finds in all customers, by kind; ``kind``: only these, and more of them."""
    term = search_index.parse_term(text)
    others = [] if kind or cursor else [item for item in admins if type(item).find_others != FindableAdmin.find_others]
    reads = [partial(search_index.find_matches, term, kind=kind, cursor=cursor)]
    matches, *other_records = dynamodb.gather(*reads, *(partial(item.find_others, text) for item in others))
    most = MAX_SHOWN_OF_KIND if kind else MAX_SHOWN
    shown, counts = _choose_shown(admins, term, matches.matches, most)
    for model_admin, records in zip(others, other_records, strict=True):
        if records:
            shown[model_admin], counts[model_admin] = list(records[:most]), len(records)
    names = _load_names(shown)
    groups = [
        ResultGroup(
            str(model_admin.opts.verbose_name_plural).capitalize(),
            [_to_result(model_admin, record, names) for record in records],
            max(0, counts[model_admin] - most),
            f"?{urlencode({'q': text, 'kind': model_admin.search_kind})}" if model_admin.search_kind else "",
        )
        for model_admin, records in sorted(shown.items(), key=lambda item: item[0].is_found_last)
        if records
    ]
    return SearchPage(groups, matches.next_cursor)


def _choose_shown(
    admins: Sequence[Any], term: search_index.Term, matches: Sequence[search_index.Match], most: int
) -> tuple[dict[Any, list[Any]], dict[Any, int]]:
    """The records to show of each kind, and how many match; one round trip.

    What the records themselves do not match any more is left out.
    """
    matches_by_kind: dict[str, list[search_index.Match]] = {}
    for match in matches:
        matches_by_kind.setdefault(match.kind, []).append(match)
    matches_by_admin = {
        model_admin: of_kind for model_admin in admins if (of_kind := matches_by_kind.get(model_admin.search_kind))
    }
    keys = {
        (model_admin, match.pk): model_admin.model.dynamo_key(match.pk)
        for model_admin, of_kind in matches_by_admin.items()
        for match in of_kind[:most]
    }
    records = dynamodb.batch_get(keys.values())
    shown: dict[Any, list[Any]] = {model_admin: [] for model_admin in matches_by_admin}
    for (model_admin, _), key in keys.items():
        record = records.get(*key)
        if record and any(_is_match(term, derived) for derived in record.derived_records()):
            shown[model_admin].append(record)
    return shown, {model_admin: len(of_kind) for model_admin, of_kind in matches_by_admin.items()}


def _is_match(term: search_index.Term, derived: dynamodb.Record) -> bool:
    return isinstance(derived, search_index.SearchEntry) and term.matches(derived)


def _load_names(shown: Mapping[Any, Sequence[Any]]) -> dynamodb.BatchResult:
    """The customers of these records, and the others whose names are shown; one round trip."""
    customers = apps.get_model(settings.CUSTOMER_MODEL)
    keys = [
        key
        for model_admin, records in shown.items()
        for record in records
        for key in (*_customer_keys(customers, record), *model_admin.keys_of_names(record))
    ]
    return dynamodb.batch_get(dict.fromkeys(keys))


def _customer_keys(customers: Any, record: Any) -> list[dynamodb.RecordKey]:
    customer_id = getattr(record, "customer_id", None)
    return [customers.dynamo_key(customer_id)] if customer_id else []


def _to_result(model_admin: Any, record: Any, names: dynamodb.BatchResult) -> SearchResult:
    customers = apps.get_model(settings.CUSTOMER_MODEL)
    projection = model_admin.model.from_record(record)
    url = admin_change_url(model_admin.opts.app_label, str(model_admin.opts.model_name), str(projection.pk))
    members: dict[str, Any] = {"name": str(projection)}
    keys = _customer_keys(customers, record)
    if customer := (names.get(*keys[0]) if keys else None):
        customer_url = admin_change_url(customers._meta.app_label, customers._meta.model_name, customer.id)
        members |= {"customer_name": str(getattr(customer, "name", "")), "customer_url": customer_url}
    members |= model_admin.describe_result(record, names)
    if getattr(customer, "is_deleted", False):
        members["badge"] = Badge("customer deleted", "danger")
    return SearchResult(url=url, **members)


def list_findable(request: HttpRequest, admins: Iterable[Any]) -> list[FindableAdmin]:
    """The kinds of records that an operator may see."""
    return [item for item in admins if isinstance(item, FindableAdmin) and item.has_view_permission(request)]
