"""Traces of what was done for a request or a job, told to a collector of OpenTelemetry's; or to nobody, for nothing."""

from adapters.tracing.opening import open_tracing
from adapters.tracing.port import Span, Tracing
from adapters.tracing.watching import watch

__all__ = ["Span", "Tracing", "open_tracing", "watch"]
