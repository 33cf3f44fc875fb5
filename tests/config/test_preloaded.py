"""Processes that tests fork from one that has imported the product are as if started anew."""

from tests.support.environment import Environment

SCRIPT = """
from django.conf import settings
from accounts.models import User
from config.celery import app
from telephony.models import personal_data
meta = User.Meta
print(settings.TELEPHONY["numbers"], personal_data.CALLS.retention, meta.table_name, meta.host, app.conf.broker_url)
"""


def test_forked_processes_use_their_own_settings(env: Environment) -> None:
    variables = {"NUMBERS_PER_CUSTOMER": "7", "DYNAMODB_ENDPOINT_URL": "http://other", "REDIS_URL": "redis://other:1/0"}
    shown = "http://other redis://other:1/0\n"
    for more, printed in (
        ({}, f"7 90 days {env.settings(proxied=False)['DYNAMODB_TABLE_PREFIX']}-users {shown}"),
        ({"CALLS_KEPT_DAYS": "8", "DYNAMODB_TABLE_PREFIX": "dutyline-8"}, f"7 8 days dutyline-8-users {shown}"),
    ):
        completed = env.run_management_command("shell", "--no-imports", "-c", SCRIPT, **variables, **more)
        assert (completed.returncode, completed.stdout) == (0, printed), completed.stderr
    refused = env.run_management_command("shell", "-c", SCRIPT, NUMBERS_PER_CUSTOMER="x")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "NUMBERS_PER_CUSTOMER must be a whole number from 0 to 10000.\n"
