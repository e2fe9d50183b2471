"""What may be wrong with a recording, and the options that mend it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid
from vantage3d.recordings.options import AXES
from vantage3d.recordings.preflight.footage import SHIFTS

Matrix = NDArray[np.float64]
# Of depth: 5000 units per metre for 1000, 6553.5 (Replica), 10000, and the other way.
SCALES = (10.0, 6.5535, 5.0, 1 / 5, 1 / 6.5535, 1 / 10)
RARE = (4.0, 2.0, 1 / 2, 1 / 4)  # 4000 units per metre, as of an L515, and the like
ROTATED = 1 / 8  # of depth whose bits are rotated by three, below 8.19 m
UNITS = (1000.0, 100.0)  # of translations per metre: millimetres, centimetres
FOCAL = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4)
FLIPS = {"left-right": (True, False), "up-down": (False, True)}


@dataclass(frozen=True)
class Hypothesis:
    """How the files might be meant; the default is as they are read now.

    Attributes:
        inverted: Poses are of the other direction.
        axes: Axes of the cameras that poses are of, a key of ``AXES``; None as now.
        scale: Factor on depth.
        units: Units of translations per unit as now.
        pose_shift: A frame has the pose of the one so many places later.
        color_shift: A frame has the colour image of the one so many places later.
        focal: Factor on focal lengths.
        size: Factor on intrinsics, as for images of another size.
        rays: Depth is the distance along the ray; z-depth where it is now read so.
        flip: Images are mirrored, a key of ``FLIPS``.
        color_flip: Colour alone is mirrored left-right.
        color_focal: Factor on the focal length of the colour camera alone.
    """

    inverted: bool = False
    axes: str | None = None
    scale: float = 1.0
    units: float = 1.0
    pose_shift: int = 0
    color_shift: int = 0
    focal: float = 1.0
    size: float = 1.0
    rays: bool = False
    flip: str | None = None
    color_flip: bool = False
    color_focal: float = 1.0

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from how files are read now."""
        pairs = ((f.name, f.default, getattr(self, f.name)) for f in fields(self))
        return {name: value for name, default, value in pairs if value != default}

    def without(self, names: Iterable[str]) -> "Hypothesis":
        """The same without some of its changes."""
        return replace(self, **{name: getattr(GIVEN, name) for name in names})

    def pose(self, poses: Matrix, axes_now: str) -> Matrix:
        """(..., 4, 4) poses as the hypothesis has them, of those read now."""
        now, then = (_axes(name) for name in (axes_now, self.axes or axes_now))
        if not self.inverted and self.units == 1:
            return poses if self.axes is None else poses @ now.T @ then
        stored = poses @ now.T
        stored[..., :3, 3] /= self.units
        return (invert_rigid(stored) if self.inverted else stored) @ then

    def intrinsics(self, K: Matrix) -> Matrix:
        """(..., 3, 3) intrinsics as the hypothesis has them, of those read now."""
        K = K.copy()
        K[..., :2, 2] = (K[..., :2, 2] + 0.5) * self.size - 0.5
        K[..., :2, :2] *= self.size * self.focal
        return K


GIVEN = Hypothesis()
COARSE = {"inverted", "axes", "scale", "units", "color_flip"}  # seen by a still camera
ALL = frozenset(field.name for field in fields(Hypothesis))
OF_COLOR = {"color_shift", "color_flip", "color_focal"}  # depth agrees without them


class Facts(NamedTuple):
    """What decides which hypotheses there are, and what is said of them.

    Attributes:
        axes: Axes that poses are read with.
        along_rays: Whether depth is read as distances along rays.
        whole_eighths: Whether all stored depths are multiples of eight.
        sizes: Factors on intrinsics worth a try: of images of other sizes.
        still: Whether the camera hardly moved, so that little can be told.
        kinds: Fields of hypotheses that can show at all.
    """

    axes: str
    along_rays: bool
    whole_eighths: bool
    sizes: tuple[float, ...]
    still: bool = False
    kinds: frozenset[str] = ALL


def _axes(name: str) -> Matrix:
    return np.array(AXES[name] or np.eye(4), np.float64)


def single_changes(start: Hypothesis, facts: Facts) -> list[Hypothesis]:
    """Hypotheses that differ from ``start`` by one thing that it leaves as it is."""
    scales = SCALES + RARE + ((ROTATED,) if facts.whole_eighths else ())
    values: dict[str, tuple] = {
        "inverted": (True,),
        "axes": tuple(name for name in AXES if name != facts.axes),
        "scale": scales,
        "units": UNITS,
        "pose_shift": SHIFTS,
        "color_shift": SHIFTS,
        "focal": FOCAL,
        "size": facts.sizes,
        "rays": (True,),
        "flip": tuple(FLIPS),
        "color_flip": (True,),
        "color_focal": FOCAL,
    }
    return [
        replace(start, **{name: value})
        for name, choices in values.items()
        if name in facts.kinds - start.changes.keys()
        and (name in COARSE or not facts.still)
        for value in choices
    ]


def first_changes(facts: Facts) -> list[Hypothesis]:
    """One thing wrong, or poses of another convention with depth of another unit."""
    grid = [
        Hypothesis(inverted, axes, scale, units)
        for inverted in (False, True)
        for axes in (None, *(name for name in AXES if name != facts.axes))
        for scale, units in (
            *((scale, 1.0) for scale in (1.0, *SCALES)),
            *((1.0, units) for units in UNITS),
        )
    ]
    found = dict.fromkeys([*single_changes(GIVEN, facts), *grid])
    return [g for g in found if g.changes and g.changes.keys() <= facts.kinds]
