"""Films of blocks that come and go for self-tests, the best answer, and broken ones."""

from collections.abc import Callable, Mapping

import numpy as np

from vantage3d.referee.streams.data import Ids, ShownIds
from vantage3d.referee.task import Broken

STREAMS, FRAMES, INSTANCES, SEEN = 2, 6, 20, 12  # a frame sees some of the instances
Shown = Mapping[str, ShownIds]
Change = Callable[[list[ShownIds]], list[ShownIds]]


def streams(least: int) -> dict[str, dict[str, Ids]]:
    """Blocks of ``least`` pixels to four times as many, each time in another order."""
    found = {}
    for number in range(STREAMS):
        rng = np.random.default_rng(number)
        sizes = least + rng.integers(0, 3 * least, INSTANCES)
        frames = {}
        for t in range(FRAMES):
            shown = rng.permutation(INSTANCES)[:SEEN]
            row = np.full(4 * SEEN * least, -1)
            row[: sizes[shown].sum()] = np.repeat(shown, sizes[shown])
            frames[f"{10 * t:03d}"] = row.reshape(4, -1)
        found[f"scene{number:04d}_00"] = frames
    return found


def perfect(truth: Mapping[str, Ids]) -> dict[str, ShownIds]:
    """Every true instance, by another number than its own."""
    answers = {}
    for frame, ids in truth.items():
        known = np.unique(ids[ids >= 0])
        answers[frame] = ShownIds(ids == known[:, None, None], known + 50)
    return answers


def broken() -> dict[str, Broken]:
    """Wrong answers by name."""
    return {
        "shifted by one frame": _of_perfect(lambda shown: [*shown[1:], shown[0]]),
        "one id for all": _of_perfect(_each(lambda one: one._replace(ids=0 * one.ids))),
        "ids shuffled": _of_perfect(_rotated),
        "one instance for all": _of_perfect(_each(_whole)),
        "nothing found": _of_perfect(_each(_empty)),
        "ids NaN": _of_perfect(_each(_nan)),
    }


def _rotated(shown: list[ShownIds]) -> list[ShownIds]:
    """In no two frames has an instance the same id."""
    return [
        one._replace(ids=(one.ids + 7 * place) % INSTANCES)
        for place, one in enumerate(shown)
    ]


def _whole(one: ShownIds) -> ShownIds:
    return ShownIds(np.ones_like(one.masks[:1]), one.ids[:1] * 0)


def _empty(one: ShownIds) -> ShownIds:
    return ShownIds(one.masks[:0], one.ids[:0])


def _nan(one: ShownIds) -> ShownIds:
    return one._replace(ids=np.full(len(one.ids), np.nan))  # type: ignore[arg-type]


def _each(change: Callable[[ShownIds], ShownIds]) -> Change:
    return lambda shown: [change(one) for one in shown]


def _of_perfect(change: Change) -> Broken:
    def broken(truths: Mapping[str, Mapping[str, Ids]]) -> dict[str, Shown]:
        best = {name: perfect(truth) for name, truth in truths.items()}
        return {
            name: dict(zip(frames, change(list(frames.values()))))
            for name, frames in best.items()
        }

    return broken
