"""Names that `make check` refuses: words of the old dialect, which the glossary replaced.

Function, class and method names are refused if one of their words is in `BANNED_WORDS`; local
names and parameters if they are in `BANNED_LOCALS`, except as the variable of a comprehension that
fits on one line.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("config", "accounts", "staffing", "telephony", "tests")
BANNED_LOCALS = frozenset({"found", "one", "told", "kept", "made", "place", "every", "given", "wanted", "asked"})
BANNED_WORDS = frozenset(
    {"found", "told", "kept", "made", "given", "wanted", "asked", "every"}
    | {"errand", "errands", "plumbing", "bell", "house", "stranger", "strangers", "zygote"}
    | {"letters", "departure", "departures", "headcount", "headcounts"}
    | {"escalations", "roster", "rosters", "rung", "standin", "daysets", "clash"}
    | {"clashes", "busy", "revival", "ledger", "trail", "seal", "sealed", "sealing"}
)
STANDARD_TERMS = frozenset({"not_found", "dead_letters"})
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def banned_names(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each banned name that Python source text binds."""
    tree = ast.parse(source)
    exempt = _comprehension_variables(tree) | _class_members(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name, banned = node.name, bool(BANNED_WORDS & set(_words(node.name)))
        elif isinstance(node, ast.arg):
            name, banned = node.arg, node.arg in BANNED_LOCALS
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name, banned = node.id, node.id in BANNED_LOCALS and id(node) not in exempt
        else:
            continue
        if banned:
            yield node.lineno, name


def _words(name: str) -> list[str]:
    """The words of a name in snake or camel case; standard pairs count as one word."""
    words = re.sub(r"([A-Z])([a-z])", r"_\1\2", name).lower().split("_")
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if f"{before}_{word}" not in STANDARD_TERMS]


def _comprehension_variables(tree: ast.AST) -> set[int]:
    return {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, COMPREHENSIONS) and node.lineno == node.end_lineno
        for generator in node.generators
        for name in ast.walk(generator.target)
    }


def _class_members(tree: ast.AST) -> set[int]:
    """Assignments in class bodies: names of the wire or of stored attributes, which stay."""
    return {
        id(name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for name in ast.walk(statement)
    }


def main() -> None:
    """Print each banned name of the code base as ``path:line name``; exit 1 if there is one."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    lines = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file in files
        if "node_modules" not in file.parts
        for line, name in banned_names(file.read_text())
    ]
    print("\n".join(lines))
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
