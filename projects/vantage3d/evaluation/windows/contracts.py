"""What the metrics of a window are given: prediction, truth, both aligned, options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_positive, check_shape
from vantage3d.evaluation.depth_metrics import (
    ALIGNMENTS,
    DepthAlignment,
    masked_pairs,
    usable,
)
from vantage3d.evaluation.metrics_table import THRESHOLDS
from vantage3d.evaluation.results.run import natural_order
from vantage3d.io.kitti360_labels import IDS, LABELS

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.floating[Any]]
Record = dict[str, float]
GROUPS = (
    "depth", "ablation", "normals", "planarity", "photometric", "pose", "points",
)  # fmt: skip
BUILDING = {
    "depth": ("depth.building", "depth.non_building", "depth.class"),
    "ablation": ("ablation.*.building",),
    "normals": ("normals.building",),
    "planarity": ("planarity.building",),
    "photometric": ("photometric.building",),
}
SCOPES = ("frame", "window")
UNKNOWN = -1  # class id of a pixel without a label
CLASS_NAMES = {label.id: label.name for label in LABELS}
NOWHERE = DepthAlignment(float("nan"))
Ids = NDArray[np.integer[Any]]
Made = TypeVar("Made")


@dataclass(frozen=True)
class WindowPrediction:
    """Answer of a network for a window of V frames, lengths in its own unit.

    Attributes:
        depth: (V, H, W) z-depth.
        world2cam: (V, 4, 4) OpenCV axes; None from a network without cameras.
        K: (V, 3, 3) in pixels of ``depth``; None from a network without cameras.
        points: (V, H, W, 3) in the predicted world; None to unproject ``depth``.
    """

    depth: Floats
    world2cam: Floats | None = None
    K: Floats | None = None
    points: Floats | None = None

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, "Tensor"]) -> "WindowPrediction":
        """The predictions of one sample (``pred_depth``, ``pred_world2cam``, ...)."""
        names = ("depth", "world2cam", "K", "points")
        found = {k: outputs[f"pred_{k}"] for k in names if f"pred_{k}" in outputs}
        return cls(**{k: numpy(v) for k, v in found.items() if v is not None})


@dataclass(frozen=True)
class WindowTruth:
    """True depth and cameras of a window, metres.

    Attributes:
        images: (V, 3, H, W) RGB in 0..1.
        depth: (V, H, W) z-depth, 0 = missing.
        valid: (V, H, W) bool, where depth is known.
        world2cam: (V, 4, 4) OpenCV axes.
        K: (V, 3, 3) in pixels of ``depth``.
        semantics: (V, H, W) class ids, -1 = unknown; None without labels.
        instances: (V, H, W) ids that tell objects of a class apart; None without.
        names: Names of the V frames; their natural order is the order in time.
        sequence: Name of the recording.
    """

    images: Floats
    depth: Floats
    valid: NDArray[np.bool_]
    world2cam: Floats
    K: Floats
    semantics: NDArray[np.integer[Any]] | None = None
    instances: NDArray[np.integer[Any]] | None = None
    names: tuple[str, ...] = ()
    sequence: str = ""

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any]) -> "WindowTruth":
        """The truth of one sample of ``views/batch.py``, without a batch dimension.

        Semantics of a dataset without labels, all unknown, become None.
        """
        from vantage3d.geometry import invert_rigid  # brings torch, not for --help

        semantics, instances = (
            numpy(sample[key]) if key in sample else None
            for key in ("semantics", "instances")
        )
        if semantics is not None and not (semantics >= 0).any():
            semantics = None
        return cls(
            images=numpy(sample["images"]),
            depth=numpy(sample["depth"]),
            valid=numpy(sample["valid"]),
            world2cam=invert_rigid(numpy(sample["cam2world"]).astype(np.float64)),
            K=numpy(sample["K"]),
            semantics=semantics,
            instances=instances,
            names=tuple(str(int(number)) for number in sample["ids"]),
            sequence=str(sample["sequence"]),
        )

    @classmethod
    def of_depth(cls, depth: Floats, valid: NDArray[np.bool_]) -> "WindowTruth":
        """Truth without images and cameras: nothing but depth can be measured.

        Args:
            depth: (V, H, W) z-depth in metres.
            valid: (V, H, W) bool, what is judged.
        """
        frames, height, width = depth.shape
        unknown = np.full((), np.nan)
        return cls(
            images=np.broadcast_to(unknown, (frames, 3, height, width)),
            depth=depth,
            valid=valid,
            world2cam=np.broadcast_to(unknown, (frames, 4, 4)),
            K=np.broadcast_to(unknown, (frames, 3, 3)),
        )

    def unlabelled(self) -> "WindowTruth":
        """The same with labels that are all unknown: building metrics become NaN.

        For the odd window without labels in data that has them; see
        :func:`check_labels` for data that has none.
        """
        return replace(self, semantics=np.full(self.depth.shape, UNKNOWN, np.int16))


@dataclass(frozen=True)
class MetricOptions:
    """What is measured, and how.

    Attributes:
        align: One of ``depth_metrics.ALIGNMENTS``, fitted on all valid pixels and
            used for every subset of them.
        per: "window" for one alignment of all frames, "frame" for one each.
        building: Class ids that are buildings; empty for data without labels, which
            has no building metrics.
        class_names: Names of the classes, by id.
        groups: Which of :data:`GROUPS` to compute.
        min_pixels: Valid pixels that a frame needs for a depth metric.
        min_building: Valid pixels of a subset (buildings, a class) that a frame needs
            for metrics of it.
        thresholds: Thresholds of the photometric curve, RGB differences of images in
            0..1.
        point_threshold_m: Distance within which a point of the point map is right.

    Raises:
        ValueError: If a value is out of range.
    """

    align: str = "median"
    per: str = "window"
    building: tuple[int, ...] = (IDS["building"],)
    class_names: Mapping[int, str] = field(default_factory=lambda: dict(CLASS_NAMES))
    groups: tuple[str, ...] = GROUPS
    min_pixels: int = 100
    min_building: int = 200
    thresholds: tuple[float, ...] = THRESHOLDS
    point_threshold_m: float = 0.25

    def __post_init__(self) -> None:
        check_choice("align", self.align, ALIGNMENTS)
        check_choice("per", self.per, SCOPES)
        for group in self.groups:
            check_choice("groups", group, GROUPS)
        for name in ("min_pixels", "min_building", "point_threshold_m"):
            check_positive(name, getattr(self, name))


def check_window(prediction: WindowPrediction, truth: WindowTruth) -> None:
    """Refuse arrays that do not fit each other.

    Raises:
        ValueError: If a shape disagrees.
    """
    dims = check_shape("truth.depth", truth.depth, "V H W")
    fix = "Resize the prediction to the truth."
    check_shape("prediction.depth", prediction.depth, "V H W", dims=dims, fix=fix)
    parts = {
        "truth": (
            ("images", "V 3 H W"), ("valid", "V H W"), ("world2cam", "V 4 4"),
            ("K", "V 3 3"), ("semantics", "V H W"), ("instances", "V H W"),
        ),
        "prediction": (("world2cam", "V 4 4"), ("K", "V 3 3"), ("points", "V H W 3")),
    }  # fmt: skip
    for owner, fields in parts.items():
        source = truth if owner == "truth" else prediction
        for name, spec in fields:
            array = getattr(source, name)
            if array is not None:
                check_shape(f"{owner}.{name}", array, spec, dims=dict(dims))


def check_labels(options: MetricOptions, has_labels: bool, where: str) -> None:
    """Refuse building metrics of data without semantics, by name; ``where`` it is.

    Raises:
        ValueError: If buildings are to be measured and cannot be.
    """
    if has_labels or not options.building:
        return
    names = [name for group in options.groups for name in BUILDING.get(group, ())]
    raise ValueError(
        f"building metrics ({', '.join(names)}) need semantics, and {where} has none. "
        "Use a split with labels, or set `building=()` to measure without them."
    )


def predicted_cameras(
    prediction: WindowPrediction, truth: WindowTruth
) -> tuple[Floats, Floats] | None:
    """K and world2cam of the prediction; None if there are none, or one is not finite.

    A network without intrinsics of its own has the true ones.
    """
    K = truth.K if prediction.K is None else prediction.K
    world2cam = prediction.world2cam
    if world2cam is None or not (np.isfinite(K).all() and np.isfinite(world2cam).all()):
        return None
    return K, world2cam


def numpy(value: "Tensor | NDArray[Any]") -> NDArray[Any]:
    """The array of a tensor or array; bfloat16, which numpy has not, as float32."""
    if not hasattr(value, "detach"):
        return np.asarray(value)
    if str(value.dtype) == "torch.bfloat16":
        value = value.float()
    return value.detach().cpu().numpy()


class FramePixels(NamedTuple):
    """Valid pixels of a frame.

    Attributes:
        pred: (N,) float64 predictions in the network's unit.
        truth: (N,) float64 metres.
        labels: (N,) class ids, -1 = unknown.
    """

    pred: Floats
    truth: Floats
    labels: Ids


class AlignedWindow:
    """A prediction beside its truth, aligned by the valid pixels.

    Args:
        prediction: In any unit and world.
        truth: Metres.
        options: Of all that is measured of the window.
        known: What was made of the truth alone for other predictions of the window, by
            name, and is made of it here; None where there are no others.

    Raises:
        ValueError: If a true depth inside ``valid`` is not positive.
    """

    def __init__(
        self,
        prediction: WindowPrediction,
        truth: WindowTruth,
        options: MetricOptions,
        known: dict[Any, Any] | None = None,
    ) -> None:
        self.prediction, self.truth, self.options = prediction, truth, options
        self._known = known
        self.frames = []
        for i, valid in enumerate(truth.valid):
            p, g = masked_pairs(prediction.depth[i], truth.depth[i], valid)
            labels = np.full(len(p), UNKNOWN)
            if truth.semantics is not None:
                labels = truth.semantics[i][valid].astype(np.int64)
            self.frames.append(FramePixels(p, g, labels))
        self._fits: dict[str, list[DepthAlignment]] = {}

    def of_truth(self, name: Any, make: Callable[[], Made], alone: bool = True) -> Made:
        """What ``make`` makes of the truth, once for all predictions of the window.

        Args:
            name: Of it, hashable.
            make: Makes it.
            alone: Whether it is of the truth alone here; else it is made and not kept.
        """
        if self._known is None or not alone:
            return make()
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    @property
    def region(self) -> str:
        """What geometry is judged on: buildings, or without labels everything."""
        return "building" if self.options.building else "full"

    @cached_property
    def buildings(self) -> NDArray[np.bool_]:
        """(V, H, W) pixels of buildings, with known depth or not; nowhere without."""
        if self.truth.semantics is None:
            return np.zeros(self.truth.valid.shape, bool)
        return np.isin(self.truth.semantics, self.options.building)

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """(V, H, W) pixels of :attr:`region`; without labels those of known depth."""
        return self.buildings if self.options.building else self.truth.valid

    @property
    def order(self) -> list[int]:
        """The frames in the order of time, by their names: "9" before "10"."""
        frames, names = range(len(self.frames)), self.truth.names
        return sorted(frames, key=lambda i: natural_order(names[i]) if names else i)

    @cached_property
    def depth(self) -> Floats:
        """(V, H, W) aligned predictions, float64 metres; NaN where nothing fits."""
        fits = self.fits(self.options.align)
        return np.stack([fit(p) for fit, p in zip(fits, self.prediction.depth)])

    def fits(self, align: str) -> list[DepthAlignment]:
        """Alignment of each frame, the same for all where ``per`` is "window".

        A frame or window without a pixel to fit gets NaN, unless nothing is fitted.
        """
        if align not in self._fits:
            parts = self._fitting
            if self.options.per == "window":
                preds, truths = zip(*parts)
                parts = [(np.concatenate(preds), np.concatenate(truths))]
            found = [
                ALIGNMENTS[align](p, g) if len(p) or align == "none" else NOWHERE
                for p, g in parts
            ]
            self._fits[align] = found * (len(self.frames) // len(found))
        return self._fits[align]

    @cached_property
    def _fitting(self) -> list[tuple[Floats, Floats]]:
        """Usable predictions and truths of each frame."""
        goods = [usable(frame.pred) for frame in self.frames]
        return [
            (f.pred, f.truth) if good.all() else (f.pred[good], f.truth[good])
            for f, good in zip(self.frames, goods)
        ]
