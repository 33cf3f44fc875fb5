"""Importing people and rotas in the back office: previewed, confirmed, and safe to repeat."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import unescape
from typing import Any

import httpx
import pytest

from accounts import permissions, users
from accounts.admin.import_pages import ImportForm, ImportPage, PreviewRow
from accounts.permissions import Actor
from config import errors
from config.audit import reader
from tests.support.attempts import forget_denied_attempts
from tests.support.operators import CSRF_COOKIE, OperatorSession
from tests.support.users import UserFixtures

BOUNDARY_FILE = ("file.csv", b"", "text/csv")


def upload(operator: OperatorSession, path: str, content: str, **fields: str) -> httpx.Response:
    """Choose a file and press Preview."""
    token = operator.client.cookies.get(CSRF_COOKIE, path="/admin/") or ""
    files = {"file": ("file.csv", content.encode(), "text/csv")} if content else {"file": BOUNDARY_FILE}
    return operator.client.post(operator.web + path, data={"csrfmiddlewaretoken": token, **fields}, files=files)


def confirm(operator: OperatorSession, path: str, preview: httpx.Response) -> httpx.Response:
    """Press Import below a preview."""
    section = preview.text.partition('class="bo-import"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', section))
    assert "packed" in fields, operator.visible_text(preview)
    return upload(operator, path, "", **{name: unescape(value) for name, value in fields.items()}, confirm="yes")


@pytest.fixture
def support(operator_sessions: dict[str, OperatorSession]) -> OperatorSession:
    session = operator_sessions["support"]
    session.get("/admin/")
    return session


def test_rota_is_previewed_and_imported_once(test_users: UserFixtures, support: OperatorSession) -> None:
    path = f"/admin/staffing/schedule/import/{test_users.customer.id}/"
    name = test_users.sam.user.name
    content = (
        f"Name;Datum;Von;Bis\n{name};07.02.2028;9:00;17:00\n{name};7.2.2028;16:00;18:00\n"
        f"<b>Nobody</b>;7.2.2028;9:00;17:00\n"
    )
    preview = upload(support, path, content, location="Boston")
    assert preview.status_code == 200
    for text in (
        "Rows: 3. To be created: 1 shift.",
        "With problems: 2.",
        "Overlaps line 2 from Mon 7 Feb 2028 16:00.",
        "column A (Name): Nobody is named",
    ):
        assert text in preview.text
    assert "<b>Nobody</b>" not in preview.text

    done = confirm(support, path, preview)

    assert "Created: 1 shift." in done.text
    previews = [entry for entry in reader.iter_stream(test_users.customer.id) if entry.action == "import.previewed"]
    assert previews[-1].body["fields"] == ["page", "rows"]
    assert done.url.path.startswith("/admin/accounts/customer/")
    again = upload(support, path, content, location="Boston")
    assert "To be created: 0 shifts. Exist already and stay as they are: 1." in again.text
    assert 'name="confirm"' not in again.text


def test_people_are_previewed_and_invited_once(test_users: UserFixtures, support: OperatorSession) -> None:
    path = f"/admin/accounts/user/import/{test_users.customer.id}/"
    address = f"paged.{test_users.customer.id}@cast.example".lower()
    content = (
        f"E-mail,First name,Last name,Role\n{address},Paige,Turner,Staff\nnobody,Bad,One,owner\nx-{address},A,B,owner\n"
    )
    preview = upload(support, path, content)
    assert "To be created: 2 people." in preview.text
    assert f"Paige Turner &lt;{address}&gt;, staff" in preview.text
    assert "column A (E-mail): Must be a valid e-mail address." in preview.text
    assert "Bad One &lt;nobody&gt;" in preview.text, "rows with problems are named"

    done = confirm(support, path, preview)

    assert "Created: 1 person." in done.text
    assert "Only owners can assign the role `owner`." in unescape(done.text), "a right that support lacks"
    (user,) = users.find_users_by_email([address]).values()
    assert user.status == "invited"
    assert (
        "To be created: 0 people. Exist already and stay as they are: 1."
        in upload(support, path, content.rpartition("\nnobody")[0]).text
    )


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        ("", {}, "Choose a file, or paste its text."),
        ("", {"packed": "not packed"}, "Choose the file again."),
        ("", {"packed": "eJwLT0zNBQAGMwHn"}, "Choose the file again."),
        ("name,shoe\n", {}, "Unknown column"),
        ("name\n" + "x\n" * 600_000, {}, ""),
        ("staff,start,end\n" + "x,9:00,10:00\n" * 501, {}, "more than 500 shifts"),
        ("staff,start,end\n", {"location": "Nowhere"}, "There is no location"),
        ("staff,start,end\n", {"encoding": "rot13"}, "Select a valid choice"),
        ("PK\x03\x04", {}, "save it as CSV"),
    ],
)
def test_unusable_files_are_refused_on_the_page(
    test_users: UserFixtures, support: OperatorSession, content: str, fields: dict[str, str], message: str
) -> None:
    response = upload(support, f"/admin/staffing/schedule/import/{test_users.customer.id}/", content, **fields)
    assert response.status_code == (200 if message else 413)
    assert message in unescape(response.text)
    assert 'name="confirm"' not in response.text


def test_unknown_customer_is_not_found(support: OperatorSession) -> None:
    for path in ("accounts/user", "staffing/schedule"):
        assert support.get(f"/admin/{path}/import/cus_unknown/").status_code == 404


def test_attempt_of_a_reader_to_import_is_audited(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    forget_denied_attempts("opr_")
    path = f"/admin/staffing/schedule/import/{test_users.customer.id}/"
    reader_session = operator_sessions["read-only"]
    assert reader_session.get(path).status_code == 403
    assert upload(reader_session, path, "staff,start,end\n").status_code == 403
    refusals = [entry for entry in reader.iter_stream(test_users.customer.id) if entry.action == "attempt.refused"]
    assert [entry.body["fields"] for entry in refusals] == [["page"]]


class InterruptedPage(ImportPage):
    """A page whose second row finds a vendor down."""

    title, nouns, form, help_lines = "Import", ("row", "rows"), ImportForm, ()

    def plan(self, values: Mapping[str, Any], actor: Actor, on_progress: Callable[[], None]) -> Iterable[str]:
        return [str(row) for row in values["rows"]]

    def to_row(self, planned: str) -> PreviewRow:
        return PreviewRow(1, planned, "create", [])

    def run(self, planned: str, actor: Actor) -> Sequence[str]:
        if planned == "down":
            raise errors.Unavailable("The vendor does not respond.")
        return ["Refused."] if planned == "bad" else []


def test_import_that_is_interrupted_keeps_what_it_did() -> None:
    page, rows = InterruptedPage(), ["good", "bad", "down", "good"]
    progress = page._run_in_time(rows, map(page.to_row, rows), permissions.system_actor("cus_x"))
    assert (progress.created, progress.problems, progress.is_complete) == (1, ["Refused."], False)
    assert progress.unavailable == "The vendor does not respond."
    assert [row.outcome for row in progress.rows] == ["unchanged", "refused", "create", "create"]
