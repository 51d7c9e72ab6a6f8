"""No list online: what the offline list lets pass is accepted."""


class UnaskedBreaches:
    """Asks nobody."""

    degraded = False

    async def knows(self, password: str) -> bool:
        return False

    async def close(self) -> None:
        """Nothing is open."""
