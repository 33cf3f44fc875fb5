"""Processes that tests fork from one that has imported the product are as if started anew."""

import ast
from collections.abc import Iterator

from tests.support import preloaded
from tests.support.environment import ROOT, Environment

UNLOADED = ("config/asgi.py", "config/dev", "config/settings")
"""What `tests.support.preloaded` has not imported."""


class ImportTimeReads(ast.NodeVisitor):
    """The settings that a module reads while it is imported, outside functions."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(part)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Read when it is called."""

    def visit_Subscript(self, node: ast.Subscript) -> None:
        match node:
            case ast.Subscript(ast.Attribute(ast.Name("settings"), name), ast.Constant(str(member))):
                self.names.add(f"{name}.{member}")
            case _:
                self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        match node:
            case ast.Attribute(ast.Name("settings"), name):
                self.names.add(name)
            case _:
                self.generic_visit(node)


def _read_names() -> Iterator[str]:
    files = [file for app in ("config", "accounts", "staffing", "telephony") for file in (ROOT / app).rglob("*.py")]
    for file in files:
        path, text = str(file.relative_to(ROOT)), file.read_text()
        if "settings." in text and not path.startswith(UNLOADED):
            visitor = ImportTimeReads()
            visitor.visit(ast.parse(text))
            yield from visitor.names


def test_settings_that_modules_read_while_they_are_imported_are_known() -> None:
    known = {
        name for name, members in preloaded.IMPORTED.items() for name in ([f"{name}.{m}" for m in members] or [name])
    }
    assert set(_read_names()) == known


def test_forked_processes_use_their_own_settings(env: Environment) -> None:
    code = (
        "from django.conf import settings; from telephony.models import personal_data;"
        "print(settings.TELEPHONY['numbers'], personal_data.CALLS.retention)"
    )
    for variables, printed in (
        ({"NUMBERS_PER_CUSTOMER": "7"}, "7 90 days\n"),
        ({"NUMBERS_PER_CUSTOMER": "7", "CALLS_KEPT_DAYS": "8"}, "7 8 days\n"),
    ):
        completed = env.run_management_command("shell", "--no-imports", "-c", code, **variables)
        assert (completed.returncode, completed.stdout) == (0, printed), completed.stderr
    refused = env.run_management_command("shell", "-c", code, NUMBERS_PER_CUSTOMER="x")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "NUMBERS_PER_CUSTOMER must be a whole number from 0 to 10000.\n"
