"""The HTTP client of the tests."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

HTTP = httpx.Client(
    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    limits=httpx.Limits(max_connections=None),
    timeout=60,
    verify=False,  # noqa: S501 - nothing here speaks TLS
)
"""Sends requests that are independent of each other: it keeps connections, but no cookies.

A client of its own for each request takes 1.5 ms of CPU more, of 2 ms.
"""
