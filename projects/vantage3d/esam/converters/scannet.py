"""Single frames of ScanNet: labels come from the mesh, ids from the label table."""

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.scannet import ScanNetSource
from vantage3d.esam.converters.convert import (
    add_sample_options,
    convert,
    convert_options,
)
from vantage3d.esam.converters.mesh_labels import (
    axis_alignment,
    load_mesh_labels,
    read_label_table,
)
from vantage3d.esam.converters.samples import Labeller, SampleName
from vantage3d.esam.scannet_classes import (
    SCANNET20_CLASSES,
    SCANNET200_CLASSES,
    THING_IDS,
)
from vantage3d.io.rgbd_frames import read_list

# Column of the label table whose ids the samples of a dataset have.
LABEL_COLUMNS = {"scannet200_sv": "id", "scannet_sv": "nyu40id"}
DEFAULT_INTERVAL = 200
MIN_ON_MESH = 0.3


@dataclass(frozen=True)
class ScanNetLabeller(Labeller):
    """The layout of the ScanNet export, see data/README.md.

    Attributes:
        root: Holds ``2D``, ``3D`` and ``meta_data``.
        dataset: Name in the info file.
        label_column: Column of the label table: ``id`` or ``nyu40id``.
        max_distance: Metres to the nearest vertex beyond which a point has no label.
        frame_interval: Take the frames whose number is a multiple of it from every
            scene, None for the frames that the split file lists.
    """

    root: Path
    dataset: str
    label_column: str
    max_distance: float = 0.05
    frame_interval: int | None = None

    @cached_property
    def source(self) -> ScanNetSource:  # type: ignore[override]
        return ScanNetSource(self.root)

    @property
    def metainfo(self) -> dict[str, Any]:
        return scannet_metainfo(self.dataset, self.label_column)

    @property
    def thing_ids(self) -> frozenset[int]:
        return THING_IDS[self.label_column]

    @property
    def options(self) -> dict[str, Any]:
        return {"dataset": self.dataset, "--max-distance": self.max_distance}

    def samples(self) -> dict[str, list[SampleName]]:
        return {split: self._split(split) for split in ("train", "val")}

    def _split(self, split: str) -> list[SampleName]:
        meta = self.root / "meta_data"
        listed, scenes = (meta / f"scannetv2_{kind}{split}.txt" for kind in ("sv_", ""))
        if listed.is_file():
            names = [_sample_name(line, listed) for line in read_list(listed)]
            if self.frame_interval is None:
                return names
            return self._every(sorted({name.scene for name in names}))
        if scenes.is_file():
            return self._every(read_list(scenes))
        raise FileNotFoundError(
            f"neither {listed} nor {scenes} exists. Put the split files of ScanNet "
            f"into {meta}"
        )

    def _every(self, scenes: list[str]) -> list[SampleName]:
        step = self.frame_interval or DEFAULT_INTERVAL
        names = []
        for scene in scenes:
            # A scene that was never exported shall be named in the report, as frame 0.
            frames = self.source.names(scene) or ["0"]
            names += [SampleName(scene, f) for f in frames if int(f) % step == 0]
        return names

    def axis_align(self, scene: str) -> NDArray[np.float64]:
        return axis_alignment(self.root / "3D" / scene / f"{scene}.txt")

    @property
    def label_table(self) -> Path:
        return self.root / "meta_data" / "scannetv2-labels.combined.tsv"

    def labels(
        self, name: SampleName, shape: tuple[int, ...], pixels: NDArray, xyz: NDArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        folder = self.root / "3D" / name.scene
        mesh = load_mesh_labels(folder, self.label_table, self.label_column)
        semantic, instance, share = mesh.at(xyz, self.max_distance)
        if share < MIN_ON_MESH:
            raise ValueError(
                f"only {100 * share:.1f} % of the points of {name.idx} are within "
                f"--max-distance {self.max_distance:g} m of the mesh, expected at "
                f"least {100 * MIN_ON_MESH:g} %: is the pose world-to-camera instead "
                "of camera-to-world, or of another scene?"
            )
        return semantic, instance


def _sample_name(line: str, path: Path) -> SampleName:
    scene, _, frame = line.rpartition("_")
    if not (scene and frame.isdigit()):
        raise ValueError(f"{path} lists {line!r}, expected <scene>_<frame number>")
    return SampleName(scene, frame)


def scannet_metainfo(dataset: str, label_column: str) -> dict[str, Any]:
    """``dataset`` and the ``categories`` whose ids ``label_column`` holds."""
    classes = {"id": SCANNET200_CLASSES, "nyu40id": SCANNET20_CLASSES}[label_column]
    return {
        "dataset": dataset,
        "categories": {name: index for index, name in enumerate(classes)},
        "label_column": label_column,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``scannet200_sv`` and ``scannet_sv``."""
    add_sample_options(parser)
    parser.add_argument(
        "--frame-interval",
        type=int,
        help="take frames whose number is a multiple of it, from the scenes of the "
        f"split; default: the listed frames, or {DEFAULT_INTERVAL} without a list",
    )
    parser.add_argument(
        "--max-distance", type=float, default=0.05, help="metres to the labelled mesh"
    )


def run(args: argparse.Namespace) -> None:
    """Convert ScanNet as the command line says."""
    options = convert_options(args, args.dataset, "frame_interval")
    label_column = LABEL_COLUMNS[args.dataset]
    labeller = ScanNetLabeller(
        args.root_path,
        args.dataset,
        label_column,
        args.max_distance,
        args.frame_interval,
    )
    read_label_table(labeller.label_table, label_column)  # else every frame is bad
    convert(labeller, options)
