"""A process that loads the settings of the product in a forked child, for each line of JSON.

A line is the environment of the child; the answer is its exit code and its errors. Only libraries
have been loaded before.
"""

import json
import os
import sys

import botocore.config
import dj_database_url
import dj_email_url
import django.conf
import django.core.exceptions

LIBRARIES = (botocore.config, dj_database_url, dj_email_url, django.conf, django.core.exceptions)


def main() -> None:
    """Load settings until the input ends."""
    for line in sys.stdin:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(writer, sys.stderr.fileno())
            os.environ.clear()
            os.environ.update(json.loads(line))
            import config.settings

            assert config.settings
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as error_file:
            errors = error_file.read()
        exit_code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps([exit_code, errors]), flush=True)


if __name__ == "__main__":
    main()
