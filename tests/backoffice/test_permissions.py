"""No back office page can be opened, submitted or seen without permission.

Every path is requested anonymously, by a read-only operator and by support. New paths are included
automatically; a new model in a path needs a sample here.
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
from accounts.users import delete
from config import dynamodb, outbox
from config.audit import reader
from config.backoffice import operators
from config.backoffice.records import range_reader
from config.bulk import runs
from config.dynamodb import unaudited
from config.outbox import OutboxMessage
from staffing.calendar import feed
from telephony import blocked_callers
from telephony.models import Orphan, Quota
from tests.support.callbacks import put_callback
from tests.support.operators import OperatorSession, open_operator_session
from tests.support.users import UserFixtures, free_number, now
from tests.test_isolation import rows_of_customer

READ_ONLY_PATHS = {"find", "clock", "search", "autocomplete", "jsi18n", "app_list", "index"}
"""Paths that write at most the audit entry of the view."""
SIGN_IN_PATHS = {"login", "logout", "begin", "complete", "renew", "password_change", "password_change_done"}
"""Sign-in and sign-out paths, which have their own tests."""


@dataclass(frozen=True)
class AdminPath:
    """A path of the site with its parameters filled in."""

    url: str
    name: str
    button: str = ""


@dataclass(frozen=True)
class AdminSamples:
    """A record of each model, by model name; and secrets that no page may show."""

    ids_by_model: dict[str, str]
    secrets: list[str]
    bulk_run_id: str


@pytest.fixture(scope="module")
def admin_samples(test_users: UserFixtures) -> AdminSamples:
    """A record of each model, among them a dead letter and an unexplained number."""
    shift, template, boston_number = (test_users.create_shift(), test_users.create_template(), test_users.boston_number)
    push_token = "ExponentPushToken[kept-from-operators]"
    devices.register_device(push_token, actor=test_users.ann.actor, at=now())
    calendar_feed = feed.open_feed(actor=test_users.ann.actor, at=now())
    terms_status = acceptance.accept_terms(
        test_users.ann.user, test_users.customer, actor=test_users.ann.actor, at=now()
    )
    version = acceptance.list_acceptances(test_users.ann.id)[-1].version
    assert terms_status.accepted_version == version
    orphan_number = free_number()
    unaudited.update(Orphan(orphan_number), [Orphan.sid.set("PN1")], Orphan.number.does_not_exist())
    return AdminSamples(
        {
            "customer": test_users.customer.id,
            "user": test_users.create_user(name="Watched Person").id,
            "deleteduser": create_deleted_user(test_users),
            "location": test_users.boston.id,
            "termsacceptance": f"{test_users.ann.id}~{version}",
            "schedule": shift.id,
            "template": template.id,
            "phonenumber": boston_number.number.number,
            "line": test_users.boston.id,
            "call": test_users.recorded_call_id,
            "callback": put_callback(test_users.boston, "+16175557399", test_users.recorded_call_id, now()).id,
            "blockedcaller": blocked_callers.block_caller(
                free_number(), actor=test_users.ann.actor, at=now()
            ).record.id,
            "orphan": orphan_number,
            "numberprofile": f"{test_users.customer.id}~{test_users.put_profile('IE')}",
            "auditentry": f"{test_users.ann.id}~1",
            "outboxentry": create_dead_letter(test_users.customer.id),
        },
        [
            calendar_feed.url.rpartition("/")[2],
            push_token,
            settings.SECRET_KEY,
            settings.AUTH0["client_secret"],
            settings.AUTH0["sso_client_secret"],
            settings.TWILIO["auth_token"],
            test_users.ann.token,
        ],
        create_bulk_run(test_users),
    )


def create_deleted_user(test_users: UserFixtures) -> str:
    """Delete a person; their id."""
    user = test_users.create_user(name="Deleted Person")
    delete.delete_user(user.id, actor=test_users.ann.actor, at=now())
    return str(user.id)


def create_bulk_run(test_users: UserFixtures) -> str:
    """Preview to block a person; its id."""
    selection = runs.Selection([test_users.sam.id], {}, test_users.customer.id)
    return str(
        runs.create_preview(
            selection, model="accounts.user", action="block", operator_id="opr_x", operator_pk=0, at=now()
        ).id
    )


def create_dead_letter(customer_id: str) -> str:
    """Store an outbox message that failed permanently; its id."""
    message_id = f"dead-{dynamodb.new_id('opr', now())}"
    message = OutboxMessage(
        id=message_id,
        shard=outbox.DEAD_LETTER_SHARD,
        due_at=now(),
        task="accounts.send_invitation",
        arguments={"user_id": "usr_gone"},
        author={"type": "system", "id": "system", "customer": customer_id, "request": ""},
        first_due_at=now(),
        error="KeyError",
    )
    dynamodb.call("PutItem", TableName=OutboxMessage.table_name(), Item=message.serialize())
    return message_id


def iter_paths(admin_samples: AdminSamples, test_users: UserFixtures) -> Iterator[AdminPath]:
    """Every path of the back office with its parameters filled in."""
    for route, pattern in _iter_routes(get_resolver().url_patterns):
        if not route.startswith("admin/") or "(?P<url>" in route:
            continue
        yield from _fill_route(route, str(pattern.name or ""), admin_samples, test_users)


def _iter_routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for route_entry in patterns:
        route = prefix + str(route_entry.pattern)
        if isinstance(route_entry, URLResolver):
            yield from _iter_routes(route_entry.url_patterns, route)
        else:
            yield route, route_entry


def _fill_route(route: str, name: str, admin_samples: AdminSamples, test_users: UserFixtures) -> Iterator[AdminPath]:
    if name == "app_list":
        yield from (AdminPath(f"/admin/{app}/", name) for app in ("accounts", "config"))
        return
    parameter_values = {
        "location_id": test_users.boston.id,
        "user_id": test_users.sam.id,
        "customer_id": test_users.customer.id,
        "call_id": admin_samples.ids_by_model["call"],
        "kind": "voicemail",
        "step": "locations",
        "revision": "1",
        "run_id": admin_samples.bulk_run_id,
        "backend": "auth0_openidconnect",
    }
    model = route.split("/")[2] if route.count("/") > 2 else ""
    url = "/" + route
    if "<path:object_id>" in url:
        url = url.replace("<path:object_id>", admin_samples.ids_by_model[model])
    for parameter in re.findall(r"<\w+:(\w+)>", url):
        if parameter != "button":
            url = re.sub(rf"<\w+:{parameter}>", parameter_values[parameter], url)
    if "<slug:button>" not in url:
        yield AdminPath(url, name)
        return
    for model_admin in admin.site._registry.values():
        if model_admin.opts.model_name == model:
            for button in model_admin.buttons:  # type: ignore[attr-defined]
                yield AdminPath(url.replace("<slug:button>", button.name), name, button.name)


def snapshot_rows(test_users: UserFixtures) -> list[Any]:
    """All rows that viewing must not change; refused attempts are audited and counted."""
    rows = rows_of_customer(test_users.customer.id, *(user.id for user in test_users.users_by_role.values()))
    for record in (OutboxMessage, Orphan, Quota):
        for items in dynamodb.iter_pages("Scan", TableName=record.table_name()):
            changeable = (item for item in items if item.get("task") != {"S": "accounts.close_attempts"})
            rows += [json.dumps(item, sort_keys=True) for item in changeable]
    return sorted(rows)


def plausible_form(path: AdminPath, admin_samples: AdminSamples) -> dict[str, Any]:
    """A form that would change something if it were accepted."""
    form_data = {
        "typed": "Watched Person",
        "name": "Hacked",
        "email": "hacked@example.com",
        "userRole": "owner",
        "version": "1",
        "timeZone": "America/New_York",
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
    if model in admin_samples.ids_by_model:
        actions = {"user": "block", "outboxentry": "revive"}
        form_data |= {"_selected_action": admin_samples.ids_by_model[model], "action": actions.get(model, "")}
    return form_data


def test_all_models_have_a_sample(admin_samples: AdminSamples) -> None:
    model_names = {str(model_admin.opts.model_name) for model_admin in admin.site._registry.values()}
    assert model_names <= set(admin_samples.ids_by_model), "add a sample to `admin_samples`"


def test_anonymous_requests_are_rejected(
    test_users: UserFixtures, backoffice_url: str, admin_samples: AdminSamples, record_figure: Callable[[str], None]
) -> None:
    rows_before = snapshot_rows(test_users)
    request_count = 0
    api_headers = {"Authorization": f"Bearer {test_users.ann.token}"}
    with httpx.Client(timeout=30) as http_client, open_operator_session(backoffice_url) as anonymous:
        anonymous.get("/admin/login/")
        for path in iter_paths(admin_samples, test_users):
            if path.name in SIGN_IN_PATHS:
                continue
            for response in (
                http_client.get(backoffice_url + path.url),
                http_client.get(backoffice_url + path.url, headers=api_headers),
                http_client.post(backoffice_url + path.url, headers=api_headers),
            ):
                is_forged = response.status_code == 403 and response.request.method == "POST"
                at_login = response.headers.get("location", "").startswith("/admin/login/")
                assert is_forged or at_login, f"{path}: {response.status_code}"
            post_response = anonymous.post(path.url, **plausible_form(path, admin_samples))
            assert post_response.url.path == "/admin/login/", path
            request_count += 4
    assert snapshot_rows(test_users) == rows_before
    record_figure(f"back office: {request_count} unauthenticated requests, all rejected")


def test_read_only_operator_changes_nothing(
    test_users: UserFixtures,
    operator_sessions: dict[str, OperatorSession],
    admin_samples: AdminSamples,
    record_figure: Callable[[str], None],
) -> None:
    operator = operator_sessions["read-only"]
    request_count = 0
    rows_before = snapshot_rows(test_users)
    for path in iter_paths(admin_samples, test_users):
        if path.name in SIGN_IN_PATHS:
            continue
        get_response = operator.get(path.url)
        assert get_response.status_code < 500, f"{path}: {get_response.text}"
        leaked = [secret for secret in admin_samples.secrets if secret in get_response.text]
        assert not leaked, f"{path} shows a secret"
        if path.name in READ_ONLY_PATHS:
            continue
        post_response = operator.client.post(
            operator.web + path.url,
            data={**csrf_fields(operator), **plausible_form(path, admin_samples)},
            follow_redirects=False,
        )
        allowed = {403, 404, 405}
        only_shows = path.name.endswith(("_changelist", "_history", "rota", "rota_of"))
        if only_shows or not path.name or path.button in read_only_buttons():
            allowed |= {200, 302}  # an unavailable action, or nothing to write
        assert post_response.status_code in allowed, (
            f"{path}: {post_response.status_code} {operator.visible_text(post_response)}"
        )
        request_count += 2
    assert snapshot_rows(test_users) == rows_before
    viewed_actions = {
        entry.action
        for stream in (test_users.customer.id, test_users.ann.id, test_users.sam.id, admin_samples.ids_by_model["user"])
        for entry in reader.iter_stream(stream)
        if entry.seq and entry.body["actor"]["type"] == "operator"
    }
    assert viewed_actions >= {"user.viewed", "terms.viewed", "call.viewed", "call.listened"}
    record_figure(f"back office: {request_count} requests by a read-only operator, nothing changed")


def read_only_buttons() -> set[str]:
    """Names of the buttons that only show something."""
    return {
        button.name
        for model_admin in admin.site._registry.values()
        for button in getattr(model_admin, "buttons", ())
        if button.required_right == operators.READ
    }


def csrf_fields(operator: OperatorSession) -> dict[str, str]:
    """The CSRF field of a form of the site."""
    value = operator.client.cookies.get("dutyline-form", path="/admin/")
    return {"csrfmiddlewaretoken": value or ""}


def test_support_sees_all_pages_and_has_no_lead_rights(
    test_users: UserFixtures,
    operator_sessions: dict[str, OperatorSession],
    admin_samples: AdminSamples,
    record_figure: Callable[[str], None],
) -> None:
    operator = operator_sessions["support"]
    page_count = refused_count = list_count = 0
    lead_buttons = {
        (str(model_admin.opts.model_name), button.name)
        for model_admin in admin.site._registry.values()
        for button in getattr(model_admin, "buttons", ())
        if button.required_right == operators.LEAD
    }
    assert lead_buttons, "no button requires a lead"
    for path in iter_paths(admin_samples, test_users):
        if path.name in SIGN_IN_PATHS:
            continue
        model = path.url.split("/")[3] if path.url.count("/") > 3 else ""
        response = operator.get(path.url)
        assert response.status_code < 500, f"{path}: {response.text}"
        assert not [secret for secret in admin_samples.secrets if secret in response.text], path
        page_count += 1
        if cost := re.search(r'data-read="(\d+)" data-shown="(\d+)"', response.text):
            read_count, shown_count = int(cost[1]), int(cost[2])
            assert read_count <= shown_count + 1 or read_count == range_reader.READ_BUDGET, (
                f"{path} read {read_count} for {shown_count}"
            )
            list_count += 1
        if (model, path.button) in lead_buttons or path.name in ("numbers_most", "numbers_reserve"):
            assert response.status_code == 403, path
            assert operator.post(path.url, **plausible_form(path, admin_samples)).status_code == 403
            refused_count += 1
    assert list_count >= len(admin_samples.ids_by_model), "a list does not show its read count"
    record_figure(f"back office: support saw {page_count} pages without a secret; {refused_count} are for leads only")


def test_pages_cannot_be_framed_or_run_foreign_scripts(operator_sessions: dict[str, OperatorSession]) -> None:
    response = operator_sessions["lead"].get("/admin/accounts/customer/")
    policy = response.headers["content-security-policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "same-origin"
    assert response.headers["cache-control"] != "public"
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", response.text), "inline script"
    assert not re.search(r"\son(click|load|change|submit|error)=", response.text)
    cookies = {
        cookie.name: cookie for cookie in operator_sessions["lead"].client.cookies.jar if cookie.domain == "127.0.0.1"
    }
    for name in ("dutyline-operator", "dutyline-form", "dutyline-operator-id"):
        assert cookies[name].path == "/admin/"
        assert cookies[name].has_nonstandard_attr("HttpOnly")
        assert cookies[name].get_nonstandard_attr("SameSite") == "Lax"
