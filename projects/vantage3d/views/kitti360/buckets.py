"""The sampling half of the building recipe: buckets of frames, and their mix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RICH, MIXED = 0.30, 0.10
SHARES = {"rich": 0.5, "mixed": 0.3, "road": 0.2}


def make_buckets(
    ratios: Sequence[float | None], rich: float = RICH, mixed: float = MIXED
) -> dict[str, NDArray[np.intp]]:
    """Positions of the frames in each bucket.

    Args:
        ratios: Building ratio of each frame, None where nobody knows (mixed).
        rich: Least ratio of ``rich``.
        mixed: Least ratio of ``mixed``; the rest is ``road``.

    Raises:
        ValueError: If the limits do not fall.
    """
    if not 0 <= mixed <= rich <= 1:
        raise ValueError(
            f"bucket limits must be 0 <= mixed <= rich <= 1, got {mixed} and {rich}."
        )
    values = np.array([mixed if ratio is None else ratio for ratio in ratios])
    return {
        "rich": np.flatnonzero(values >= rich),
        "mixed": np.flatnonzero((values >= mixed) & (values < rich)),
        "road": np.flatnonzero(values < mixed),
    }


@dataclass(frozen=True)
class BucketMix:
    """Draws a bucket, then a frame of it.

    Attributes:
        rich: Least building ratio of the first bucket.
        mixed: Least building ratio of the second one.
        shares: How often each bucket is drawn; the share of an empty one goes to the
            others in proportion.
    """

    rich: float = RICH
    mixed: float = MIXED
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))

    def __post_init__(self) -> None:
        values = list(self.shares.values())
        if set(self.shares) != set(SHARES) or min(values) < 0 or sum(values) <= 0:
            raise ValueError(
                f"`shares` must give {sorted(SHARES)} numbers >= 0 with a positive "
                f"sum, got {dict(self.shares)}."
            )

    def draw(
        self, buckets: Mapping[str, NDArray[np.intp]], rng: np.random.Generator
    ) -> int:
        """Position of a frame; ``buckets`` as of :func:`make_buckets`."""
        names = [name for name, where in buckets.items() if len(where)]
        shares = np.array([self.shares[name] for name in names])
        if not shares.sum() > 0:
            shares = np.ones(len(names))
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        return int(rng.choice(buckets[name]))
