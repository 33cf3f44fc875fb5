"""No page of the back office lets anybody in, write or see who may not.

Every path of the site is tried by nobody, by who may only read, and by support; a new path enters
by itself, and a new kind of thing in a path needs a sample here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.notifications import devices
from accounts.terms import acceptance
from config import dynamodb, outbox
from config.audit import reader
from config.backoffice import operator_permissions
from config.backoffice.records import range_reader
from config.dynamodb import ids, unaudited
from config.outbox.models import OutboxEntry
from staffing.calendar import feed
from telephony.models import Orphan, Quota
from tests.conftest import Cast, free_number, now
from tests.support.operators import Operator, at_desk
from tests.test_isolation import rows_of

HARMLESS = {"find", "switch", "search", "autocomplete", "jsi18n", "app_list", "index"}
"""Paths that write nothing but what an operator looks at."""
OWN = {"login", "logout", "begin", "complete", "renew", "password_change", "password_change_done"}
"""Paths of coming and going: they have tests of their own."""


@dataclass(frozen=True)
class Path:
    """One path of the site, filled in."""

    url: str
    name: str
    button: str = ""


@dataclass(frozen=True)
class Things:
    """One thing of each kind, by the name of its model; and what no page may show."""

    of: dict[str, str]
    secrets: list[str]


@pytest.fixture(scope="module")
def things(cast: Cast) -> Things:
    """A thing of each kind, with a dead errand and an unexplained number."""
    shift, template, held = cast.shift(), cast.template(), cast.held
    push = "ExponentPushToken[kept-from-operators]"
    devices.register(push, actor=cast.ann.actor, at=now())
    calendar_feed = feed.open_new(actor=cast.ann.actor, at=now())
    accepted = acceptance.accept(cast.ann.user, cast.customer, actor=cast.ann.actor, at=now())
    version = acceptance.proofs(cast.ann.id)[-1].version
    assert accepted.accepted_version == version
    orphan = free_number()
    unaudited.update(Orphan(orphan), [Orphan.sid.set("PN1")], Orphan.number.does_not_exist())
    return Things(
        {
            "customer": cast.customer.id,
            "user": cast.fresh(name="Watched Person").id,
            "location": cast.boston.id,
            "termsacceptance": f"{cast.ann.id}~{version}",
            "schedule": shift.id,
            "template": template.id,
            "phonenumber": held.number.number,
            "line": cast.boston.id,
            "call": cast.recorded,
            "orphan": orphan,
            "auditentry": f"{cast.ann.id}~1",
            "outboxentry": dead(cast.customer.id),
        },
        [
            calendar_feed.url.rpartition("/")[2],
            push,
            settings.SECRET_KEY,
            settings.AUTH0["client_secret"],
            settings.AUTH0["sso_client_secret"],
            settings.TWILIO["auth_token"],
            cast.ann.token,
        ],
    )


def dead(customer_id: str) -> str:
    """An errand that failed for good."""
    id = f"dead-{ids.new('opr', now())}"
    entry = OutboxEntry(
        id=id,
        shard=outbox.DEAD,
        due_at=now(),
        task="accounts.send_invitation",
        arguments={"user_id": "usr_gone"},
        author={"type": "system", "id": "system", "customer": customer_id, "request": ""},
        first_due_at=now(),
        error="KeyError",
    )
    dynamodb.call("PutItem", TableName=OutboxEntry.table_name(), Item=entry.serialize())
    return id


def paths(things: Things, cast: Cast) -> Iterator[Path]:
    """Every path of the back office, filled in."""
    for route, pattern in _routes(get_resolver().url_patterns):
        if not route.startswith("admin/") or "(?P<url>" in route:
            continue
        yield from _filled(route, str(pattern.name or ""), things, cast)


def _routes(patterns: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _routes(one.url_patterns, route)
        else:
            yield route, one


def _filled(route: str, name: str, things: Things, cast: Cast) -> Iterator[Path]:
    if name == "app_list":
        yield from (Path(f"/admin/{app}/", name) for app in ("accounts", "config"))
        return
    samples = {
        "location_id": cast.boston.id,
        "user_id": cast.sam.id,
        "customer_id": cast.customer.id,
        "call_id": things.of["call"],
        "kind": "voicemail",
        "backend": "auth0_openidconnect",
    }
    model = route.split("/")[2] if route.count("/") > 2 else ""
    url = "/" + route
    if "<path:object_id>" in url:
        url = url.replace("<path:object_id>", things.of[model])
    for part in re.findall(r"<\w+:(\w+)>", url):
        if part != "button":
            url = re.sub(rf"<\w+:{part}>", samples[part], url)
    if "<slug:button>" not in url:
        yield Path(url, name)
        return
    for made in admin.site._registry.values():
        if made.opts.model_name == model:
            for button in made.buttons:  # type: ignore[attr-defined]
                yield Path(url.replace("<slug:button>", button.name), name, button.name)


def everything(cast: Cast) -> list[Any]:
    """What nobody may change by looking."""
    found: list[Any] = rows_of(cast.customer.id, list(cast.people.values()))
    for record in (OutboxEntry, Orphan, Quota):
        for items in dynamodb.pages("Scan", TableName=record.table_name()):
            found += [json.dumps(item, sort_keys=True) for item in items]
    return sorted(found)


def plausible(path: Path, things: Things) -> dict[str, Any]:
    """What a page could send that would do something."""
    given = {
        "typed": "Watched Person",
        "name": "Hacked",
        "email": "hacked@example.com",
        "userRole": "owner",
        "version": "1",
        "timeZone": "UTC",
        "configuration": "{}",
        "scope": "all",
        "most": "999",
        "number": free_number(),
        "location": "loc",
        "post": "yes",
        "_save": "Save",
        "select_across": "0",
        "index": "0",
    }
    model = path.url.split("/")[3] if path.url.count("/") > 3 else ""
    if model in things.of:
        actions = {"user": "block", "outboxentry": "revive"}
        given |= {"_selected_action": things.of[model], "action": actions.get(model, "")}
    return given


def test_every_kind_of_thing_has_a_sample(things: Things) -> None:
    models = {str(made.opts.model_name) for made in admin.site._registry.values()}
    assert models <= set(things.of), "add a sample of it above"


def test_nobody_enters_without_signing_in(
    cast: Cast, office: str, things: Things, say: Callable[[str], None]
) -> None:
    before = everything(cast)
    tried = 0
    api = {"Authorization": f"Bearer {cast.ann.token}"}
    with httpx.Client(timeout=30) as client, at_desk(office) as anyone:
        anyone.get("/admin/login/")
        for path in paths(things, cast):
            if path.name in OWN:
                continue
            for answer in (
                client.get(office + path.url),
                client.get(office + path.url, headers=api),
                client.post(office + path.url, headers=api),
            ):
                is_forged = answer.status_code == 403 and answer.request.method == "POST"
                at_login = answer.headers.get("location", "").startswith("/admin/login/")
                assert is_forged or at_login, f"{path}: {answer.status_code}"
            posted = anyone.post(path.url, **plausible(path, things))
            assert posted.url.path == "/admin/login/", path
            tried += 4
    assert everything(cast) == before
    say(f"back office: {tried} requests without a sign-in, none let in")


def test_who_may_only_read_changes_nothing(
    cast: Cast, desks: dict[str, Operator], things: Things, say: Callable[[str], None]
) -> None:
    rita = desks["read-only"]
    seen = 0
    before = everything(cast)
    for path in paths(things, cast):
        if path.name in OWN:
            continue
        looked = rita.get(path.url)
        assert looked.status_code < 500, f"{path}: {looked.text}"
        leaked = [secret for secret in things.secrets if secret in looked.text]
        assert not leaked, f"{path} shows a secret"
        if path.name in HARMLESS:
            continue
        posted = rita.client.post(
            rita.web + path.url,
            data={**token(rita), **plausible(path, things)},
            follow_redirects=False,
        )
        allowed = {403, 404, 405}
        only_shows = path.name.endswith(("_changelist", "_history", "rota", "rota_of"))
        if only_shows or not path.name or path.button in only_reading():
            allowed |= {200, 302}  # an action that is not offered, or nothing to write
        assert posted.status_code in allowed, f"{path}: {posted.status_code} {rita.said(posted)}"
        seen += 2
    assert everything(cast) == before
    looked_at = {
        one.action
        for stream in (cast.customer.id, cast.ann.id, cast.sam.id, things.of["user"])
        for one in reader.rows(stream)
        if one.seq and one.body["actor"]["type"] == "operator"
    }
    assert looked_at >= {"user.viewed", "terms.viewed", "call.viewed", "call.listened"}
    say(f"back office: {seen} requests of who may only read, nothing changed")


def only_reading() -> set[str]:
    """The buttons that only show something."""
    return {
        one.name
        for made in admin.site._registry.values()
        for one in getattr(made, "buttons", ())
        if one.right == operator_permissions.READ
    }


def token(operator: Operator) -> dict[str, str]:
    """What a form of ours carries."""
    value = operator.client.cookies.get("dutyline-form", path="/admin/")
    return {"csrfmiddlewaretoken": value or ""}


def test_support_sees_every_page_and_leads_nothing(
    cast: Cast, desks: dict[str, Operator], things: Things, say: Callable[[str], None]
) -> None:
    oscar = desks["support"]
    pages = refused = lists = 0
    leading = {
        (str(made.opts.model_name), one.name)
        for made in admin.site._registry.values()
        for one in getattr(made, "buttons", ())
        if one.right == operator_permissions.LEAD
    }
    assert leading, "somebody leads"
    for path in paths(things, cast):
        if path.name in OWN:
            continue
        model = path.url.split("/")[3] if path.url.count("/") > 3 else ""
        answer = oscar.get(path.url)
        assert answer.status_code < 500, f"{path}: {answer.text}"
        assert not [secret for secret in things.secrets if secret in answer.text], path
        pages += 1
        if cost := re.search(r'data-read="(\d+)" data-shown="(\d+)"', answer.text):
            read, shown = int(cost[1]), int(cost[2])
            assert read <= shown + 1 or read == range_reader.BUDGET, (
                f"{path} read {read} for {shown}"
            )
            lists += 1
        if (model, path.button) in leading or path.name == "numbers_most":
            assert answer.status_code == 403, path
            assert oscar.post(path.url, **plausible(path, things)).status_code == 403
            refused += 1
    assert lists >= len(things.of), "every list says what it read"
    say(f"back office: support saw {pages} pages without a secret; {refused} are the lead's")


def test_no_page_can_be_framed_or_run_foreign_script(desks: dict[str, Operator]) -> None:
    answer = desks["lead"].get("/admin/accounts/customer/")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] != "public"
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", answer.text), "no script within the page"
    assert not re.search(r"\son(click|load|change|submit|error)=", answer.text)
    kept = {c.name: c for c in desks["lead"].client.cookies.jar if c.domain == "127.0.0.1"}
    for name in ("dutyline-operator", "dutyline-form"):
        assert kept[name].path == "/admin/"
        assert kept[name].has_nonstandard_attr("HttpOnly")
        assert kept[name].get_nonstandard_attr("SameSite") == "Lax"
