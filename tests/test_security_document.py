"""docs/security.md names every requirement of ASVS 5.0 at levels 1 and 2, and files that exist."""

import re
from collections import Counter
from collections.abc import Iterator

from tests.support.environment import ROOT

DOCUMENT = (ROOT / "docs/security.md").read_text()
LEVEL_1 = """
1.2.1-5 1.3.1-2 1.5.1 2.1.1 2.2.1-2 2.3.1 3.2.1-2 3.3.1 3.4.1-2 3.5.1-3 4.1.1 4.4.1 5.2.1-2 5.3.1-2 6.1.1 6.2.1-8
6.3.1-2 6.4.1-2 7.2.1-4 7.4.1-2 8.1.1 8.2.1-2 8.3.1 9.1.1-3 9.2.1 10.4.1-5 11.3.1-2 11.4.1 12.1.1 12.2.1-2 13.4.1
14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
"""
LEVEL_2 = """
1.1.1-2 1.2.6-9 1.3.3-11 1.4.1-3 1.5.2 2.1.2-3 2.2.3 2.3.2-4 2.4.1 3.3.2-4 3.4.3-6 3.5.4-5 3.7.1-2 4.1.2-3 4.2.1 4.3.1-2
4.4.2-4 5.1.1 5.2.3 5.4.1-3 6.1.2-3 6.2.9-12 6.3.3-4 6.4.3-4 6.5.1-5 6.6.1-3 6.8.1-4 7.1.1-3 7.3.1-2 7.4.3-5 7.5.1-2
7.6.1-2 8.1.2 8.2.3 8.4.1 9.2.2-4 10.1.1-2 10.2.1-2 10.3.1-4 10.4.6-11 10.5.1-5 10.6.1-2 10.7.1-3 11.1.1-2 11.2.1-3
11.3.3 11.4.2-4 11.5.1 11.6.1 12.1.2-3 12.3.1-4 13.1.1 13.2.1-5 13.3.1-2 13.4.2-5 14.1.1-2 14.2.2-4 14.3.2-3 15.1.2-3
15.2.2-3 15.3.2-7 16.1.1 16.2.1-5 16.3.1-4 16.4.1-3 16.5.1-3 17.1.1 17.2.1-4 17.3.1-2
"""
"""Ids of https://github.com/OWASP/ASVS, version 5.0.0: ``1.2.1-5`` is 1.2.1 to 1.2.5."""
STATES = ("met", "n/a", "Auth0", "operator", "**not met**")
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PATH = re.compile(
    r"`((?:accounts|clients|config|deploy|docs|staffing|telephony|templates|tests)/[^`\s]*|[\w-]+\.(?:toml|txt))`"
)


def expand(ranges: str) -> Iterator[str]:
    """``1.2.1-5`` as five ids."""
    for part in ranges.split():
        first, _, last = part.partition("-")
        section, _, number = first.rpartition(".")
        yield from (f"{section}.{n}" for n in range(int(number), int(last or number) + 1))


def test_each_requirement_has_one_row() -> None:
    level_1, level_2 = list(expand(LEVEL_1)), list(expand(LEVEL_2))
    assert (len(level_1), len(level_2)) == (70, 183), "as many as ASVS 5.0.0 has"
    rows = Counter(row[0] for row in ROW.findall(DOCUMENT))
    assert rows == Counter([*level_1, *level_2])


def test_each_row_has_a_state_and_what_supports_it() -> None:
    for id, paraphrase, state, evidence in ROW.findall(DOCUMENT):
        assert state in STATES, id
        assert len(paraphrase.split()) <= 12, id
        assert evidence.strip(), id
        assert state != "**not met**" or "Takes" in evidence or "see" in evidence or "until" in evidence, id


def test_the_lists_at_the_top_are_those_of_the_tables() -> None:
    rows = ROW.findall(DOCUMENT)
    listed = re.findall(r"^- (\d+\.\d+\.\d+): ", DOCUMENT, re.MULTILINE)
    assert listed == [row[0] for state in ("**not met**", "operator") for row in rows if row[2] == state]
    counts = Counter(row[2] for row in rows)
    for state, words in (("met", "met"), ("n/a", "not applicable"), ("**not met**", "**not met**")):
        assert f"{counts[state]} {words}" in DOCUMENT


def test_all_files_that_are_named_exist() -> None:
    paths = PATH.findall(DOCUMENT)
    assert len(paths) > 250
    assert sorted({path for path in paths if not (ROOT / path).exists()}) == []
