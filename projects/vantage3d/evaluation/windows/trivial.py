"""Answers of predictors that know nothing, measured beside every model."""

from collections.abc import Callable

import numpy as np

from vantage3d.evaluation.results.run import TRIVIAL
from vantage3d.evaluation.windows.contracts import (
    Floats,
    WindowPrediction,
    WindowTruth,
)

CONSTANT, MEDIAN_MAP = f"{TRIVIAL}constant", f"{TRIVIAL}median_map"


def trivial_answers(
    median_map: Floats | None,
) -> dict[str, Callable[[WindowTruth], WindowPrediction]]:
    """Depth that never looks at the image, and cameras that never move, by name.

    Intrinsics are the true ones.

    Args:
        median_map: (H, W) median depth of the training frames, pixel by pixel; None
            leaves it out.
    """

    def still(depth: Floats, truth: WindowTruth) -> WindowPrediction:
        depths = np.broadcast_to(depth, truth.depth.shape)
        return WindowPrediction(depths, still_cameras(len(depths)), truth.K)

    answers = {CONSTANT: lambda truth: still(np.ones((1, 1)), truth)}
    if median_map is not None:
        answers[MEDIAN_MAP] = lambda truth: still(median_map, truth)
    return answers


def still_cameras(frames: int) -> Floats:
    """(V, 4, 4) world2cam of cameras that never move."""
    return np.broadcast_to(np.eye(4), (frames, 4, 4))


def straight_cameras(frames: int) -> Floats:
    """(V, 4, 4) world2cam of cameras that go one step along their axis per frame."""
    world2cam = still_cameras(frames).copy()
    world2cam[:, 2, 3] = -np.arange(frames)
    return world2cam
