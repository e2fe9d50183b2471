"""Frames of synthetic rooms with predictions that are wrong in known ways."""

import numpy as np

from vantage3d.geometry import invert_rigid, unproject
from vantage3d.synthetic import make_room, make_trajectory, render, sensor_intrinsics
from vantage3d.visualization import FrameResult

WALL, FLOOR, CEILING = 1, 3, 41


def room_frame(
    seed: int, size: tuple[int, int] = (320, 240), n_points: int = 8000
) -> FrameResult:
    """A view of a room; predictions are the eroded truth, but for some.

    Less than half of the largest instance is predicted with score 0.95, the second one
    twice, the rest well; a blob of score 0.35 lies on nothing.
    """
    rng = np.random.default_rng(seed)
    room, K = make_room(seed), sensor_intrinsics(size)
    cam2world = make_trajectory(room, seed, [0])[0]
    view = render(room, K, invert_rigid(cam2world), size)
    stuff = np.isin(view.semantic, (0, WALL, FLOOR, CEILING))
    ids = np.where(stuff, -1, view.instance)
    flat = rng.choice(np.flatnonzero(view.depth), n_points, replace=False)
    pixels = np.stack([flat % size[0], flat // size[0]], 1)
    points = unproject(view.depth.astype(np.float64), K, cam2world).reshape(-1, 3)
    _, instances = np.unique(ids.ravel()[flat], return_inverse=True)
    masks, scores = wrong_predictions(instances - 1, pixels, rng)
    return FrameResult(
        name=f"room{seed}_0",
        image=view.color,
        pixels=pixels,
        points=points[flat].astype(np.float32),
        K=K,
        cam2world=cam2world,
        gt_instances=instances - 1,
        pred_masks=masks,
        pred_scores=scores,
    )


def wrong_predictions(
    instances: np.ndarray, pixels: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    sizes = np.bincount(instances[instances >= 0])
    order = np.argsort(-sizes)

    def part(gt: int, share: float) -> np.ndarray:
        x = pixels[:, 0]
        return (instances == gt) & (x <= np.quantile(x[instances == gt], share))

    masks, scores = [part(order[0], 0.45)], [0.95]
    for gt in order[1:]:
        masks.append(part(gt, 0.95))
        scores.append(rng.uniform(0.5, 0.9))
    masks.append(part(order[1], 1.0))
    middle = np.median(pixels[instances < 0], axis=0)
    near = np.linalg.norm(pixels - middle, axis=1) < pixels.max() / 8
    masks.append(near & (instances < 0))
    return np.array(masks), np.array([*scores, 0.4, 0.35])
