"""The shared kernel. Importing it takes the rules of time zones from the locked `tzdata` only.

`zoneinfo` would prefer the database of the machine, which may be years older. Every process of the
product imports this package first. Programs that it starts inherit the environment variable.
"""

import os
import zoneinfo

os.environ["PYTHONTZPATH"] = ""
zoneinfo.reset_tzpath(())
zoneinfo.ZoneInfo.clear_cache()  # what was loaded before this came from the machine
