"""The board on the start page: what needs attention across all customers, and who has taken it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.timesince import timesince

from config import audit, dynamodb, errors, journal
from config.backoffice import operators
from config.backoffice.page_customer import party_of, set_page_customer
from config.board import items, passes
from config.board.models import BoardItem, BoardPass

MAX_OF_KIND, MAX_OF_KIND_ALONE = 100, 500
"""Items of each kind that are read; more where only one kind, customer or owner is shown."""
MAX_SHOWN = 300
FILTERS = ("kind", "customer", "owner")
MAX_KEY_LENGTH, MAX_TIMESTAMP_LENGTH = 1_024, 11
OWNERS = {"": "Anybody or nobody", "me": "Me", "nobody": "Nobody"}
CHECK_TAKES_AT_MOST = timedelta(minutes=5)
"""For how long a page that waits for a check reloads itself."""


@dataclass(frozen=True)
class Line:
    """What operators read of an item."""

    text: str
    url: str
    """Where the cause is seen."""
    detail: str = ""
    mend_label: str = ""
    """What mends it, as the text of a link."""
    mend_url: str = ""


@dataclass(frozen=True)
class Kind:
    """What operators read of the items of one kind."""

    name: str
    title: str
    none_text: str
    """Where something was looked at, and nothing was found."""
    nothing_text: str
    """Where there is nothing that could be looked at."""
    list_keys: Callable[[BoardItem], Iterable[dynamodb.RecordKey]]
    """The records that its text names."""
    describe: Callable[[BoardItem, dynamodb.BatchResult, datetime], Line | None]
    """None: what it is about exists no longer."""


@dataclass(frozen=True)
class CustomerNames:
    """How the board names customers: ``settings.BOARD_CUSTOMER_NAMES``."""

    record_key: Callable[[str], dynamodb.RecordKey]
    describe: Callable[[dynamodb.BatchResult, str], tuple[str, str] | None]
    """Name and URL by id; None: it exists no longer."""


@cache
def load_kinds() -> Mapping[str, Kind]:
    """The kinds in the order of the page."""
    return {kind.name: kind for path in settings.BOARD_KINDS for kind in import_string(path)}


def build_context(request: HttpRequest) -> dict[str, Any]:
    """What the template of the board shows; four round trips of reads."""
    chosen = _read_filters(request.GET)
    now = operators.now()
    kinds = load_kinds()
    last_pass, pages = dynamodb.gather(items.get_last_pass, lambda: items.list_by_kind(list(kinds), MAX_OF_KIND))
    page = _choose_page(request, chosen, pages)
    own_id = operators.operator_id(request.user)
    entries = [item for item in page.items if item.kind in kinds and _is_chosen(item, chosen, own_id)]
    groups = _build_groups(request, entries[:MAX_SHOWN], now)
    return {
        "filters": chosen,
        "hidden_filters": [(name, value) for name, value in chosen.items() if value],
        **_split_kinds(pages, last_pass, chosen),
        "is_checking": _is_checking(request.GET.get("checking", ""), last_pass, now),
        "groups": groups,
        "shown_count": sum(len(group["rows"]) for group in groups),
        "has_more": page.has_more or len(entries) > MAX_SHOWN,
        "customer_choices": _customer_choices(groups, chosen),
        "owner_choices": OWNERS,
        "last_pass": last_pass,
        "is_late": passes.is_late(last_pass, now),
        "age": describe_age(last_pass.ended_at, now) if last_pass else "",
        "interval_minutes": settings.BOARD_MINUTES,
        "is_filtered": any(chosen.values()),
        "all_clear": _is_all_clear(last_pass, pages, now),
    }


def _read_filters(params: Mapping[str, str]) -> dict[str, str]:
    """The filters of an URL or a form; others than those that exist are left out."""
    kind, customer, owner = (str(params.get(name, ""))[:64] for name in FILTERS)
    return {
        "kind": kind if kind in load_kinds() else "",
        "customer": customer if customer == "-" or dynamodb.is_id("cus", customer) else "",
        "owner": owner if owner in OWNERS else "",
    }


def _choose_page(request: HttpRequest, chosen: Mapping[str, str], pages: Mapping[str, items.Page]) -> items.Page:
    """The items of the narrowest filter that has an index."""
    if dynamodb.is_id("cus", chosen["customer"]):
        return items.list_of_customer(chosen["customer"], MAX_OF_KIND_ALONE)
    if chosen["owner"] == "me":
        return items.list_of_owner(operators.operator_id(request.user), MAX_OF_KIND_ALONE)
    if kind := chosen["kind"]:
        return items.list_by_kind([kind], MAX_OF_KIND_ALONE)[kind] if pages[kind].has_more else pages[kind]
    all_items = [item for page in pages.values() for item in page.items]
    return items.Page(all_items, any(page.has_more for page in pages.values()))


def _is_chosen(item: BoardItem, chosen: Mapping[str, str], own_id: str) -> bool:
    return (
        chosen["kind"] in ("", item.kind)
        and not (chosen["owner"] == "nobody" and item.owner_id)
        and not (chosen["owner"] == "me" and item.owner_id != own_id)
        and not (chosen["customer"] == "-" and item.customer_id)
    )


def _build_groups(request: HttpRequest, entries: Sequence[BoardItem], now: datetime) -> list[dict[str, Any]]:
    """The items by customer, those with most of them first; of no customer last."""
    kinds, names = load_kinds(), _customer_names()
    customer_ids = dict.fromkeys(str(item.customer_id) for item in entries if item.customer_id)
    keys = {key for item in entries for key in kinds[str(item.kind)].list_keys(item)}
    records = dynamodb.batch_get(keys | {names.record_key(id) for id in customer_ids})
    owner_names = operators.names_by_id() if any(item.owner_id for item in entries) else {}
    own_id = operators.operator_id(request.user)
    groups: dict[str, dict[str, Any]] = {}
    for item in entries:
        customer_id = str(item.customer_id or "")
        named = names.describe(records, customer_id) if customer_id else ("No customer", "")
        line = kinds[str(item.kind)].describe(item, records, now)
        if named is None or line is None:
            continue
        group = groups.setdefault(customer_id, {"id": customer_id, "name": named[0], "url": named[1], "rows": []})
        group["rows"].append(
            {
                "item": item,
                "kind": kinds[str(item.kind)],
                "line": line,
                "owner": owner_names.get(str(item.owner_id), "somebody who left") if item.owner_id else "",
                "is_own": item.owner_id == own_id,
                "age": describe_age(item.first_seen_at, now),
            }
        )
    order = list(kinds)
    for group in groups.values():
        group["rows"].sort(key=lambda row: (order.index(row["kind"].name), row["item"].first_seen_at))
    return sorted(groups.values(), key=lambda group: (not group["id"], -len(group["rows"]), group["name"].casefold()))


def describe_age(since: datetime, now: datetime) -> str:
    """How long something lasts, in words: ``5 minutes``."""
    if now - since < timedelta(minutes=1):
        return "less than a minute"
    return timesince(since, now, depth=1).replace("\xa0", " ")


def _customer_names() -> CustomerNames:
    names: CustomerNames = import_string(settings.BOARD_CUSTOMER_NAMES)
    return names


def _count_kinds(
    pages: Mapping[str, items.Page], last_pass: BoardPass | None, chosen: Mapping[str, str]
) -> list[dict[str, Any]]:
    checked = dict(last_pass.checked) if last_pass else {}
    return [
        {
            "kind": kind,
            "count": len(pages[name].items),
            "has_more": pages[name].has_more,
            "state": "problems" if pages[name].items else "fine" if checked.get(name) else "nothing",
            "text": kind.none_text if checked.get(name) else kind.nothing_text if last_pass else "Not checked yet.",
            "is_chosen": chosen["kind"] == name,
            "query": urlencode({**{key: value for key, value in chosen.items() if value}, "kind": name}),
        }
        for name, kind in load_kinds().items()
    ]


def _split_kinds(
    pages: Mapping[str, items.Page], last_pass: BoardPass | None, chosen: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """The kinds that can be chosen, those without items, and those of which there was nothing."""
    counts = _count_kinds(pages, last_pass, chosen)
    return {
        "kind_counts": [entry for entry in counts if entry["state"] == "problems" or entry["is_chosen"]],
        "fine_kinds": [entry for entry in counts if entry["state"] == "fine"],
        "unchecked_kinds": [entry for entry in counts if entry["state"] == "nothing"],
    }


def _is_checking(text: str, last_pass: BoardPass | None, now: datetime) -> bool:
    """Whether a check that began at ``text``, seconds since 1970, has not ended yet."""
    if not text.isdecimal() or len(text) > MAX_TIMESTAMP_LENGTH:
        return False
    began_at = datetime.fromtimestamp(int(text), UTC)
    if not timedelta() <= now - began_at < CHECK_TAKES_AT_MOST:
        return False
    return last_pass is None or last_pass.ended_at < began_at


def _customer_choices(groups: Iterable[Mapping[str, Any]], chosen: Mapping[str, str]) -> list[tuple[str, str]]:
    named = sorted((group["name"], group["id"]) for group in groups if group["id"])
    choices = [(id, name) for name, id in named]
    if chosen["customer"] not in {"", "-", *(id for id, _ in choices)}:
        choices.append((chosen["customer"], "The chosen customer"))
    return [("", "All customers"), *choices, ("-", "No customer")]


def _is_all_clear(last_pass: BoardPass | None, pages: Mapping[str, items.Page], now: datetime) -> bool:
    """Whether there is nothing to do, as far as a recent pass that looked at something says."""
    if last_pass is None or passes.is_late(last_pass, now) or last_pass.failures or not last_pass.customers:
        return False
    return not any(page.items for page in pages.values())


def _audit(request: HttpRequest, scope: str, key: str, action: str) -> None:
    """Write the audit entry of an item that was taken or released."""
    item = items.get_item(scope, key)
    customer_id = str(item.customer_id) if item.customer_id else None
    set_page_customer(request, customer_id)
    kind = load_kinds().get(str(item.kind))
    changes = [audit.FieldChange("kind", None, kind.title if kind else str(item.kind))]
    author = operators.author_of(request, customer_id or audit.PLATFORM_STREAM)
    journal.write_audit_event(author, action, party_of(request, customer_id), operators.now(), changes=changes)


def change_view(request: HttpRequest) -> HttpResponse:
    """Take or release an item, check a customer, or begin a pass; then the board again."""
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied
    action, now = request.POST.get("action", ""), operators.now()
    chosen = _read_filters(request.POST)
    scope, key, customer_id = (request.POST.get(name, "")[:MAX_KEY_LENGTH] for name in ("scope", "key", "checked"))
    try:
        if action == "take":
            items.take(scope, key, operators.operator_id(request.user), now)
            _audit(request, scope, key, "board.taken")
        elif action == "release":
            items.release(scope, key)
            _audit(request, scope, key, "board.released")
        elif action == "check" and dynamodb.is_id("cus", customer_id):
            passes.check_customer(customer_id, now)
            messages.success(request, "Checked again. What is solved is no longer listed.")
        elif action == "check-all":
            passes.begin_pass(now)
            chosen["checking"] = str(int(now.timestamp()))
    except (errors.NotFound, errors.Conflict) as error:
        messages.error(request, error.detail)
    query = urlencode({name: value for name, value in chosen.items() if value})
    return HttpResponseRedirect(f"{reverse('admin:index')}{f'?{query}' if query else ''}")
