"""What is predicted of one frame and of a scene: plain numpy, one contract for all.

Everything of a frame shows one view: the whole image of one pinhole camera, colour at
its size (H, W), what was predicted at another one (h, w) where the network works there.
OpenCV axes, pixel centres at integers, z-depth, 0 = missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_finite, check_shape
from vantage3d.geometry import scale_intrinsics, unproject
from vantage3d.io.images import resized
from vantage3d.io.names import check_public

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Instances:
    """Instances of one frame, in pixels of its depth.

    Attributes:
        masks: (M, h, w) bool.
        scores: (M,) float32, higher is better; best first.
        labels: (M,) int64, places in ``classes``.
        classes: Names; ``("object",)`` of a network that tells no classes apart.
        superpoints: (h, w) int32 ids of the segments that masks are made of, -1 where
            there is none; None where there are none at all.
        semantics: (h, w) int16 places in ``semantic_classes``, -1 where nothing is
            known; None of a network that was trained without.
        semantic_classes: Names.
        tracks: (M,) int64 ids by which instances are the same ones in all frames of a
            scene; None of frames that were predicted one by one.

    Raises:
        ValueError: If shapes disagree, or a label has no name.
    """

    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    superpoints: NDArray[np.int32] | None = None
    semantics: NDArray[np.int16] | None = None
    semantic_classes: tuple[str, ...] = ()
    tracks: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        dims = check_shape("masks", self.masks, "M h w")
        check_shape("scores", self.scores, "M", dims=dims)
        check_shape("labels", self.labels, "M", dims=dims)
        if self.tracks is not None:
            check_shape("tracks", self.tracks, "M", dims=dims)
        for name in ("superpoints", "semantics"):
            if getattr(self, name) is not None:
                check_shape(name, getattr(self, name), "h w", dims=dims)
        for labels, names, of in (
            (self.labels, self.classes, "labels"),
            (self.semantics, self.semantic_classes, "semantics"),
        ):
            if labels is not None and labels.max(initial=-1) >= len(names):
                raise ValueError(
                    f"`{of}` must be places in {len(names)} names, got {labels.max()}"
                )

    def ids(self, least_score: float = 0.0) -> NDArray[np.int32]:
        """(h, w) place of the best instance of each pixel, -1 where there is none.

        Args:
            least_score: Instances below it are left out.
        """
        ids = np.full(self.masks.shape[1:], -1, np.int32)
        kept = np.flatnonzero(self.scores >= least_score)
        for place in kept[np.argsort(self.scores[kept], kind="stable")]:
            ids[self.masks[place]] = place
        return ids


@dataclass(frozen=True, eq=False)
class FramePrediction:
    """What is known of one frame.

    Attributes:
        name: Unique in its scene; letters, digits, ``.``, ``_`` and ``-``.
        color: (H, W, 3) uint8 RGB. Where a recording has two cameras, what the camera
            of the depth map would see.
        K: (3, 3) float64 intrinsics in pixels of ``color``.
        depth: (h, w) float32 z-depth, 0 = missing: predicted, or what the sensor
            measured; None without.
        confidence: (h, w) float32 of ``depth``, higher is surer, in the network's own
            unit; None without.
        cam2world: (4, 4) float64 rigid; None where it is not known.
        timestamp: Seconds; None without.
        instances: None of a network that finds none.
        metric: Whether lengths are metres; else they have the network's unit, one for
            all frames of a scene.

    Raises:
        ValueError: If shapes disagree, a camera is not finite, or files cannot be
            called by the name.
    """

    name: str
    color: NDArray[np.uint8]
    K: Matrix
    depth: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    cam2world: Matrix | None = None
    timestamp: float | None = None
    instances: Instances | None = None
    metric: bool = True

    def __post_init__(self) -> None:
        check_public(self.name, "a frame")
        check_shape("color", self.color, "H W 3")
        check_shape("K", self.K, "3 3")
        check_finite("K", self.K)
        dims: dict[str, int] = {}
        for name in ("depth", "confidence"):
            if getattr(self, name) is not None:
                dims = check_shape(name, getattr(self, name), "h w", dims=dims)
        if self.instances is not None:
            check_shape("masks", self.instances.masks, "M h w", dims=dims)
        if self.cam2world is not None:
            check_shape("cam2world", self.cam2world, "4 4")
            check_finite("cam2world", self.cam2world)

    @property
    def size(self) -> tuple[int, int]:
        """(w, h) of depth and masks; of the image where there are none."""
        shape = self.color.shape[:2]
        if self.depth is not None:
            shape = self.depth.shape
        elif self.instances is not None:
            shape = self.instances.masks.shape[1:]
        return shape[1], shape[0]

    @property
    def K_depth(self) -> Matrix:  # noqa: N802
        """(3, 3) intrinsics in pixels of depth and masks."""
        (width, height), (H, W) = self.size, self.color.shape[:2]
        return scale_intrinsics(self.K, width / W, height / H)

    @property
    def cam2scene(self) -> Matrix:
        """(4, 4) to where points stand: the world, or the camera without a pose."""
        return np.eye(4) if self.cam2world is None else self.cam2world

    def points(self) -> Matrix:
        """(h, w, 3) of every pixel by :attr:`cam2scene`; zero where depth is missing.

        Raises:
            ValueError: If the frame has no depth.
        """
        if self.depth is None:
            raise ValueError(f"frame {self.name} has no depth to make points of")
        depth = self.depth.astype(np.float64)
        return unproject(depth, self.K_depth, self.cam2scene)

    def colors(self) -> NDArray[np.uint8]:
        """(h, w, 3) RGB at the size of depth and masks."""
        return resized(self.color, self.size)


@dataclass(frozen=True, eq=False)
class ScenePrediction:
    """The frames of one recording in order.

    Attributes:
        name: Of the scene; files are called by it.
        frames: A sequence that reads a frame from disk when it is asked for, so that
            one is in memory at a time however long the recording is; a list in tests.
            It can be gone through more than once.

    Raises:
        ValueError: If there are no frames, or files cannot be called by the name.
    """

    name: str
    frames: Sequence[FramePrediction]

    def __post_init__(self) -> None:
        check_public(self.name, "a scene")
        if not len(self.frames):
            raise ValueError(f"scene {self.name} has no frames")
