"""H1 in the back office: no text in a form or a search costs much."""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import quote

import httpx
import pytest

from tests.attacks.processes import ProcessCost
from tests.attacks.test_text_cost import BYTES, TEXTS, URL_BYTES
from tests.support.environment import Environment
from tests.support.operators import OperatorSession, open_operator_session
from tests.support.users import UserFixtures

MAX_CPU_SECONDS = 0.3
"""Of the web process, for one page."""
FIELD = re.compile(r"<(?:input|textarea)\b(?![^>]*type=\"(?:checkbox|radio|submit)\")[^>]*?\bname=\"([^\"]+)\"")
CUSTOMER_QUERIES = ("q", "p", "name__startswith", "status__exact", "created_at__gte", "unknown")


@pytest.fixture(scope="module")
def operator(backoffice_url: str) -> Iterator[OperatorSession]:
    """A lead, who has every form."""
    with open_operator_session(backoffice_url) as session:
        assert session.sign_in("olive@dutyline.example").status_code == 200
        yield session


def measure(env: Environment, name: str, send: Callable[[], httpx.Response]) -> float:
    """The CPU time of a request that is no defect."""
    cost = ProcessCost(env.processes["web"].pid)
    before = cost.cpu_seconds()
    response = send()
    seconds = cost.cpu_seconds() - before
    assert response.status_code < 500, f"{name}: {response.text[:300]}"
    assert seconds < MAX_CPU_SECONDS, f"{name}: {seconds:.2f} CPU s"
    return seconds


def test_texts_of_forms(
    test_users: UserFixtures, env: Environment, operator: OperatorSession, record_figure: Callable[[str], None]
) -> None:
    line = test_users.boston_number.line
    assert line is not None
    query = f"?customer_id={test_users.customer.id}"
    paths = [
        *(f"/admin/accounts/user/add/{query}", f"/admin/accounts/user/{test_users.sam.id}/change/"),
        *(f"/admin/accounts/location/add/{query}", f"/admin/accounts/location/{test_users.boston.id}/change/"),
        *(f"/admin/staffing/schedule/add/{query}", f"/admin/accounts/customer/{test_users.customer.id}/change/"),
        *(f"/admin/telephony/line/{line.location_id}/json/", f"/admin/accounts/user/{test_users.sam.id}/do/delete/"),
    ]
    marks, *others = [(name, text[: BYTES // (3 if text.isascii() else 9)]) for name, text in TEXTS.items()]
    other, seconds = itertools.cycle(others), {}
    tested = defaultdict[str, set[str]](set)
    for path in paths:
        page = operator.get(path)
        assert page.status_code == 200, path
        names = sorted(set(FIELD.findall(page.text)) - {"csrfmiddlewaretoken"} - tested[path.split("/")[3]])
        tested[path.split("/")[3]] |= set(names)
        for name, is_mark in itertools.product(names, (True, False)):
            text_name, text = marks if is_mark else next(other)
            case = f"{text_name} at {name} of {path}"
            seconds[case] = measure(env, case, partial(operator.post, path, **{name: text}))
    worst = max(seconds, key=lambda case: seconds[case])
    record_figure(f"texts of forms: {len(seconds)} requests, at most {seconds[worst]:.2f} CPU s ({worst})")


def test_texts_of_searches(
    test_users: UserFixtures, env: Environment, operator: OperatorSession, record_figure: Callable[[str], None]
) -> None:
    completion = "app_label=staffing&model_name=schedule&field_name=staff"
    urls = [
        *(f"/admin/accounts/customer/?{name}=" for name in CUSTOMER_QUERIES),
        f"/admin/accounts/user/?customer_id__exact={test_users.customer.id}&q=",
        *("/admin/accounts/user/?customer_id__exact=", "/admin/config/auditentry/?stream__exact="),
        *("/admin/find/?q=", f"/admin/autocomplete/?{completion}&customer={test_users.customer.id}&term="),
        *("/admin/login/?next=", "/admin/sign-in/complete/auth0_openidconnect/?code=1&state="),
    ]
    marks, *others = [(name, text[: URL_BYTES // (3 if text.isascii() else 9)]) for name, text in TEXTS.items()]
    other, seconds = itertools.cycle(others), {}
    for url, is_mark in itertools.product(urls, (True, False)):
        text_name, text = marks if is_mark else next(other)
        case = f"{text_name} at {url}"
        seconds[case] = measure(env, case, partial(operator.get, url + quote(text)))
    worst = max(seconds, key=lambda case: seconds[case])
    record_figure(f"texts of searches: {len(seconds)} requests, at most {seconds[worst]:.2f} CPU s ({worst})")
