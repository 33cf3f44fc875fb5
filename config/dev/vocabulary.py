"""Names that `make check` refuses.

Words of the old vocabulary, which the glossary replaced: in names of functions and classes
(`BANNED_WORDS`), and as local names and parameters (`BANNED_LOCALS`), except the variable of a
comprehension that fits on one line. And symbols in single backticks that no code binds.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BANNED_LOCALS = frozenset({"found", "one", "told", "kept", "made", "place", "every", "given", "wanted", "asked"})
BANNED_WORDS = frozenset(
    {"found", "told", "kept", "made", "given", "wanted", "asked", "every", "rung", "busy", "clash", "clashes"}
    | {"errand", "errands", "plumbing", "bell", "house", "stranger", "strangers", "zygote", "standin", "daysets"}
    | {"letters", "departure", "departures", "headcount", "headcounts", "escalations", "roster", "rosters"}
    | {"revival", "ledger", "trail", "seal", "sealed", "sealing"}
)
STANDARD_TERMS = frozenset({"not_found", "dead_letters"})
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SYMBOL = re.compile(r"(?<!`)`([A-Za-z_][\w.]*)(?:\(\))?`(?!`)")


def banned_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each banned name that a module binds."""
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


def symbols(tree: ast.AST) -> Iterator[str]:
    """Every identifier of a module, and the words of its short strings (fields on the wire)."""
    for node in ast.walk(tree):
        for value in vars(node).values():
            if isinstance(value, str) and len(value) < 80 and " " not in value:
                yield from re.findall(r"\w+", value)


def unknown_symbols(tree: ast.AST, known: set[str]) -> Iterator[tuple[int, str]]:
    """Line and text of each symbol in single backticks of which a part is not ``known``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for match in SYMBOL.finditer(node.value):
                if not known.issuperset(match[1].split(".")):
                    yield node.lineno, f"`{match[1]}` is not defined"


def main() -> None:
    """Print ``path:line name`` for each name to change; exit 1 if there is one."""
    listing = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    paths = [path for path in listing.stdout.split() if (ROOT / path).exists()]
    trees = {path: ast.parse((ROOT / path).read_text()) for path in paths}
    known = {name for tree in trees.values() for name in symbols(tree)}
    known |= {part for path in paths for part in Path(path).with_suffix("").parts}
    lines = [
        f"{path}:{line} {name}"
        for path, tree in trees.items()
        for line, name in (*banned_names(tree), *unknown_symbols(tree, known))
    ]
    print("\n".join(lines))
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
