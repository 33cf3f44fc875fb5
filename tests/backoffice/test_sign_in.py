"""Who becomes an operator, and for how long."""

import sqlite3
import time
from contextlib import closing

import httpx
import pytest
from django.contrib.sessions.backends.db import SessionStore

from tests.conftest import Cast
from tests.support.environment import World, free_port
from tests.support.operators import Operator, at_desk, employ, give_roles


def rows(world: World, query: str, *values: object) -> list[tuple[object, ...]]:
    """What the operators' database says."""
    with closing(sqlite3.connect(world.folder / "operators.sqlite3")) as base:
        return base.execute(query, values).fetchall()


def age_sessions(world: World, seconds: float) -> None:
    """Let every session of Auth0's people be as old as if so long had passed."""
    store = SessionStore()
    with closing(sqlite3.connect(world.folder / "operators.sqlite3")) as base, base:
        query = "select session_key, session_data from django_session"
        for key, data in base.execute(query).fetchall():
            held = store.decode(data)
            if "renewed_at" in held:
                held["renewed_at"] = time.time() - seconds
                new = store.encode(held)
                base.execute(
                    "update django_session set session_data = ? where session_key = ?", (new, key)
                )


def test_a_role_at_auth0_opens_the_back_office(world: World, office: str) -> None:
    email = employ(world, "vera", ["support"])
    with at_desk(office) as vera:
        page = vera.sign_in(email)

        assert page.status_code == 200
        assert str(page.url) == f"{office}/admin/"
        assert "Vera, support</p>" in page.text
    found = rows(
        world, "select is_staff, is_superuser, password from auth_user where email = ?", email
    )
    assert [(staff, boss) for staff, boss, _ in found] == [(1, 0)]
    assert str(found[0][2]).startswith("!"), "no password opens it"
    assert rows(world, "select extra_data from social_auth_usersocialauth") == [("{}",)] * len(
        rows(world, "select 1 from social_auth_usersocialauth")
    ), "no token is kept"


def test_who_has_no_role_leaves_no_row(world: World, office: str) -> None:
    before = rows(world, "select count(*) from auth_user")
    with at_desk(office) as nora:
        page = nora.sign_in("nora@dutyline.example")

        assert page.status_code == 403
        assert "no role in this back office" in page.text
        assert str(nora.get("/admin/").url).startswith(f"{office}/admin/login/")
    assert rows(world, "select count(*) from auth_user") == before


@pytest.mark.parametrize("roles", ["support", {"support": True}, [["lead"]], ["LEAD"], None])
def test_a_claim_of_another_shape_opens_nothing(world: World, office: str, roles: object) -> None:
    email = employ(world, "odd", [])
    user = world.tenant().user_by_email(email)
    assert user
    user["app_metadata"] = {"roles": roles}
    world.tenant().keep_user(user)
    with at_desk(office) as odd:
        assert odd.sign_in(email).status_code == 403


def test_nobody_is_known_by_their_address(world: World, office: str) -> None:
    email = employ(world, "lena", ["lead"])
    with at_desk(office) as lena:
        assert lena.sign_in(email).status_code == 200
    world.tenant().remove_user(world.tenant().user_by_email(email)["user_id"])  # type: ignore[index]
    again = employ(world, "lena", ["read-only"])
    user = world.tenant().user_by_email(again)
    assert user
    world.tenant().keep_user({**user, "email": email}, formerly=again)
    with at_desk(office) as other:
        assert "Lena, read-only</p>" in other.sign_in(email).text
    assert len(rows(world, "select 1 from auth_user where email = ?", email)) == 2


def test_a_role_that_changed_holds_after_minutes(world: World, office: str) -> None:
    email = employ(world, "cora", ["lead"])
    with at_desk(office) as cora:
        assert "Cora, lead</p>" in cora.sign_in(email).text
        give_roles(world, email, ["read-only"])
        assert "Cora, lead</p>" in cora.get("/admin/").text, "not asked again yet"

        age_sessions(world, 700)

        page = cora.get("/admin/accounts/customer/")
        assert "Cora, read-only</p>" in page.text, "asked again without a word typed"
        assert str(page.url) == f"{office}/admin/accounts/customer/", "back where one was"


def test_a_role_taken_away_ends_every_session(world: World, office: str) -> None:
    email = employ(world, "gone", ["support"])
    with at_desk(office) as here, at_desk(office) as there:
        here.sign_in(email)
        there.sign_in(email)
        give_roles(world, email, [])
        age_sessions(world, 700)

        page = here.get("/admin/")
        assert page.status_code == 403, (page.url, page.history, page.text)
        assert str(there.get("/admin/").url).startswith(f"{office}/admin/login/")
        assert str(here.get("/admin/").url).startswith(f"{office}/admin/login/")
    query = "select is_active, is_staff from auth_user where email = ?"
    assert rows(world, query, email) == [(0, 0)]
    give_roles(world, email, ["support"])
    with at_desk(office) as back:
        assert "Gone, support</p>" in back.sign_in(email).text


def test_what_is_posted_is_believed_for_an_hour_only(world: World, office: str) -> None:
    email = employ(world, "ida", ["support"])
    with at_desk(office) as ida:
        ida.sign_in(email)
        age_sessions(world, 700)
        posted = ida.client.post(
            f"{office}/admin/customer/",
            data={"csrfmiddlewaretoken": ida.client.cookies.get("dutyline-form", path="/admin/")},
            follow_redirects=False,
        )
        assert posted.headers["location"] == "/admin/", "what was typed is not lost to a renewal"
        age_sessions(world, 4_000)
        posted = ida.post("/admin/customer/")
        assert str(posted.url).startswith(f"{office}/admin/login/")


def test_leaving_leaves_auth0_too(world: World, office: str) -> None:
    email = employ(world, "lisa", ["lead"])
    with at_desk(office) as lisa:
        lisa.sign_in(email)
        assert lisa.get("/admin/logout/").status_code == 405, "a link may not sign anybody out"
        gone = lisa.post("/admin/logout/")
        assert str(gone.url) == f"{office}/admin/login/"
        asked = lisa.post("/admin/sign-in/begin/", next="/admin/")
        assert "/authorize" in str(asked.url), "Auth0 wants the password again"


def test_signing_in_is_begun_here_and_by_a_form(world: World, office: str) -> None:
    with at_desk(office) as anyone:
        assert anyone.get("/admin/sign-in/begin/").status_code == 405
        assert anyone.client.post(f"{office}/admin/sign-in/begin/").status_code == 403, "no token"
        forged = anyone.get("/admin/sign-in/complete/auth0_openidconnect/?code=x&state=y")
        assert forged.status_code == 403
        assert anyone.get("/admin/sign-in/complete/other/?code=x").status_code == 404
        begun = anyone.client
        begun.get(f"{office}/admin/login/")
        token = begun.cookies.get("dutyline-form", path="/admin/")
        gone = begun.post(
            f"{office}/admin/sign-in/begin/",
            data={"csrfmiddlewaretoken": token, "next": "https://evil.example/"},
            follow_redirects=False,
        )
        assert "code_challenge_method=S256" in gone.headers["location"]
        assert "nonce=" in gone.headers["location"]


def test_guessing_is_slowed_down_by_address(office: str) -> None:
    with at_desk(office) as guesser, at_desk(office) as other:
        guesser.get("/admin/login/")
        for _ in range(40):
            answer = guesser.post("/admin/login/", username="olive", password="guess")
            if answer.status_code == 429:
                break
        else:
            raise AssertionError("one may guess on and on")
        assert int(answer.headers["retry-after"]) <= 60
        other.get("/admin/login/")
        assert other.post("/admin/login/", username="olive", password="x").status_code == 200


def test_a_password_opens_it_on_ones_own_machine_only(world: World, office: str) -> None:
    made = world.manage("operator", "pat", "--group", "support", "--password", "a-long-password")
    assert made.returncode == 0, made.stderr
    with at_desk(office) as pat:
        pat.get("/admin/login/")
        page = pat.post(
            "/admin/login/?next=/admin/", username="pat", password="a-long-password", next="/admin/"
        )
        assert "pat, support</p>" in page.text
        wrong = pat.post("/admin/login/", username="pat", password="another")
        assert "not a name and password" in wrong.text


def test_without_the_operators_database_the_api_goes_on(cast: Cast, world: World) -> None:
    nowhere = f"postgres://nobody@127.0.0.1:{free_port()}/nothing"
    web = world.start_web("without", free_port(), DATABASE_URL=nowhere)
    with at_desk(web) as anyone:
        assert anyone.get("/admin/login/").status_code == 200
        answer = anyone.post("/admin/sign-in/begin/", next="/admin/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "Operators cannot be looked up just now." in answer.text
    asked = httpx.get(f"{web}/user", headers={"Authorization": f"Bearer {cast.ann.token}"})
    assert asked.status_code == 200
    world.stop("without")


def test_an_api_token_opens_nothing_and_a_session_no_api(
    cast: Cast, office: str, desks: dict[str, Operator]
) -> None:
    asked = httpx.get(f"{office}/admin/", headers={"Authorization": f"Bearer {cast.ann.token}"})
    assert asked.status_code == 302
    assert asked.headers["location"].startswith("/admin/login/")
    olive = desks["lead"]
    kept = {cookie.name: cookie.value or "" for cookie in olive.client.cookies.jar}
    assert httpx.get(f"{office}/user", cookies=kept).status_code == 401
