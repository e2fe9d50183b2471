"""Single frames of ScanNet: labels come from the mesh, ids from the label table."""

import argparse
import csv
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData, PlyParseError
from scipy.spatial import cKDTree

from vantage3d.converters.lists import add_available, on_disk, read_scenes
from vantage3d.converters.runs import from_args
from vantage3d.converters.scannet import ScanNetSource
from vantage3d.esam.converters.convert import (
    add_sample_options,
    convert,
    convert_options,
)
from vantage3d.esam.converters.samples import Labeller, SampleName
from vantage3d.io.files import decoding, existing
from vantage3d.io.text import parse_json, read_list, read_text, split_words
from vantage3d.recordings.layouts.scannet import ScanNet

GROUP_KEYS = ("label", "segments", "objectId")
# Column of the label table whose ids the samples of a dataset have.
LABEL_COLUMNS = {"scannet200_sv": "id", "scannet_sv": "nyu40id"}
DEFAULT_INTERVAL = 200
MIN_ON_MESH = 0.3
REMEDY = "Download the scene again"


class MeshLabels(NamedTuple):
    """Vertices of a mesh in the unaligned frame and their labels.

    Attributes:
        tree: Search tree of the (V, 3) vertices, metres.
        semantic: (V,) int64, raw label id, 0 unannotated.
        instance: (V,) int64, object id + 1, 0 none.
    """

    tree: cKDTree
    semantic: NDArray[np.int64]
    instance: NDArray[np.int64]

    def at(
        self, xyz: NDArray, max_distance: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
        """Labels of the nearest vertex of each point, 0 beyond ``max_distance`` (m).

        Returns:
            Semantic and instance ids, (N,) each, and the share of points within.
        """
        _, nearest = self.tree.query(xyz, distance_upper_bound=max_distance)
        semantic, instance = np.append(self.semantic, 0), np.append(self.instance, 0)
        share = float((nearest < self.tree.n).mean())
        return semantic[nearest], instance[nearest], share


@lru_cache(maxsize=1)
def load_mesh_labels(folder: Path, label_table: Path, column: str) -> MeshLabels:
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
    vertices = _vertices(folder / f"{scene}_vh_clean_2.ply")
    segs_path = folder / f"{scene}_vh_clean_2.0.010000.segs.json"
    with decoding(f"annotation file {segs_path}", "no list of numbers", REMEDY):
        segments = np.array(_json(segs_path, "segIndices"), np.int64).reshape(-1)
    if len(segments) != len(vertices):
        raise ValueError(
            f"{segs_path} has {len(segments)} segment ids, the mesh {len(vertices)} "
            "vertices. Download both again"
        )
    ids = read_label_table(label_table, column)
    # Segment ids are arbitrary numbers: labels are looked up by their rank.
    unique, rank = np.unique(segments, return_inverse=True)
    semantic, instance = np.zeros((2, len(unique)), dtype=np.int64)
    aggregation = folder / f"{scene}.aggregation.json"
    for index, group in enumerate(_json(aggregation, "segGroups")):
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
            chosen = np.isin(unique, np.array(group["segments"], np.int64))
            semantic[chosen] = ids[group["label"]]
            instance[chosen] = group["objectId"] + 1
    return MeshLabels(cKDTree(vertices), semantic[rank], instance[rank])


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


def _vertices(path: Path) -> NDArray[np.float64]:
    existing(path, "mesh", REMEDY)
    with decoding(f"mesh {path}", "damaged", REMEDY, PlyParseError):
        ply = PlyData.read(path, known_list_len={"face": {"vertex_indices": 3}})
        vertex = ply["vertex"]
        return np.stack([vertex[axis] for axis in "xyz"], axis=1).astype(np.float64)


def _json(path: Path, key: str) -> list:
    existing(path, "annotation file", REMEDY)
    with decoding(f"annotation file {path}", f"has no {key!r}", REMEDY):
        return parse_json(path.read_bytes())[key]


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
class ScanNetLabeller(Labeller):
    """The layout of the ScanNet export, see data/README.md.

    Attributes:
        root: Holds ``2D``, ``3D`` and ``meta_data``.
        dataset: Name in the info file.
        label_column: Column of the label table: ``id`` or ``nyu40id``.
        max_distance: Metres to the nearest vertex beyond which a point has no label.
        frame_interval: Take the frames whose number is a multiple of it from every
            scene, None for the frames that the split file lists.
        available: Whether scenes of a list may be missing.
    """

    root: Path
    dataset: str
    label_column: str
    max_distance: float = 0.05
    frame_interval: int | None = None
    available: bool = False

    @cached_property
    def source(self) -> ScanNetSource:  # type: ignore[override]
        return ScanNetSource(ScanNet(self.root), available=self.available)

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
            wanted = list(dict.fromkeys(name.scene for name in names))
            there = on_disk(wanted, self._scenes, listed, self.available)
            names = [name for name in names if name.scene in there]
            if self.frame_interval is None:
                return names
            return self._every(sorted(there))
        if scenes.is_file():
            there = read_scenes(scenes, self._scenes, self.available)
            return self._every(there)
        raise FileNotFoundError(
            f"neither {listed} nor {scenes} exists. Put the split files of ScanNet "
            f"into {meta}"
        )

    @cached_property
    def _scenes(self) -> list[str]:
        return self.source.recording.sequences()

    def _every(self, scenes: list[str]) -> list[SampleName]:
        step = self.frame_interval or DEFAULT_INTERVAL
        names = []
        for scene in scenes:
            # An empty scene shall be named in the report, as frame 0.
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
    add_available(parser)


def run(args: argparse.Namespace) -> None:
    """Convert ScanNet as the command line says."""
    options = convert_options(args, args.dataset, "frame_interval")
    label_column = LABEL_COLUMNS[args.dataset]
    chosen = {"root": args.root_path, "label_column": label_column}
    labeller = from_args(ScanNetLabeller, args, **chosen)
    read_label_table(labeller.label_table, label_column)  # else every frame is bad
    convert(labeller, options)
