"""All lines of web processes are JSON; the tests of workers read those of workers and beat."""

import json

from config.dev import services
from tests.support.environment import Environment, free_port, wait_for_port


def test_the_web_server_logs_json(env: Environment) -> None:
    port = free_port()
    command = ["info" if word == "warning" else word for word in services.web_command(port)]
    env.spawn("web_of_logs", command)
    wait_for_port(port)
    env.stop("web_of_logs")

    lines = [json.loads(line) for line in env.read_log("web_of_logs").splitlines()]
    own = [line["message"] for line in lines if line["logger"] == "_granian"]
    assert own[0].startswith("Starting granian")
    assert own[-1].startswith("Granian shutdown completed")
