"""Value checks for numpy arrays, torch tensors and plain numbers."""

from collections.abc import Collection
from typing import Any


def check_positive(name: str, value: float, *, fix: str = "") -> None:
    """Raise ValueError unless ``value`` is greater than zero."""
    if not value > 0:
        raise ValueError(f"`{name}` must be positive, got {value}. {fix}".rstrip())


def check_choice(name: str, value: Any, choices: Collection, *, fix: str = "") -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(
            f"`{name}` must be one of {allowed}, got {value!r}. {fix}".rstrip()
        )


def check_finite(name: str, array: Any, *, fix: str = "") -> None:
    """Raise ValueError if ``array`` (numpy or torch) holds a NaN or an infinity.

    The message carries the first offending value and its index.
    """
    bad = ~(abs(array) < float("inf"))
    if not bool(bad.any()):
        return
    index = tuple(int(axis[0]) for axis in _nonzero(bad))
    value, count = float(array[index]), int(bad.sum())
    raise ValueError(
        f"`{name}` must be finite, got {value} at index {index} "
        f"({count} such values). {fix}".rstrip()
    )


def _nonzero(mask: Any) -> tuple:
    """Index vectors per axis of true entries, for numpy and torch alike."""
    found = mask.nonzero()
    return found if isinstance(found, tuple) else tuple(found.unbind(1))
