"""What the compiler refuses."""


class Unsupported(Exception):  # ruff: ignore[error-suffix-on-exception-name] -- as refusals are named
    """graphql-core has to execute this; `reason` is one word for a metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
