"""Log lines as JSON. Callers log ids, never personal data, headers, bodies or query strings."""

import traceback
from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter


class JSONLogFormatter(JsonFormatter):
    """``{"at", "level", "logger", "message", …}`` and the members of ``extra``."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s", rename_fields={"levelname": "level", "name": "logger"}, timestamp="at"
        )

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        """Stack frames and exception types, without messages, which may quote personal data."""
        _, error, _ = ei
        parts: list[str] = []
        while isinstance(error, BaseException):
            parts += [*_format_frames(error.__traceback__), f"{type(error).__module__}.{type(error).__name__}"]
            error = error.__cause__
        return "\n".join(parts)


def _format_frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    return [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
