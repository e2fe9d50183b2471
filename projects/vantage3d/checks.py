"""Argument checks for public boundaries: one line each, one kind of message.

Arrays are of numpy or torch.
"""

from collections.abc import Collection
from typing import Any

Dims = dict[str, int]


def check_shape(
    name: str, array: Any, spec: str, *, fix: str = "", dims: Dims | None = None
) -> Dims:
    """Check the shape of an argument and bind the letters of ``spec``.

    ``spec`` lists the dimensions: a number must match exactly, a letter matches
    any size but the same size everywhere, and a leading ``...`` stands for any
    number of leading dimensions.

    Args:
        name: Argument name for the message.
        array: Anything with a ``shape``.
        spec: For example ``"B V 3 3"`` or ``"... N 3"``.
        fix: What the caller should do, appended to the message.
        dims: Letters bound by an earlier check, which must agree.

    Returns:
        All bound letters, those of ``dims`` included.

    Raises:
        ValueError: If the shape does not match.

    Example:
        >>> import numpy as np
        >>> check_shape("K", np.zeros((2, 5, 3, 3)), "B V 3 3")
        {'B': 2, 'V': 5}
    """
    shape = tuple(array.shape)
    names = spec.split()
    bound = dict(dims or {})
    expected = _bind(shape, names, bound)
    if expected is None:
        return bound
    message = f"`{name}` must have shape {expected}, got {shape}."
    raise ValueError(f"{message} {fix}".rstrip())


def _bind(shape: tuple[int, ...], names: list[str], bound: Dims) -> str | None:
    """Bind letters to sizes in place; the expected shape as text if that fails."""
    known = dict(bound)
    trailing = names[1:] if names[0] == "..." else names
    tail = shape[len(shape) - len(trailing) :] if names[0] == "..." else shape
    matches = len(tail) == len(trailing)
    for letter, size in zip(trailing, tail):
        wanted = int(letter) if letter.isdigit() else bound.setdefault(letter, size)
        matches = matches and wanted == size
    if matches:
        return None
    texts = [f"{n}={known[n]}" if n in known else n for n in names]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


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
    axes = bad.nonzero()  # numpy gives index vectors by axis, torch a matrix
    axes = axes if isinstance(axes, tuple) else axes.unbind(1)
    index = tuple(int(axis[0]) for axis in axes)
    value, count = float(array[index]), int(bad.sum())
    raise ValueError(
        f"`{name}` must be finite, got {value} at index {index} "
        f"({count} such values). {fix}".rstrip()
    )
