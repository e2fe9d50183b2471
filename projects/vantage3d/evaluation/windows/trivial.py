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
        frames = len(truth.depth)
        eye = np.broadcast_to(np.eye(4), (frames, 4, 4))
        return WindowPrediction(np.broadcast_to(depth, truth.depth.shape), eye, truth.K)

    answers = {CONSTANT: lambda truth: still(np.ones((1, 1)), truth)}
    if median_map is not None:
        answers[MEDIAN_MAP] = lambda truth: still(median_map, truth)
    return answers
