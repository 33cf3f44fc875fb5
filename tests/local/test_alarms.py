"""deploy/prometheus/alarms.yaml, by Prometheus' own tools."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.telemetry import metrics
from tests.support.environment import ROOT

ALARMS_FILE = ROOT / "deploy/prometheus/alarms.yaml"
SWEEP = ("dutyline_sweep_timestamp_seconds", "0+15x480")
"""Beat is well: the time of the last sweep is always now."""
TASKS = ('dutyline_task_seconds_count{task="a",outcome="done"}', "0+1x480")
OK = 'dutyline_responses_total{lane="web",status="2xx"}', "0+100x480"
DEAD_PUSH = ('dutyline_outbox_dead_tasks{task="accounts.send_push",lane="push",instance="a"}', "_ 3x479")
QUIET = [
    SWEEP,
    TASKS,
    OK,
    ('up{job="dutyline"}', "1x480"),
    ("dutyline_store_up", "1x480"),
    ('dutyline_responses_total{lane="web",status="5xx"}', "0x480"),
    ('dutyline_responses_total{lane="calls",status="2xx"}', "0+10x480"),
    ('dutyline_responses_total{lane="calls",status="4xx"}', "0x480"),
    ("dutyline_webhook_seconds_count", "0+10x480"),
    ('dutyline_webhook_seconds_bucket{le="2.0"}', "0+10x480"),
    ('dutyline_lane_refused_total{lane="web"}', "0x480"),
    ("dutyline_outbox_oldest_seconds", "3x480"),
    ("dutyline_outbox_dead", "0x480"),
    ('dutyline_dependency_failures_total{dependency="push service"}', "0x20 1x460"),
    ('dutyline_dynamodb_failures_total{kind="throttled"}', "0x480"),
    ('dutyline_dynamodb_failures_total{kind="no_answer"}', "0x20 2x460"),
    ('dutyline_limits_total{limit="invitations-of-user"}', "0x480"),
    ("dutyline_data_keys_right", "1x480"),
    ('dutyline_data_key{key="new",encrypts="yes",instance="a"}', "1x480"),
    ('dutyline_data_key{key="new",encrypts="yes",instance="b"}', "1x480"),
    ("dutyline_zone_rules_ok", "1x480"),
    ('probe_ssl_earliest_cert_expiry{job="dutyline-certificate"}', "5000000x480"),
]
CAUSES: dict[str, list[tuple[str, str]]] = {
    "DutylineProcessGone": [SWEEP, ('up{job="dutyline",instance="a"}', "1x10 0x470")],
    "DutylineStoreDown": [SWEEP, ("dutyline_store_up", "1x10 0x470")],
    "DutylineErrors": [SWEEP, OK, ('dutyline_responses_total{lane="web",status="5xx"}', "0+2x480")],
    "DutylineWebhooksFail": [SWEEP, OK, ('dutyline_responses_total{lane="calls",status="4xx"}', "0+1x480")],
    "DutylineCallsSlow": [
        SWEEP,
        ("dutyline_webhook_seconds_count", "0+10x480"),
        ('dutyline_webhook_seconds_bucket{le="2.0"}', "0+9x480"),
    ],
    "DutylineSaturated": [SWEEP, ('dutyline_lane_refused_total{lane="web"}', "0+1x480")],
    "DutylineNoWorker": [SWEEP, ("dutyline_outbox_oldest_seconds", "0+1x200 200x280")],
    "DutylineOutboxLate": [SWEEP, TASKS, ("dutyline_outbox_oldest_seconds", "0+15x480")],
    "DutylineTasksDeferred": [SWEEP, ('dutyline_outbox_deferred{task="a",reason="push service: timeout"}', "0 4x479")],
    "DutylineDeadLetters": [SWEEP, DEAD_PUSH],
    "DutylineDependencyFails": [SWEEP, ('dutyline_dependency_failures_total{dependency="mail server"}', "0+1x480")],
    "DutylineDatabaseThrottles": [SWEEP, ('dutyline_dynamodb_failures_total{kind="throttled"}', "0+1x480")],
    "DutylineDatabaseFails": [SWEEP, ('dutyline_dynamodb_failures_total{kind="refused"}', "0+1x480")],
    "DutylineLimitReached": [SWEEP, ('dutyline_limits_total{limit="invitations-of-user"}', "0x440 1x40")],
    "DutylineBeatSilent": [("dutyline_sweep_timestamp_seconds", "0+15x100 1500x380")],
    "DutylineDataKeysWrong": [SWEEP, ('dutyline_data_keys_right{instance="a"}', "1x10 0x470")],
    "DutylineDataKeysDiffer": [
        SWEEP,
        ('dutyline_data_key{key="new",encrypts="yes",instance="a"}', "1x480"),
        ('dutyline_data_key{key="old",encrypts="yes",instance="b"}', "1x480"),
    ],
    "DutylineZoneRules": [SWEEP, ("dutyline_zone_rules_ok", "0x480")],
    "DutylineCertificateExpires": [SWEEP, ('probe_ssl_earliest_cert_expiry{job="dutyline-certificate"}', "900000x480")],
}
"""The series that cause each alarm, and no other."""


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALARMS_FILE.read_text())["groups"]
    return list(group["rules"])


def run_promtool(folder: Path, name: str, series: list[tuple[str, str]], firing: list[str]) -> str:
    """What promtool says of a case in which these alarms fire after two hours; '' if it agrees."""
    case = {
        "name": name,
        "interval": "15s",
        "input_series": [{"series": series_name, "values": values} for series_name, values in series],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"}) > 0',
                "eval_time": "2h",
                "exp_samples": [{"labels": f'{{alertname="{alarm}"}}', "value": 1} for alarm in firing],
            }
        ],
    }
    return check_rules(folder / f"{name}.yaml", case)


def check_rules(file: Path, case: dict[str, Any]) -> str:
    """What promtool says of a case; '' if it agrees."""
    file.write_text(yaml.safe_dump({"rule_files": [str(ALARMS_FILE)], "tests": [case]}))
    command = ["promtool", "test", "rules", str(file)]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if completed.returncode == 0 else completed.stdout + completed.stderr


def test_causes_cover_all_alarms() -> None:
    assert {rule["alert"] for rule in rules()} == set(CAUSES)


@pytest.mark.parametrize("alarm", CAUSES)
def test_a_cause_lets_its_alarm_fire_and_no_other(alarm: str, tmp_path: Path) -> None:
    assert not run_promtool(tmp_path, alarm, CAUSES[alarm], [alarm])


def test_the_alarm_of_dead_letters_names_task_lane_and_command(tmp_path: Path) -> None:
    case = {
        "interval": "15s",
        "input_series": [{"series": DEAD_PUSH[0], "values": DEAD_PUSH[1]}],
        "alert_rule_test": [
            {
                "alertname": "DutylineDeadLetters",
                "eval_time": "1h",
                "exp_alerts": [
                    {
                        "exp_labels": {"severity": "ticket", "task": "accounts.send_push", "lane": "push"},
                        "exp_annotations": {
                            "summary": "3 of accounts.send_push (lane push) have failed for good. "
                            "`manage.py dead_letters` says why; mend that, then "
                            "`manage.py dead_letters retry --task accounts.send_push`.",
                            "runbook": "docs/operations/dead-letters.md",
                        },
                    }
                ],
            }
        ],
    }
    assert not check_rules(tmp_path / "dead-letters.yaml", case)


def test_no_alarm_fires_while_all_is_well(tmp_path: Path) -> None:
    assert not run_promtool(tmp_path, "quiet", QUIET, [])


def test_alarms_and_dashboard_use_metrics_that_there_are() -> None:
    code = "".join((ROOT / path).read_text() for path in ("config/telemetry/metrics.py", "config/status_metrics.py"))
    defined = set(re.findall(r'"(dutyline_\w+)"', code))
    suffixes = re.compile(r"_(total|count|sum|bucket)$")
    for file in (ALARMS_FILE, ROOT / "deploy/grafana/dashboard.json"):
        used = {suffixes.sub("", name) for name in re.findall(r"\bdutyline_\w+", file.read_text())}
        assert used <= defined, file
    page = (ROOT / "docs/operations/signals.md").read_text()
    assert {name for name in defined if name not in page} == set()
    assert set(metrics.KNOWN_LABELS) <= set(metrics.COUNTERS)


def test_prometheus_takes_the_configuration() -> None:
    command = ["promtool", "check", "config", str(ROOT / "deploy/prometheus/prometheus.yaml")]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
