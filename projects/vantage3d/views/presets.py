"""What the datasets differ in: the options of :class:`PosedViews` and their values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

from vantage3d.checks import check_choice, check_positive
from vantage3d.io.kitti360_labels import LABELS
from vantage3d.views.index import IndexedFrame
from vantage3d.views.transform import target_size

CELL = 8  # pixels: DELTAS finds interest points in cells of this size


class DepthKind(NamedTuple):
    """Another depth of the same frames.

    Attributes:
        reader: How depth is stored, a name in :mod:`vantage3d.views.reading`.
        path: From a frame of the index to the path of its depth.
        scattered: Whether it is measurements rather than an image.
    """

    reader: str
    path: Callable[[IndexedFrame], str]
    scattered: bool = False


def _eth3d(folder: str, suffix: str, entry: IndexedFrame) -> str:
    stem = entry.depth.partition("/")[2].rpartition(".")[0]
    return f"{folder}/{stem}{suffix}"


def _exact_kitti(entry: IndexedFrame) -> str:
    path = entry.image.replace("/data_2d_raw/", "/data_2d_depth/")
    return path.replace("/data_rect/", "/")


# What COLMAP triangulated, about a thousandth of the pixels; and a depth model's
# prediction fitted to those points.
ETH3D_DEPTHS = {
    "laser": DepthKind("dense", partial(_eth3d, "depth", ".npz")),
    "points": DepthKind("points", partial(_eth3d, "points", ".npz"), scattered=True),
    "dense": DepthKind("dense", partial(_eth3d, "dense", ".npz")),
}
# Accumulated sweeps; and the depth of every pixel, which synthetic drives alone have.
KITTI360_DEPTHS = {
    "lidar": DepthKind("integer", attrgetter("depth"), scattered=True),
    "exact": DepthKind("integer", _exact_kitti),
}


class Preset(NamedTuple):
    """A dataset's own values.

    Attributes:
        options: Of :class:`ViewOptions`, where they differ from the defaults.
        metainfo: What the dataset says about its data.
        depths: Kinds of depth to choose from by ``depth``.
    """

    options: Mapping[str, Any] = {}
    metainfo: Mapping[str, Any] = {"metric": True}
    depths: Mapping[str, DepthKind] = {}


PRESETS = {
    # Any data with annotation files: Replica, Matterport3D, Hypersim, own.
    "annotations": Preset({"percentile": 98.0}),
    # Turns around objects, in the scale of each sequence; depth on the object alone.
    "co3d": Preset({"min_frames": 24, "percentile": 98.0}, {"metric": False}),
    "eth3d": Preset(
        {"depth": "laser", "min_depth": 0.1, "max_depth": 100.0}, depths=ETH3D_DEPTHS
    ),
    "kitti360": Preset(
        {"sampling": {"span": 50}, "depth": "lidar"},
        {"metric": True, "classes": tuple(label.name for label in LABELS)},
        KITTI360_DEPTHS,
    ),
    "rgbd_folder": Preset({"max_depth": 10.0, "sampling": {"spread": 8}}),
    # The sensor is poor beyond 10 m; test scenes are refused in train and val.
    "scannet": Preset({"max_depth": 10.0, "sampling": {"spread": 8}}),
    "sevenscenes": Preset({"max_depth": 10.0, "sampling": {"spread": 8}}),
    "sun3d": Preset({"max_depth": 10.0, "sampling": {"spread": 8}}),
    # As in released training of VGGT.
    "vkitti": Preset({"min_frames": 24, "max_depth": 80.0, "sampling": {"spread": 8}}),
}


@dataclass(frozen=True)
class ViewOptions:
    """What a sample is.

    Attributes:
        frames: Views of a sample, V; where a batch sampler decides them, the least
            that an anchor must have in reach.
        size: (H, W) of the views, multiples of 8; in place of the next three.
        image_size: Width of the views in pixels.
        aspect: Height / width; heights are whole patches.
        patch_size: Pixels per patch of the network.
        crop: "principal" centres views on the principal point, "centre" on the image.
        resampling: How depth is taken, see :class:`ViewTransform`.
        depth: Which of the dataset's kinds of depth; None for that of the index.
        min_depth: Nearer depth is missing, metres.
        max_depth: Farther depth is missing, metres; None for no limit.
        percentile: Depth beyond this percentile of a frame is missing; None for none.
        min_frames: Sequences with fewer frames are left out.
        cut: Arguments of :class:`Cut`: where sequences fall into pieces.
        gap: Difference of the frame numbers of neighbouring views; every frame is an
            anchor with the same references each time. None draws the frames around an
            anchor in training and takes neighbours in test mode.
        anchor_step: With ``gap``, takes every so many-th sample of a sequence.
        min_baseline: With ``gap``, samples whose references are all nearer to the
            anchor's camera than this, in metres, are left out: nothing can be
            triangulated.
        anchors_of: With ``gap``, (frames, gap) of the samples that ``min_baseline`` is
            asked of and whose anchors are taken; those of this dataset if not given.
            So samples of another length can have the same anchors.
        sampling: Arguments of :class:`FrameSampling`: frames drawn around an anchor.
        stride: Frames from one window of neighbours to the next; ``frames`` if not
            given.
        drawn: In test mode too, frames are drawn around an anchor, every ``stride``-th
            frame, the same ones each time: their order does not tell the way of the
            camera, as that of neighbours does. False takes windows of neighbours.
        augmentation: Arguments of :class:`Augmentation`; None for none.
        class_weights: Weight of the pixels of a semantic class; 1 for other classes.
        min_valid: Valid pixels that the anchor must have.
        max_draws: Draws until a sample must be good, in training; 1 makes the first
            bad one an error, more skip it with a warning.
        native_depth: Whether samples have ``native_depth``, the anchor's (h, w) depth
            of the same view at the size of its file, for evaluation at that size.

    Raises:
        ValueError: If an argument is out of range.
    """

    frames: int = 8
    size: tuple[int, int] | None = None
    image_size: int = 518
    aspect: float = 0.33
    patch_size: int = 14
    crop: str = "principal"
    resampling: str = "nearest"
    depth: str | None = None
    min_depth: float = 0.0
    max_depth: float | None = None
    percentile: float | None = None
    min_frames: int = 1
    cut: Mapping[str, Any] = field(default_factory=dict)
    gap: int | None = None
    anchor_step: int = 1
    min_baseline: float = 1e-3
    anchors_of: tuple[int, int] | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    stride: int | None = None
    drawn: bool = False
    augmentation: Mapping[str, Any] | None = None
    class_weights: Mapping[int, float] | None = None
    min_valid: int = 0
    max_draws: int = 1
    native_depth: bool = False

    def __post_init__(self) -> None:
        for name in ("frames", "max_draws", "min_frames", "anchor_step"):
            check_positive(name, getattr(self, name))
        for name in ("gap", "stride"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        check_choice("crop", self.crop, ("principal", "centre"))
        check_choice("resampling", self.resampling, ("nearest", "surface"))
        if self.gap is not None and self.frames < 2:
            raise ValueError(
                f"`frames` must be at least 2 with a `gap`, got {self.frames}"
            )
        self.view_size(self.aspect)

    def view_size(self, aspect: float) -> tuple[int, int]:
        """(H, W) of the views.

        Args:
            aspect: Height / width, where ``size`` is not given.

        Raises:
            ValueError: If there is no such size.
        """
        if self.size is None:
            return target_size(self.image_size, aspect, self.patch_size)
        height, width = self.size
        if min(self.size) <= 0 or height % CELL or width % CELL:
            near = tuple(max(1, round(side / CELL)) * CELL for side in self.size)
            raise ValueError(
                f"`size` must be (H, W) in multiples of {CELL}, got "
                f"{tuple(self.size)}. Use {near}"
            )
        return height, width
