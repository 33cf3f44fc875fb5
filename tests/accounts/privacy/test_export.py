"""The personal data export, as PDF and JSON: complete, and without data of other people."""

import json
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts import locations, permissions, users
from accounts.notifications import delivery
from accounts.privacy import export, export_document, pdf_process, pdf_worker
from config import dynamodb, errors, journal
from config.dynamodb import encryption
from config.privacy import data_map
from staffing.schedules import availability
from telephony import ivr, lines
from telephony.callbacks import closing
from telephony.numbers import inventory, purchase
from tests.config.journal.test_journal import temporary_audit_entries
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan
from tests.support.rate_limits import await_minute
from tests.support.samples import SAMPLES, Operation, operations
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    create_shift,
    enable_ringing,
    free_number,
    leave_callback,
    now,
    parse_problem,
    process_outbox,
    simulate_call,
)
from tests.test_contract import _exhaust_rate_limits

EXPORT_PATH = "/user/export/my-data"
ENTRY_COUNT = 20_000 if IS_SCALE_RUN else 1_500
HOSTILE_VALUES = [
    "<script>alert(1)</script>",
    '<img src="file:///etc/passwd"> <img src="http://127.0.0.1:{port}/x.png">',
    '<link rel=attachment href="file:///etc/passwd">',
    '</td></table><iframe src="http://127.0.0.1:{port}/f"></iframe>',
    '<style>@import "http://127.0.0.1:{port}/c.css"; body {{ display: none }}</style>',
    "{{% include '/etc/passwd' %}} {{{{ user.email }}}}",
    '<a rel="attachment" href="http://127.0.0.1:{port}/a">x</a> &lt;b&gt; &amp; ]]>',
    "url(file:///etc/hostname) javascript:alert(1) \\66 \\0000",
]
SCRIPT_SAMPLES = {
    "Arabic": "مرحبا بالعالم",
    "Hebrew": "שלום עולם",
    "Chinese": "你好世界",
    "Japanese": "こんにちは世界",
    "Korean": "안녕하세요",
    "Greek": "Γειά σου Κόσμε",
    "Cyrillic": "Привет мир",
    "emoji": "👩‍⚕️ 🦷 😀 🇩🇪",
    "accents": "Ångström Šárka Nguyễn Þór",
}


@pytest.fixture
def signed_in_user(test_users: UserFixtures, env: Environment) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, test_users.create_user())


def fetch_json(person: SignedInUser) -> dict[str, Any]:
    response = person.get(EXPORT_PATH, params={"format": "json"})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return dict(response.json())


def fetch_pdf(person: SignedInUser, folder: Path) -> Path:
    response = person.get(EXPORT_PATH)
    if response.status_code == 202:  # a long document, or a busy machine
        process_outbox()
        response = person.get(response.headers["Location"])
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"] == 'attachment; filename="my-data.pdf"'
    pdf_path = folder / f"{person.id}.pdf"
    pdf_path.write_bytes(response.content)
    return pdf_path


def run_tool(*command: str) -> str:
    completed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return completed.stdout


def read_pdf_text(pdf_path: Path) -> str:
    """The text of a PDF in reading order, on one line."""
    return " ".join(run_tool("pdftotext", "-raw", str(pdf_path), "-").split())


def read_embedded_json(pdf_path: Path) -> dict[str, Any]:
    json_path = pdf_path.with_suffix(".json")
    run_tool("pdfdetach", "-save", "1", "-o", str(json_path), str(pdf_path))
    return dict(json.loads(json_path.read_bytes()))


def create_data_for_all_chapters(person: SignedInUser) -> None:
    """Create data for every chapter of the export."""
    assert person.post("/user/accept-terms", {}).is_success
    delivery.begin(f"export-{person.id}", person.user, "invitation", person.user.email, at=now())
    push_token_body = {"token": f"ExponentPushToken[export-{person.id}]"}
    assert person.post("/user/push-token", push_token_body).is_success
    assert person.post("/user/calendar-feed", {}).is_success
    if not availability.fetch_rows(person.id, None, None):
        location = locations.load_locations(person.user.locations, person.user.customer_id)[person.user.locations[0]]
        system_actor = permissions.system_actor(person.user.customer_id)
        create_shift(system_actor, location, person.id, pattern={"frequency": "weekly"})
        phone_number = inventory.get_location_number(location.id) or free_number()
        held = purchase.purchase_number(phone_number, location.id, actor=system_actor, at=now())
        ring_action = {"type": "ring", "target": {"users": [person.id]}}
        ivr_document = {**ivr.default_configuration("Here"), "hours": {"mode": "always"}, "open": ring_action}
        lines.update_configuration(location.id, ivr_document, actor=system_actor, at=now())
        simulate_call(phone_number, phones={enable_ringing(person.user): "answers"})
        in_charge = replace(person.actor, permissions=person.actor.permissions | {"calls:read"})
        closing.close(leave_callback(held), "reached", actor=in_charge, at=now())
        assert person.put("/user/phone/break", {"minutes": 30}).is_success


# --- content --------------------------------------------------------------------------------------
def test_embedded_file_equals_the_json(signed_in_user: SignedInUser, tmp_path: Path) -> None:
    create_data_for_all_chapters(signed_in_user)

    pdf_path = fetch_pdf(signed_in_user, tmp_path)
    exported = fetch_json(signed_in_user)

    assert read_embedded_json(pdf_path) == exported
    assert run_tool("pdfdetach", "-list", str(pdf_path)).startswith("1 embedded files")
    assert set(exported["data"]) == {
        *("profile", "rights", "locations", "terms", "devices", "emails", "history"),
        *("shifts", "calendarFeed", "phone", "phoneBreak", "calls", "callBacks"),
    }
    assert all(exported["data"].values()), "no chapter is empty"


def test_export_contains_all_mapped_values(signed_in_user: SignedInUser) -> None:
    create_data_for_all_chapters(signed_in_user)
    exported = fetch_json(signed_in_user)["data"]

    chapters = data_map.export_chapters()
    for chapter in chapters:
        field_names = {field_name for row in exported[chapter.name] for field_name in row}
        for attribute in chapter.attributes:
            if attribute.attr_name not in ("body", "sealed"):
                assert data_map.to_camel_case(attribute.attr_name) in field_names, attribute.attr_name
    exportable = {
        (record, attribute.attr_name)
        for record in dynamodb.record_classes()
        for attribute in record.declared_attributes()
        if not attribute.personal_data.withheld_because
    }
    assert exportable == {(chapter.record_class, item.attr_name) for chapter in chapters for item in chapter.attributes}


def test_exported_values_are_correct(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    create_data_for_all_chapters(signed_in_user)
    exported = fetch_json(signed_in_user)
    profile = signed_in_user.get("/user").json()
    data = exported["data"]

    assert exported["person"] == {"id": profile["id"], "name": profile["name"], "email": profile["email"]}
    assert exported["customer"] == {"id": test_users.customer.id, "name": test_users.customer.name}
    assert data["profile"][0]["acceptedAt"] == profile["acceptedAt"]
    assert data["rights"][0]["permissions"] == profile["permissions"]
    assert [location["name"] for location in data["locations"]] == ["Boston"]
    assert data["terms"][0]["email"] == profile["email"]
    assert data["devices"][0]["token"] == f"ExponentPushToken[export-{profile['id']}]"
    latest_entry = next(item for item in data["history"] if item["action"] == "device.registered")
    assert (latest_entry["action"], latest_entry["by"], latest_entry["about"]) == ("device.registered", "you", "you")
    assert {item["name"] for item in exported["recipients"]} == {*("Auth0", "Expo", "Twilio", "the mail service")}
    assert exported["retention"]
    assert exported["rights"]


def test_export_contains_no_data_of_others(
    test_users: UserFixtures, env: Environment, signed_in_user: SignedInUser, tmp_path: Path
) -> None:
    """Neither of Ann, who changed the user, nor of a user whom this user changed."""
    headers = {"User-Agent": "Anns-Browser/7"}
    user_change = {"id": signed_in_user.id, "userRole": "admin", "locations": ["*"]}
    assert test_users.ann.patch("/userManagement", user_change, headers=headers).is_success
    other_user = test_users.create_user()
    assert signed_in_user.patch("/userManagement", {"id": other_user.id, "name": "Zora Other"}).is_success
    denied_response = signed_in_user.patch("/userManagement", {"id": test_users.ann.id, "name": "Zora Other"})
    assert denied_response.status_code == 403
    assert signed_in_user.patch("/location/" + test_users.denver.id, {"address": "1 Own Street"}).is_success

    pdf_path = fetch_pdf(signed_in_user, tmp_path)
    exported = fetch_json(signed_in_user)

    colleagues = [test_users.ann, test_users.abe, test_users.mia, test_users.sam]
    traces = ["Anns-Browser", "Zora Other", other_user.id, other_user.name, other_user.email]
    traces += [value for person in colleagues for value in (person.user.name, person.user.email, person.id)]
    for format_name, text in (("json", json.dumps(exported)), ("pdf", read_pdf_text(pdf_path))):
        assert not [trace for trace in traces if trace in text], format_name
    history_keys = {(row["action"], row["by"], row["about"]) for row in exported["data"]["history"]}
    assert {
        ("user.changed", "another person", "you"),
        ("user.changed", "you", "another person"),
        ("attempt.refused", "you", "another person"),
        ("location.changed", "you", "Denver"),
    } <= history_keys
    assert "1 Own Street" in json.dumps(exported), "changes to things other than people are shown in full"


# --- layout ---------------------------------------------------------------------------------------
def test_pdf_has_page_numbers_contents_and_metadata(
    test_users: UserFixtures, signed_in_user: SignedInUser, tmp_path: Path
) -> None:
    create_data_for_all_chapters(signed_in_user)
    pdf_path = fetch_pdf(signed_in_user, tmp_path)

    text = read_pdf_text(pdf_path)
    pdf_info = run_tool("pdfinfo", str(pdf_path))
    page_count = int(pdf_info.partition("Pages:")[2].split()[0])

    assert f"Page {page_count} of {page_count}" in text
    assert f"Title: Personal data of {signed_in_user.user.name}" in " ".join(pdf_info.split())
    assert "Tagged: yes" in " ".join(pdf_info.split())
    assert test_users.customer.name in text
    for chapter in data_map.export_chapters():
        assert text.count(chapter.title) >= 2, "in the contents and as a heading"
    for title in ("Who receives your data", "How long data is stored", "Your rights"):
        assert text.count(title) >= 2


def test_fonts_cover_all_scripts(signed_in_user: SignedInUser, tmp_path: Path) -> None:
    """The PDF worker logs ``notdef`` for each character without a glyph; there must be none."""
    rare_han = "\U00021334\U0002a700\U0002b741\U0002b820\U0002ceb0\U00030001"
    paragraphs = "".join(f"<p>{text}</p>" for text in (*SCRIPT_SAMPLES.values(), rare_han))
    html = f"<meta charset=utf-8><style>{_font_css()}</style>{paragraphs}"
    script = (
        f"import sys; sys.path.insert(0, {str(Path(pdf_worker.__file__).parent)!r}); import pdf_worker; "
        "sys.stdout.buffer.write(pdf_worker.render_pdf(sys.stdin.read(), b'{}'))"
    )

    completed = subprocess.run(
        [sys.executable, "-I", "-c", script], input=html.encode(), capture_output=True, timeout=60, check=True
    )

    assert b"notdef" not in completed.stderr, completed.stderr.decode()
    (tmp_path / "scripts.pdf").write_bytes(completed.stdout)
    assert "[U+" not in read_pdf_text(tmp_path / "scripts.pdf")


def _font_css() -> str:
    template_text = (Path(__file__).parents[3] / "templates/export/my-data.html").read_text()
    (css_line,) = [css_line for css_line in template_text.splitlines() if css_line.startswith("html {")]
    return css_line


def test_long_and_non_latin_values_are_printed(test_users: UserFixtures, env: Environment, tmp_path: Path) -> None:
    body = test_users.user_body(
        name="Wolfeschlegelsteinhausenbergerdorff" * 5,
        userSkills=[*SCRIPT_SAMPLES.values(), "x" * 90],
        locations=[test_users.boston.id],
    )
    created_user = test_users.ann.post("/user", body).json()
    person = accept_invitation(env, test_users.ann.web, users.get_user(created_user["id"]))

    pdf_path = fetch_pdf(person, tmp_path)

    text = read_pdf_text(pdf_path).replace(" ", "")
    assert body["name"] in text
    for script in ("Chinese", "Japanese", "Korean", "Greek", "Cyrillic", "accents"):
        assert SCRIPT_SAMPLES[script].replace(" ", "") in text, script
    assert read_embedded_json(pdf_path)["data"]["rights"][0]["skills"] == body["userSkills"]


# --- hostile values -------------------------------------------------------------------------------
def store_older_texts(person: SignedInUser, **texts: str) -> None:
    """Store texts that an older release took and the API refuses today."""
    stored = users.get_user(person.id)
    with journal.write(person.actor, "test.happened", stored, now()) as write:
        write.put(stored.with_changes(**texts))


def test_hostile_values_are_printed_as_text(
    test_users: UserFixtures, env: Environment, tmp_path: Path, record_figure: Callable[[str], None]
) -> None:
    """No value is fetched, embedded or executed, or breaks the layout."""
    requests: list[bytes] = []
    port = start_recording_server(requests)
    values = [template.format(port=port) for template in HOSTILE_VALUES]
    body = test_users.user_body(userSkills=values, locations=[test_users.boston.id])
    creation = test_users.ann.post("/user", body)
    assert creation.status_code == 201, creation.text
    person = accept_invitation(env, test_users.ann.web, users.get_user(creation.json()["id"]))
    assert person.patch("/user", {"profileName": "Plain"}, headers={"User-Agent": values[4]}).is_success
    store_older_texts(person, name=values[1], profile_name=values[3])

    pdf_path = fetch_pdf(person, tmp_path)

    assert requests == [], "a URL was fetched"
    assert run_tool("pdfdetach", "-list", str(pdf_path)).startswith("1 embedded files")
    pdf_bytes = pdf_path.read_bytes()
    assert b"/JavaScript" not in pdf_bytes
    assert b"/Launch" not in pdf_bytes
    assert b"/URI" not in pdf_bytes
    text = read_pdf_text(pdf_path).replace(" ", "")
    for value in values:
        assert value.replace(" ", "") in text
    assert "root:x:0:0" not in text
    assert read_embedded_json(pdf_path) == fetch_json(person)
    record_figure(f"export: {len(values)} hostile values printed as text, nothing fetched or embedded")


def start_recording_server(requests: list[bytes]) -> int:
    """Start a server that records requests; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            requests.append(connection.recv(200))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


# --- limits ---------------------------------------------------------------------------------------
def test_long_audit_log_is_exported_within_limits(
    test_users: UserFixtures,
    env: Environment,
    signed_in_user: SignedInUser,
    tmp_path: Path,
    record_figure: Callable[[str], None],
) -> None:
    finished = threading.Event()
    durations: list[float] = []

    def request_repeatedly() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {test_users.sam.token}"}) as http_client:
            while not finished.is_set():
                request_started = time.monotonic()
                assert http_client.get(f"{test_users.sam.web}/user", timeout=30).status_code == 200
                durations.append(time.monotonic() - request_started)
                time.sleep(0.02)

    with temporary_audit_entries(test_users, signed_in_user.id, ENTRY_COUNT):
        requester = threading.Thread(target=request_repeatedly)
        requester.start()
        started = time.monotonic()
        pdf_path = fetch_pdf(signed_in_user, tmp_path)
        elapsed = time.monotonic() - started
        finished.set()
        requester.join()

    history = read_embedded_json(pdf_path)["data"]["history"]
    text = read_pdf_text(pdf_path)
    assert len(history) == ENTRY_COUNT
    note = f"There are {ENTRY_COUNT} in all; the newest {export.MAX_PRINTED_ROWS} of them are printed here."
    assert f"{note} The others are in the embedded file my-data.json, under data > history." in text
    assert max(durations) < 1.0, sorted(durations)[-5:]
    size_kib = pdf_path.stat().st_size // 1024
    record_figure(
        f"export of {ENTRY_COUNT} entries: {elapsed:.1f} s, {size_kib} KiB; "
        f"meanwhile {len(durations)} other requests, "
        f"median {statistics.median(durations) * 1000:.0f} ms, "
        f"slowest {max(durations) * 1000:.0f} ms"
    )


@pytest.mark.parametrize(
    ("reason", "limits", "is_late"),
    [
        ("MemoryError|killed", {"seconds": 120.0, "memory": 300 * 1024 * 1024}, False),
        ("CPU time", {"seconds": 120.0, "cpu_seconds": 1}, False),
        ("time", {"seconds": 2.0}, True),
    ],
)
def test_oversized_document_is_aborted(
    reason: str, limits: dict[str, Any], is_late: bool, record_figure: Callable[[str], None]
) -> None:
    """Only the process of that document ends: the next one is printed at once.

    Where no memory is left decides who notices: Python says MemoryError, Pango ends the process.
    """
    started = time.monotonic()
    with pytest.raises(pdf_process.NotRendered, match=reason) as not_rendered:
        pdf_process.render_pdf("<p>x</p>" * 60_000, b"{}", **limits)

    elapsed = time.monotonic() - started
    assert not_rendered.value.is_late == is_late
    assert elapsed < limits["seconds"] + 1
    assert pdf_process.render_pdf("<p>x</p>", b"{}", seconds=30).startswith(b"%PDF-")
    record_figure(f"a document over its limit ({reason}) was aborted after {elapsed:.1f} s")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_pdf_server_that_died_or_hangs_is_replaced(number: signal.Signals) -> None:
    assert pdf_process.render_pdf("<p>x</p>", b"{}", seconds=60)
    server = pdf_process._current.get()
    server._process.send_signal(number)

    with suppress(pdf_process.NotRendered):  # the new one may take longer to start
        pdf_process.render_pdf("<p>x</p>", b"{}", seconds=60, acceptance_seconds=1)
    assert pdf_process.render_pdf("<p>x</p>", b"{}", seconds=60).startswith(b"%PDF-")
    assert server._process.poll() == -signal.SIGKILL


def test_pdf_worker_fetches_nothing(tmp_path: Path) -> None:
    """Defense in depth: values never become HTML, and HTML still could not load anything."""
    requests: list[bytes] = []
    server_url = f"http://127.0.0.1:{start_recording_server(requests)}"
    secret_file = tmp_path / "secret.txt"
    secret_file.write_text("the secret itself")
    html = f"""<link rel=attachment href="file://{secret_file}">
    <link rel=stylesheet href="{server_url}/a.css">
    <style>@import "{server_url}/b.css";
    @font-face {{ font-family: x; src: url({server_url}/f.woff) }}
    body {{ background: url({server_url}/bg.png); font-family: x }}</style>
    <base href="{server_url}/"><img src="file://{secret_file}">
    <img src="{server_url}/i.png"><img src="i.png">
    <img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>">
    <object data="file://{secret_file}"></object>
    <embed src="{server_url}/e"><iframe src="{server_url}/fr"></iframe>
    <svg><image href="{server_url}/s.png"/></svg><a rel=attachment href="file://{secret_file}">x</a>"""

    pdf_path = tmp_path / "hostile.pdf"
    pdf_path.write_bytes(pdf_process.render_pdf(html, b"{}", seconds=30))

    assert requests == []
    assert run_tool("pdfdetach", "-list", str(pdf_path)).startswith("1 embedded files")
    assert "the secret itself" not in read_pdf_text(pdf_path)


def test_concurrent_exports_are_limited(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    """An export is rejected at once when the queue is full."""
    release = threading.Event()

    def hold_slot() -> None:
        with suppress(errors.Unavailable), pdf_process.export_slot():
            release.wait(30)

    threads = [threading.Thread(target=hold_slot) for _ in range(pdf_process.MAX_CONCURRENT + pdf_process.MAX_WAITING)]
    for thread in threads:
        thread.start()
    try:
        started = time.monotonic()
        with pytest.raises(errors.Unavailable, match="Too many exports"):
            export.export_json(signed_in_user.user, test_users.customer, actor=signed_in_user.actor)
        assert time.monotonic() - started < pdf_process.WAIT_TIMEOUT / 2
    finally:
        release.set()
        for thread in threads:
            thread.join()


def print_history(row: data_map.ExportRow, total: int) -> dict[str, Any]:
    chapter = next(chapter for chapter in data_map.export_chapters() if chapter.name == "history")
    return export_document.PrintedChapter(chapter, [row] * export.MAX_PRINTED_ROWS, total).to_context("UTC")


def test_history_holds_500_entries_whatever_their_length() -> None:
    """The worst case that the API accepts: many long values in every row."""
    skills = [f"skill {n} " + "x" * 90 for n in range(50)]
    changes = [{"field": "skills", "before": skills, "after": skills[::-1]}] * 8
    row = {"at": now(), "action": "calendar_feed.revoked_by_others", "by": "another person", "about": "another person"}
    row |= {"changes": changes, "ip": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "userAgent": "y" * 8_000}

    section = print_history(row, 20_000)

    printed_texts = [line.text for cells in section["table"] for cell in cells for line in cell]
    assert sum(map(len, printed_texts)) <= export_document.MAX_CHAPTER_LENGTH
    assert section["printed"] == len(section["table"]) == export.MAX_PRINTED_ROWS
    assert section["which"] == "newest"
    assert section["is_shortened"]
    assert "→ skill 49" in printed_texts[4], "the new value is shown even if the old one is cut"
    assert any(text.endswith("…") for text in printed_texts), "cut values end with an ellipsis"


def test_ordinary_entries_are_printed_in_full() -> None:
    changes = [{"field": "phone", "before": None, "after": "+16175550100"}]
    agent = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
    )
    row = {"at": now(), "action": "user.changed", "by": "you", "about": "you", "changes": changes}

    section = print_history({**row, "ip": "203.0.113.7", "userAgent": agent}, export.MAX_PRINTED_ROWS)

    assert section["printed"] == export.MAX_PRINTED_ROWS
    assert not section["is_shortened"]
    assert section["table"][0][5][1].text == agent


def test_bidi_override_is_removed_from_the_pdf(
    test_users: UserFixtures, env: Environment, signed_in_user: SignedInUser, tmp_path: Path
) -> None:
    bidi_text = "\u202eeman"
    store_older_texts(signed_in_user, profile_name=bidi_text)

    pdf_path = fetch_pdf(signed_in_user, tmp_path)

    assert "eman" in read_pdf_text(pdf_path)
    assert "\u202e" not in read_pdf_text(pdf_path)
    assert read_embedded_json(pdf_path)["data"]["profile"][0]["profileName"] == bidi_text


def test_undecryptable_person_key_hides_changes(signed_in_user: SignedInUser) -> None:
    table, key = (encryption.PersonKey.table_name(), encryption.PersonKey.to_dynamodb_key(signed_in_user.id))
    stored_key = dynamodb.call("GetItem", TableName=table, Key=key)["Item"]
    try:
        dynamodb.call("PutItem", TableName=table, Item={**stored_key, "sealed": {"B": b"x" * 60}})
        exported = fetch_json(signed_in_user)
    finally:
        dynamodb.call("PutItem", TableName=table, Item=stored_key)

    assert exported["data"]["history"]
    assert all(row["changes"] == [] for row in exported["data"]["history"])


def test_exports_are_rate_limited_per_user(
    test_users: UserFixtures, signed_in_user: SignedInUser, openapi: dict[str, Any]
) -> None:
    (operation,) = [candidate for candidate in operations(openapi) if candidate.id == "exportMyData"]
    await_minute(seconds=20)
    responses = [signed_in_user.get(EXPORT_PATH, params={"format": "json"}) for _ in range(11)]

    assert [response.status_code for response in responses] == [200] * 10 + [429]
    assert parse_problem(responses[-1])["code"] == "rate_limited"
    assert responses[0].headers["RateLimit-Policy"] == '"export";q=10;w=60'
    assert test_users.mia.get(EXPORT_PATH, params={"format": "json"}).status_code == 200
    assert isinstance(operation, Operation)
    assert _exhaust_rate_limits(test_users.mia, operation, SAMPLES[operation.id](test_users)).status_code == 429


def test_unavailable_database_returns_503(env: Environment, signed_in_user: SignedInUser) -> None:
    with env.apply_plan(FaultPlan(always={"dynamodb Query": "503"})):
        response = signed_in_user.get(EXPORT_PATH)

    assert response.status_code == 503
    assert parse_problem(response)["code"] == "unavailable"
