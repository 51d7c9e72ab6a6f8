"""No second opinion: what was found in this process stands."""

from collections.abc import Sequence

from adapters.intents.port import Choice, Option
from core.errors import Unavailable


class LocalIntents:
    """Asks nobody, and is never to be asked."""

    name = "local"
    model = ""
    asks = False
    ready = False

    def most_tokens(self, options: Sequence[Option]) -> int:
        return 0

    async def choose(self, text: str, options: Sequence[Option], *, caller: str, deadline: float) -> Choice:
        raise Unavailable
