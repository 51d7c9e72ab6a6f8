"""What the compiler refuses."""


class Unsupported(Exception):
    """graphql-core has to execute this; `reason` is one word for a metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
