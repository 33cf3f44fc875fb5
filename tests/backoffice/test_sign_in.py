"""Operator sign-in: roles, sessions and sign-out."""

from html import unescape

import httpx
import pytest
from django.contrib.auth.models import User as Operator
from django.db.models import TextField
from django.db.models.functions import Cast
from social_django.models import UserSocialAuth

from accounts import users
from tests.support.environment import Environment, free_port
from tests.support.operators import (
    OperatorSession,
    age_sessions,
    create_operator,
    open_operator_session,
    set_operator_roles,
)
from tests.support.users import UserFixtures

pytestmark = pytest.mark.usefixtures("operators_database")


def test_auth0_role_grants_backoffice_access(env: Environment, backoffice_url: str) -> None:
    email = create_operator(env, "vera", ["support"])
    with open_operator_session(backoffice_url) as operator:
        page = operator.sign_in(email)

        assert page.status_code == 200
        assert str(page.url) == f"{backoffice_url}/admin/"
        assert "Vera, support</p>" in page.text
        assert '"message":"operator signed in"' in env.read_log("web")
    operator_record = Operator.objects.get(email=email)
    assert (operator_record.is_staff, operator_record.is_superuser) == (True, False)
    assert operator_record.password.startswith("!"), "the password must be unusable"
    stored_values = set(UserSocialAuth.objects.values_list(Cast("extra_data", TextField()), flat=True))
    assert stored_values == {"{}"}, "tokens must not be stored"


def test_user_without_a_role_is_not_stored(env: Environment, backoffice_url: str) -> None:
    count_before = Operator.objects.count()
    with open_operator_session(backoffice_url) as operator:
        page = operator.sign_in("nora@dutyline.example")

        assert page.status_code == 403
        assert "no role in this back office" in page.text
        assert '"message":"operator refused"' in env.read_log("web")
        assert str(operator.get("/admin/").url).startswith(f"{backoffice_url}/admin/login/")
    assert Operator.objects.count() == count_before


@pytest.mark.parametrize("roles", ["support", {"support": True}, [["lead"]], ["LEAD"], None])
def test_malformed_roles_claim_grants_no_access(env: Environment, backoffice_url: str, roles: object) -> None:
    email = create_operator(env, "odd", [])
    user = env.tenant().get_user_by_email(email)
    assert user
    user["app_metadata"] = {"roles": roles}
    env.tenant().save_user(user)
    with open_operator_session(backoffice_url) as operator:
        assert operator.sign_in(email).status_code == 403


def test_operators_are_not_identified_by_email(env: Environment, backoffice_url: str) -> None:
    email = create_operator(env, "lena", ["lead"])
    with open_operator_session(backoffice_url) as operator:
        assert operator.sign_in(email).status_code == 200
    env.tenant().delete_user(env.tenant().get_user_by_email(email)["user_id"])  # type: ignore[index]
    second_email = create_operator(env, "lena", ["read-only"])
    user = env.tenant().get_user_by_email(second_email)
    assert user
    env.tenant().save_user({**user, "email": email}, previous_email=second_email)
    with open_operator_session(backoffice_url) as second_operator:
        assert "Lena, read-only</p>" in second_operator.sign_in(email).text
    assert Operator.objects.filter(email=email).count() == 2


def test_changed_role_applies_after_session_renewal(env: Environment, backoffice_url: str) -> None:
    email = create_operator(env, "cora", ["lead"])
    with open_operator_session(backoffice_url) as operator:
        assert "Cora, lead</p>" in operator.sign_in(email).text
        set_operator_roles(env, email, ["read-only"])
        assert "Cora, lead</p>" in operator.get("/admin/").text, "the session is not renewed yet"

        age_sessions(700)

        page = operator.get("/admin/accounts/customer/")
        assert "Cora, read-only</p>" in page.text, "the session is renewed without a prompt"
        assert str(page.url) == f"{backoffice_url}/admin/accounts/customer/", "the renewal returns to the same page"


def test_revoked_role_ends_all_sessions(env: Environment, backoffice_url: str) -> None:
    email = create_operator(env, "gone", ["support"])
    with (
        open_operator_session(backoffice_url) as first_session,
        open_operator_session(backoffice_url) as second_session,
    ):
        first_session.sign_in(email)
        second_session.sign_in(email)
        set_operator_roles(env, email, [])
        age_sessions(700)

        page = first_session.get("/admin/")
        assert page.status_code == 403, (page.url, page.history, page.text)
        assert str(second_session.get("/admin/").url).startswith(f"{backoffice_url}/admin/login/")
        assert str(first_session.get("/admin/").url).startswith(f"{backoffice_url}/admin/login/")
    operator_record = Operator.objects.get(email=email)
    assert (operator_record.is_active, operator_record.is_staff) == (False, False)
    set_operator_roles(env, email, ["support"])
    with open_operator_session(backoffice_url) as restored_session:
        assert "Gone, support</p>" in restored_session.sign_in(email).text


def test_post_requires_a_session_renewed_within_an_hour(env: Environment, backoffice_url: str) -> None:
    email = create_operator(env, "ida", ["support"])
    with open_operator_session(backoffice_url) as operator:
        operator.sign_in(email)
        age_sessions(700)
        response = operator.client.post(
            f"{backoffice_url}/admin/clock/",
            data={"csrfmiddlewaretoken": operator.client.cookies.get("dutyline-form", path="/admin/")},
            follow_redirects=False,
        )
        assert response.headers["location"] == "/admin/", "a renewal must not discard form input"
        age_sessions(4_000)
        response = operator.post("/admin/clock/")
        assert str(response.url).startswith(f"{backoffice_url}/admin/login/")


def test_sign_out_also_signs_out_of_auth0(env: Environment, backoffice_url: str) -> None:
    email = create_operator(env, "lisa", ["lead"])
    with open_operator_session(backoffice_url) as operator:
        operator.sign_in(email)
        assert operator.get("/admin/logout/").status_code == 405, "signing out requires POST"
        sign_out_response = operator.post("/admin/logout/")
        assert str(sign_out_response.url) == f"{backoffice_url}/admin/login/"
        sign_in_response = operator.post("/admin/sign-in/begin/", next="/admin/")
        assert "/authorize" in str(sign_in_response.url), "Auth0 asks for the password again"


def test_sign_in_must_start_from_our_form(env: Environment, backoffice_url: str) -> None:
    with open_operator_session(backoffice_url) as anonymous:
        assert anonymous.get("/admin/sign-in/begin/").status_code == 405
        assert anonymous.client.post(f"{backoffice_url}/admin/sign-in/begin/").status_code == 403, "no CSRF token"
        forged = anonymous.get("/admin/sign-in/complete/auth0_openidconnect/?code=x&state=y")
        assert forged.status_code == 403
        assert anonymous.get("/admin/sign-in/complete/other/?code=x").status_code == 404
        http_client = anonymous.client
        http_client.get(f"{backoffice_url}/admin/login/")
        token = http_client.cookies.get("dutyline-form", path="/admin/")
        response = http_client.post(
            f"{backoffice_url}/admin/sign-in/begin/",
            data={"csrfmiddlewaretoken": token, "next": "https://evil.example/"},
            follow_redirects=False,
        )
        assert "code_challenge_method=S256" in response.headers["location"]
        assert "nonce=" in response.headers["location"]


def test_password_guessing_is_rate_limited_by_address(backoffice_url: str) -> None:
    with open_operator_session(backoffice_url) as guesser, open_operator_session(backoffice_url) as other_session:
        guesser.get("/admin/login/")
        for _ in range(40):
            response = guesser.post("/admin/login/", username="olive", password="guess")
            if response.status_code == 429:
                break
        else:
            raise AssertionError("password guesses are not limited")
        assert int(response.headers["retry-after"]) <= 60
        other_session.get("/admin/login/")
        assert other_session.post("/admin/login/", username="olive", password="x").status_code == 200


def test_password_sign_in_works_locally(env: Environment, backoffice_url: str) -> None:
    completed = env.run_management_command("operator", "pat", "--group", "support", "--password", "a-long-password")
    assert completed.returncode == 0, completed.stderr
    with open_operator_session(backoffice_url) as operator:
        operator.get("/admin/login/")
        page = operator.post("/admin/login/?next=/admin/", username="pat", password="a-long-password", next="/admin/")
        assert "pat, support</p>" in page.text
        failed_response = operator.post("/admin/login/", username="pat", password="another")
        assert "Wrong user name or password." in failed_response.text


def test_api_works_without_the_operators_database(test_users: UserFixtures, env: Environment) -> None:
    unreachable_url = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"
    web = env.start_web("without", free_port(), DATABASE_URL=unreachable_url)
    with open_operator_session(web) as anonymous:
        assert anonymous.get("/admin/login/").status_code == 200
        sign_in_response = anonymous.post("/admin/sign-in/begin/", next="/admin/")
        assert sign_in_response.status_code == 503
        assert sign_in_response.headers["retry-after"]
        assert "The operators' database is temporarily unavailable." in unescape(sign_in_response.text)
    response = httpx.get(f"{web}/user", headers={"Authorization": f"Bearer {test_users.ann.token}"})
    assert response.status_code == 200
    env.stop("without")


def test_api_tokens_and_operator_sessions_are_not_interchangeable(
    test_users: UserFixtures, backoffice_url: str, operator_sessions: dict[str, OperatorSession]
) -> None:
    response = httpx.get(f"{backoffice_url}/admin/", headers={"Authorization": f"Bearer {test_users.ann.token}"})
    assert response.status_code == 302
    assert response.headers["location"].startswith("/admin/login/")
    operator = operator_sessions["lead"]
    cookies = {cookie.name: cookie.value or "" for cookie in operator.client.cookies.jar}
    assert httpx.get(f"{backoffice_url}/user", cookies=cookies).status_code == 401


def test_actions_are_judged_by_a_role_that_was_just_confirmed(
    env: Environment, test_users: UserFixtures, backoffice_url: str
) -> None:
    """Low: what was posted was believed for an hour after the role was taken."""
    email = create_operator(env, "dora", ["support"])
    user = test_users.create_user()
    path = f"/admin/accounts/user/{user.id}/do/block/"
    with open_operator_session(backoffice_url) as operator:
        operator.sign_in(email)
        assert operator.get(path).status_code == 200
        age_sessions(700)
        asked_again = operator.post(path)
        assert str(asked_again.url) == backoffice_url + path, "the role is confirmed, and the page asks again"
        assert users.get_user(user.id).status == "invited"

        age_sessions(590)
        set_operator_roles(env, email, [])
        assert operator.get(path).status_code == 403, "the page of an action has the role confirmed"
        assert str(operator.post(path).url).startswith(f"{backoffice_url}/admin/login/")
    assert users.get_user(user.id).status == "invited"


def test_bulk_actions_are_judged_by_a_role_that_was_just_confirmed(
    env: Environment, test_users: UserFixtures, backoffice_url: str
) -> None:
    email = create_operator(env, "dina", ["support"])
    user = test_users.create_user()
    with open_operator_session(backoffice_url) as operator:
        operator.sign_in(email)
        operator.get("/admin/accounts/user/")
        set_operator_roles(env, email, [])
        age_sessions(700)
        response = operator.post("/admin/accounts/user/", action="block", _selected_action=user.id, confirmed="yes")
        assert response.status_code == 403
    assert users.get_user(user.id).status == "invited"
