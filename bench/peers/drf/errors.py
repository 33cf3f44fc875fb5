"""How refusals are answered."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler

from bench.peers import common


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer a `Refused` like REST framework's own errors."""
    if isinstance(error, common.Refused):
        return Response({"detail": str(error)}, error.status)
    return exception_handler(error, context)
