"""Recordings in parts, as players on phones ask for them."""

from typing import Any

import httpx
import pytest

from tests.support.users import SignedInUser, UserFixtures, parse_problem


@pytest.fixture(scope="module")
def path(test_users: UserFixtures) -> str:
    return f"/call/{test_users.recorded_call_id}/recording"


@pytest.fixture(scope="module")
def recording(test_users: UserFixtures, path: str) -> httpx.Response:
    """The whole recording."""
    return test_users.ann.get(path)


def get_range(user: SignedInUser, path: str, requested: str, **headers: str) -> httpx.Response:
    return user.get(path, headers={"Range": requested, **headers})


def test_call_tells_where_its_recording_is(test_users: UserFixtures, path: str) -> None:
    query = {"locationId": test_users.boston_number.number.location_id}
    calls: list[dict[str, Any]] = test_users.ann.get("/call", params=query).json()["items"]
    (recording,) = next(call for call in calls if call["id"] == test_users.recorded_call_id)["recordings"]

    assert recording["url"] == f"{path}?kind=voicemail"
    assert test_users.ann.get(recording["url"]).status_code == 200


def test_whole_recording_has_a_length(test_users: UserFixtures, path: str, recording: httpx.Response) -> None:
    size = len(recording.content)
    assert recording.status_code == 200
    assert (recording.headers["Content-Length"], recording.headers["Accept-Ranges"]) == (str(size), "bytes")
    assert "Transfer-Encoding" not in recording.headers
    assert recording.headers["Cache-Control"] == "private, no-cache"
    head = test_users.ann.request("HEAD", path, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(size), b"")


@pytest.mark.parametrize(
    ("requested", "part"),
    [
        ("bytes=0-1", slice(0, 2)),
        ("Bytes = 5-5", slice(5, 6)),
        ("bytes=70000-", slice(70_000, None)),
        ("bytes=100-99999999999", slice(100, None)),
        ("bytes=-4", slice(-4, None)),
        ("bytes=-99999999999", slice(0, None)),
    ],
)
def test_range_is_sent(
    test_users: UserFixtures, path: str, recording: httpx.Response, requested: str, part: slice
) -> None:
    response = get_range(test_users.ann, path, requested)

    expected = recording.content[part]
    first, end, _ = part.indices(len(recording.content))
    assert (response.status_code, response.content) == (206, expected)
    assert response.headers["Content-Length"] == str(len(expected))
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(recording.content)}"
    assert response.headers["ETag"] == recording.headers["ETag"]


@pytest.mark.parametrize(
    "requested", ["", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "bytes=a-b", "items=0-1", f"bytes={'9' * 30}-"]
)
def test_what_is_no_single_range_is_ignored(
    test_users: UserFixtures, path: str, recording: httpx.Response, requested: str
) -> None:
    response = get_range(test_users.ann, path, requested)

    assert (response.status_code, response.content) == (200, recording.content)


@pytest.mark.parametrize("requested", ["bytes=112044999-", "bytes=-0"])
def test_range_beyond_the_end_is_416(
    test_users: UserFixtures, path: str, recording: httpx.Response, requested: str
) -> None:
    response = get_range(test_users.ann, path, requested)

    assert (response.status_code, parse_problem(response)["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(recording.content)}"


def test_conditions_apply_to_ranges(test_users: UserFixtures, path: str, recording: httpx.Response) -> None:
    etag = recording.headers["ETag"]
    same = get_range(test_users.ann, path, "bytes=0-1", **{"If-Range": etag})
    for other in ('"other"', f"W/{etag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert get_range(test_users.ann, path, "bytes=0-1", **{"If-Range": other}).status_code == 200
    not_modified = get_range(test_users.ann, path, "bytes=0-1", **{"If-None-Match": etag})

    assert (same.status_code, same.content) == (206, recording.content[:2])
    assert (not_modified.status_code, not_modified.content) == (304, b"")
    assert "Content-Range" not in not_modified.headers


def test_ranges_are_as_protected_as_the_recording(test_users: UserFixtures, path: str) -> None:
    assert get_range(test_users.cleo, path, "bytes=0-1").status_code == 404
    assert get_range(test_users.sam, path, "bytes=0-1").status_code == 403
    assert httpx.get(test_users.ann.web + path, headers={"Range": "bytes=0-1"}).status_code == 401
