"""KITTI-360 as prepared by ``tools/create_data.py kitti360``."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.registry import DATASETS
from vantage3d.views.dataset import PosedViews
from vantage3d.views.frame import Frame, check_frame
from vantage3d.views.kitti360.buckets import BucketMix, make_buckets
from vantage3d.views.kitti360.packed_view import read_view
from vantage3d.views.selection import Rows
from vantage3d.views.transform import ViewTransform


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
    def stored_size(self) -> tuple[int, int]:
        """(W, H) of the images."""
        width, height = self.index.columns["size"][0]
        return int(width), int(height)

    @cached_property
    def buckets(self) -> dict[str, NDArray[np.intp]]:
        """Places of the samples by the building ratio of their anchors."""
        mix = self.mix or BucketMix()
        ratios = self.index.columns["building"][np.asarray(self.data_list)[:, 0]]
        known = [None if np.isnan(ratio) else float(ratio) for ratio in ratios]
        return make_buckets(known, mix.rich, mix.mixed)

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
        whole = ViewTransform(*size)
        K = whole.intrinsics(entry.K, whole.window(entry.K, self.stored_size))
        image, depth, semantics = read_view(path, *size)
        frame = Frame(image, depth, K, entry.world2cam, semantics)
        check_frame(frame, f"{sequence}/{number}")
        return frame if plain else transform(frame)
