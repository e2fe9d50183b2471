"""Samples of labelled frames: computed, written as a unit, recognised when done."""

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from vantage3d.converters.index.sequence import read_checked
from vantage3d.converters.index.source import FrameSource
from vantage3d.esam.converters.segmenters import Segmenter
from vantage3d.geometry import unproject_pixels
from vantage3d.geometry.grids import ASPECT_TOLERANCE
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal
from vantage3d.io.images import read_color, read_size
from vantage3d.io.names import public_name
from vantage3d.io.points import write_rows
from vantage3d.io.scannet_classes import (
    SCANNET20_CLASSES,
    SCANNET200_CLASSES,
    THING_IDS,
)
from vantage3d.recordings.registration import register_labels
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.index import IndexedFrame
from vantage3d.views.transform import nearest

MIN_VALID_SHARE = 0.001
UNCOVERED_CLUSTERS = 10
FARTHEST = 1000.0  # metres from the origin that points of a sequence may be
# Folder -> type and bytes per point of its .bin files.
FOLDERS = {
    "points": ("<f4", 24),
    "semantic_mask": ("<i8", 8),
    "instance_mask": ("<i8", 8),
    "super_points": ("<i8", 8),
    "pixels": ("<i4", 8),
}
Arrays = dict[str, NDArray]  # by folder of FOLDERS, N rows each
Entry = dict[str, Any]  # of an info file, see data/README.md
Quality = dict[str, float]  # numbers for the closing report


class SampleName(NamedTuple):
    """One frame of one scene, or all of the scene."""

    scene: str
    frame: str = ""

    @property
    def idx(self) -> str:
        """The public id, of which files are called."""
        return "_".join(public_name(part) for part in self if part)


class Labeller(ABC):
    """Which frames of a source become samples, and what their points are.

    Instances travel to worker processes.

    Attributes:
        source: Where the frames are.
        dataset: Name in the info file.
        label_column: Class table: ``id`` (ScanNet200) or ``nyu40id`` (ScanNet20).
    """

    source: FrameSource
    dataset: str
    label_column: str

    @property
    def metainfo(self) -> dict[str, Any]:
        """``dataset`` and the ``categories`` whose ids ``label_column`` holds."""
        tables = {"id": SCANNET200_CLASSES, "nyu40id": SCANNET20_CLASSES}
        classes = enumerate(tables[self.label_column])
        return {
            "dataset": self.dataset,
            "categories": {name: index for index, name in classes},
            "label_column": self.label_column,
        }

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Command line options that change the bytes of a sample."""

    @abstractmethod
    def samples(self) -> dict[str, list[SampleName]]:
        """Samples of the splits ``train`` and ``val``, in order."""

    @abstractmethod
    def labels(
        self, name: SampleName, shape: tuple[int, ...], pixels: NDArray, xyz: NDArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Semantic and instance ids of points, (N,) each, 0 where there is none.

        Args:
            name: The sample.
            shape: H, W of its depth image.
            pixels: (N, 2) source pixels (x, y) of the depth image.
            xyz: (N, 3) points in the raw world frame, metres.

        Raises:
            ValueError: If the labels cannot belong to the frame.
            FileNotFoundError: If a file is missing.
        """

    def cloud(self, scene: str) -> Arrays | None:
        """The reconstruction of a scene, in the world of its frames; None without one.

        Raises:
            ValueError: If its files are damaged, or do not belong together.
            FileNotFoundError: If one is missing.
        """
        return None

    def axis_align(self, scene: str) -> NDArray[np.float64]:
        """(4, 4) from the world to the gravity-aligned frame of a scene."""
        return np.eye(4)


def sample_generator(seed: int, sample_idx: str) -> np.random.Generator:
    """A generator that depends on the seed and the sample, not on who asks when."""
    digest = hashlib.sha256(f"{seed}/{sample_idx}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def choose(available: int, wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Exactly ``wanted`` indices below ``available``; none twice when there are enough,
    else each at least once."""
    if available >= wanted:
        return rng.choice(available, wanted, replace=False)
    extra = rng.integers(0, available, wanted - available)
    return np.concatenate([np.arange(available), extra])


def make_sample(
    labeller: Labeller,
    name: SampleName,
    segmenter: Segmenter,
    num_points: int,
    seed: int,
    of_sequence: bool = False,
) -> tuple[Arrays, Entry, Quality]:
    """Sample points of a frame, label them and group them to superpoints.

    Args:
        labeller: Knows frames and labels.
        name: The frame.
        segmenter: Gives its superpoints.
        num_points: How many points are drawn.
        seed: Decides which, with the name.
        of_sequence: Whether frames of a scene belong together: points stay in its
            world and files lie in a folder of the scene. Otherwise the origin is the
            middle of the frame's points.

    Raises:
        FileNotFoundError: If a file of the frame is missing.
        ValueError: If the frame cannot be used; the message says why.
    """
    rng, source = sample_generator(seed, name.idx), labeller.source
    indexed, frame = read_frame(source, name)
    # The file's own matrix: inverted twice it would lose its last bits.
    cam2world, shape = source.cam2world(*name), frame.depth.shape
    pixels, world, center = sample_points(
        frame.depth, frame.K, cam2world, num_points, rng
    )
    if of_sequence:
        check_origin(name.idx, center)
        center = np.zeros(3)
    semantic, instance = labeller.labels(name, shape, pixels, world)
    xyz, rgb = world - center, frame.image[pixels[:, 1], pixels[:, 0]]
    label_map = superpoint_map(segmenter, source.root, indexed, frame, name.idx)
    superpoints = superpoint_ids(label_map, pixels, xyz, rng)
    arrays = {
        "points": np.concatenate([xyz, rgb], axis=1),
        "semantic_mask": semantic,
        "instance_mask": instance,
        "super_points": superpoints,
        "pixels": pixels,
    }
    scene, frame_name = map(public_name, name)
    pose_centered = cam2world.copy()
    pose_centered[:3, 3] -= center
    file = f"{scene}/{frame_name}.bin" if of_sequence else f"{name.idx}.bin"
    entry = {
        "sample_idx": name.idx,
        "lidar_points": {"num_pts_feats": 6, "lidar_path": file},
        "pts_semantic_mask_path": file,
        "pts_instance_mask_path": file,
        "super_pts_path": file,
        "pixels_path": file,
        "img_path": indexed.image,
        "img_shape": list(shape),
        "pose": pose_centered.tolist(),
        "cam2img": frame.K.tolist(),
        "axis_align_matrix": labeller.axis_align(name.scene).tolist(),
        "num_points": num_points,
        **color_entry(source.root, indexed),
    }
    return arrays, entry, quality_of(arrays, labeller.label_column)


def quality_of(arrays: Arrays, label_column: str) -> Quality:
    """Numbers of a sample; ``named_instances`` are those of classes that count."""
    superpoints, instance = arrays["super_points"], arrays["instance_mask"]
    quality = segmentation_quality(superpoints, instance)
    things = np.isin(arrays["semantic_mask"], sorted(THING_IDS[label_column]))
    named = instance[things & (instance > 0)]
    return {**quality, "named_instances": len(np.unique(named))}


def check_origin(idx: str, center: NDArray[np.float64]) -> None:
    """Raise a ValueError where float32 points would lose tenths of a millimetre."""
    if (far := float(np.linalg.norm(center))) > FARTHEST:
        raise ValueError(
            f"the points of {idx} lie {far:.0f} m from the origin of their world, at "
            f"most {FARTHEST:g} m are stored exactly. Move the origin of the poses "
            "into the scene"
        )


def sample_points(
    depth: NDArray[np.float32],
    K: NDArray[np.float64],
    cam2world: NDArray[np.float64],
    num_points: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Points of a frame.

    Args:
        depth: (H, W) metres, 0 = missing.
        K: (3, 3) intrinsics in pixels of ``depth``.
        cam2world: (4, 4).
        num_points: N.
        rng: Draws them.

    Returns:
        (N, 2) pixels (x, y), (N, 3) points in the world, and the (3,) mean of the
        points of all pixels with depth.

    Raises:
        BadSampleError: If depth is empty.
    """
    rows, columns = np.nonzero(depth > 0)
    needed = max(1, round(MIN_VALID_SHARE * depth.size))
    if len(rows) < needed:
        raise BadSampleError(
            f"depth is empty: {len(rows)} of {depth.size} pixels have a value, "
            f"at least {needed} are needed"
        )
    pixels = np.stack([columns, rows], axis=1)
    z = depth[rows, columns].astype(np.float64)
    world = unproject_pixels(pixels.astype(np.float64), z, K, cam2world)
    chosen = choose(len(pixels), num_points, rng)
    return pixels[chosen], world[chosen], world.mean(axis=0)


def read_frame(source: FrameSource, name: SampleName) -> tuple[IndexedFrame, Frame]:
    """A frame's paths and what it holds, read and checked as for a frame index.

    Raises:
        FileNotFoundError: If a file of the frame is missing.
        ValueError: If the frame cannot be used; the message says why.
    """
    indexed = source.entry(*name)
    facts = source.facts(".", "")
    return indexed, read_checked(source.root, facts, indexed, name.idx)


def color_entry(root: Path, indexed: IndexedFrame) -> Entry:
    """What an entry says of a colour camera that is not the depth camera."""
    if indexed.K_color is None:
        return {}
    width, height = read_size(root / indexed.image)
    entry = {"color_cam2img": indexed.K_color.tolist(), "color_shape": [height, width]}
    if indexed.depth2color is not None:
        entry["depth2color"] = indexed.depth2color.tolist()
    return entry


def superpoint_map(
    segmenter: Segmenter, root: Path, indexed: IndexedFrame, frame: Frame, idx: str
) -> NDArray[np.integer]:
    """(H, W) superpoints in pixels of the depth image, negative where uncovered.

    What segments colour images gets the image that the colour camera took.

    Raises:
        FileNotFoundError: If the image, or a mask made of it, is missing.
        ValueError: If the superpoints are of another view.
    """
    K_color = indexed.K_color if segmenter.of_color else None
    image = frame.image if K_color is None else read_color(root / indexed.image)
    labels, (height, width) = segmenter(image, frame.depth, idx), image.shape[:2]
    h, w = labels.shape
    if abs(w * height / (h * width) - 1) > ASPECT_TOLERANCE:
        raise BadSampleError(
            f"superpoint map of {idx} is {w}x{h} and the image {width}x{height}: "
            "expected the same proportions. Give masks of the colour image"
        )
    if K_color is not None:
        sensor = frame.depth, frame.K, indexed.depth2color
        return register_labels(labels, K_color, (width, height), *sensor)
    return labels if labels.shape == (height, width) else nearest(labels, height, width)


def superpoint_ids(
    label_map: NDArray[np.integer],
    pixels: NDArray[np.integer],
    xyz: NDArray[np.floating],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Superpoint of each point, 0..M-1 without gaps.

    Points that no superpoint covers are grouped by k-means on their position; colour
    plays no part in it (its 0..255 would drown metres).

    Args:
        label_map: (H, W) superpoints of the image, negative where uncovered.
        pixels: (N, 2) source pixels (x, y).
        xyz: (N, 3) points in metres.
        rng: Seeds the k-means.
    """
    ids = label_map[pixels[:, 1], pixels[:, 0]].astype(np.int64)
    uncovered = ids < 0
    rest = xyz[uncovered]
    clusters = np.zeros(len(rest), dtype=np.int64)
    if len(np.unique(rest, axis=0)) >= UNCOVERED_CLUSTERS:
        points = rest.astype(np.float64)
        found = kmeans2(points, UNCOVERED_CLUSTERS, minit="++", missing="warn", rng=rng)
        clusters = found[1]
    ids[uncovered] = ids.max(initial=-1) + 1 + clusters
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)


def segmentation_quality(
    superpoints: NDArray[np.int64], instances: NDArray[np.int64]
) -> dict[str, float]:
    """How well superpoints respect instances.

    Every superpoint is given to the instance (or background) that most of its points
    have. Purity is the share of points for which that is right; the oracle recall is
    the share of instances whose union of superpoints reaches an IoU above 0.5.

    Args:
        superpoints: (N,) ids 0..M-1.
        instances: (N,) ids, 0 for background.
    """
    ids, columns = np.unique(instances, return_inverse=True)
    table = np.zeros((superpoints.max() + 1, len(ids)), dtype=np.int64)
    np.add.at(table, (superpoints, columns), 1)
    best = table.argmax(axis=1)
    right = np.bincount(best, weights=table.max(axis=1), minlength=len(ids))
    given = np.bincount(best, weights=table.sum(axis=1), minlength=len(ids))
    iou = (right / (given + table.sum(axis=0) - right))[ids > 0]
    return {
        "superpoints": len(table),
        "purity": float(right.sum() / len(instances)),
        "instances": len(iou),
        "oracle_hits": int((iou > 0.5).sum()),
    }


@dataclass(frozen=True)
class SampleStore:
    """The samples of one output folder.

    A sample is done when its marker exists; the marker is written last, and only for
    the same options. What a killed run left without a marker is written again, and what
    has a damaged one.
    """

    out_dir: Path
    state_dir: Path
    manifest_hash: str

    def _marker(self, sample_idx: str) -> Path:
        return self.state_dir / "done" / f"{sample_idx}.json"

    def write(self, arrays: Arrays, entry: Entry, quality: Quality) -> dict[str, Any]:
        """Write the files of a sample, then its marker, which is returned.

        The entry gets ``crc32``, of each folder's file.
        """
        idx, file = entry["sample_idx"], entry["lidar_points"]["lidar_path"]
        sums = {
            folder: write_rows(self.out_dir / folder / file, rows, FOLDERS[folder][0])
            for folder, rows in arrays.items()
        }
        entry = {**entry, "crc32": sums}
        content = {"manifest": self.manifest_hash, "entry": entry, "quality": quality}
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        atomic_write_bytes(self._marker(idx), seal(text))
        return json.loads(text)

    def read(self, sample_idx: str) -> dict[str, Any] | None:
        """The marker of a finished sample with all its files, else None."""
        path = self._marker(sample_idx)
        if not path.is_file():
            return None
        try:
            marker = read_sealed(path, "marker", "It is made again", sealed=True)
        except ValueError as error:
            print_log(str(error), logger="current", level=logging.WARNING)
            return None
        entry = marker["entry"]
        rows, file = entry["num_points"], entry["lidar_points"]["lidar_path"]
        for folder in entry["crc32"]:
            path, size = self.out_dir / folder / file, FOLDERS[folder][1]
            if not path.is_file() or path.stat().st_size != rows * size:
                return None
        return marker if marker["manifest"] == self.manifest_hash else None
