"""ScanNet: labels come from the mesh, their ids from the label table.

``*_sv`` are single frames, ``*_mv`` sequences of them, the others the meshes.
"""

import argparse
import csv
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.lists import add_available, on_disk, read_scenes
from vantage3d.converters.runs import from_args
from vantage3d.converters.scannet import ScanNetSource
from vantage3d.esam.converters.clouds import cloud_options, convert_clouds
from vantage3d.esam.converters.convert import (
    add_places,
    add_sample_options,
    convert,
    convert_options,
)
from vantage3d.esam.converters.meshes import (
    REMEDY,
    LabelledMesh,
    MeshLabeller,
    read_json,
    read_mesh,
    read_segments,
)
from vantage3d.esam.converters.samples import SampleName
from vantage3d.io.files import decoding, existing
from vantage3d.io.folders import folders_in
from vantage3d.io.text import read_list, read_text, split_words
from vantage3d.recordings.layouts.scannet import ScanNet

GROUP_KEYS = ("label", "segments", "objectId")
# Column of the label table whose ids the samples of a dataset have.
LABEL_COLUMNS = {"scannet200": "id", "scannet": "nyu40id", "scannet20": "nyu40id"}
INTERVAL_SV, INTERVAL_MV = 200, 40  # raw frames, as the released sets
SPLITS = ("train", "val")


@lru_cache(maxsize=1)
def load_mesh_labels(folder: Path, label_table: Path, column: str) -> LabelledMesh:
    """Vertices and labels of the scene in ``3D/<scene>``.

    Args:
        folder: Holds the ``_vh_clean_2.ply`` mesh, segments and aggregation.
        label_table: ``scannetv2-labels.combined.tsv``.
        column: ``id`` (ScanNet200) or ``nyu40id`` (ScanNet20).

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If one is damaged, or they do not belong together.
    """
    scene = folder.name
    mesh = read_mesh(folder / f"{scene}_vh_clean_2.ply")
    segs_path = folder / f"{scene}_vh_clean_2.0.010000.segs.json"
    segments, rank = read_segments(segs_path, len(mesh.points))
    ids = read_label_table(label_table, column)
    semantic, instance = np.zeros((2, len(segments)), dtype=np.int64)
    aggregation = folder / f"{scene}.aggregation.json"
    for index, group in enumerate(read_json(aggregation, "segGroups")):
        known = group.keys() if isinstance(group, dict) else ()
        if missing := [key for key in GROUP_KEYS if key not in known]:
            raise ValueError(
                f"{aggregation}: entry {index} of `segGroups` has no {missing}. "
                "Download it again"
            )
        if str(group["label"]) not in ids:
            raise ValueError(
                f"{aggregation} has the label {group['label']!r}, which {label_table} "
                "does not list. Download the label table again"
            )
        with decoding(f"{aggregation}: entry {index}", "no group", REMEDY):
            chosen = np.isin(segments, np.array(group["segments"], np.int64))
            semantic[chosen] = ids[group["label"]]
            instance[chosen] = group["objectId"] + 1
    labels = semantic[rank], instance[rank]
    return LabelledMesh(mesh.points, mesh.colors, *labels, rank)


def axis_alignment(path: Path) -> NDArray[np.float64]:
    """(4, 4) ``axisAlignment`` of ``<scene>.txt``; identity where the line is absent.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the line has not 16 numbers.
    """
    for line in read_text(existing(path, "scene file", REMEDY)).splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "axisAlignment":
            with decoding(f"axisAlignment of {path}", "no numbers", REMEDY):
                numbers = np.array(split_words(value), dtype=np.float64)
            if numbers.size != 16:
                raise ValueError(
                    f"{path}: axisAlignment has {numbers.size} numbers, expected 16"
                )
            return numbers.reshape(4, 4)
    return np.eye(4)


@lru_cache(maxsize=1)
def read_label_table(path: Path, column: str) -> dict[str, int]:
    """Label id of each raw category.

    Raises:
        FileNotFoundError: If the table is missing.
        ValueError: If it lacks a column.
    """
    existing(path, "label table", "It comes with the ScanNet download")
    with decoding(f"label table {path}", "no table", REMEDY, csv.Error):
        rows = list(csv.DictReader(StringIO(read_text(path)), delimiter="\t"))
    if not rows or not {"raw_category", column} <= rows[0].keys():
        found = list(rows[0]) if rows else []
        raise ValueError(
            f"label table {path} needs the columns raw_category and {column}, got "
            f"{found}"
        )
    with decoding(f"label table {path}", f"has no numbers {column}", REMEDY):
        return {row["raw_category"]: int(row[column] or 0) for row in rows}


@dataclass(frozen=True)
class ScanNetLabeller(MeshLabeller):
    """The layout of the ScanNet export, see data/README.md.

    Attributes:
        root: Holds ``2D``, ``3D`` (or ``scans``) and ``meta_data``.
        dataset: Name in the info file.
        label_column: Column of the label table: ``id`` or ``nyu40id``.
        max_distance: Metres to the nearest vertex beyond which a point has no label.
        frame_interval: Take the frames whose number is a multiple of it from every
            scene. If None, every 40th of sequences; of single frames those that the
            split file lists, every 200th without one.
        available: Whether scenes of a list may be missing.
        of_sequences: Whether frames of a scene belong together.
    """

    root: Path
    dataset: str
    label_column: str
    max_distance: float = 0.05
    frame_interval: int | None = None
    available: bool = False
    of_sequences: bool = False

    @cached_property
    def source(self) -> ScanNetSource:  # type: ignore[override]
        return ScanNetSource(ScanNet(self.root), available=self.available)

    def samples(self) -> dict[str, list[SampleName]]:
        return {split: self._split(split) for split in SPLITS}

    def scenes(self) -> dict[str, list[str]]:
        found = [folder.name for folder in folders_in(self._meshes)]
        return {split: self._listed(split, found) for split in SPLITS}

    def _split(self, split: str) -> list[SampleName]:
        frames, _ = self._lists(split)
        if self.of_sequences or self.frame_interval or not frames.is_file():
            return self._every(self._listed(split, self._scenes))
        names = _sample_names(frames)
        wanted = list(dict.fromkeys(name.scene for name in names))
        there = on_disk(wanted, self._scenes, frames, self.available)
        return [name for name in names if name.scene in there]

    def _lists(self, split: str) -> tuple[Path, Path]:
        """Files of the frames and of the scenes of a split; one of them is there."""
        meta = self.root / "meta_data"
        frames, scenes = (meta / f"scannetv2_{k}{split}.txt" for k in ("sv_", ""))
        if not frames.is_file() and not scenes.is_file():
            raise FileNotFoundError(
                f"neither {frames} nor {scenes} exists. Put the split files of ScanNet "
                f"into {meta}"
            )
        return frames, scenes

    def _listed(self, split: str, found: list[str]) -> list[str]:
        """Scenes of a split; ``found`` are those on disk."""
        frames, scenes = self._lists(split)
        if scenes.is_file():
            return read_scenes(scenes, found, self.available)
        wanted = sorted({name.scene for name in _sample_names(frames)})
        return on_disk(wanted, found, frames, self.available)

    @cached_property
    def _scenes(self) -> list[str]:
        return self.source.recording.sequences()

    def _every(self, scenes: list[str]) -> list[SampleName]:
        default = INTERVAL_MV if self.of_sequences else INTERVAL_SV
        step = self.frame_interval or default
        names = []
        for scene in scenes:
            # An empty scene shall be named in the report, as frame 0.
            frames = self.source.names(scene) or ["0"]
            names += [SampleName(scene, f) for f in frames if int(f) % step == 0]
        return names

    @cached_property
    def _meshes(self) -> Path:
        """Folder of the export's scenes, else that of ScanNet's own download."""
        own, downloaded = self.root / "3D", self.root / "scans"
        return downloaded if downloaded.is_dir() and not own.is_dir() else own

    def axis_align(self, scene: str) -> NDArray[np.float64]:
        return axis_alignment(self._meshes / scene / f"{scene}.txt")

    @property
    def label_table(self) -> Path:
        return self.root / "meta_data" / "scannetv2-labels.combined.tsv"

    def mesh(self, scene: str) -> LabelledMesh:
        folder = self._meshes / scene
        return load_mesh_labels(folder, self.label_table, self.label_column)


def _sample_names(path: Path) -> list[SampleName]:
    names = []
    for line in read_list(path):
        scene, _, frame = line.rpartition("_")
        if not (scene and frame.isdigit()):
            raise ValueError(f"{path} lists {line!r}, expected <scene>_<frame number>")
        names.append(SampleName(scene, frame))
    return names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the frames, ``*_sv`` and ``*_mv``, or of the meshes alone."""
    if parser.prog.endswith(("_sv", "_mv")):
        add_sample_options(parser)
        parser.add_argument(
            "--frame-interval",
            type=int,
            help="take frames whose number is a multiple of it, from the scenes of the "
            f"split; default: {INTERVAL_MV} for *_mv; for *_sv the listed frames, or "
            f"{INTERVAL_SV} without a list",
        )
        text = "metres to the labelled mesh"
        parser.add_argument("--max-distance", type=float, default=0.05, help=text)
    else:
        add_places(parser)
    add_available(parser)


def run(args: argparse.Namespace) -> None:
    """Convert ScanNet as the command line says."""
    name, _, kind = args.dataset.partition("_")
    chosen = {"root": args.root_path, "label_column": LABEL_COLUMNS[name]}
    labeller = from_args(ScanNetLabeller, args, **chosen, of_sequences=kind == "mv")
    if kind:
        names = args, args.dataset, "frame_interval"
        options = convert_options(*names, of_sequences=labeller.of_sequences)
    else:
        options = cloud_options(args, args.dataset)
    # Else every frame is bad.
    read_label_table(labeller.label_table, labeller.label_column)
    (convert if kind else convert_clouds)(labeller, options)
