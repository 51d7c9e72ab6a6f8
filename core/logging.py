"""Structured logs: one event a line, with the request's and the operation's ids, on standard error."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

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
    tail: list[Any] = [
        printable,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
    ]
    if style == "json":
        tail = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, *tail]),
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(logging.WARNING, threshold), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(threshold)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=True,
    )


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
