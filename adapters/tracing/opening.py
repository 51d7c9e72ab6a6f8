"""Which collector is told, and of how many traces: OpenTelemetry's own variables, under their own names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.tracing.port import Tracing


def open_tracing(endpoint: str, *, headers: str, service: str, sampler: str, ratio: float) -> Tracing | None:
    """What tells the collector at `endpoint`, by OTLP over HTTP; None where there is none: then nothing is imported."""
    if not endpoint:
        return None
    from adapters.tracing.otlp import OtlpTracing  # ruff: ignore[import-outside-top-level] -- 0.2 s that only who traces pays

    return OtlpTracing(endpoint, headers=headers, service=service, sampler=sampler, ratio=ratio)
