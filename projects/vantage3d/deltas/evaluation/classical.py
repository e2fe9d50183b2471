"""Sparse depth without learning: features, known poses, linear triangulation (OpenCV).

Features of the anchor are matched with those of each view by the ratio test, kept where
they lie near their epipolar line, and triangulated from all views that have them. Depth
between the points is linear on their Delaunay triangles, that of the nearest outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from vantage3d.checks import check_choice
from vantage3d.deltas.evaluation.sparse_points import Triangulated
from vantage3d.geometry import invert_rigid, normalise_pixels, triangulate

Array = NDArray[Any]
DETECTORS = {
    "sift": (cv2.SIFT_create, cv2.NORM_L2),
    "orb": (cv2.ORB_create, cv2.NORM_HAMMING),
}


@dataclass(frozen=True)
class ClassicalBaseline:
    """Triangulated features of an anchor.

    Attributes:
        detector: "sift" or "orb".
        features: Most features per image.
        ratio: Largest ratio of the distances to the best and the second match.
        epipolar_px: Largest distance of a match to its epipolar line, pixels.
        limits: Range of depth outside of which a point is dropped, metres.
    """

    detector: str = "sift"
    features: int = 2000
    ratio: float = 0.8
    epipolar_px: float = 2.0
    limits: tuple[float, float] = (0.5, 10.0)

    def __post_init__(self) -> None:
        check_choice("detector", self.detector, DETECTORS)

    def points(self, images: Array, K: Array, cam2world: Array) -> Triangulated:
        """Features of view 0 and where they are.

        Args:
            images: (V, H, W, 3) uint8 RGB, V > 1.
            K: (V, 3, 3) intrinsics.
            cam2world: (V, 4, 4) rigid transforms.

        Returns:
            All M features of view 0; M may be 0.
        """
        ref2cam = invert_rigid(cam2world) @ cam2world[0]
        found = [self._describe(image) for image in images]
        keypoints, queries = found[0]
        count = len(keypoints)
        pixels = np.zeros((len(images), count, 2))
        pixels[0] = keypoints
        seen = np.zeros((len(images), count))
        seen[0] = 1
        for view in range(1, len(images)):
            others, descriptors = found[view]
            index, partner = self._match(queries, descriptors)
            F = fundamental(K[0], K[view], ref2cam[view])
            near = line_distance(F, keypoints[index], others[partner])
            kept = near < self.epipolar_px
            pixels[view, index[kept]] = others[partner[kept]]
            seen[view, index[kept]] = 1
        coords = normalise_pixels(torch.from_numpy(pixels), torch.from_numpy(K))
        result = triangulate(coords, torch.from_numpy(ref2cam), torch.from_numpy(seen))
        points = result.points.numpy()
        near, far = self.limits
        inside = (points[:, 2] > near) & (points[:, 2] < far)
        return Triangulated(pixels[0], points, result.in_front.numpy() & inside)

    def _describe(self, image: Array) -> tuple[Array, Array | None]:
        """(M, 2) pixels and (M, C) descriptors, None where there are no features."""
        detector = DETECTORS[self.detector][0](self.features)
        gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        keypoints, descriptors = detector.detectAndCompute(gray, None)
        pixels = np.array([k.pt for k in keypoints], np.float64).reshape(-1, 2)
        return pixels, descriptors

    def _match(
        self, queries: Array | None, others: Array | None
    ) -> tuple[Array, Array]:
        """Rows of both that match, by the ratio test."""
        good = []
        if queries is not None and others is not None and len(others) > 1:
            matcher = cv2.BFMatcher(DETECTORS[self.detector][1])
            for a, b in matcher.knnMatch(queries, others, k=2):
                if a.distance < self.ratio * b.distance:
                    good.append((a.queryIdx, a.trainIdx))
        rows = np.array(good, int).reshape(-1, 2)
        return rows[:, 0], rows[:, 1]


def fundamental(K_ref: Array, K_src: Array, ref2src: Array) -> Array:
    """(3, 3) F with p_src^T F p_ref = 0 of two cameras and the transform between."""
    x, y, z = ref2src[:3, 3]
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    inverse = np.linalg.inv
    return inverse(K_src).T @ cross @ ref2src[:3, :3] @ inverse(K_ref)


def line_distance(F: Array, ref: Array, src: Array) -> Array:
    """(M,) pixels from (M, 2) points of src to the epipolar lines of (M, 2) of ref."""
    ones = np.ones((len(ref), 1))
    lines = np.hstack([ref, ones]) @ F.T
    size = np.linalg.norm(lines[:, :2], axis=1)
    along = (np.hstack([src, ones]) * lines).sum(axis=1)
    return np.abs(along) / np.maximum(size, 1e-12)


def fill(pixels: Array, z: Array, size: tuple[int, int]) -> Array:
    """(H, W) depth between points (M, 2) with depth (M,); zeros if there are none."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    if not len(pixels):
        return np.zeros(size)
    depth = NearestNDInterpolator(pixels, z)(columns, rows)
    if len(pixels) > 3 and np.linalg.matrix_rank(pixels - pixels.mean(axis=0)) == 2:
        linear = LinearNDInterpolator(pixels, z)(columns, rows)
        depth = np.where(np.isfinite(linear), linear, depth)
    return depth


def predict_sample(baseline: ClassicalBaseline, sample: Mapping[str, Any]) -> dict:
    """What the metric reads, of one sample of the contract (no leading B)."""
    images = (255 * sample["images"]).round().byte().permute(0, 2, 3, 1).numpy()
    K, cam2world = (sample[key].double().numpy() for key in ("K", "cam2world"))
    found = baseline.points(images, K, cam2world)
    pixels, z = found.keypoints[found.valid], found.points[found.valid, 2]
    names = ("keypoints", "points_anchor", "point_valid")
    return {
        "pred_depth": torch.from_numpy(fill(pixels, z, images.shape[1:3])),
        **{name: torch.from_numpy(value) for name, value in zip(names, found)},
    }
