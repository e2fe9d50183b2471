"""Depth maps for self-tests, and broken answers to them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vantage3d.referee.depth.readers import WINDOWS, DepthMaps
from vantage3d.referee.task import Broken

UNITS, FRAMES = 2, 2
BLOCKS, PIXELS = (9, 12), 6  # of a map, and of the side of a block
STEP = 0.125  # metres: a whole number of every unit that files have
Maps = Mapping[str, DepthMaps]


def units(rules: Any) -> dict[str, DepthMaps]:
    """Blocks at depths of 1 to 8 metres, one in eight without."""
    found = {}
    for number in range(UNITS):
        rng = np.random.default_rng(number)
        frames = FRAMES if rules.unit == WINDOWS else 1
        depth = STEP * rng.integers(8, 65, (frames, *BLOCKS))
        depth[rng.random(depth.shape) < 0.125] = 0
        depth = depth.repeat(PIXELS, axis=1).repeat(PIXELS, axis=2)
        name = f"scene{number:04d}_00"
        name = name if rules.unit == WINDOWS else f"{name}/000000"
        found[name] = DepthMaps(depth.astype(np.float32))
    return found


def broken(metric: bool) -> dict[str, Broken]:
    """Wrong answers by name; of another scale only where lengths are judged."""
    found: dict[str, Callable[[Maps], Maps]] = {
        "shifted by one frame": _shifted,
        "constant depth": _each(lambda d: np.ones_like(d)),
        "median map": _median_map,
        "nothing": _each(lambda d: np.zeros_like(d)),
        "NaN": _each(lambda d: np.full_like(d, np.nan)),
        "negative": _each(lambda d: -d),
        "disparity": _each(lambda d: np.where(d > 0, 1 / np.maximum(d, STEP), 0)),
        "turned upside down": _each(lambda d: d[:, ::-1, ::-1]),
        "farthest for nearest": _each(lambda d: np.where(d > 0, 9.125 - d, 0)),
        "pixels shuffled": _each(_shuffled),
        "random": _each(_random),
    }
    if metric:
        found["scaled by three"] = _each(lambda d: 3 * d)
        found["millimetres for metres"] = _each(lambda d: 1000 * d)
    return found


def _each(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Maps], Maps]:
    return lambda truths: {
        name: one._replace(depth=np.ascontiguousarray(change(one.depth), np.float32))
        for name, one in truths.items()
    }


def _shifted(truths: Maps) -> Maps:
    names = list(truths)
    return {name: truths[other] for name, other in zip(names, names[1:] + names[:1])}


def _median_map(truths: Maps) -> Maps:
    """One map for all: of every pixel the median of the other units."""
    answers = {}
    for name, truth in truths.items():
        others = np.stack([t.depth for other, t in truths.items() if other != name])
        middle = np.sort(others, axis=0)[len(others) // 2]
        answers[name] = truth._replace(depth=middle)
    return answers


def _shuffled(depth: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.permutation(depth.ravel()).reshape(depth.shape)


def _random(depth: np.ndarray) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.1, 40, depth.shape)
