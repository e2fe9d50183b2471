"""KITTI-360 as prepared by ``tools/create_data.py kitti360``.

Beside the originals lie views at the network's size in one small file each, for loaders
that must be fast. A file holds three images behind each other: (H, W, 3) bytes RGB,
(H, W) little-endian 16-bit depth with 256 units per metre, (H, W) bytes of labels, 255
unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import check_crc32, crc32
from vantage3d.io.depth_files import KITTI_SCALE, depth_units
from vantage3d.io.files import existing
from vantage3d.io.points import ADD_MISSING
from vantage3d.registry import DATASETS
from vantage3d.views.batch import UNKNOWN
from vantage3d.views.dataset import PosedViews
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.selection import Rows
from vantage3d.views.transform import ViewTransform

RICH, MIXED = 0.30, 0.10
SHARES = {"rich": 0.5, "mixed": 0.3, "road": 0.2}
UNLABELLED = 255
CRC_BYTES = 4  # behind the pixels of a packed view


def make_buckets(
    ratios: ArrayLike, rich: float = RICH, mixed: float = MIXED
) -> dict[str, NDArray[np.intp]]:
    """Positions of the frames in each bucket.

    Args:
        ratios: Building ratio of each frame, None or NaN where nobody knows (mixed).
        rich: Least ratio of ``rich``.
        mixed: Least ratio of ``mixed``; the rest is ``road``.

    Raises:
        ValueError: If the limits do not fall.
    """
    if not 0 <= mixed <= rich <= 1:
        raise ValueError(
            f"bucket limits must be 0 <= mixed <= rich <= 1, got {mixed} and {rich}."
        )
    values = np.array(ratios, np.float64)
    values[np.isnan(values)] = mixed
    return {
        "rich": np.flatnonzero(values >= rich),
        "mixed": np.flatnonzero((values >= mixed) & (values < rich)),
        "road": np.flatnonzero(values < mixed),
    }


@dataclass(frozen=True)
class BucketMix:
    """Draws a bucket, then a frame of it.

    Attributes:
        rich: Least building ratio of the first bucket.
        mixed: Least building ratio of the second one.
        shares: How often each bucket is drawn; the share of an empty one goes to the
            others in proportion.
    """

    rich: float = RICH
    mixed: float = MIXED
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))

    def __post_init__(self) -> None:
        values = list(self.shares.values())
        if set(self.shares) != set(SHARES) or min(values) < 0 or sum(values) <= 0:
            raise ValueError(
                f"`shares` must give {sorted(SHARES)} numbers >= 0 with a positive "
                f"sum, got {dict(self.shares)}."
            )

    def draw(
        self, buckets: Mapping[str, NDArray[np.intp]], rng: np.random.Generator
    ) -> int:
        """Position of a frame; ``buckets`` as of :func:`make_buckets`."""
        names = [name for name, where in buckets.items() if len(where)]
        shares = np.array([self.shares[name] for name in names])
        if not shares.sum() > 0:
            shares = np.ones(len(names))
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        return int(rng.choice(buckets[name]))


def write_view(path: str | Path, view: Frame) -> None:
    """Write a view, and its CRC-32 behind it.

    Depth is rounded to 2 mm and missing beyond 255 m.
    """
    units = depth_units(view.depth, KITTI_SCALE).astype("<u2", copy=False)
    labels = np.full(view.depth.shape, UNLABELLED, np.uint8)
    if view.semantics is not None:
        known = view.semantics >= 0
        labels[known] = view.semantics[known]
    parts = (view.image, units, labels)
    pixels = b"".join(part.tobytes() for part in parts)
    atomic_write_bytes(path, pixels + bytes.fromhex(crc32(pixels)))


def read_view(path: str | Path, height: int, width: int) -> tuple[NDArray, ...]:
    """Image (H, W, 3) uint8, depth (H, W) float32 metres and semantics (H, W) int16.

    Raises:
        FileNotFoundError: If the file is missing.
        BadSampleError: If it has another size or is damaged.
    """
    packed = np.fromfile(existing(path, "packed view", ADD_MISSING), np.uint8)
    size, remedy = height * width * 6, "Delete it and run tools/create_data.py again"
    if packed.size != size + CRC_BYTES:
        raise BadSampleError(
            f"{path} has {packed.size} bytes, expected {size + CRC_BYTES} for a view "
            f"of {width}x{height}. {remedy}."
        )
    packed, crc = packed[:size], packed[size:].tobytes().hex()
    try:
        check_crc32(packed, crc, f"packed view {path}", remedy)
    except ValueError as error:
        raise BadSampleError(str(error)) from error
    image, units, labels = np.split(packed, [height * width * 3, height * width * 5])
    depth = units.view("<u2").astype(np.float32) * np.float32(1 / KITTI_SCALE)
    semantics = labels.astype(np.int16)
    semantics[semantics == UNLABELLED] = UNKNOWN
    shape = (height, width)
    return image.reshape(*shape, 3), depth.reshape(shape), semantics.reshape(shape)


def packed_name(sequence: str, frame: int, size: tuple[int, int]) -> str:
    """Path of a packed view of (H, W) pixels in the cache."""
    return f"views/{size[0]}x{size[1]}/{sequence}/{frame:010d}.bin"


@DATASETS.register_module()
class KITTI360Dataset(PosedViews):
    """Drives with accumulated LiDAR depth and semantic labels.

    Args:
        data_root: The cache.
        split: ``train``, ``val`` or ``test``.
        mix: Arguments of :class:`BucketMix` for drawing anchors by building ratio;
            None to take every frame in turn.
        packed: Views that were packed at the network's size load many times faster
            than the originals and have the same pixels. None takes them where the
            cache has that size, for LiDAR depth and samples that are not zoomed; True
            insists on them, and starts a zoom from them; False never does. Other
            sizes, which a dynamic sampler may draw, are cut from the originals.
        **options: Arguments of :class:`PosedViews`; ``depth`` is "lidar", or "exact"
            depth of every pixel (synthetic drives only).
    """

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        mix: Mapping[str, Any] | None = None,
        packed: bool | None = None,
        **options: Any,
    ) -> None:
        self.packed = packed
        self.mix = None if mix is None else BucketMix(**mix)
        super().__init__(data_root, split, "kitti360", **options)
        depth = self.options.depth
        if packed and depth != "lidar":
            raise ValueError(f"`packed` views hold LiDAR depth, got depth={depth!r}.")
        size = self.options.view_size(self.options.aspect)
        if packed and size not in self.packed_sizes:
            found = ", ".join(f"{h}x{w}" for h, w in sorted(self.packed_sizes))
            raise ValueError(
                f"{self.data_root} has no packed views of {size[0]}x{size[1]}, only "
                f"{found or 'none'}. Add them with `tools/create_data.py kitti360 ... "
                f"--view {size[0]} {size[1]}`, or set packed=False."
            )

    @cached_property
    def packed_sizes(self) -> set[tuple[int, int]]:
        """(H, W) of the packed views that the cache has."""
        folders = (Path(self.data_root) / "views").glob("*x*")
        sizes = [folder.name.split("x") for folder in folders]
        return {(int(height), int(width)) for height, width in sizes}

    @cached_property
    def buckets(self) -> dict[str, NDArray[np.intp]]:
        """Places of the samples by the building ratio of their anchors."""
        mix = self.mix or BucketMix()
        ratios = self.index.columns["building"][np.asarray(self.data_list)[:, 0]]
        return make_buckets(ratios, mix.rich, mix.mixed)

    def draw_views(self, rows: Rows, frames: int, rng: np.random.Generator) -> Rows:
        """By the mix of buckets, or the frames in turn."""
        if self.mix is not None and not self.test_mode:
            rows = self.data_list[self.mix.draw(self.buckets, rng)]
        return super().draw_views(rows, frames, rng)

    def read_view(self, sequence: str, number: int, transform: ViewTransform) -> Frame:
        """The packed view where there is one of this size, else from the originals."""
        size = transform.height, transform.width
        plain = transform.zoom == 1 and not transform.mirrored
        wanted = self.packed or (self.packed is None and plain)
        fits = self.options.depth == "lidar" and transform.place is None
        if not wanted or not fits or size not in self.packed_sizes:
            return super().read_view(sequence, number, transform)
        entry = self.index.frame(sequence, number)
        path = Path(self.data_root) / packed_name(sequence, number, size)
        whole, (w, h) = ViewTransform(*size), self.index.columns["size"][0].tolist()
        K = whole.intrinsics(entry.K, whole.window(entry.K, (w, h)))
        image, depth, semantics = read_view(path, *size)
        frame = Frame(image, depth, K, entry.world2cam, semantics)
        check_frame(frame, f"{sequence}/{number}")
        return frame if plain else transform(frame)
