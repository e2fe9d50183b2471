"""SceneNN and 3RScan: scenes to test on what was trained on ScanNet.

Semantic ids are those of NYU40, 0 unannotated, as the datasets have them themselves.
"""

import argparse
import re
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import numpy as np

from vantage3d.converters.lists import add_available, on_disk, read_scenes
from vantage3d.converters.recordings import RecordingSource
from vantage3d.converters.runs import from_args
from vantage3d.esam.converters.clouds import cloud_options, convert_clouds
from vantage3d.esam.converters.convert import (
    add_places,
    add_sample_options,
    convert,
    convert_options,
)
from vantage3d.esam.converters.mesh_segments import mesh_segments
from vantage3d.esam.converters.meshes import (
    REMEDY,
    LabelledMesh,
    MeshLabeller,
    read_mesh,
    read_segments,
)
from vantage3d.esam.converters.samples import SampleName
from vantage3d.geometry import transform_points
from vantage3d.io.files import decoding, existing
from vantage3d.io.folders import folders_in, natural_order
from vantage3d.io.scannet_classes import NYU40_CLASSES
from vantage3d.recordings.layouts.scenenn import UPRIGHT, SceneNN
from vantage3d.recordings.layouts.threerscan import ThreeRScan
from vantage3d.recordings.recording import Recording

VAL = "val.txt"
COLUMNS = ("NYU40", "objectId")  # of 3RScan's vertices
MADE = (
    "segments are made of the mesh, as ScanNet's are (Felzenszwalb, 0.01, 20 vertices)"
)


@dataclass(frozen=True)
class ScanLabeller(MeshLabeller):
    """A set of scans that is only tested on.

    Attributes:
        root: Holds a folder per scan.
        dataset: Name in the info file.
        max_distance: As :class:`MeshLabeller` says.
        frame_interval: Take every so many-th frame, by the numbers of frames.
        available: Whether scans of ``val.txt`` may be missing.
        max_points: As :class:`MeshLabeller` says.
        layout: Of the frames.
        first: Number of the first frame.
        interval: What upstream takes for ``frame_interval``.
        most: What upstream takes for ``max_points``.
    """

    label_column = "nyu40id"
    root: Path
    dataset: str
    max_distance: float = 0.05
    frame_interval: int | None = None
    available: bool = False
    max_points: int | None = None
    layout: ClassVar[type[Recording]]
    first: ClassVar[int] = 0
    interval: ClassVar[int]
    most: ClassVar[int | None] = None

    @cached_property
    def source(self) -> RecordingSource:  # type: ignore[override]
        return RecordingSource(self.layout(self.root))

    @property
    def options(self) -> dict[str, Any]:
        return {**super().options, "--max-points": self.max_points}

    def scenes(self) -> dict[str, list[str]]:
        """Scans of ``val.txt``, else all that have a mesh; none to train on."""
        found = [f.name for f in folders_in(self.root) if self.mesh_file(f).is_file()]
        found.sort(key=natural_order)
        listed = self.root / VAL
        if not found:
            example = self.mesh_file(self.root / "SCENE")
            raise FileNotFoundError(
                f"{self.root} has no scene with a labelled mesh, expected such as "
                f"{example}. docs/data_formats.md shows the folders"
            )
        if listed.is_file():
            found = read_scenes(listed, found, self.available)
        return {"train": [], "val": found}

    def samples(self) -> dict[str, list[SampleName]]:
        recording, step = self.source.recording, self.frame_interval or self.interval
        of_meshes = f"{self.root} (labelled meshes)"
        scenes = on_disk(
            self.scenes()["val"],
            recording.sequences(),
            of_meshes,
            self.available,
            "scenes with frames",
        )
        names = [
            SampleName(scene, frame)
            for scene in scenes
            for frame in recording.names(scene)
            if (recording.number(scene, frame) - self.first) % step == 0
        ]
        return {"train": [], "val": names}

    def mesh(self, scene: str) -> LabelledMesh:
        return _load(self, self.root / scene)

    @abstractmethod
    def mesh_file(self, folder: Path) -> Path:
        """The labelled mesh of a scan, in its folder."""

    @abstractmethod
    def read(self, folder: Path) -> LabelledMesh:
        """The labelled mesh of a scan; errors as of :meth:`mesh`."""


@lru_cache(maxsize=1)
def _load(labeller: ScanLabeller, folder: Path) -> LabelledMesh:
    return labeller.read(folder)


class SceneNNLabeller(ScanLabeller):
    """``<scene>.ply`` has the object of each vertex, ``<scene>.xml`` its class.

    Segments are those of ``mesh_segs/<scene>.segs.json``, else made of the mesh.
    Vertices are turned upright, as the poses are.
    """

    layout, first, interval, most = SceneNN, 1, 40, 500_000

    def mesh_file(self, folder: Path) -> Path:
        return folder / f"{folder.name}.ply"

    def read(self, folder: Path) -> LabelledMesh:
        path = self.mesh_file(folder)
        mesh = read_mesh(path, ("label",))
        labels = mesh.columns["label"].astype(np.int64)
        objects, rank = np.unique(labels, return_inverse=True)
        classes = read_objects(folder / f"{folder.name}.xml")
        if not any(int(number) in classes for number in objects):
            raise ValueError(
                f"{path} and {folder.name}.xml have no object in common: the mesh has "
                f"{objects[:5].tolist()}, the file {sorted(classes)[:5]}. {REMEDY}"
            )
        semantic = np.array([classes.get(int(number), 0) for number in objects])
        instance = np.where(semantic > 0, np.arange(1, len(objects) + 1), 0)
        segs = self.root / "mesh_segs" / f"{folder.name}.segs.json"
        if segs.is_file():
            segments = read_segments(segs, len(mesh.points))[1]
        else:
            self.source.recording.assumed(f"{segs} is missing: {MADE}")
            segments = mesh_segments(mesh.points, mesh.faces)
        points, labels = transform_points(UPRIGHT, mesh.points), semantic[rank]
        return LabelledMesh(points, mesh.colors, labels, instance[rank], segments)


class ThreeRScanLabeller(ScanLabeller):
    """``labels.instances.annotated.v2.ply`` has object and NYU40 id of each vertex."""

    layout, interval = ThreeRScan, 5

    def mesh_file(self, folder: Path) -> Path:
        return folder / "labels.instances.annotated.v2.ply"

    def read(self, folder: Path) -> LabelledMesh:
        path = self.mesh_file(folder)
        mesh = read_mesh(path, COLUMNS)
        semantic, objects = (mesh.columns[n].astype(np.int64) for n in COLUMNS)
        if semantic.max(initial=0) >= len(NYU40_CLASSES) + 1:
            raise ValueError(
                f"{path} has the NYU40 id {semantic.max()}, expected 0 to "
                f"{len(NYU40_CLASSES)}. {REMEDY}"
            )
        segs = folder / "mesh.refined.0.010000.segs.v2.json"
        segments = read_segments(segs, len(mesh.points))[1]
        return LabelledMesh(mesh.points, mesh.colors, semantic, objects, segments)


# What NYU40's names are called in SceneNN; blanks, `_` and `-` make no difference.
ALIASES = {
    "unknown": 0,
    "": 0,
    "fridge": 24,
    "refrigerator": 24,
    "tv": 25,
    "structure": 38,
    "furniture": 39,
    "prop": 40,
}


def read_objects(path: Path) -> dict[int, int]:
    """NYU40 id of every object of an annotation of SceneNN, 0 for an unknown one.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, or a class is none of NYU40.
    """
    existing(path, "annotation file", REMEDY)
    known = {_plain(name): at for at, name in enumerate(NYU40_CLASSES, 1)} | ALIASES
    found = {}
    with decoding(f"annotation file {path}", "no XML", REMEDY, ElementTree.ParseError):
        labels = ElementTree.parse(path).getroot().findall("label")
        names = {int(label.attrib["id"]): label.get("nyu_class") for label in labels}
    for number, name in names.items():
        if _plain(name or "") not in known:
            raise ValueError(
                f"{path}: object {number} is of the class {name!r}, which is none of "
                f"NYU40 ({', '.join(NYU40_CLASSES[:4])}, ...). Correct its `nyu_class`"
            )
        found[number] = known[_plain(name or "")]
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())


LABELLERS: dict[str, type[ScanLabeller]] = {
    "scenenn": SceneNNLabeller,
    "3rscan": ThreeRScanLabeller,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the frames, ``*_mv``, or of the meshes alone."""
    add = parser.add_argument
    if parser.prog.endswith("_mv"):
        add_sample_options(parser)
        steps = ", ".join(f"{n} {k.interval}" for n, k in LABELLERS.items())
        text = f"take every so many-th frame by its number; default: {steps}"
        add("--frame-interval", type=int, help=text)
        text = "metres to the labelled mesh"
        add("--max-distance", type=float, default=0.05, help=text)
    else:
        add_places(parser)
    most = ", ".join(f"{n} {k.most or 'all'}" for n, k in LABELLERS.items())
    text = f"keep so many vertices of a mesh, drawn at random; default: {most}"
    add("--max-points", type=int, help=text)
    add_available(parser)


def run(args: argparse.Namespace) -> None:
    """Convert as the command line says."""
    name, _, of_frames = args.dataset.partition("_")
    kind = LABELLERS[name]
    most = args.max_points or kind.most
    labeller = from_args(kind, args, root=args.root_path, max_points=most)
    if of_frames:
        counts = "frame_interval", "max_points"
        options = convert_options(args, args.dataset, *counts, of_sequences=True)
        convert(labeller, options)
    else:
        convert_clouds(labeller, cloud_options(args, args.dataset, "max_points"))
