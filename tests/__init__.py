"""Tests, and emulators of vendors."""

import config  # emulators have the same rules of time zones as the product
