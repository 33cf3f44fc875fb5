"""Uses the running product.

``running token EMAIL PASSWORD`` prints an access token, ``running manage …`` runs a management
command with its settings.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from config.dev import services


def read_run_info() -> dict[str, Any]:
    """The addresses and accounts of the running product; exits if it does not run."""
    run_file = services.ROOT / ".local/run.json"
    if not run_file.exists():
        sys.exit("Dutyline is not running here; start it with: make run")
    return dict(json.loads(run_file.read_text()))


def run_management_command(*arguments: str) -> None:
    """Replace this process by a management command."""
    run_info = read_run_info()
    if command := run_info.get("manage"):  # of a product in containers
        os.execvp(command[0], [*command, *arguments])  # noqa: S606 - our own command
    ports = services.PortBlock.starting_at(int(run_info["port"]))
    database = services.DynamoDB(**run_info["dynamodb"])
    python = str(services.ROOT / ".venv/bin/python")
    command = [python, str(services.ROOT / "manage.py"), *arguments]
    os.execve(python, command, services.process_environment(ports, database))  # noqa: S606 - our own command


def print_token(email: str = "", password: str = "") -> None:
    """Sign in with an e-mail address; by default as the first owner."""
    run_info = read_run_info()
    passwords = {account["email"]: account["password"] for account in run_info["accounts"]}
    username = email if "@" in email else next(iter(passwords))
    password = password or passwords.get(username, "")
    if not password:
        sys.exit(f"{username} is not a demo user; add PASSWORD=… to sign in.")
    client = {name: run_info["identity"][name] for name in ("audience", "client_id", "client_secret")}
    form = {"grant_type": "password", "username": username, "password": password, "scope": "openid profile email"}
    body = urllib.parse.urlencode({**form, **client}).encode()
    try:
        with urllib.request.urlopen(run_info["identity"]["issuer"] + "oauth/token", body, 60) as response:
            print(json.load(response)["access_token"])
    except urllib.error.HTTPError as error:
        sys.exit(f"Sign-in failed: {json.load(error).get('error_description')}")


if __name__ == "__main__":
    if sys.argv[1] == "token":
        print_token(*sys.argv[2:])
    else:
        run_management_command(*sys.argv[2:])
