"""A neighbor that takes a fixed share of a core: ``python -m deploy.load.neighbor SHARE``.

It computes for that share of each two milliseconds, before everything else (SCHED_FIFO). So to the
web processes the core is a slower one, however many of them there are; neighbors of their own
priority would share it by the number of processes, and hold each up for several milliseconds.
"""

import os
import sys
import time

PERIOD_SECONDS = 0.002
_PRIORITY = 10


def main(share: float) -> None:
    """Take a share of the core until the process is stopped. Needs root."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except PermissionError:
        sys.exit("A process before all others needs root: run `make load` as root.")
    began_at = time.monotonic()
    while True:
        while time.monotonic() - began_at < share * PERIOD_SECONDS:
            pass
        began_at += PERIOD_SECONDS
        time.sleep(max(0.0, began_at - time.monotonic()))


if __name__ == "__main__":
    main(float(sys.argv[1]))
