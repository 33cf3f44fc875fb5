"""Checks that try the configuration of an installation: ``manage.py doctor``.

Each app declares its checks; ``settings.DOCTOR_CHECKS`` lists them. A check changes nothing and
leaves nothing behind. Sentences name settings and what is wrong with them, never a secret.
"""

from config.doctor.checks import Check, Finding, Options, describe_error, failed, ok, skipped, warning
