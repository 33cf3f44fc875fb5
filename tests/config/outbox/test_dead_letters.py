"""Dead letters on the command line."""

import io

import pytest
from django.core.management import CommandError, call_command

from config import dynamodb, outbox
from tests.backoffice.test_permissions import create_dead_letter
from tests.support.users import UserFixtures


def run(*arguments: str) -> str:
    """What ``manage.py dead_letters`` prints."""
    output = io.StringIO()
    call_command("dead_letters", *arguments, stdout=output)
    return output.getvalue()


def get_message(message_id: str) -> outbox.OutboxMessage | None:
    return dynamodb.get_record(outbox.OutboxMessage, message_id)


def test_dead_letters_are_listed_retried_and_discarded(test_users: UserFixtures) -> None:
    retried, discarded = (create_dead_letter(test_users.customer.id) for _ in range(2))
    message = get_message(retried)
    assert message
    task = str(message.task)

    (line,) = [line for line in run().splitlines() if line.startswith(retried)]
    assert line.split("  ")[1:3] == [task, message.error]
    assert line.endswith(test_users.customer.id)
    with pytest.raises(CommandError, match=r"No such dead letter: mine\. Nothing was changed"):
        run("retry", retried, "mine")
    assert f"{retried}  {task}  will be retried" in run("retry", retried)
    assert f"{discarded}  {task}  was discarded" in run("discard", discarded, "--task", task)

    message = get_message(retried)
    assert message
    assert (message.shard, message.attempts) == (outbox.shard_for(retried, task, message.arguments), 0)
    assert get_message(discarded) is None
    for arguments in (["retry", retried], ["discard", discarded]):
        with pytest.raises(CommandError, match="No such dead letter"):
            run(*arguments)
    with pytest.raises(CommandError, match="Name ids, or --task"):
        run("discard")
