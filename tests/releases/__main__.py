"""``python -m tests.releases REVISION [--record]``: run an earlier release beside this one.

With ``--record``, what the earlier release declares and writes becomes the recording of the tests.
"""

import os
import sys

from tests.support.environment import ENVIRONMENT

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from tests.releases import live  # noqa: E402 - it needs the applications

if len(sys.argv) < 2:
    sys.exit(__doc__)
try:
    ENVIRONMENT.start()
    live.run(ENVIRONMENT, sys.argv[1], is_recorded="--record" in sys.argv)
except BaseException:
    for name in ("worker", "former-worker", "former-web", "new-web"):
        if name in ENVIRONMENT.processes:
            print(f"--- {name}", *ENVIRONMENT.read_log(name).splitlines()[-15:], sep="\n")
    raise
finally:
    ENVIRONMENT.close()
