"""The engine in Porchlight's schema."""

from engine.extension import CompiledExecution


class Compiled(CompiledExecution):
    """Executes compiled operations, and counts what graphql-core executes instead."""

    def fell_back(self, reason: str) -> None:
        self.execution_context.context.app.metrics.fallbacks.labels(reason).inc()
