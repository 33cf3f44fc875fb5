"""Tables as spreadsheets save them in text: CSV with the usual delimiters and encodings.

What is unclear is refused with a way out, never guessed: a name in a wrong encoding is stored and
sent by mail. Rows have the numbers that a spreadsheet shows, where a cell of several lines is one
row, and the line ``sep=`` is none.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from config import errors
from config.folding import fold_text

MAX_BYTES = 8_000_000
MAX_ROWS = 20_000
MAX_COLUMNS = 100
MAX_PROBLEMS_PER_ROW = 10
"""Problems of one row that are listed."""
ENCODINGS = ("utf-8", "windows-1252", "windows-1250", "windows-1251", "iso-8859-15", "mac-roman")
"""Of files that do not tell theirs by a byte order mark; the first unless another is named."""
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel, Numbers or OpenDocument file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"%PDF": "a PDF",
}
_DELIMITERS = ",;\t|"
_DELIMITER_LINE = re.compile(r'"?sep=(.)"?[,;\t|]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
"""How a cell is written that a spreadsheet must not take for a number."""
_APOSTROPHE = re.compile(r"'(?=[=+\-@\d])")
"""Before what a spreadsheet would calculate; not that of ’t Hooft."""
_ERROR_VALUE = re.compile(r"#(?:N/A|NV|[^\W\d_¿]*[¿]?[A-ZÄÖÜÓÉÍ/0¡]+[!?])")
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2007": " "})


BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel reads the file in the code page of the computer, and José becomes JosÃ©."""
_FORMULA = re.compile(r"((?:^|[;\t\r\n])[;\s\"]*+)([=+\-@\uff1d\uff0b\uff0d\uff20]?)")
"""Also after a semicolon, where spreadsheets of many countries split cells, and inside quotes."""
_PHONE = re.compile(r"\+\d{1,3} [\d -]{3,20}")


def neutralize(cell: Any) -> Any:
    """The cell as text that no spreadsheet takes for a formula; phone numbers stay as they are.

    A cell that begins with ``=``, ``+``, ``-`` or ``@`` is a formula, and formulas can send the
    contents of the sheet to an outside server. Such text gets a leading apostrophe (OWASP, "CSV
    Injection").
    """
    if not isinstance(cell, str) or _PHONE.fullmatch(cell):
        return cell
    text = _FORMULA.sub(lambda match: f"{match[1]}'{match[2]}" if match[2] else match[0], cell)
    return f"'{text}" if text[:1] in ("\t", "\r", "\n") else text


class InvalidImportFile(errors.InvalidRequest):
    """The file cannot be imported: it is too large, or not in a form that is understood."""

    code = "bad_file"


@dataclass(frozen=True)
class Column:
    """A column as the spreadsheet shows it."""

    letters: str
    header: str

    def __str__(self) -> str:
        return f"column {self.letters} ({self.header})" if self.header else f"column {self.letters}"


@dataclass(frozen=True)
class Problem:
    """What is wrong in a row, and in which column."""

    line: int
    detail: str
    column: Column | None = None

    @property
    def text(self) -> str:
        """The problem without its line."""
        return f"{self.column}: {self.detail}" if self.column else self.detail

    def __str__(self) -> str:
        return f"line {self.line}{',' if self.column else ':'} {self.text}"


def bound_problems(problems: Sequence[Problem]) -> list[Problem]:
    """The first problems of a row, and how many there are beyond."""
    shown = list(problems[:MAX_PROBLEMS_PER_ROW])
    if more := len(problems) - len(shown):
        shown.append(Problem(shown[-1].line, f"and {more:,} more problems."))
    return shown


@dataclass
class Row:
    """A row that is not blank: its texts by the key of their column."""

    line: int
    values: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """The columns of a file by key, and its rows."""

    columns: Mapping[str, Column]
    rows: Sequence[Row]

    def column_of(self, *keys: str) -> Column | None:
        """The first of these columns that the file has."""
        return next((self.columns[key] for key in keys if key in self.columns), None)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, one more than allowed at most. Raises `InvalidImportFile`."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidImportFile(f"{path} cannot be read: {error.strerror}") from error


def read_table(
    content: bytes, keys_by_header: Mapping[str, str], *, ignored: Collection[str] = (), encoding: str | None = None
) -> Table:
    """The table of a file; ``keys_by_header`` has the headers in the form of `fold_header`.

    Columns whose header is in ``ignored`` are left out. Raises `InvalidImportFile`.
    """
    text = decode(content, encoding=encoding)
    delimiter_line = _DELIMITER_LINE.match(text)
    if delimiter_line:
        text = text[delimiter_line.end() :]
    delimiter = delimiter_line[1] if delimiter_line else _detect_delimiter(text, keys_by_header)
    if delimiter in '"\r\n':
        raise InvalidImportFile("The line sep= names no delimiter.")
    records = _iter_records(text, delimiter)
    _, headers = next(records, (1, []))
    columns = _name_columns(headers, keys_by_header, frozenset(ignored))
    rows = [_build_row(line, cells, columns) for line, cells in records]
    return Table({key: Column(_column_name(index), header) for index, (key, header) in columns.items() if key}, rows)


def fold_header(header: str) -> str:
    """A header as it is compared: without case, accents, blanks and punctuation."""
    return "".join(character for character in fold_text(header[:200]) if character.isalnum())


def decode(content: bytes, *, encoding: str | None = None) -> str:
    """The text of a file, whose byte order mark counts most. Raises `InvalidImportFile`."""
    if len(content) > MAX_BYTES:
        raise InvalidImportFile(f"The file is larger than {MAX_BYTES // 1_000_000} MB; split it.")
    for magic, name in _OTHER_FORMATS.items():
        if content.startswith(magic):
            raise InvalidImportFile(f"This is {name}; save it as CSV (UTF-8).")
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    try:
        text = content.decode(marked or encoding or _guess_unmarked(content))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidImportFile(
            f"The file is not CSV in UTF-8: line {line} has other characters. Save it as “CSV UTF-8”, or name its "
            f"encoding: {', '.join(ENCODINGS[1:])}."
        ) from error
    if "\0" in text:
        raise InvalidImportFile("The file is not text.")
    return text


def _guess_unmarked(content: bytes) -> str:
    """UTF-16 without a mark is known by its zero bytes, which UTF-8 does not have."""
    sample = content[:1_000]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(content) % 2 == 0 and max(even, odd) * 4 > len(sample):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def _detect_delimiter(text: str, keys_by_header: Mapping[str, str]) -> str:
    """The delimiter with which the first row has the most known headers."""

    def count_headers(delimiter: str) -> tuple[int, int]:
        try:
            _, cells = next(_iter_records(text, delimiter), (1, []))
        except InvalidImportFile:
            return 0, 0
        return sum(fold_header(cell) in keys_by_header for cell in cells[:MAX_COLUMNS]), len(cells)

    return max(_DELIMITERS, key=count_headers)


def _iter_records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with their numbers. Raises `InvalidImportFile`."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = count = 0
    try:
        for line, cells in enumerate(reader, start=1):
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MAX_ROWS + 1:
                raise InvalidImportFile(f"The file has more than {MAX_ROWS:,} rows; split it.")
            yield line, cells
    except csv.Error as error:
        raise InvalidImportFile(f"The file is not CSV: line {line + 1}: {error}.") from error


def _name_columns(
    headers: Sequence[str], keys_by_header: Mapping[str, str], ignored: frozenset[str]
) -> dict[int, tuple[str, str]]:
    """Key and header of each column by index; the key of an ignored one is empty."""
    last = max((index for index, header in enumerate(headers, start=1) if header.strip()), default=0)
    if last > MAX_COLUMNS:
        raise InvalidImportFile(f"The file has more than {MAX_COLUMNS} columns.")
    columns: dict[int, tuple[str, str]] = {}
    letters_by_key: dict[str, str] = {}
    for index, header in enumerate(headers[:last]):
        name, folded = clean_cell(header), fold_header(header)
        key = keys_by_header.get(folded, "")
        if not name:
            continue
        if not key and folded not in ignored:
            known = ", ".join(dict.fromkeys(keys_by_header.values()))
            raise InvalidImportFile(f"Unknown column {name[:40]!r} ({_column_name(index)}); known columns are {known}.")
        if key in letters_by_key:
            raise InvalidImportFile(
                f"Duplicate column: columns {letters_by_key[key]} and {_column_name(index)} both mean {key}."
            )
        if key:
            letters_by_key[key] = _column_name(index)
        columns[index] = key, " ".join(name[:40].split())
    return columns


def _build_row(line: int, cells: Sequence[str], columns: Mapping[int, tuple[str, str]]) -> Row:
    """A row; spreadsheets leave out empty cells at its end."""
    row_values: dict[str, str] = {}
    row = Row(line, row_values)
    for index, cell in enumerate(cells):
        key, header = columns.get(index, ("", ""))
        if not cell.strip() or (not key and header):
            continue
        column = Column(_column_name(index), header)
        if not header:
            row.problems.append(Problem(line, "The column has no header.", column))
            break
        row_values[key] = clean_cell(cell)
        if detail := _find_cell_fault(cell.strip()):
            row.problems.append(Problem(line, detail, column))
            row_values[key] = ""
    return row


def clean_cell(cell: str) -> str:
    """The text that a cell shows: without what protects it from being calculated."""
    text = cell.translate(_BLANKS).strip().removeprefix("\ufeff")
    if formula := _TEXT_FORMULA.fullmatch(text):
        return formula[1].replace('""', '"').strip()
    return _APOSTROPHE.sub("", text, count=1) if text.startswith("'") else text


def _find_cell_fault(cell: str) -> str:
    if cell.startswith("=") and not _TEXT_FORMULA.fullmatch(cell):
        return "Contains a formula; save its value instead."
    if len(cell) < 20 and _ERROR_VALUE.fullmatch(cell):
        return f"Contains {cell}, an error of the spreadsheet."
    return ""


def _column_name(index: int) -> str:
    """The letters of a column, counted from 0: A to Z, AA and so on."""
    first, last = divmod(index, 26)
    return (ascii_uppercase[first - 1] if 0 < first <= 26 else "…" if first else "") + ascii_uppercase[last]
