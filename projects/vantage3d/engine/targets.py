"""A training set has something to learn from, or the training does not begin."""

from collections.abc import Iterator
from typing import Any

from vantage3d.engine.errors import ConfigError


def check_targets(dataset: Any) -> None:
    """Refuse a set without a single target.

    A dataset says so by ``lacks_targets()``: why no sample has one, empty if some have.
    Of wrapped and concatenated ones it is enough that one has them.

    Args:
        dataset: What training reads, with its wrappers.

    Raises:
        ConfigError: If there is nothing to learn from.
    """
    reasons = []
    for part in _parts(dataset):
        reason = part.lacks_targets() if hasattr(part, "lacks_targets") else ""
        if not reason:
            return
        reasons.append(reason)
    raise ConfigError(f"there is nothing to train on: {'; '.join(reasons)}")


def _parts(dataset: Any) -> Iterator[Any]:
    """The datasets inside MMEngine's wrappers."""
    inner = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    if inner == [None]:
        yield dataset
        return
    for part in inner:
        yield from _parts(part)
