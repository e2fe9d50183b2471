"""A depth network that does not exist: the truth, disturbed as stated.

It shows what putting chunks together can do apart from what a network knows. Each
answer has a world and unit of its own; within it poses and scale walk off from frame to
frame, as those of real networks do, and depth is off by a smooth field and by noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.spatial.transform import Rotation

from vantage3d.geometry import invert_rigid
from vantage3d.geometry.similarity import Similarity
from vantage3d.stitching.chunks import Chunk

Floats = NDArray[np.floating]
FIELD = (3, 4)  # knots of the smooth error of depth


@dataclass(frozen=True)
class Disturbance:
    """Standard deviations of what is wrong.

    Attributes:
        turn_deg: Of each step's rotation about each axis.
        shift: Of each step's translation along each axis, relative to median depth.
        scale: Of each step's logarithm of the scale.
        field: Of the smooth relative error of a frame's depth.
        noise: Of the relative error of each pixel's depth.
    """

    turn_deg: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    field: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class DisturbedTruth:
    """Predicts frames of a known world; the same frames, the same answer.

    Attributes:
        depth: (H, W) true depth of a frame by its number, 0 where there is none.
        K: (3, 3) intrinsics in pixels of the depth.
        cam2world: (N, 4, 4) true poses.
        features: (C,) what a frame looks like, by its number.
        wrong: How much is wrong.
        seed: Seed of all errors.
    """

    depth: Callable[[int], Floats]
    K: Floats
    cam2world: Floats
    features: Callable[[int], Floats]
    wrong: Disturbance = Disturbance()
    seed: int = 0

    def poses(self, frames: Sequence[int]) -> Floats:
        """(V, 4, 4) poses alone, as of one pass that is too large to have its depth."""
        return self._start(frames, self.depth(frames[0]))[1]

    def _start(
        self, frames: Sequence[int], first: Floats
    ) -> tuple[np.random.Generator, Floats, Floats, float]:
        """Generator, poses, scales and typical depth of an answer."""
        rng = np.random.default_rng([self.seed, frames[0], len(frames)])
        typical = float(np.median(first[first > 0]))
        poses, scales = self._walk(self.cam2world[list(frames)], typical, rng)
        return rng, poses, scales, typical

    def __call__(self, frames: Sequence[int]) -> Chunk:
        """What such a network says of some frames."""
        truth = [self.depth(frame) for frame in frames]
        rng, poses, scales, typical = self._start(frames, truth[0])
        world = Similarity(
            float(rng.uniform(0.3, 3.0)),
            Rotation.random(random_state=rng.integers(2**31)).as_matrix(),
            rng.normal(0, typical, 3),
        )
        depths = [
            world.scale * scale * self._blurred(depth, rng)
            for depth, scale in zip(truth, scales)
        ]
        K = np.tile(self.K, (len(frames), 1, 1))
        features = np.stack([self.features(frame) for frame in frames])
        conf = np.ones_like(depths)
        return Chunk(np.stack(depths), conf, K, world.move(poses), features)

    def _walk(
        self, true: Floats, typical: float, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """(V, 4, 4) poses whose steps are wrong, and (V,) scales of their lengths."""
        count, wrong = len(true), self.wrong
        sizes = np.cumsum(rng.normal(0, wrong.scale, count))
        scales = np.exp(sizes - sizes[0])
        poses = [np.eye(4)]
        for i in range(1, count):
            step = invert_rigid(true[i - 1]) @ true[i]
            turn = Rotation.from_rotvec(np.deg2rad(rng.normal(0, wrong.turn_deg, 3)))
            step[:3, :3] = step[:3, :3] @ turn.as_matrix()
            step[:3, 3] += rng.normal(0, wrong.shift * typical, 3)
            step[:3, 3] *= scales[i]
            poses.append(poses[-1] @ step)
        return np.stack(poses), scales

    def _blurred(self, depth: Floats, rng: np.random.Generator) -> Floats:
        """A depth map with its smooth error and its noise."""
        knots = rng.normal(0, self.wrong.field, FIELD)
        ratio = [side / knot for side, knot in zip(depth.shape, FIELD)]
        field = zoom(knots, ratio, order=1)
        noise = rng.normal(0, self.wrong.noise, depth.shape)
        return depth * np.exp(field + noise)
