"""The pages of IVR configurations: review before saving, revisions, and who may see what."""

import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from config import dynamodb
from telephony.models import Line
from tests.backoffice.ivr.test_form import iter_rendered
from tests.support.calls import LineFixture, create_line
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now

SPANISH_AFTER_SIX = {
    "mode": "weekly",
    **{f"weekly:{day}": "9-18" for day in ("mo", "tu", "we", "th", "fr")},
    "holidays:date": ["2026-12-24"],
    "closed:all": "es-US",
    "at": "2026-12-24T10:00",
}


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users)


@pytest.fixture
def operator(operator_sessions: dict[str, OperatorSession]) -> OperatorSession:
    return operator_sessions["support"]


def url_of(line: LineFixture, page: str = "edit") -> str:
    return f"/admin/telephony/line/{line.location.id}/{page}/"


def stored_line(line: LineFixture) -> Line:
    record = dynamodb.get_record(Line, line.location.id)
    assert record is not None
    return record


def filled_form(line: LineFixture, **changes: Any) -> dict[str, Any]:
    """What a browser sends of the form as it shows what is stored, with changes."""
    record = stored_line(line)
    values: dict[str, Any] = {"version": str(record.version), "do": "review"}
    for field in iter_rendered(record.configuration or {}):
        if field.widget == "checks":
            values[field.name] = list(field.values)
        elif field.widget != "check" or field.value:
            values.setdefault(field.name, []).append(field.value)
    return {**values, **changes}


def post(operator: OperatorSession, line: LineFixture, page: str = "edit", **form: Any) -> httpx.Response:
    operator.get(url_of(line, page))
    response = operator.post(url_of(line, page), **form)
    assert response.status_code == 200, response.text[:500]
    return response


def text_of(response: httpx.Response) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text)))


def reviewed_digest(response: httpx.Response) -> str:
    (digest,) = re.findall(r'name="reviewed" value="(\w+)"', response.text)
    return str(digest)


def test_a_change_is_saved_only_as_it_was_reviewed(line: LineFixture, operator: OperatorSession) -> None:
    form = filled_form(line, **SPANISH_AFTER_SIX)
    review = post(operator, line, **form)
    assert "Opening hours: Monday new: 09:00–18:00" in text_of(review)
    assert "Closed day new: Thu 24 Dec 2026" in text_of(review)
    assert "A call on Thu 24 Dec 2026, 10:00 EST : Thu 24 Dec 2026 is a holiday." in text_of(review)
    assert "En este momento no hay nadie disponible." in text_of(review)
    assert int(stored_line(line).version) == 1

    digest = reviewed_digest(review)
    other = post(operator, line, **{**form, "do": "save", "reviewed": digest, "greeting:say": "Hello."})
    assert "You have changed more since the review" in text_of(other)
    assert int(stored_line(line).version) == 1

    saved = post(operator, line, **{**form, "do": "save", "reviewed": digest})
    assert "Harbour Street answers like this from the next call on." in text_of(saved)
    assert saved.url.path.endswith("/change/")
    configuration = stored_line(line).configuration or {}
    assert configuration["closed"]["prompt"]["language"] == "es-US"
    assert configuration["hours"]["holidays"] == {"dates": ["2026-12-24"]}


def test_a_holiday_is_honoured_where_the_rota_decides(line: LineFixture, operator: OperatorSession) -> None:
    """An ordinary shift of a series does not open the line, and the page says so."""
    response = post(operator, line, **filled_form(line, **{"holidays:date": "2027-06-02", "at": "2027-06-02T12:00"}))
    text = text_of(response)
    assert "On these days: new: open only while somebody" in text.replace("days new:", "days: new:")
    assert "Usual weekly shifts do not count." in text
    assert "Wed 2 Jun 2027 is a holiday, and nobody is planned on purpose for that day." in text


def test_the_preview_says_why_a_person_does_not_ring(line: LineFixture, operator: OperatorSession) -> None:
    line.put_on_duty("2027-06-02T09:00", "2027-06-02T17:00", has_ringing_phone=False, name="Abe Atwood")
    text = text_of(post(operator, line, **filled_form(line, at="2027-06-02T12:00")))
    assert "Abe Atwood (on duty until 17:00) is not rung: has not accepted the invitation yet." in text
    assert "Nothing changes" in text


def test_a_configuration_that_somebody_else_saved_is_shown_first(line: LineFixture, operator: OperatorSession) -> None:
    form = filled_form(line, **{"greeting:say": "Mine."})
    digest = reviewed_digest(post(operator, line, **form))
    line.update_configuration(greeting={"say": "Theirs."})
    response = post(operator, line, **{**form, "do": "save", "reviewed": digest})
    assert "Somebody else saved this configuration" in text_of(response)
    assert "“Theirs.” → becomes “Mine.”" in text_of(response)
    assert (stored_line(line).configuration or {})["greeting"] == {"say": "Theirs."}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"holiday:type": "hangup"}, "This would be ignored, as there are no holidays"),
        ({"timeZone": "Mars/Olympus"}, "This is no time zone, or would be ignored"),
        ({"closed:voice": "Polly.Lupe"}, "Not a voice of en-US."),
        ({"greeting:say": "{locaton}"}, "did you mean"),
        ({"mode": "weekly", "weekly:mo": "22-11", "weekly:tu": "9-18"}, "of the next day, but Tuesday begins at 09:00"),
        ({"holidays:country": "XX"}, "Unknown country or subdivision."),
        ({"open:target": "users", "open:user": "usr_" + "0" * 26}, "not found"),
        ({"open:target": "users", "open:user": "somebody"}, "“somebody” cannot be used here."),
        ({"at": "yesterday"}, "Enter a day and a time"),
        ({"at": "9999-12-31T23:59"}, "Enter a day and a time"),
        ({"mode": "never"}, "Nothing was saved"),
        ({"language": "xx-XX"}, "Must be a language that can be spoken"),
        ({"language": "<b>"}, "Nothing was saved"),
        ({"version": "x" * 3000}, "Somebody else saved"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_words(
    line: LineFixture, operator: OperatorSession, changes: dict[str, Any], sentence: str
) -> None:
    response = post(operator, line, **filled_form(line, **changes))
    assert sentence.casefold() in text_of(response).casefold()
    assert int(stored_line(line).version) == 1
    assert "<b>" not in re.sub(r"<b>[A-Z]", "", response.text)


def test_hostile_forms_are_answered(line: LineFixture, operator: OperatorSession) -> None:
    """Nothing that is sent is saved without a review, or a defect."""
    operator.get(url_of(line))
    forms: list[dict[str, Any]] = [
        {},
        {"do": "save"},
        {"do": "save", "reviewed": "x", "version": "1"},
        {"do": "save", **{f"open{'/then' * depth}:type": "say" for depth in range(80)}},
        {"open:type": ["say", "ring"], "open/keys/1:type": "menu", "open/../closed:type": "say"},
        {"holidays:date": ["2026-12-24"] * 500},
        {"open:say": "\x00\ud800".encode("utf-8", "surrogatepass"), "open:type": "say"},
        {"open:type": "menu", "open:newkey": "constructor", "open:newkeytype": "dance", "open:say": "\u202e"},
        {"weekly:mo": "9-" * 1000, "mode": "weekly"},
        {"open:target": "numbers", "open:numbers": "+1\n" * 5000},
    ]
    for form in forms:
        response = operator.post(url_of(line), **form)
        assert response.status_code in (200, 400), form
        response = operator.post(url_of(line, "json"), configuration=str(form), **form)
        assert response.status_code in (200, 400), form
    too_many = operator.post(url_of(line), **{f"open/keys/{number}:type": "say" for number in range(2000)})
    assert too_many.status_code == 400
    assert int(stored_line(line).version) == 1


def test_json_is_reviewed_too(line: LineFixture, operator: OperatorSession) -> None:
    wrong = '{\n"version": 1,\n"language": "en-US",\n"greeting": {"say": ""},\n"hours": {"mode": "always"},\n'
    response = post(operator, line, "json", configuration=wrong + '"open": {"type": "hangup"}, "closed": 5}')
    assert "Line 4:" in text_of(response)
    assert "Line 6:" in text_of(response)

    right = wrong.replace('""', '"Hi."') + '"open": {"type": "hangup"}, "closed": {"type": "hangup"}}'
    form = {"configuration": right, "version": "1"}
    review = post(operator, line, "json", **form)
    saved = post(operator, line, "json", **form, do="save", reviewed=reviewed_digest(review))
    assert "answers like this" in text_of(saved)
    assert (stored_line(line).configuration or {})["greeting"] == {"say": "Hi."}


def test_revisions_are_listed_in_words_and_restored(line: LineFixture, operator: OperatorSession) -> None:
    line.update_configuration(greeting={"say": "One."})
    line.update_configuration(greeting={"say": "Two."})
    listed = text_of(operator.get(url_of(line, "revisions")))
    assert "All calls: Greeting “One.” → becomes “Two.”" in listed
    assert "Ann" in listed

    page = text_of(operator.get(url_of(line, "revisions/2")))
    assert "What restoring it would change All calls: Greeting “Two.” → becomes “One.”" in page
    assert "What a caller would hear A call on" in page
    assert "What callers meet" in page
    assert "This revision is in use" in text_of(operator.get(url_of(line, "revisions/3")))

    restored = post(operator, line, "revisions/2", version="3")
    assert "Revision 2 is in use again" in text_of(restored)
    assert (stored_line(line).configuration or {})["greeting"] == {"say": "One."}
    assert "Oscar Support, Dutyline's support" in text_of(operator.get(url_of(line, "revisions")))
    stale = post(operator, line, "revisions/1", version="3")
    assert "Somebody else has changed the configuration" in text_of(stale)
    assert operator.post(url_of(line, "revisions/999999999"), version="4").status_code == 404
    assert operator.get(url_of(line, "revisions/999999999")).status_code == 404


def test_fixed_hours_begin_with_those_of_the_rota(line: LineFixture, operator: OperatorSession) -> None:
    """Choosing them shows hours; the review names the shifts that they leave out."""
    monday = now().date() + timedelta(days=14 - now().weekday())
    line.put_on_duty(f"{monday}T08:00", f"{monday}T20:00", name="Late Lena")
    form = {name: value for name, value in filled_form(line).items() if not name.startswith("weekly:")}
    chosen = post(operator, line, **{**form, "mode": "weekly", "do": "update"})
    assert "Closed all day: Saturday, Sunday." in text_of(chosen)
    assert 'name="weekly:mo" value="08:00–18:00"' in chosen.text
    unchecked = post(operator, line, **{**form, "mode": "weekly"})
    assert "The line is open : Check the hours of each day below" in text_of(unchecked)
    assert 'href="#f-mode"' in unchecked.text

    at_once = {**form, "mode": "weekly", "weekly:mo-fr": "9-18", "weekly:sa": "10-12", "holidays:date": "2020-12-24"}
    review = text_of(post(operator, line, **at_once, at2=f"{monday}T10:00", at3=f"{monday}T19:00"))
    assert "Friday new: 09:00–18:00" in review
    assert "Saturday new: 10:00–12:00" in review
    assert "In the next 4 weeks 1 planned shift is outside these hours" in review
    assert "Late Lena, Monday 18:00–20:00:" in review
    assert "The closed day Thu 24 Dec 2020 is in the past" in review
    assert review.count("A call on") == 3
    wrong = post(operator, line, **{**at_once, "weekly:mo-fr": "late"})
    assert "Monday to Friday at once : Enter hours such as" in text_of(wrong)


def test_hours_are_suggested_as_the_rota_has_them_most_often(line: LineFixture, operator: OperatorSession) -> None:
    tuesday = now().date() + timedelta(days=8 - now().weekday())
    for week in range(3):
        day = tuesday + timedelta(weeks=week)
        line.put_on_duty(f"{day}T10:00", f"{day}T16:00")
    line.put_on_duty(f"{tuesday + timedelta(days=2)}T10:00", f"{tuesday + timedelta(days=2)}T16:00")
    form = {name: value for name, value in filled_form(line).items() if not name.startswith("weekly:")}
    chosen = post(operator, line, **{**form, "mode": "weekly", "do": "update"})
    assert 'name="weekly:tu" value="10:00–16:00"' in chosen.text
    assert "Closed all day: Monday, Wednesday, Thursday, Friday, Saturday, Sunday." in text_of(chosen)


def test_the_language_of_a_branch_is_shown_after_the_review(line: LineFixture, operator: OperatorSession) -> None:
    review = post(operator, line, **filled_form(line, **SPANISH_AFTER_SIX))
    assert 'name="closed:all-before" value="es-US"' in review.text
    assert 'name="open:all-before" value=""' in review.text


def test_a_call_is_previewed_now_and_at_other_times(
    line: LineFixture, operator_sessions: dict[str, OperatorSession]
) -> None:
    operator = operator_sessions["read-only"]
    for query, text in (("", "A call on"), ("?at=2027-06-02T12:00", "A call on Wed 2 Jun 2027, 12:00 EDT")):
        page = operator.get(url_of(line, "preview") + query)
        assert text in text_of(page)
        assert 'name="at"' in page.text
    assert "Enter a day and a time" in text_of(operator.get(url_of(line, "preview") + "?at=<b>"))


def test_a_location_without_a_number_has_a_page(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    location = test_users.create_location()
    path = f"/admin/telephony/line/{location.id}/change/"
    page = operator_sessions["support"].get(path)
    assert page.status_code == 200
    assert f"{location.name} has no phone number yet" in text_of(page)
    assert f"/admin/telephony/phonenumber/buy/{location.id}/" in page.text
    assert "Support can buy one." in text_of(operator_sessions["read-only"].get(path))
    unknown = dynamodb.new_id("loc", now())
    assert operator_sessions["support"].get(f"/admin/telephony/line/{unknown}/change/").status_code == 404


def test_read_only_operators_see_the_chart_and_change_nothing(
    line: LineFixture, operator_sessions: dict[str, OperatorSession]
) -> None:
    operator = operator_sessions["read-only"]
    chart = operator.get(url_of(line, "change"))
    assert "Is the line open?" in text_of(chart)
    assert "Change how calls are answered" not in text_of(chart)
    line.update_configuration(greeting={"say": "One."})
    assert "Look at revision 1" in text_of(operator.get(url_of(line, "revisions")))
    assert "Restore" not in text_of(operator.get(url_of(line, "revisions/1")))
    for page in ("edit", "json"):
        assert operator.get(url_of(line, page)).status_code == 403
        assert operator.post(url_of(line, page), do="save").status_code == 403
    assert operator.post(url_of(line, "revisions/1"), version="2").status_code == 403


def test_the_chart_draws_all_steps(line: LineFixture, operator: OperatorSession) -> None:
    menu = {
        "type": "menu",
        "prompt": {"say": "Press 1."},
        "keys": {"1": {"type": "ring", "target": {"users": [line.test_users.sam.id]}}, "*": {"type": "callback"}},
    }
    line.update_configuration(open=menu)
    text = text_of(operator.get(url_of(line, "change")))
    for part in ("Key 1 Ring phones", f"Rings {line.test_users.sam.user.name}", "Key * Promise a call-back"):
        assert part in text, text
    assert "Without a valid key Take a voicemail" in text
    assert "If they cannot be called back Take a voicemail" in text
    assert "“Please leave a message after the tone.”" in text
