#!/usr/bin/env python
"""Run one of the management commands: ``.venv/bin/python manage.py help`` lists them."""

import os
import sys

from django.core.management import execute_from_command_line

from config import errors

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except errors.DomainError as refusal:
        sys.exit(str(refusal))
