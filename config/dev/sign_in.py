"""Prints an access token of a demo user: ``make token USER=ann@harbour.example``."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

RUN_FILE = Path(__file__).resolve().parent.parent.parent / ".local/run.json"


def main() -> None:
    """Arguments: e-mail address (default: the first owner) and password."""
    email_argument = sys.argv[1] if len(sys.argv) > 1 else ""
    password = sys.argv[2] if len(sys.argv) > 2 else ""
    if not RUN_FILE.exists():
        sys.exit("Dutyline is not running here; start it with: make run")
    run_info = json.loads(RUN_FILE.read_text())
    passwords = {account["email"]: account["password"] for account in run_info["accounts"]}
    email = email_argument if "@" in email_argument else next(iter(passwords))
    identity = run_info["identity"]
    form = {
        "grant_type": "password",
        "username": email,
        "password": password or passwords.get(email, ""),
        "audience": identity["audience"],
        "client_id": identity["client_id"],
        "client_secret": identity["client_secret"],
        "scope": "openid profile email",
    }
    if not form["password"]:
        sys.exit(f"{email} is not a demo user; add PASSWORD=… to sign in.")
    body = urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(identity["issuer"] + "oauth/token", body, 10) as response:
            print(json.load(response)["access_token"])
    except urllib.error.HTTPError as error:
        sys.exit(f"Sign-in failed: {json.load(error).get('error_description')}")


if __name__ == "__main__":
    main()
