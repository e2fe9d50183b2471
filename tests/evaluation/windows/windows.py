"""Windows of the synthetic street, and what an ideal network answers for them."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from tests.evaluation.street import FRAMES, street_views
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.geometry import invert_rigid

OPTIONS = MetricOptions()
FAR = (1200.0, 3300.0, 115.0)
FIELDS = ("images", "depth", "valid", "world2cam", "K", "semantics", "instances")


def street_window(far: tuple[float, float, float] = (0, 0, 0)) -> WindowTruth:
    """Four frames, the world turned and moved if ``far``."""
    views = street_views()
    move = np.eye(4)
    if any(far):
        turn = Rotation.from_euler("xyz", [2, -3, 130], degrees=True)
        move[:3, :3], move[:3, 3] = turn.as_matrix(), far
    return WindowTruth(
        images=views.images,
        depth=views.depth,
        valid=views.depth > 0,
        world2cam=invert_rigid(move @ views.cam2world),
        K=np.tile(views.K, (FRAMES, 1, 1)),
        semantics=views.semantics,
        instances=views.instance,
        names=("8", "9", "10", "11"),
        sequence="street",
    )


def perfect(truth: WindowTruth, scale: float = 0.13) -> WindowPrediction:
    """The truth in the first camera's world and another unit; far sky."""
    relative = truth.world2cam @ invert_rigid(truth.world2cam[0])
    relative[:, :3, 3] *= scale
    depth = scale * np.where(truth.valid, truth.depth, 500.0)
    return WindowPrediction(depth, relative, truth.K)


def bent(truth: WindowTruth, scale: float = 0.13) -> WindowPrediction:
    """Neither right nor hopeless: waves in depth, noise in poses."""
    answer = perfect(truth, scale)
    waves = 1 + 0.08 * np.sin(np.arange(truth.depth.shape[2]) / 9)
    poses = answer.world2cam.copy()
    for i in range(1, len(poses)):
        turn = Rotation.from_rotvec([0.002 * i, -0.003 * i, 0.001])
        poses[i, :3, :3] = turn.as_matrix() @ poses[i, :3, :3]
        poses[i, :3, 3] *= 1 + 0.05 * (-1) ** i
    return replace(answer, depth=answer.depth * waves, world2cam=poses)


def subset(arrays, order):
    """The frames ``order`` of a prediction or truth."""
    changes = {
        name: value[order]
        for name, value in vars(arrays).items()
        if isinstance(value, np.ndarray)
    }
    if isinstance(arrays, WindowTruth):
        changes["names"] = tuple(arrays.names[i] for i in order)
    return replace(arrays, **changes)
