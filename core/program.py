"""How each of our programs begins and ends: its settings, its log, and a sentence instead of a trace."""

import sys
from collections.abc import Callable

from core.environment import load_settings
from core.errors import PorchlightError
from core.logging import configure_logging
from core.settings import Settings, SettingsError

WRONG_SETTINGS = 2
CANNOT_RUN = 3
INTERRUPTED = 130


def run(program: Callable[[Settings], int]) -> int:
    """The exit status of `program`, or 2 for wrong settings, 3 when something that it needs cannot be had."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        return program(settings)
    except SettingsError as error:
        _say("Porchlight cannot start with these settings:", *error.problems)
        return WRONG_SETTINGS
    except PorchlightError as error:
        _say("Porchlight cannot run:", error.message)
        return CANNOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED


def _say(*lines: str) -> None:
    sys.stderr.write("\n  ".join(lines) + "\n")
