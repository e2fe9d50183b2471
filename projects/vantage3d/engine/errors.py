"""What the engine raises: each says what was wrong and what to do."""

import difflib
import signal
from collections.abc import Iterable


class EngineError(RuntimeError):
    """A mistake in the user's files or set-up: shown without a traceback."""


class ConfigError(EngineError):
    """The config says something that nobody understands."""


class CheckpointError(EngineError):
    """A checkpoint is missing, damaged, of another model or could not be written."""


class NonFiniteError(EngineError):
    """The loss or its gradient is not finite; weights were not updated."""


class LostProcessError(EngineError):
    """A process of the run died: a loader worker, or another rank."""


class TrainingInterruptedError(Exception):
    """SIGTERM or SIGINT stopped the training at a clean point."""

    def __init__(self, signum: int, saved: str) -> None:
        super().__init__(
            f"training was stopped by {signal.Signals(signum).name}: {saved}. "
            "Continue with --resume"
        )
        self.exit_code = 128 + signum


def closest(word: str, known: Iterable[str]) -> str:
    """``; closest: a, b`` for a message; empty if nothing is close."""
    matches = difflib.get_close_matches(word, sorted(known), n=3)
    return f"; closest: {', '.join(matches)}" if matches else ""
