"""One sample: computed from a frame, written as a unit, recognised when done."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.esam.converters.segmenters import Segmenter
from vantage3d.esam.converters.sources import BadFrameError, Frame, SampleName, Source
from vantage3d.esam.converters.superpoints import segmentation_quality, superpoint_ids
from vantage3d.geometry import unproject_pixels
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.points import write_rows

MIN_VALID_SHARE = 0.001
# Folder -> type and bytes per point of its .bin files.
FOLDERS = {
    "points": ("<f4", 24),
    "semantic_mask": ("<i8", 8),
    "instance_mask": ("<i8", 8),
    "super_points": ("<i8", 8),
    "pixels": ("<i4", 8),
}


@dataclass
class Sample:
    """What is written for a frame.

    Attributes:
        arrays: One array per folder of ``FOLDERS``, N rows each.
        entry: Its entry in the info file.
        quality: Numbers for the closing report.
    """

    arrays: dict[str, NDArray]
    entry: dict[str, Any]
    quality: dict[str, float]


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
    source: Source, name: SampleName, segmenter: Segmenter, num_points: int, seed: int
) -> Sample:
    """Sample points of a frame, label them and group them to superpoints.

    Raises:
        BadFrameError: If the frame cannot be used; the message says why.
    """
    rng = sample_generator(seed, name.idx)
    try:
        frame = source.frame(name)
        pixels, world, center = sample_points(frame, num_points, rng)
        semantic, instance = source.labels(name, frame, pixels, world)
    except (FileNotFoundError, ValueError) as error:
        raise BadFrameError(str(error)) from error
    xyz = world - center
    label_map = segmenter(frame.color, frame.depth, name.idx)
    if label_map.shape != frame.depth.shape:
        raise BadFrameError(
            f"superpoint map of {name.idx} is {label_map.shape}, the depth image "
            f"{frame.depth.shape}"
        )
    superpoints = superpoint_ids(label_map, pixels, xyz, rng)
    rgb = frame.color[pixels[:, 1], pixels[:, 0]]
    arrays = {
        "points": np.concatenate([xyz, rgb], axis=1),
        "semantic_mask": semantic,
        "instance_mask": instance,
        "super_points": superpoints,
        "pixels": pixels,
    }
    entry = make_entry(name, frame, center, num_points)
    quality = segmentation_quality(superpoints, instance)
    named = np.isin(semantic, sorted(source.thing_ids)) & (instance > 0)
    quality["named_instances"] = len(np.unique(instance[named]))
    return Sample(arrays, entry, quality)


def sample_points(
    frame: Frame, num_points: int, rng: np.random.Generator
) -> tuple[NDArray, NDArray, NDArray]:
    """Pixels (N, 2), world points (N, 3) and the mean (3,) of all valid points."""
    rows, columns = np.nonzero(frame.depth > 0)
    needed = max(1, round(MIN_VALID_SHARE * frame.depth.size))
    if len(rows) < needed:
        raise BadFrameError(
            f"depth is empty: {len(rows)} of {frame.depth.size} pixels have a value, "
            f"at least {needed} are needed"
        )
    pixels = np.stack([columns, rows], axis=1)
    depth = frame.depth[rows, columns].astype(np.float64)
    world = unproject_pixels(pixels.astype(np.float64), depth, frame.K, frame.cam2world)
    chosen = choose(len(pixels), num_points, rng)
    return pixels[chosen], world[chosen], world.mean(axis=0)


def make_entry(
    name: SampleName, frame: Frame, center: NDArray, num_points: int
) -> dict[str, Any]:
    """The info file's entry, see data/README.md."""
    pose_centered = frame.cam2world.copy()
    pose_centered[:3, 3] -= center
    file = f"{name.idx}.bin"
    return {
        "sample_idx": name.idx,
        "lidar_points": {"num_pts_feats": 6, "lidar_path": file},
        "pts_semantic_mask_path": file,
        "pts_instance_mask_path": file,
        "super_pts_path": file,
        "pixels_path": file,
        "img_path": frame.img_path,
        "img_shape": list(frame.depth.shape),
        "pose": pose_centered.tolist(),
        "cam2img": frame.K.tolist(),
        "axis_align_matrix": frame.axis_align.tolist(),
        "num_points": num_points,
    }


class SampleStore:
    """The samples of one output folder.

    A sample is done when its marker exists; the marker is written last, and only for
    the same options. What a killed run left without a marker is written again.
    """

    def __init__(self, out_dir: Path, state_dir: Path, manifest_hash: str) -> None:
        self.out_dir, self.state_dir = out_dir, state_dir
        self.manifest_hash = manifest_hash

    def _marker(self, sample_idx: str) -> Path:
        return self.state_dir / "done" / f"{sample_idx}.json"

    def write(self, sample: Sample) -> None:
        """Write the files of ``sample``, then its marker."""
        idx = sample.entry["sample_idx"]
        for folder, (dtype, _) in FOLDERS.items():
            path = self.out_dir / folder / f"{idx}.bin"
            write_rows(path, sample.arrays[folder], dtype)
        marker = {
            "manifest": self.manifest_hash,
            "entry": sample.entry,
            "quality": sample.quality,
        }
        text = json.dumps(marker, sort_keys=True, allow_nan=False)
        atomic_write_bytes(self._marker(idx), text.encode())

    def read(self, sample_idx: str) -> dict[str, Any] | None:
        """The marker of a finished sample with all its files, else None."""
        path = self._marker(sample_idx)
        if not path.is_file():
            return None
        marker = json.loads(path.read_bytes())
        rows = marker["entry"]["num_points"]
        for folder, (_, size) in FOLDERS.items():
            path = self.out_dir / folder / f"{sample_idx}.bin"
            if not path.is_file() or path.stat().st_size != rows * size:
                return None
        return marker if marker["manifest"] == self.manifest_hash else None
