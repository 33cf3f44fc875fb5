"""Reading one user, and where created resources are found."""

from typing import Any

import httpx
import pytest

from accounts.models import User
from tests.support.environment import Environment
from tests.support.samples import SAMPLES, UNKNOWN_IDS, operations, send_request
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, parse_problem


def test_a_user_is_read_as_in_the_list(test_users: UserFixtures) -> None:
    listed = {user["id"]: user for user in test_users.ann.get("/userManagement").json()["items"]}
    for person in (test_users.ann, test_users.abe, test_users.mia):
        response = person.get(f"/userManagement/{test_users.sam.id}")
        assert (response.status_code, response.json()) == (200, listed[test_users.sam.id])
        headers = {"If-None-Match": f'"x", {response.headers["ETag"]}'}
        assert person.get(f"/userManagement/{test_users.sam.id}", headers=headers).status_code == 304


def test_a_user_is_changed_in_the_version_that_was_read(test_users: UserFixtures) -> None:
    user_id = test_users.create_user().id
    etag = test_users.ann.get(f"/userManagement/{user_id}").headers["ETag"]
    for expected_status in (200, 412):
        body = {"id": user_id, "name": f"Renamed {expected_status}"}
        response = test_users.ann.patch("/userManagement", body, headers={"If-Match": etag})
        assert response.status_code == expected_status


def test_everybody_can_read_themselves(test_users: UserFixtures) -> None:
    for person in test_users.users_by_role.values():
        assert person.get(f"/userManagement/{person.id}").json() == person.get("/user").json()


def test_staff_read_nobody_else(test_users: UserFixtures) -> None:
    answers = {
        _problem_text(test_users.sam.get(f"/userManagement/{user_id}"), 403)
        for user_id in (test_users.mia.id, test_users.cleo.id, UNKNOWN_IDS["usr"], "x")
    }
    assert len(answers) == 1


def _problem_text(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    return str({**parse_problem(response), "requestId": ""})


def test_a_manager_reads_users_of_own_locations(test_users: UserFixtures) -> None:
    elsewhere: User = test_users.create_user(locations=[test_users.denver.id])
    both: User = test_users.create_user(locations=[test_users.boston.id, test_users.denver.id])

    assert test_users.mia.get(f"/userManagement/{both.id}").status_code == 200
    assert test_users.mia.get(f"/userManagement/{test_users.ann.id}").status_code == 200, "works everywhere"
    answers = {
        _problem_text(test_users.mia.get(f"/userManagement/{user_id}"), 404)
        for user_id in (elsewhere.id, test_users.cleo.id, UNKNOWN_IDS["usr"], "usr_", "me")
    }
    assert len(answers) == 1


def test_a_manager_without_locations_reads_themselves(test_users: UserFixtures, env: Environment) -> None:
    manager: SignedInUser = accept_invitation(
        env, test_users.ann.web, test_users.create_user(role="manager", locations=[])
    )
    assert manager.get(f"/userManagement/{manager.id}").status_code == 200
    assert manager.get(f"/userManagement/{test_users.sam.id}").status_code == 404


def test_paths_of_numbers_are_no_user_ids(test_users: UserFixtures) -> None:
    assert test_users.ann.get("/userManagement/find-phone-numbers").status_code == 405


@pytest.fixture
def creating_operations(openapi: dict[str, Any]) -> list[Any]:
    """Every operation that answers 201."""
    return [operation for operation in operations(openapi) if "201" in operation.definition["responses"]]


def test_created_resources_have_a_location(
    test_users: UserFixtures, openapi: dict[str, Any], creating_operations: list[Any]
) -> None:
    readable_paths = {operation.path_template for operation in operations(openapi) if operation.method == "GET"}
    assert len(creating_operations) >= 6
    for operation in creating_operations:
        response = send_request(test_users.ann, operation, SAMPLES[operation.id](test_users))
        location, created = response.headers["Location"], response.json()
        assert response.status_code == 201, response.text
        assert location.startswith("/"), operation.id
        if location.replace(created.get("id", "-"), "{id}") in readable_paths:
            read = test_users.ann.get(location)
            assert (read.status_code, read.json()) == (200, created), operation.id


def test_lists_link_to_their_next_page(test_users: UserFixtures) -> None:
    path, names = "/userManagement?limit=1&customerId=" + test_users.customer.id, []
    for _ in range(100):
        response = test_users.ann.get(path)
        names += [user["name"] for user in response.json()["items"]]
        if "next" not in response.links:
            break
        path = response.links["next"]["url"]
        assert path.startswith("/userManagement?limit=1&")
    assert response.json()["nextCursor"] is None
    assert len(names) >= 4
    assert names == sorted(names, key=str.casefold)
