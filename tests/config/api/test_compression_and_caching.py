"""Compression, ETags of every GET, and what clients and proxies may store."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml

from accounts.models import User, make_name_key
from config import dynamodb
from config.api.compression import MIN_BYTES
from tests.support.environment import IS_SCALE_RUN
from tests.support.samples import SAMPLES, Operation, operations, send_request
from tests.support.users import UserFixtures, now

YEAR = "from=2031-01-01T00:00:00Z&to=2032-01-01T00:00:00Z&expand=occurrences"
DAILY = {"frequency": "daily", "count": 365}
BATCH_SIZE = 25
"""Items that one BatchWriteItem takes."""


def get_encoded(test_users: UserFixtures, path: str, coding: str) -> httpx.Response:
    """A response; httpx decodes its body, except for zstd."""
    return test_users.ann.get(path, headers={"Accept-Encoding": coding})


def add_people(test_users: UserFixtures, count: int) -> None:
    """Store copies of Sam's record; the list reads nothing else."""
    items = []
    for number in range(count):
        id, name = dynamodb.new_id("usr", now()), f"Person {number:04}"
        email = f"{id.lower()}@cast.example"
        keys = {"id": id, "name_key": make_name_key(name, id), "email_key": email}
        items.append(test_users.sam.user.with_changes(name=name, email=email, **keys))
    for start in range(0, count, BATCH_SIZE):
        requests = [{"PutRequest": {"Item": item.serialize()}} for item in items[start : start + BATCH_SIZE]]
        dynamodb.call("BatchWriteItem", RequestItems={User.table_name(): requests})


@pytest.fixture(scope="module")
def large_lists(test_users: UserFixtures) -> dict[str, str]:
    """Paths of people (1,000 at full size), a year of shifts, and the OpenAPI document."""
    add_people(test_users, 1000 if IS_SCALE_RUN else 200)
    for start, end in (("06:00", "14:00"), ("14:00", "22:00")):
        times = {"startTime": f"2031-01-01T{start}", "endTime": f"2031-01-01T{end}"}
        body = test_users.shift_body(**times, recurrencePattern=DAILY)
        assert test_users.ann.post("/staffSchedule", body).status_code == 201
    return {
        "people": "/userManagement?limit=1000",
        "occurrences": f"/staffSchedule?locationId={test_users.boston.id}&{YEAR}",
        "OpenAPI": "/openapi.json",
    }


@pytest.mark.parametrize("name", ["people", "occurrences", "OpenAPI"])
def test_text_is_compressed_as_the_client_accepts(
    test_users: UserFixtures, large_lists: dict[str, str], name: str, record_figure: Callable[[str], None]
) -> None:
    content = get_encoded(test_users, large_lists[name], "identity").content
    figures = [f"{len(content):,} bytes"]
    for coding in ("gzip", "br", "zstd"):
        response = get_encoded(test_users, large_lists[name], coding)

        assert response.headers["Content-Encoding"] == coding
        assert int(response.headers["Content-Length"]) == response.num_bytes_downloaded < len(content) / 6
        assert "accept-encoding" in response.headers["Vary"].lower()
        assert response.headers["ETag"].startswith('W/"')
        assert coding == "zstd" or response.content == content
        figures.append(f"{coding} {response.num_bytes_downloaded:,}")
    record_figure(f"{name}: {', '.join(figures)}")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("deflate", None),
        ("gzip;q=0", None),
        ("br;q=nonsense", None),
        ("," * 5000, None),
        ("gzip", "gzip"),
        ("GZIP;q=0, br;q=0.1", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip, deflate, br", "br"),
    ],
)
def test_coding_is_negotiated(test_users: UserFixtures, accepted: str, coding: str | None) -> None:
    response = get_encoded(test_users, "/legal/privacy-policy?format=text", accepted)

    assert (response.status_code, response.headers.get("Content-Encoding")) == (200, coding)
    assert response.text.startswith("#")
    assert "accept-encoding" in response.headers["Vary"].lower()


def test_short_bodies_files_and_the_back_office_are_not_compressed(test_users: UserFixtures) -> None:
    for path in ("/nowhere", f"/call/{test_users.recorded_call_id}/recording", "/admin/login/", "/healthz"):
        response = get_encoded(test_users, path, "br, gzip")
        assert "Content-Encoding" not in response.headers, path
        assert int(response.headers["Content-Length"]) == len(response.content), path
    assert len(get_encoded(test_users, "/admin/login/", "br").content) > MIN_BYTES, "long enough, but with a CSRF token"


def test_long_problems_documents_and_calendars_are_compressed(test_users: UserFixtures) -> None:
    for _ in range(10):
        test_users.create_shift()
    feed_path = test_users.sam.post("/user/calendar-feed", {}).json()["url"].removeprefix(test_users.sam.web)
    unknown_names = "&".join(f"unknown{index}=1" for index in range(30))
    for path in (f"/user/{test_users.sam.id}/audit-logs?{unknown_names}", "/docs/", feed_path):
        response = get_encoded(test_users, path, "br")
        assert response.headers["Content-Encoding"] == "br", (path, response.status_code)


def test_all_reads_return_304_for_a_known_etag(test_users: UserFixtures, openapi: dict[str, Any]) -> None:
    conditional = [operation for operation in operations(openapi) if "304" in operation.definition["responses"]]
    other_gets = {operation.id for operation in operations(openapi) if operation.method == "GET"} - {
        operation.id for operation in conditional
    }
    assert other_gets <= {"exportMyData", "getPreparedExport", "getCallRecording"}
    for operation in conditional:
        sample = SAMPLES[operation.id](test_users)
        sample.query.pop("at", None)  # now: the response tells when, which alone makes no other version
        _assert_not_modified_until_changed(test_users, operation, sample)


def _assert_not_modified_until_changed(test_users: UserFixtures, operation: Operation, sample: Any) -> None:
    etags = []
    cache_control = "public, max-age=300" if operation.is_public else "private, no-cache"
    for coding in ("identity", "gzip"):
        response = send_request(test_users.ann, operation, sample, headers={"Accept-Encoding": coding})
        assert response.headers["Cache-Control"] == cache_control, operation.id
        assert ("authorization" in response.headers["Vary"].lower()) != operation.is_public, operation.id
        etags.append(response.headers["ETag"])
    for etag in (*etags, f'"x", {etags[0]}', "*"):
        response = send_request(test_users.ann, operation, sample, headers={"If-None-Match": etag})
        assert (response.status_code, response.content) == (304, b""), (operation.id, etag)
        assert response.headers["ETag"].removeprefix("W/") == etags[0].removeprefix("W/")
        assert response.headers["Cache-Control"] == cache_control
        assert "RateLimit" in response.headers
        assert "Content-Type" not in response.headers
    response = send_request(test_users.ann, operation, sample, headers={"If-None-Match": '"other"'})
    assert response.status_code == 200


def test_etags_tell_callers_apart(test_users: UserFixtures, openapi: dict[str, Any]) -> None:
    """At one URL, a browser sends the ETag of whoever was signed in before."""
    callers = (test_users.ann, test_users.abe, test_users.sam, test_users.cleo)
    for operation in operations(openapi):
        if "304" not in operation.definition["responses"] or "{" in operation.path_template:
            continue
        sample = SAMPLES[operation.id](test_users)
        responses = [send_request(caller, operation, sample) for caller in callers]
        answered = [response for response in responses if response.status_code == 200]
        contents = {response.content for response in answered}
        assert len({response.headers["ETag"] for response in answered}) == len(contents), operation.id


def test_name_from_another_record_changes_the_etag(test_users: UserFixtures) -> None:
    staff = test_users.create_user(name="Sue Stone")
    times = {"startTime": "2034-05-01T09:00", "endTime": "2034-05-01T17:00"}
    created = test_users.ann.post("/staffSchedule", test_users.shift_body(**times, staffId=staff.id))
    path = created.headers["Location"]
    etag = test_users.ann.get(path).headers["ETag"]
    assert test_users.ann.patch("/userManagement", {"id": staff.id, "name": "Susan Renamed"}).status_code == 200

    response = test_users.ann.get(path, headers={"If-None-Match": etag})

    assert (response.status_code, response.json()["staffName"]) == (200, "Susan Renamed")


def test_change_updates_the_etags_of_lists(test_users: UserFixtures) -> None:
    boston = test_users.boston.id
    list_paths = ["/userManagement?limit=1000", "/userManagement?limit=2", "/location", "/scheduleTemplate"]
    list_paths += [f"/staffSchedule?locationId={boston}", f"/location/{boston}/on-duty", "/phoneNumber"]
    etags = {path: test_users.ann.get(path).headers["ETag"] for path in list_paths}
    unchanged = [path for path in list_paths if test_users.ann.get(path).headers["ETag"] == etags[path]]
    assert unchanged == list_paths, "also with a cursor in the page"

    test_users.create_user(name="Aaron")
    test_users.create_location()
    test_users.create_template()
    test_users.create_shift()
    test_users.purchase_number()

    for path in list_paths:
        response = test_users.ann.get(path, headers={"If-None-Match": etags[path]})
        is_unchanged = "on-duty" in path  # the new shift is not today
        assert response.status_code == (304 if is_unchanged else 200), path


def test_etag_of_a_compressed_response_is_taken_by_if_match(test_users: UserFixtures) -> None:
    response = test_users.ann.get("/user", headers={"Accept-Encoding": "br"})
    etag = response.headers["ETag"]
    assert etag.startswith('W/"')

    changed = test_users.ann.patch("/user", {"profileName": "Annie"}, headers={"If-Match": etag})
    stale = test_users.ann.patch("/user", {"profileName": "Anna"}, headers={"If-Match": etag})

    assert (changed.status_code, stale.status_code) == (200, 412)


@pytest.mark.parametrize("path", ["/openapi.json", "/openapi.yaml", "/schemas/ivr-1.json", "/legal", "/docs/"])
def test_public_documents_may_be_stored_by_proxies(web: str, path: str) -> None:
    response = httpx.get(web + path)

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert "authorization" not in response.headers.get("Vary", "").lower()
    headers = {"If-None-Match": response.headers["ETag"]}
    assert (httpx.get(web + path, headers=headers).status_code, httpx.head(web + path).content) == (304, b"")


def test_swagger_ui_is_cached_for_a_week(web: str) -> None:
    path = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css"
    assert httpx.head(web + path).headers["Cache-Control"] == "public, max-age=604800"


def test_openapi_is_built_once_per_process(web: str) -> None:
    durations = []
    for _ in range(5):
        started_at = time.perf_counter()
        httpx.get(f"{web}/openapi.json")
        durations.append(time.perf_counter() - started_at)
    assert min(durations) < 0.3, "building takes more than half a second"


def test_openapi_is_served_as_yaml_too(web: str, openapi: dict[str, Any]) -> None:
    response = httpx.get(f"{web}/openapi.yaml")

    assert response.headers["Content-Type"] == "application/yaml"
    assert response.headers["Content-Encoding"] in ("br", "gzip")
    assert yaml.load(response.text, yaml.CSafeLoader) == openapi
    assert openapi["servers"][0]["url"] == web


def test_export_is_not_stored(test_users: UserFixtures) -> None:
    response = test_users.sam.get("/user/export/my-data?format=json")

    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
    assert int(response.headers["Content-Length"]) > MIN_BYTES
