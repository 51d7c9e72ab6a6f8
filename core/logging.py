"""Structured logs: one event a line, with the request's and the operation's ids, on standard error."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, BinaryIO, cast

import orjson
import structlog

REDACTED = frozenset({
    "access_token", "api_key", "authorization", "cookie", "current_password", "device_token", "new_password",
    "password", "password_hash", "refresh_token", "secret", "secret_key", "token", "tokens",
})  # fmt: skip
OURS = ("adapters", "core", "engine", "loaders", "resolvers", "schema", "server", "services", "web", "worker")
"""Whose loggers follow LOG_LEVEL. Those of libraries begin at warning: at debug they tell every value of a query."""


def configure_logging(level: str, style: str) -> None:
    """Set up this process's logging. `style` is `console` or `json`. Called by programs, never by `build_app`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    tail: list[Any] = [printable, console]
    if style == "json":
        tail = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(json_line)]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *tail, cast("Any", _as_bytes)],
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", Unfailing(sys.stderr.buffer))),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(shared, tail, threshold)


def _configure_libraries(shared: list[Any], tail: list[Any], threshold: int) -> None:
    """Write what libraries log by Python's own logging as our lines are written."""
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, *tail]))
    logging.basicConfig(level=max(logging.WARNING, threshold), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(threshold)


class Unfailing:
    """A file that fails nobody who logs when it is closed or full: a request goes on without its line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        """Write a line, if that is possible."""
        with suppress(OSError, ValueError):
            self._file.write(line)

    def flush(self) -> None:
        """Send what was written on its way, if that is possible."""
        with suppress(OSError, ValueError):
            self._file.flush()


def json_line(event: dict[str, Any], default: Callable[[Any], Any]) -> str:
    """An event as JSON. What is beyond orjson, such as an integer of 65 bits, is written by the standard library."""
    try:
        return orjson.dumps(event, default).decode()
    except TypeError:
        return json.dumps(event, default=default)


def _as_bytes(_: Any, __: str, line: str) -> bytes:
    return line.encode(errors="backslashreplace")


def redact(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Keep secrets out of the log, whatever a caller passed."""
    return {name: _redacted(name, value) for name, value in event.items()}


def printable(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Let no text that a client chose move the cursor of a terminal."""
    return {name: _escaped(value) if isinstance(value, str) else value for name, value in event.items()}


def _escaped(value: str) -> str:
    return value if value.isprintable() else value.encode("unicode_escape").decode()


def _redacted(name: str, value: Any) -> Any:
    if name.lower() in REDACTED:
        return "[redacted]"
    if isinstance(value, Mapping):
        return {key: _redacted(str(key), inner) for key, inner in value.items()}
    return value
