"""What is drawn of one frame: its image, its points and who is where."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FrameResult:
    """One RGB-D frame with true and predicted instances on its points.

    Attributes:
        name: Caption.
        image: (H, W, 3) uint8 RGB.
        pixels: (N, 2) int (x, y) of each point in ``image``.
        points: (N, 3) metres, in the frame that ``cam2world`` leads to.
        K: (3, 3) intrinsics in pixels of ``image``.
        cam2world: (4, 4) rigid transform, OpenCV axes.
        gt_instances: (N,) int, -1 none.
        pred_masks: (P, N) bool.
        pred_scores: (P,).

    Raises:
        ValueError: If lengths disagree or a pixel lies outside the image.
    """

    name: str
    image: np.ndarray
    pixels: np.ndarray
    points: np.ndarray
    K: np.ndarray
    cam2world: np.ndarray
    gt_instances: np.ndarray
    pred_masks: np.ndarray
    pred_scores: np.ndarray

    def __post_init__(self) -> None:
        n_points, n_predictions = len(self.points), len(self.pred_scores)
        shapes = {
            "image": (*self.image.shape[:2], 3),
            "pixels": (n_points, 2),
            "points": (n_points, 3),
            "K": (3, 3),
            "cam2world": (4, 4),
            "gt_instances": (n_points,),
            "pred_masks": (n_predictions, n_points),
        }
        for key, expected in shapes.items():
            if getattr(self, key).shape != expected:
                raise ValueError(
                    f"{self.name}: `{key}` must have shape {expected}, got "
                    f"{getattr(self, key).shape}."
                )
        height, width = self.image.shape[:2]
        outside = (self.pixels < 0) | (self.pixels >= (width, height))
        if outside.any():
            x, y = self.pixels[outside.any(1)][0]
            raise ValueError(
                f"{self.name}: pixel ({x}, {y}) lies outside the image of "
                f"{width}x{height}. `pixels` must belong to this image."
            )

    @property
    def colours(self) -> np.ndarray:
        """(N, 3) uint8 RGB of the image at each point."""
        return self.image[self.pixels[:, 1], self.pixels[:, 0]]
