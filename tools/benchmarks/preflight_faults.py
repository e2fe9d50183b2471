"""Faults of recordings, put between a reader and the preflight, and what undoes them.

What is read is what wrong files would hold.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from vantage3d.geometry import distance_to_depth, invert_rigid, scale_intrinsics
from vantage3d.recordings.options import AXES
from vantage3d.recordings.preflight.footage import FrameReader, Posed

NEAR = 0.035  # of a focal length, that a name may be off


@dataclass
class Damaged(FrameReader):
    """A reader of files that were written with a fault.

    Attributes:
        inner: The reader.
        pose_fault: What became of a pose.
        depth_fault: What became of depth and intrinsics.
        color_fault: What became of colour.
        pose_late: Places by which poses stand later than they belong.
        color_late: The same of colour.
    """

    inner: FrameReader
    pose_fault: Callable[[Any], Any] = lambda pose: pose
    depth_fault: Callable[[Posed], Posed] = lambda posed: posed
    color_fault: Callable[[Any], Any] = lambda color: color
    pose_late: int = 0
    color_late: int = 0

    def __post_init__(self) -> None:
        late = self.pose_late + self.color_late
        self.first, self.last = max(late, 0), len(self.inner) + min(late, 0)

    def __len__(self) -> int:
        return self.last - self.first

    def pose(self, at: int) -> Any:
        pose = self.inner.pose(at + self.first - self.pose_late)
        return None if pose is None else self.pose_fault(pose)

    def depth(self, at: int) -> Posed | None:
        posed = self.inner.depth(at + self.first)
        return None if posed is None else self.depth_fault(posed)

    def color(self, at: int, place: int) -> Any:
        at, place = at + self.first, place + self.first
        color = self.inner.color(at - self.color_late, place)
        return None if color is None else self.color_fault(color)

    def photo(self, at: int) -> tuple[Any, Any] | None:
        photo = self.inner.photo(at + self.first)
        if photo is None:
            return None
        image, K = photo
        K = self.depth_fault(Posed(np.ones(image.shape[:2], np.float32), K)).K
        return self.color_fault(image), K


@dataclass(frozen=True)
class Fault:
    """A fault and what undoes it.

    Attributes:
        damage: Arguments of :class:`Damaged`.
        undone: Changes of the hypothesis that undoes it.
    """

    damage: dict[str, Any] = field(default_factory=dict)
    undone: dict[str, Any] = field(default_factory=dict)

    def undone_by(self, found: dict[str, Any]) -> bool:
        """Whether changes of a hypothesis are those that undo it."""
        near = NEAR if "focal" in found else 1e-3
        return found.keys() == self.undone.keys() and all(
            abs(value / self.undone[name] - 1) < near
            if isinstance(value, float)
            else value == self.undone[name]
            for name, value in found.items()
        )


def in_axes(fault: Fault, axes: str) -> Fault:
    """The same fault in files of poses with other axes, where OpenCV's are wrong."""
    if axes == "opencv" or not {"inverted", "axes"} & fault.undone.keys():
        return fault
    undone = dict(fault.undone)
    if undone.get("axes") == axes:
        undone["axes"] = "opencv"

    def pose_fault(pose: Any) -> Any:
        stored = _axes(undone.get("axes", axes), pose)
        return (invert_rigid(stored) if "inverted" in undone else stored) @ _of(axes)

    return Fault({"pose_fault": pose_fault}, undone)


def _of(axes: str) -> Any:
    return np.eye(4) if AXES[axes] is None else np.array(AXES[axes], np.float64)


def _axes(name: str, pose: Any) -> Any:
    return pose @ _of(name).T


def _scaled(factor: float, posed: Posed) -> Posed:
    return posed._replace(depth=(posed.depth * factor).astype(np.float32))


def _units(factor: float, pose: Any) -> Any:
    pose = pose.copy()
    pose[:3, 3] *= factor
    return pose


def _focal(factor: float, posed: Posed) -> Posed:
    K = posed.K.copy()
    K[[0, 1], [0, 1]] *= factor
    return posed._replace(K=K)


def _size(factor: float, posed: Posed) -> Posed:
    return posed._replace(K=scale_intrinsics(posed.K, factor))


def rays(posed: Posed) -> Posed:
    """Distances along rays that are read as z-depth."""
    per_metre = distance_to_depth(np.ones(posed.depth.shape), posed.K)
    return posed._replace(depth=(posed.depth / per_metre).astype(np.float32))


def no_rays(posed: Posed) -> Posed:
    """z-depth that is read as distances."""
    return posed._replace(depth=distance_to_depth(posed.depth, posed.K))


def _rotated(posed: Posed) -> Posed:
    return posed._replace(depth=np.float32(np.round(posed.depth * 1000) * 8 / 1000))


def _mirrored(axis: int, image: Any) -> Any:
    return np.ascontiguousarray(np.flip(image, axis))


def _both_mirrored(axis: int) -> dict[str, Any]:
    def depth(posed: Posed) -> Posed:
        return posed._replace(depth=_mirrored(axis, posed.depth))

    return {"depth_fault": depth, "color_fault": partial(_mirrored, axis)}


def _scales(factor: float) -> Fault:
    return Fault({"depth_fault": partial(_scaled, factor)}, {"scale": 1 / factor})


FAULTS = {
    "none": Fault(),
    "inverted": Fault({"pose_fault": invert_rigid}, {"inverted": True}),
    "opengl": Fault({"pose_fault": partial(_axes, "opengl")}, {"axes": "opengl"}),
    "ros": Fault({"pose_fault": partial(_axes, "ros")}, {"axes": "ros"}),
    "inverted opengl": Fault(
        {"pose_fault": lambda pose: invert_rigid(_axes("opengl", pose))},
        {"inverted": True, "axes": "opengl"},
    ),
    **{
        f"depth x{factor:.4g}": _scales(factor)
        for factor in (5, 1 / 5, 10, 1 / 10, 6.5535, 1 / 6.5535)
    },
    **{
        name: Fault({"pose_fault": partial(_units, factor)}, {"units": factor})
        for name, factor in (("millimetres", 1000.0), ("centimetres", 100.0))
    },
    **{
        f"poses {late:+d}": Fault({"pose_late": late}, {"pose_shift": late})
        for late in (-3, -1, 2, 5)
    },
    **{
        f"colour {late:+d}": Fault({"color_late": late}, {"color_shift": late})
        for late in (-2, 1, 4)
    },
    **{
        f"K x{factor}": Fault(
            {"depth_fault": partial(_size, factor)}, {"size": 1 / factor}
        )
        for factor in (0.5, 2)
    },
    **{
        f"focal x{factor}": Fault(
            {"depth_fault": partial(_focal, factor)}, {"focal": 1 / factor}
        )
        for factor in (0.85, 0.95, 1.05, 1.15)
    },
    "rays": Fault({"depth_fault": rays}, {"rays": True}),
    "rotated bits": Fault({"depth_fault": _rotated}, {"scale": 1 / 8}),
    "mirrored left-right": Fault(_both_mirrored(1), {"flip": "left-right"}),
    "mirrored up-down": Fault(_both_mirrored(0), {"flip": "up-down"}),
    "colour mirrored": Fault(
        {"color_fault": partial(_mirrored, 1)}, {"color_flip": True}
    ),
}
