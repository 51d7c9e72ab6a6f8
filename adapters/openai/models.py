"""Names of OpenAI's models that are no more, or soon will not be."""

from datetime import date, timedelta

import structlog

SOON = timedelta(days=180)
"""How long before its end a model is warned of."""

# What the SDK's notes on its names say (`openai.types.shared.chat_model`, 3.57); a test holds both together. Models for
# sound are not listed, for nobody asks them here. The embeddings of the first generation are of the vendor's own list.
_ENDS = {
    "2024-01-04": """text-similarity-ada-001 text-similarity-babbage-001 text-similarity-curie-001
        text-similarity-davinci-001""",
    "2024-09-13": "gpt-3.5-turbo-16k gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-16k-0613",
    "2024-12-06": "gpt-4-vision-preview gpt-4-1106-vision-preview",
    "2025-06-06": "gpt-4-32k gpt-4-32k-0314 gpt-4-32k-0613",
    "2025-07-28": "o1-preview o1-preview-2024-09-12",
    "2025-10-27": "o1-mini o1-mini-2024-09-12",
    "2026-02-12": "codex-mini-latest",
    "2026-02-17": "chatgpt-4o-latest",
    "2026-03-26": "gpt-4-0125-preview gpt-4-turbo-preview gpt-4-0314",
    "2026-07-23": """gpt-5.1-codex gpt-5.1-chat-latest gpt-5-chat-latest gpt-4o-search-preview
        gpt-4o-mini-search-preview gpt-4o-search-preview-2025-03-11 gpt-4o-mini-search-preview-2025-03-11""",
    "2026-08-10": "gpt-5.3-chat-latest gpt-5.2-chat-latest",
    "2026-09-28": "gpt-3.5-turbo-1106",
    "2026-10-23": """gpt-4.1-nano gpt-4.1-nano-2025-04-14 o4-mini o4-mini-2025-04-16 o3-mini o3-mini-2025-01-31 o1
        o1-2024-12-17 gpt-4o-2024-05-13 gpt-4-turbo gpt-4-turbo-2024-04-09 gpt-4-1106-preview gpt-4 gpt-4-0613
        gpt-3.5-turbo gpt-3.5-turbo-0125""",
    "2026-12-11": """gpt-5 gpt-5-mini gpt-5-nano gpt-5-2025-08-07 gpt-5-mini-2025-08-07 gpt-5-nano-2025-08-07 o3
        o3-2025-04-16""",
    "2027-01-14": """gpt-4.1 gpt-4.1-mini gpt-4.1-2025-04-14 gpt-4.1-mini-2025-04-14 gpt-4o gpt-4o-2024-11-20
        gpt-4o-2024-08-06 gpt-4o-mini gpt-4o-mini-2024-07-18""",
    "2027-04-01": "gpt-5.4-nano gpt-5.4-nano-2026-03-17 gpt-5.1 gpt-5.1-2025-11-13",
}
ENDS = {name: date.fromisoformat(day) for day, names in _ENDS.items() for name in names.split()}
"""The day from which on nobody answers to a name, in UTC."""

log = structlog.get_logger(__name__)


class DeadModel(ValueError):
    """The vendor has ended this model. The message names it and the day."""


def refuse_dead(model: str, today: date) -> None:
    """Raise DeadModel for a model that has ended, and warn in the log of one that soon will. Others pass."""
    ends = ENDS.get(model)
    if ends is None:
        return
    if ends <= today:
        raise DeadModel(f"the model {model} ended on {ends.isoformat()}; one that the vendor still has would be right")
    if ends - today <= SOON:
        log.warning("openai.model_ends_soon", model=model, on=ends.isoformat())
