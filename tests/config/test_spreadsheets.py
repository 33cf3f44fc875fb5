"""Files as spreadsheets save them: one table from every form, rows by the number that is shown."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import spreadsheets
from config.spreadsheets import InvalidImportFile, read_table

KEYS = {"email": "email", "mail": "email", "name": "name", "nombre": "name", "notes": "notes"}
TEXT = "E-Mail,Name,Notes\r\nzoë@x.example,Zoë Müller,\r\n"


def values(content: bytes, encoding: str | None = None) -> list[dict[str, str]]:
    return [dict(row.values) for row in read_table(content, KEYS, encoding=encoding).rows]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.replace(",", "\t").encode("utf-16"),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "|").encode(),
        ("sep=;\r\n" + TEXT.replace(",", ";")).encode(),
        ('"SEP=\t"\r\n' + TEXT.replace(",", "\t")).encode("utf-8-sig"),
        TEXT.replace("\r\n", "\r").encode(),
        TEXT.replace("\r\n", "\n").encode(),
        TEXT.replace("\r\n", ",,,,\r\n").encode() + b",,,,,,\r\n\r\n,,\r\n",
        TEXT.replace("zoë@", "\u00a0zoë@").replace("Zoë Müller", '="Zoë\u00a0Müller" ').encode(),
        TEXT.upper().replace("ZOË@X.EXAMPLE", "zoë@x.example").replace("ZOË MÜLLER", "Zoë Müller").encode(),
        TEXT.replace("Müller,", "Müller").encode(),
    ],
)
def test_all_forms_of_a_file_gives_the_same_table(content: bytes) -> None:
    (row,) = values(content)
    assert row == {"email": "zoë@x.example", "name": "Zoë Müller"}


def test_headers_are_compared_without_accents_and_punctuation() -> None:
    assert spreadsheets.fold_header(" E-Mail ") == spreadsheets.fold_header("EMAIL") == "email"
    assert spreadsheets.fold_header("Correo electrónico") == "correoelectronico"


def test_other_encodings_are_refused_unless_they_are_named() -> None:
    content = "name\nAnn\nZoë Luk\n".encode("windows-1252")
    with pytest.raises(InvalidImportFile, match=r"not CSV in UTF-8: line 3 .*windows-1252"):
        values(content)
    assert values(content, "windows-1252") == [{"name": "Ann"}, {"name": "Zoë Luk"}]
    assert values("name\nŁukasz\n".encode("windows-1250"), "windows-1250") == [{"name": "Łukasz"}]
    assert values("name\nZoë\n".encode("utf-8-sig"), "windows-1252") == [{"name": "Zoë"}], "its own mark counts more"


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"PK\x03\x04xl/workbook", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "an old Excel file"),
        (b"name\nA\0B\n", "not text"),
        (b'name\n"Ann\n', "line 2"),
        (b"name,colour\n", "Unknown column 'colour' (B)"),
        (b"name,Nombre\n", "columns A and B both mean name"),
        (b"name" + b",name" * 200 + b"\n", "more than 100 columns"),
        (b"name\n" + b"x\n" * 20_002, "more than 20,000 rows"),
        (b"name\n" + b"x" * 8_000_000, "larger than 8 MB"),
        (b"name\n" + b"x" * 200_000, "line 2: field larger"),
        (b'sep="\nname\n', "names no delimiter"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(content: bytes, detail: str) -> None:
    with pytest.raises(InvalidImportFile) as excinfo:
        values(content)
    assert detail in str(excinfo.value)


def test_rows_have_the_numbers_that_the_spreadsheet_shows() -> None:
    content = b'sep=,\r\nname,notes\r\nAnn,"two\r\nlines"\r\n\r\n,,\r\nBob,=1+1\r\nCleo,#REF!,more\r\n'
    rows = read_table(content, KEYS).rows
    assert [row.line for row in rows] == [2, 5, 6]
    assert rows[0].values["notes"] == "two\r\nlines"
    assert [str(problem) for row in rows for problem in row.problems] == [
        "line 5, column B (notes): Contains a formula; save its value instead.",
        "line 6, column B (notes): Contains #REF!, an error of the spreadsheet.",
        "line 6, column C: The column has no header.",
    ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("'+49 30 123456", "+49 30 123456"),
        ("'=1+1", "=1+1"),
        ("'t Hooft", "'t Hooft"),
        ('="0049 30"', "0049 30"),
        ('="a ""b"""', 'a "b"'),
        ("\u00a0 x\u00a0y ", "x y"),
        ("#FFAA00", "#FFAA00"),
    ],
)
def test_a_cell_is_what_the_spreadsheet_shows(cell: str, shown: str) -> None:
    assert spreadsheets.clean_cell(cell) == shown


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.text("aé;,\t|\"'\n x", max_size=6), min_size=2, max_size=2), min_size=1, max_size=5),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_a_spreadsheet_writes_is_read_back(cells: list[list[str]], delimiter: str, encoding: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([["name", "notes"], *cells])
    table = read_table(text.getvalue().encode(encoding), KEYS)
    expected = [[spreadsheets.clean_cell(cell) for cell in row] for row in cells if any(map(str.strip, row))]
    assert [[row.values.get("name", ""), row.values.get("notes", "")] for row in table.rows] == expected


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for data in (content, b"name\n" + content, b"\xff\xfe" + content):
        with suppress(InvalidImportFile):
            assert all(row.line > 1 for row in read_table(data, KEYS).rows)
