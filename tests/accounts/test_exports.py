"""The personal data export: all of it, for people and machines, and nothing of anybody else."""

import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts import locations, permissions, users
from accounts.privacy import document, export, pdf_process
from config import dynamodb, errors
from config.dynamodb import encryption
from config.privacy import data_map
from staffing.schedules import availability
from telephony import ivr, lines
from telephony.numbers import inventory, purchase
from tests.config.test_journal import filled
from tests.conftest import (
    Cast,
    Person,
    can_be_rung,
    come,
    free_number,
    made_shift,
    now,
    problem,
    ring,
)
from tests.support.environment import SCALE, World
from tests.support.proxy import Plan
from tests.support.samples import SAMPLES, Operation, operations
from tests.test_contract import _exhausted

MY_DATA = "/user/export/my-data"
ENTRIES = 20_000 if SCALE else 4_000
HOSTILE = [
    "<script>alert(1)</script>",
    '<img src="file:///etc/passwd"> <img src="http://127.0.0.1:{port}/x.png">',
    '<link rel=attachment href="file:///etc/passwd">',
    '</td></table><iframe src="http://127.0.0.1:{port}/f"></iframe>',
    '<style>@import "http://127.0.0.1:{port}/c.css"; body {{ display: none }}</style>',
    "{{% include '/etc/passwd' %}} {{{{ user.email }}}}",
    '<a rel="attachment" href="http://127.0.0.1:{port}/a">x</a> &lt;b&gt; &amp; ]]>',
    "url(file:///etc/hostname) javascript:alert(1) \\66 \\0000",
]
SCRIPTS = {
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
def somebody(cast: Cast, world: World) -> Person:
    return come(world, cast.ann.web, cast.fresh())


def as_json(who: Person) -> dict[str, Any]:
    answer = who.get(MY_DATA, params={"format": "json"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return dict(answer.json())


def as_pdf(who: Person, folder: Path) -> Path:
    answer = who.get(MY_DATA)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.pdf"'
    file = folder / f"{who.id}.pdf"
    file.write_bytes(answer.content)
    return file


def tool(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def text_of(pdf: Path) -> str:
    """What the PDF says, in the order it is read, in one line."""
    return " ".join(tool("pdftotext", "-raw", str(pdf), "-").split())


def embedded(pdf: Path) -> dict[str, Any]:
    out = pdf.with_suffix(".json")
    tool("pdfdetach", "-save", "1", "-o", str(out), str(pdf))
    return dict(json.loads(out.read_bytes()))


def equip(who: Person) -> None:
    """Something in every chapter."""
    assert who.post("/user/accept-terms", {}).is_success
    device = {"token": f"ExponentPushToken[export-{who.id}]"}
    assert who.post("/user/push-token", device).is_success
    assert who.post("/user/calendar-feed", {}).is_success
    if not availability.rows_from(who.id, None, None):
        place = locations.named(who.user.locations, who.user.customer_id)[who.user.locations[0]]
        house = permissions.system(who.user.customer_id)
        made_shift(house, place, who.id, pattern={"frequency": "weekly"})
        number = inventory.at_location(place.id) or free_number()
        purchase.purchase(number, place.id, actor=house, at=now())
        rings = {"type": "ring", "target": {"users": [who.id]}}
        answers = {**ivr.default("Here"), "hours": {"mode": "always"}, "open": rings}
        lines.change(place.id, answers, actor=house, at=now())
        ring(number, phones={can_be_rung(who.user): "answers"})


# --- what is in it --------------------------------------------------------------------------------
def test_the_file_in_the_pdf_is_the_json(somebody: Person, tmp_path: Path) -> None:
    equip(somebody)

    pdf = as_pdf(somebody, tmp_path)
    alone = as_json(somebody)

    assert embedded(pdf) == alone
    assert tool("pdfdetach", "-list", str(pdf)).startswith("1 embedded files")
    assert set(alone["data"]) == {
        *("profile", "rights", "locations", "terms", "devices", "history"),
        *("shifts", "calendarFeed", "phone", "calls"),
    }
    assert all(alone["data"].values()), "nothing is empty"


def test_every_value_that_the_map_shows_is_in_the_export(somebody: Person) -> None:
    equip(somebody)
    told = as_json(somebody)["data"]

    for part in data_map.parts():
        for chapter in part.chapters:
            there = {member for row in told[chapter.name] for member in row}
            for holding in data_map.holdings():
                wanted = [a for a in holding.attributes if a.category in chapter.categories]
                for attribute in wanted:
                    if not attribute.withheld and attribute.name not in ("body", "sealed"):
                        assert data_map.camel(attribute.name) in there, attribute.name
    categories = {a.category for h in data_map.holdings() for a in h.attributes if not a.withheld}
    chapters = {c for part in data_map.parts() for ch in part.chapters for c in ch.categories}
    assert categories == chapters, "no category without a chapter"


def test_what_is_told_is_right(cast: Cast, somebody: Person) -> None:
    equip(somebody)
    told = as_json(somebody)
    own = somebody.get("/user").json()
    data = told["data"]

    assert told["person"] == {"id": own["id"], "name": own["name"], "email": own["email"]}
    assert told["customer"] == {"id": cast.customer.id, "name": cast.customer.name}
    assert data["profile"][0]["acceptedAt"] == own["acceptedAt"]
    assert data["rights"][0]["permissions"] == own["permissions"]
    assert [place["name"] for place in data["locations"]] == ["Boston"]
    assert data["terms"][0]["email"] == own["email"]
    assert data["devices"][0]["token"] == f"ExponentPushToken[export-{own['id']}]"
    newest = next(one for one in data["history"] if one["action"] == "device.registered")
    assert (newest["action"], newest["by"], newest["about"]) == ("device.registered", "you", "you")
    assert {one["name"] for one in told["recipients"]} == {
        *("Auth0", "Expo", "Twilio", "the mail service"),
    }
    assert told["retention"]
    assert told["rights"]


def test_nothing_of_other_people_is_in_it(
    cast: Cast, world: World, somebody: Person, tmp_path: Path
) -> None:
    """By them: Ann invited and changed them, from an address and a browser. About others: Sam."""
    agent = {"User-Agent": "Anns-Browser/7"}
    changed = {"id": somebody.id, "userRole": "admin", "locations": ["*"]}
    assert cast.ann.patch("/userManagement", changed, headers=agent).is_success
    other = cast.fresh()
    assert somebody.patch("/userManagement", {"id": other.id, "name": "Zora Other"}).is_success
    refused = somebody.patch("/userManagement", {"id": cast.ann.id, "name": "Zora Other"})
    assert refused.status_code == 403
    assert somebody.patch("/location/" + cast.denver.id, {"address": "1 Own Street"}).is_success

    pdf = as_pdf(somebody, tmp_path)
    told = as_json(somebody)

    others = [cast.ann, cast.abe, cast.mia, cast.sam]
    traces = ["Anns-Browser", "Zora Other", other.id, other.name, other.email]
    traces += [v for who in others for v in (who.user.name, who.user.email, who.id)]
    for where, text in (("json", json.dumps(told)), ("pdf", text_of(pdf))):
        assert not [trace for trace in traces if trace in text], where
    by = {(row["action"], row["by"], row["about"]) for row in told["data"]["history"]}
    assert {
        ("user.changed", "another person", "you"),
        ("user.changed", "you", "another person"),
        ("attempt.refused", "you", "another person"),
        ("location.changed", "you", "Denver"),
    } <= by
    assert "1 Own Street" in json.dumps(told), "what they did to no person is theirs to see"


# --- how it looks ---------------------------------------------------------------------------------
def test_the_pdf_has_pages_contents_and_names(cast: Cast, somebody: Person, tmp_path: Path) -> None:
    equip(somebody)
    pdf = as_pdf(somebody, tmp_path)

    text = text_of(pdf)
    about = tool("pdfinfo", str(pdf))
    pages = int(about.partition("Pages:")[2].split()[0])

    assert f"Page {pages} of {pages}" in text
    assert f"Title: Personal data of {somebody.user.name}" in " ".join(about.split())
    assert "Tagged: yes" in " ".join(about.split())
    assert cast.customer.name in text
    for part in data_map.parts():
        for chapter in part.chapters:
            assert text.count(chapter.title) >= 2, "in the contents and as a heading"
    for title in ("Who receives your data", "How long it is kept", "Your rights"):
        assert text.count(title) >= 2


def test_every_script_has_its_letters(somebody: Person, tmp_path: Path) -> None:
    """A letter that no font has is drawn as a box, and the press says so."""
    lines = "".join(f"<p>{text}</p>" for text in SCRIPTS.values())
    html = f"<meta charset=utf-8><style>{_fonts()}</style>{lines}"
    raw = len(html.encode()).to_bytes(8) + html.encode() + b"{}"
    bounds = [str(pdf_process.MEMORY), "60"]

    done = subprocess.run(
        [sys.executable, "-I", str(pdf_process._PRESS), *bounds],
        input=raw,
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert b"notdef" not in done.stderr, done.stderr.decode()
    assert done.stdout.startswith(b"%PDF-")


def _fonts() -> str:
    template = (Path(__file__).parents[2] / "templates/export/my-data.html").read_text()
    (line,) = [line for line in template.splitlines() if line.startswith("html {")]
    return line


def test_people_who_write_otherwise_are_printed_whole(
    cast: Cast, world: World, tmp_path: Path
) -> None:
    body = cast.new_user(
        name="Wolfeschlegelsteinhausenbergerdorff" * 5,
        userSkills=[*SCRIPTS.values(), "x" * 90],
        locations=[cast.boston.id],
    )
    made = cast.ann.post("/user", body).json()
    who = come(world, cast.ann.web, users.get(made["id"]))

    pdf = as_pdf(who, tmp_path)

    letters = text_of(pdf).replace(" ", "")
    assert body["name"] in letters
    for script in ("Chinese", "Japanese", "Korean", "Greek", "Cyrillic", "accents"):
        assert SCRIPTS[script].replace(" ", "") in letters, script
    assert embedded(pdf)["data"]["rights"][0]["skills"] == body["userSkills"]


# --- hostile values -------------------------------------------------------------------------------
def test_hostile_values_stay_text(
    cast: Cast, world: World, tmp_path: Path, say: Callable[[str], None]
) -> None:
    """Nothing in a value is fetched, embedded, run or breaks the page."""
    asked: list[bytes] = []
    port = listen(asked)
    values = [line.format(port=port) for line in HOSTILE]
    body = cast.new_user(name=values[1], userSkills=values, locations=[cast.boston.id])
    made = cast.ann.post("/user", body)
    assert made.status_code == 201, made.text
    who = come(world, cast.ann.web, users.get(made.json()["id"]))
    agent = {"User-Agent": values[4]}
    assert who.patch("/user", {"profileName": values[3]}, headers=agent).is_success

    pdf = as_pdf(who, tmp_path)

    assert asked == [], "somebody was called"
    assert tool("pdfdetach", "-list", str(pdf)).startswith("1 embedded files")
    raw = pdf.read_bytes()
    assert b"/JavaScript" not in raw
    assert b"/Launch" not in raw
    assert b"/URI" not in raw
    letters = text_of(pdf).replace(" ", "")
    for value in values:
        assert value.replace(" ", "") in letters
    assert "root:x:0:0" not in letters
    assert embedded(pdf) == as_json(who)
    say(f"export: {len(values)} hostile values stayed text, no request, nothing embedded")


def listen(asked: list[bytes]) -> int:
    """A server that notes who calls."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            client, _ = listener.accept()
            asked.append(client.recv(200))
            client.close()

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


# --- bounds ---------------------------------------------------------------------------------------
def test_a_long_history_is_exported_within_bounds_and_holds_nobody_up(
    cast: Cast, world: World, somebody: Person, tmp_path: Path, say: Callable[[str], None]
) -> None:
    done = threading.Event()
    waits: list[float] = []

    def ask() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {cast.sam.token}"}) as client:
            while not done.is_set():
                began = time.monotonic()
                assert client.get(f"{cast.sam.web}/user", timeout=30).status_code == 200
                waits.append(time.monotonic() - began)
                time.sleep(0.02)

    with filled(cast, somebody.id, ENTRIES):
        asking = threading.Thread(target=ask)
        asking.start()
        began = time.monotonic()
        pdf = as_pdf(somebody, tmp_path)
        took = time.monotonic() - began
        done.set()
        asking.join()

    told = embedded(pdf)["data"]["history"]
    text = text_of(pdf)
    assert len(told) == ENTRIES
    assert re.search(rf"The first \d{{3}} of {ENTRIES} are printed", text)
    assert took < pdf_process.SECONDS
    assert max(waits) < 1.0, sorted(waits)[-5:]
    size = pdf.stat().st_size // 1024
    say(
        f"export of {ENTRIES} entries: {took:.1f} s, {size} KiB; meanwhile {len(waits)} requests, "
        f"median {statistics.median(waits) * 1000:.0f} ms, slowest {max(waits) * 1000:.0f} ms"
    )


@pytest.mark.parametrize(
    ("bound", "seconds", "memory"),
    [("memory", 60.0, 300 * 1024 * 1024), ("time", 3.0, pdf_process.MEMORY)],
)
def test_what_is_too_large_is_given_up(
    bound: str,
    seconds: float,
    memory: int,
    caplog: pytest.LogCaptureFixture,
    say: Callable[[str], None],
) -> None:
    """The press dies, not the product."""
    began = time.monotonic()

    with pytest.raises(errors.Unavailable, match="could not be printed"):
        pdf_process.pdf("<p>x</p>" * 60_000, b"{}", end=began + seconds, memory=memory)

    took = time.monotonic() - began
    (record,) = [r for r in caplog.records if r.name == "dutyline.printing"]
    assert (record.__dict__["why"] == "time") == (bound == "time")
    assert took < seconds + 1
    say(f"a document beyond its bound of {bound} was given up after {took:.1f} s")


def test_the_press_fetches_nothing_whatever_the_html_says(tmp_path: Path) -> None:
    """Values never become HTML; if they did, nothing would be read or asked for."""
    asked: list[bytes] = []
    at = f"http://127.0.0.1:{listen(asked)}"
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret itself")
    html = f"""<link rel=attachment href="file://{secret}"><link rel=stylesheet href="{at}/a.css">
    <style>@import "{at}/b.css"; @font-face {{ font-family: x; src: url({at}/f.woff) }}
    body {{ background: url({at}/bg.png); font-family: x }}</style>
    <base href="{at}/"><img src="file://{secret}"><img src="{at}/i.png"><img src="i.png">
    <img src="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>">
    <object data="file://{secret}"></object><embed src="{at}/e"><iframe src="{at}/fr"></iframe>
    <svg><image href="{at}/s.png"/></svg><a rel=attachment href="file://{secret}">x</a>"""

    made = tmp_path / "hostile.pdf"
    made.write_bytes(pdf_process.pdf(html, b"{}", end=time.monotonic() + 30))

    assert asked == []
    assert tool("pdfdetach", "-list", str(made)).startswith("1 embedded files")
    assert "the secret itself" not in text_of(made)


def test_few_are_made_at_once(cast: Cast, somebody: Person) -> None:
    """Whoever finds all places taken is told so at once, and nobody else waits for them."""
    for _ in range(pdf_process.AT_ONCE + pdf_process.WAITING):
        assert pdf_process._queue.acquire(blocking=False)
    try:
        with pytest.raises(errors.Unavailable, match="ask again"):
            export.as_json(somebody.user, cast.customer, actor=somebody.actor)
    finally:
        for _ in range(pdf_process.AT_ONCE + pdf_process.WAITING):
            pdf_process._queue.release()


def test_what_is_printed_is_bounded_whatever_was_kept() -> None:
    """The worst that the API lets in: long values, many of them, in every row."""
    chapter = next(c for part in data_map.parts() for c in part.chapters if c.name == "history")
    skills = [f"skill {n} " + "x" * 90 for n in range(50)]
    changes = [{"field": "skills", "before": skills, "after": skills[::-1]}] * 8
    row = {"at": now(), "action": "user.changed", "by": "you", "about": "you", "changes": changes}
    row |= {"ip": "::1", "userAgent": "y" * 8_000}

    told = document.Page(chapter, [row] * export.PRINTED, 20_000).told("UTC")

    printed = [line.text for cells in told["table"] for cell in cells for line in cell]
    assert sum(map(len, printed)) <= document.BUDGET
    assert 0 < told["printed"] == len(told["table"]) < export.PRINTED
    assert "→ skill 49" in printed[4], "what came after is told, however long what was before"
    assert all(len(text) <= document.LONGEST for text in printed)
    assert any(text.endswith("…") for text in printed), "what is cut, shows it"


def test_no_value_turns_the_text_around_it(
    cast: Cast, world: World, somebody: Person, tmp_path: Path
) -> None:
    turning = "\u202eeman"
    assert somebody.patch("/user", {"profileName": turning}).is_success

    pdf = as_pdf(somebody, tmp_path)

    assert "eman" in text_of(pdf)
    assert "\u202e" not in text_of(pdf)
    assert embedded(pdf)["data"]["profile"][0]["profileName"] == turning


def test_a_key_that_cannot_be_opened_hides_and_does_not_break(somebody: Person) -> None:
    table, key = encryption.PersonKey.table_name(), encryption.PersonKey.wire_key(somebody.id)
    kept = dynamodb.call("GetItem", TableName=table, Key=key)["Item"]
    try:
        dynamodb.call("PutItem", TableName=table, Item={**kept, "sealed": {"B": b"x" * 60}})
        told = as_json(somebody)
    finally:
        dynamodb.call("PutItem", TableName=table, Item=kept)

    assert told["data"]["history"]
    assert all(row["changes"] == [] for row in told["data"]["history"])


def test_exports_are_limited_per_person(
    cast: Cast, somebody: Person, openapi: dict[str, Any]
) -> None:
    (operation,) = [one for one in operations(openapi) if one.id == "exportMyData"]
    answers = [somebody.get(MY_DATA, params={"format": "json"}) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert problem(answers[-1])["code"] == "rate_limited"
    assert answers[0].headers["RateLimit-Policy"] == '"export";q=10;w=60'
    assert cast.mia.get(MY_DATA, params={"format": "json"}).status_code == 200
    assert isinstance(operation, Operation)
    assert _exhausted(cast.mia, operation, SAMPLES[operation.id](cast)).status_code == 429


def test_a_store_that_goes_away_meanwhile_is_said_so(world: World, somebody: Person) -> None:
    with world.plan(Plan(always={"dynamodb Query": "503"})):
        answer = somebody.get(MY_DATA)

    assert answer.status_code == 503
    assert problem(answer)["code"] == "unavailable"
