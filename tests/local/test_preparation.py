"""The management commands that ``make run`` runs in one process."""

import pytest

from config.dev import preparation


def test_commands_run_in_order_until_one_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="nothing: Unknown command"):
        preparation.main(["check", "--tag", "urls", "then", "nothing", "then", "check"])
    begun = [line for line in capsys.readouterr().out.splitlines() if line.startswith("· ")]
    assert begun == ["· check", "· nothing"]
