"""Instances of one frame: true and predicted, which shows which, in which colours."""

from colorsys import hsv_to_rgb
from dataclasses import dataclass

import numpy as np

from vantage3d.evaluation.instance_overlaps import (
    SceneOverlaps,
    scene_overlaps,
    scene_truth,
)
from vantage3d.evaluation.scannet_ap import MIN_REGION, instance_ap

IOU = 0.5
GOLDEN_RATIO = 0.618034


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


@dataclass(frozen=True)
class Comparison:
    """True and predicted instances of a frame, ready to draw.

    Attributes:
        gt_ids: (N,) row of ``gt_colours``, -1 none.
        gt_colours: (G, 3) uint8 RGB, one for each true instance.
        gt_found: (G,) bool, matched by a shown prediction.
        gt_small: (G,) bool, too small to count.
        pred_ids: (N,) row of ``pred_colours``, the best scored mask on top, -1 none.
        pred_colours: (P, 3) uint8 RGB of the shown predictions, that of the matched
            true instance or a grey.
        pred_matched: (P,) bool.
        pred_ignored: (P,) bool, fits nothing and lies mostly on void or on small
            instances, so that AP does not count it.
        ap50: Class-agnostic AP50 of all predictions of this frame; nan without truth.
    """

    gt_ids: np.ndarray
    gt_colours: np.ndarray
    gt_found: np.ndarray
    gt_small: np.ndarray
    pred_ids: np.ndarray
    pred_colours: np.ndarray
    pred_matched: np.ndarray
    pred_ignored: np.ndarray
    ap50: float


def compare(
    frame: FrameResult, score_thr: float, min_region: int = MIN_REGION
) -> Comparison:
    """Match the predictions of a frame with its true instances, whatever the class.

    Args:
        frame: What to compare.
        score_thr: Predictions below it are not shown (they do count in AP50).
        min_region: Smaller instances in points do not count: a smaller prediction is
            not shown, a smaller true instance can be found but not missed.
    """
    void_or_object = np.where(frame.gt_instances >= 0, 0, -1)
    truth = scene_truth(void_or_object, frame.gt_instances)
    labels = np.zeros(len(frame.pred_scores), np.int64)
    scene = scene_overlaps(truth, frame.pred_masks, labels, frame.pred_scores)
    ap50 = instance_ap([scene], ["object"], min_region)["all_ap_50%"]

    shown = (scene.pred_scores >= score_thr) & (scene.pred_sizes >= min_region)
    ascending = np.argsort(scene.pred_scores, kind="stable")
    rows = ascending[shown[ascending]]
    scene = scene.select(rows)
    gt_of_pred = match(scene)
    small = truth.sizes < min_region
    uncounted = scene.pred_void + (scene.intersections * small).sum(1)
    fits_none = ~(scene.ious > IOU).any(1)
    pred_ids = np.full(len(frame.points), -1)
    for row, mask in enumerate(frame.pred_masks[rows]):
        pred_ids[mask] = row

    gt_colours = distinct_colours(len(truth.sizes))
    pred_colours = greys(len(rows))
    matched = gt_of_pred >= 0
    pred_colours[matched] = gt_colours[gt_of_pred[matched]]
    return Comparison(
        gt_ids=truth.column - 1,
        gt_colours=gt_colours,
        gt_found=np.isin(np.arange(len(truth.sizes)), gt_of_pred),
        gt_small=small,
        pred_ids=pred_ids,
        pred_colours=pred_colours,
        pred_matched=matched,
        pred_ignored=fits_none & (uncounted > IOU * scene.pred_sizes),
        ap50=ap50,
    )


def match(scene: SceneOverlaps) -> np.ndarray:
    """(P,) true instance of each prediction by IoU > 0.5, -1 none.

    A true instance is given to the best scored of the predictions that fit it.
    """
    fits = scene.ious > IOU
    gt_of_pred = np.full(len(fits), -1)
    for gt in np.flatnonzero(fits.any(0)):
        rows = np.flatnonzero(fits[:, gt])
        gt_of_pred[rows[scene.pred_scores[rows].argmax()]] = gt
    return gt_of_pred


def distinct_colours(count: int) -> np.ndarray:
    """(count, 3) uint8 RGB: hues a golden ratio apart, in three shades by turns."""
    shades = ((0.85, 0.95), (0.55, 1.0), (0.95, 0.65))
    rows = [
        hsv_to_rgb((0.58 + index * GOLDEN_RATIO) % 1.0, *shades[index % len(shades)])
        for index in range(count)
    ]
    return np.round(255 * np.array(rows).reshape(count, 3)).astype(np.uint8)


def greys(count: int) -> np.ndarray:
    """(count, 3) uint8 RGB greys of alternating brightness."""
    levels = np.array([60, 105, 80, 125], np.uint8)[np.arange(count) % 4]
    return np.repeat(levels[:, None], 3, axis=1)
