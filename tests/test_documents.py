"""Links, anchors and paths in documents lead somewhere; docs/operations/ is complete and short."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from django.core.management import get_commands

from tests.support.environment import ROOT

OPERATIONS = ROOT / "docs/operations"
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)
QUOTE = re.compile(r"`([A-Za-z][a-z']*(?: [A-Za-z;:,'.…]+){2,})`")
PAGE = re.compile(r"\bdocs/[\w./-]+\.(?:md|json|yaml)\b(?:#[\w-]+)?")


def documents() -> Iterator[Path]:
    """The Markdown files of the repository, without legal texts, which have no links."""
    folders = ("docs", "deploy", "bench")
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))
    yield from (ROOT / "clients" / name / "README.md" for name in ("sample", "typescript"))
    pages = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.md")))
    yield from (page for page in pages if not {"node_modules", ".venv"} & set(page.parts))  # of the peers


def read_pages() -> str:
    """The pages for operators."""
    return "\n".join(page.read_text() for page in sorted(OPERATIONS.glob("*.md")))


def read_anchors(document: Path) -> set[str]:
    """Anchors of the headings, as GitHub forms them."""
    anchors: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", CODE.sub("", document.read_text()), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        repeats = sum(other == anchor or re.fullmatch(rf"{anchor}-\d+", other) is not None for other in anchors)
        anchors.append(f"{anchor}-{repeats}" if repeats else anchor)
    return set(anchors)


def broken_links(document: Path) -> Iterator[str]:
    for link in LINK.findall(CODE.sub("", document.read_text())):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = document.parent / path if path else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in read_anchors(target)):
            yield f"{document.relative_to(ROOT)}: {link}"


def test_relative_links_and_anchors_resolve() -> None:
    assert [link for document in documents() for link in broken_links(document)] == []


def test_documents_that_code_and_sentences_name_exist() -> None:
    pattern = r"docs/[A-Za-z0-9_./-]+\.(md|json|yaml)(#[a-z0-9-]+)?"
    command = ["git", "grep", "--no-color", "-IohE", pattern, "--", ":!CHANGELOG.md"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = set(PAGE.findall(lines))
    assert "docs/operations/settings.md" in names
    missing = set()
    for name in names:
        path, _, anchor = name.partition("#")
        if not (ROOT / path).exists() or (anchor and anchor not in read_anchors(ROOT / path)):
            missing.add(name)
    assert missing == set()


def test_pages_for_operators_are_listed_and_short() -> None:
    listed = set(LINK.findall((OPERATIONS / "README.md").read_text()))
    for page in OPERATIONS.glob("*.md"):
        assert page.name == "README.md" or page.name in listed, f"docs/operations/README.md does not list {page.name}"
        assert len(page.read_text().splitlines()) <= 200, page.name


def test_sentences_that_runbooks_quote_are_in_the_code() -> None:
    """What operators search the log for; ``…`` in a page stands for a name or a number."""
    paths = [
        path for folder in ("accounts", "config", "staffing", "telephony") for path in (ROOT / folder).rglob("*.py")
    ]
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in paths))  # strings on several lines
    quoted = [
        part.strip(" ;")
        for page in ("alarms", "backup", "dead-letters", "dependencies", "signals")
        for text in QUOTE.findall(CODE.sub("", (OPERATIONS / f"{page}.md").read_text()))
        for part in text.split("…")
        if not re.match(r"[a-z-]+ (service|server|storage):", part)  # a vendor, and the code of its failure
    ]
    metrics = re.findall(r"\bdutyline_[a-z_]+?(?=(?:_total|_count)?\b)", read_pages())
    assert (len(quoted) > 30, len(metrics) > 20) == (True, True)
    assert [text for text in [*quoted, *metrics] if text not in code] == []


def test_commands_that_pages_name_exist() -> None:
    names = set(re.findall(r"manage\.py ([a-z_0-9]+)", read_pages()))
    assert {"doctor", "dead_letters", "sweep"} <= names
    assert names - set(get_commands()) == set()
