"""The mail server: connection, TLS, login and sender; a mail only if it is asked for."""

import smtplib
import ssl
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from config.doctor.checks import Check, Finding, Options, describe_error, failed, ok, skipped, warning

TIMEOUT = 4.0
"""Seconds of one step."""


def _check_server(options: Options) -> Iterator[Finding]:
    connection: Any = get_connection(fail_silently=False)
    if not hasattr(connection, "host"):
        yield skipped("EMAIL_URL names no mail server.")
        return
    connection.timeout = TIMEOUT
    where = f"{connection.host}:{connection.port}"
    try:
        connection.open()
        yield from _try_sender(connection.connection, where)
        if options.mail_to:
            message = EmailMessage("Test", "This is a test of manage.py doctor.", to=[options.mail_to])
            connection.send_messages([message])
            yield ok(f"{where} took a mail to the address of --mail-to.")
    except (OSError, smtplib.SMTPException) as error:
        yield _failure(where, error)
    finally:
        connection.close()


def _try_sender(session: Any, where: str) -> Iterator[Finding]:
    """Begin a mail of our sender and cancel it."""
    sender = settings.DEFAULT_FROM_EMAIL.rpartition("<")[2].rstrip("> ")
    session.ehlo_or_helo_if_needed()
    status, _ = session.mail(sender)
    session.rset()
    if status >= 400:
        yield failed(
            f"{where} refuses the sender of DEFAULT_FROM_EMAIL ({status}).", "Set one that it permits.", str(status)
        )
        return
    tls = "TLS" if settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL else "no TLS"
    login = "login" if settings.EMAIL_HOST_USER else "no login"
    yield ok(f"{where} answers ({tls}, {login}) and takes our sender.")
    if not settings.EMAIL_HOST_USER and not settings.LOCAL:
        yield warning("EMAIL_URL has no user: the server takes mail from anybody who reaches it.")


def _failure(where: str, error: Exception) -> Finding:
    code = type(error).__name__
    if isinstance(error, smtplib.SMTPAuthenticationError):
        mend = "Check user and password of EMAIL_URL."
        return failed(f"{where} refuses the login ({error.smtp_code}).", mend, code)
    if isinstance(error, ssl.SSLError):
        mend = "EMAIL_URL must have the name of the server's certificate, and the right scheme and port."
        return failed(f"TLS with {where} fails ({describe_error(error)}).", mend, code)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return failed(f"{where} offers no STARTTLS or login.", "Check scheme and port of EMAIL_URL.", code)
    mend = "Check host and port of EMAIL_URL, and the network."
    return failed(f"{where} does not answer as a mail server ({describe_error(error)}).", mend, code)


CHECKS = (Check("smtp.server", _check_server, setting="EMAIL_URL"),)
