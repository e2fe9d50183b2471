"""The preflight on made-up recordings with one fault each: is it named rightly?

Rooms are written in every layout and read back by the reader of that layout. A fault
is put between the reader and the preflight: what is read is what wrong files
would hold. A fault is named rightly when the best hypothesis undoes just that.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.converters.annotations import AnnotationSource
from vantage3d.converters.co3d import Co3dSource
from vantage3d.converters.index.indexed_reader import IndexedReader
from vantage3d.converters.index.source import FrameSource
from vantage3d.geometry import distance_to_depth, invert_rigid, scale_intrinsics
from vantage3d.io.depth_files import MILLIMETRES
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.options import AXES
from vantage3d.recordings.preflight.check import compared
from vantage3d.recordings.preflight.footage import FrameReader, Posed, film_of
from vantage3d.recordings.preflight.reader import RecordingReader
from vantage3d.recordings.preflight.remedies import Meaning, meaning
from vantage3d.recordings.preflight.verdict import judge
from vantage3d.synthetic import write_dataset

SIZE = (160, 120)
FRAMES = {1: 40, 10: 24}  # by spacing in raw frames
RECORDINGS = ("rgbd_folder", "scannet", "scannet_sens", "sun3d")
LAYOUTS = (*RECORDINGS, "annotations", "hypersim", "co3d")
NEAR = 0.035  # of a focal length, that a name may be off
Opened = tuple[FrameReader, Meaning]


@dataclass
class Damaged(FrameReader):
    """A reader of files that were written with a fault.

    Attributes:
        inner: The reader.
        pose_fault: What became of a pose.
        depth_fault: What became of depth and intrinsics.
        pose_late: Places by which poses stand later than they belong.
        color_late: The same of colour.
        flip: Whether colour is mirrored.
    """

    inner: FrameReader
    pose_fault: Callable[[Any], Any] = lambda pose: pose
    depth_fault: Callable[[Posed], Posed] = lambda posed: posed
    pose_late: int = 0
    color_late: int = 0
    flip: bool = False

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
        flipped = self.flip and color is not None
        return np.ascontiguousarray(color[:, ::-1]) if flipped else color


@dataclass(frozen=True)
class Fault:
    """A fault and what undoes it.

    Attributes:
        damage: Arguments of :class:`Damaged`.
        undone: Changes of the hypothesis that undoes it.
    """

    damage: dict[str, Any] = field(default_factory=dict)
    undone: dict[str, Any] = field(default_factory=dict)


def _axes(name: str, pose: Any) -> Any:
    return pose @ np.array(AXES[name], np.float64).T


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


def _rays(posed: Posed) -> Posed:
    per_metre = distance_to_depth(np.ones(posed.depth.shape), posed.K)
    return posed._replace(depth=(posed.depth / per_metre).astype(np.float32))


def _no_rays(posed: Posed) -> Posed:
    """z-depth that is read as distances."""
    return posed._replace(depth=distance_to_depth(posed.depth, posed.K))


def _rotated(posed: Posed) -> Posed:
    return posed._replace(depth=np.float32(np.round(posed.depth * 1000) * 8 / 1000))


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
        f"depth x{factor:.4g}": Fault(
            {"depth_fault": partial(_scaled, factor)}, {"scale": 1 / factor}
        )
        for factor in (5, 1 / 5, 10, 1 / 10, 6.5535, 1 / 6.5535)
    },
    "millimetres": Fault({"pose_fault": partial(_units, 1000)}, {"units": 1000.0}),
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
        for factor in (0.95, 1.05, 1.15)
    },
    "rays": Fault({"depth_fault": _rays}, {"rays": True}),
    "rotated bits": Fault({"depth_fault": _rotated}, {"scale": 1 / 8}),
    "colour mirrored": Fault({"flip": True}, {"color_flip": True}),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--layouts", nargs="+", choices=LAYOUTS, default=LAYOUTS)
    add("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    add("--rooms", type=int, default=3)
    add("--spacings", nargs="+", type=int, choices=FRAMES, default=list(FRAMES))
    add("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Print a line per fault; 1 unless 95 % are named and nothing right is refused."""
    named, refused, slowest = [], 0, 0.0
    for place, opened in _opened(args):
        for name in args.faults:
            if name == "rotated bits" and opened[1].depth_scale != MILLIMETRES:
                continue  # of floating point
            begun = time.perf_counter()
            right, level, found = judged(opened, FAULTS[name])
            slowest = max(slowest, time.perf_counter() - begun)
            named.append(right)
            refused += name == "none" and level == "error"
            if not right:
                print(f"{place}, {name}: {level or 'nothing'} {found}", flush=True)
    share = float(np.mean(named))
    print(f"{sum(named)} of {len(named)} named rightly ({share:.1%})")
    print(f"{refused} right recordings refused; slowest {slowest:.1f} s")
    return int(share < 0.95 or refused > 0)


def judged(opened: Opened, fault: Fault) -> tuple[bool, str, dict[str, Any]]:
    """Whether a fault is named rightly, how sure it is, and what is named."""
    reader, now = opened
    if now.along_rays and fault is FAULTS["rays"]:
        fault = replace(fault, damage={"depth_fault": _no_rays})
    film = film_of(Damaged(reader, **fault.damage))
    if film is None:
        return False, "", {}
    best = compared(film, now)
    level = judge("", film, best, now)[0].level
    found = best.best.changes
    return _same(found, fault.undone), level, found


def _same(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if found.keys() != wanted.keys():
        return False
    near = NEAR if "focal" in found else 1e-3
    return all(
        abs(value / wanted[name] - 1) < near
        if isinstance(value, float)
        else value == wanted[name]
        for name, value in found.items()
    )


def _opened(args: argparse.Namespace) -> Iterator[tuple[str, Opened]]:
    """Rooms in every layout, at every spacing, as their readers see them."""
    with tempfile.TemporaryDirectory() as folder:
        for layout in args.layouts:
            for spacing in args.spacings:
                root = Path(folder) / f"{layout}_{spacing}"
                frames = [spacing * number for number in range(FRAMES[spacing])]
                write_dataset(layout, root, args.rooms, 0, frames, SIZE, args.seed)
                for name, opened in opened_rooms(layout, root):
                    yield f"{layout} {name} every {spacing}", opened


def opened_rooms(layout: str, root: Path) -> Iterator[tuple[str, Opened]]:
    """Readers of the rooms of a folder, and what they take files to mean."""
    if layout in RECORDINGS:
        recording = open_recording(root)
        for name in recording.sequences():
            yield name, (RecordingReader(recording, name), meaning(recording))
        return
    source = _source(layout, root)
    facts = source.facts("", "")
    for names in source.splits().values():
        for name in names:
            reader = IndexedReader(source.root, facts, source.frames(name))  # type: ignore[arg-type]
            yield name, (reader, source.meaning(facts))


def _source(layout: str, root: Path) -> FrameSource:
    files = {"train": tuple(sorted((root / "annotations").glob("*train.jgz")))}
    if layout == "co3d":
        return Co3dSource(root, files)
    reader, scale = ("distance", 1.0) if layout == "hypersim" else ("integer", 1000.0)
    return AnnotationSource(root, files, reader, scale)
