"""KITTI-360 as prepared by ``tools/create_data.py kitti360``."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_color, read_depth, read_ids
from vantage3d.io.infos import load_info
from vantage3d.io.kitti360_labels import IDS, LABELS
from vantage3d.registry import DATASETS
from vantage3d.views.dataset import MultiViewDataset
from vantage3d.views.frame import BadSampleError, Frame, check_frame
from vantage3d.views.kitti360.buckets import BucketMix, building_ratio, make_buckets
from vantage3d.views.kitti360.layout import Kitti360Layout
from vantage3d.views.kitti360.packed_view import read_view
from vantage3d.views.transform import ViewGeometry, target_size

DEPTHS = ("lidar", "exact")


def packed_name(sequence: str, frame: int, size: tuple[int, int]) -> str:
    """Path of a packed view of (H, W) pixels in the cache."""
    return f"views/{size[0]}x{size[1]}/{sequence}/{frame:010d}.bin"


@DATASETS.register_module()
class KITTI360Dataset(MultiViewDataset):
    """Drives with accumulated LiDAR depth and semantic labels.

    Args:
        data_root: The cache.
        depth: ``lidar``, or ``exact`` depth of every pixel (synthetic drives only).
        mix: Arguments of :class:`BucketMix` for drawing anchors by building ratio;
            None to take every frame in turn.
        packed: Views that were packed at the network's size load many times faster
            than the originals and have the same pixels. None takes them where the
            cache has that size, for LiDAR depth and samples that are not zoomed; True
            insists on them, and starts a zoom from them; False never does. Other
            sizes, which a dynamic sampler may draw, are cut from the originals.
        filter_buildings_only: Only ``building`` pixels count in the losses, and for
            ``min_valid``.
        interest_classes: Label ids in which ``min_valid`` is counted; all if empty.
        kwargs: See :class:`MultiViewDataset`; ``sampling`` is +-50 frames if absent.
    """

    METAINFO = {"classes": tuple(label.name for label in LABELS)}

    def __init__(
        self,
        data_root: str,
        depth: str = "lidar",
        mix: Mapping[str, Any] | None = None,
        packed: bool | None = None,
        filter_buildings_only: bool = False,
        interest_classes: Sequence[int] = (),
        sampling: Mapping[str, Any] | None = None,
        **kwargs,
    ) -> None:
        check_choice("depth", depth, DEPTHS)
        if packed and depth != "lidar":
            raise ValueError(f"`packed` views hold LiDAR depth, got depth={depth!r}.")
        self.packed = packed
        self.depth, self.sparse_depth = depth, depth == "lidar"
        self.mix = None if mix is None else BucketMix(**mix)
        self.filter_buildings_only = filter_buildings_only
        self.interest_classes = tuple(interest_classes)
        if filter_buildings_only:
            self.interest_classes = (IDS["building"],)
        sampling = {"span": 50} if sampling is None else sampling
        super().__init__(data_root=data_root, sampling=sampling, **kwargs)
        if packed:
            self._check_packed()

    def load_sequences(self) -> dict[str, list[int]]:
        """Frames of the index file of the split."""
        path = Path(self.data_root) / f"kitti360_{self.split}.json"
        info = load_info(path)
        meta = info["metainfo"]
        self.layout = Kitti360Layout(
            Path(self.data_root) / meta["raw_root"], int(meta["camera"])
        )
        self.K = np.array(meta["K"], float)
        self.depth_scale = float(meta["depth_scale"])
        self.size = int(meta["size"][0]), int(meta["size"][1])
        sizes = meta["packed"] or []
        if sizes is True:  # a cache from before there were several sizes
            sizes = []
        self.views = {(int(height), int(width)) for height, width in sizes}
        self.entries = {
            (entry["sequence"], entry["frame"]): entry for entry in info["data_list"]
        }
        found: dict[str, list[int]] = {}
        for sequence, frame in self.entries:
            found.setdefault(sequence, []).append(frame)
        return found

    def _check_packed(self) -> None:
        size = target_size(self.image_size, self.aspect, self.patch_size)
        if size not in self.views:
            found = ", ".join(f"{h}x{w}" for h, w in sorted(self.views)) or "none"
            raise ValueError(
                f"{self.data_root} has no packed views of {size[0]}x{size[1]}, only "
                f"{found}. Add them with `tools/create_data.py kitti360 ... --view "
                f"{size[0]} {size[1]}`, or set packed=False."
            )

    def building_ratio(self, sequence: str, number: int) -> float | None:
        """Share of ``building`` in the view of a frame; None without labels."""
        return building_ratio(self.entries[sequence, number])

    def index_facts(self) -> Iterator[Any]:
        """The entries of the index, with poses, counts of classes and of depth."""
        yield self.K.tolist()
        yield from self.entries.values()

    @cached_property
    def buckets(self) -> dict[str, NDArray[np.intp]]:
        """Positions in ``anchors`` by building ratio."""
        mix = self.mix or BucketMix()
        ratios = [
            self.building_ratio(name, self.sequences[name][at])
            for name, at in self.anchors
        ]
        return make_buckets(ratios, mix.rich, mix.mixed)

    def draw_anchor(self, index: int, rng: np.random.Generator) -> tuple[str, int]:
        """By the mix of buckets, or the frames in turn."""
        if self.mix is None:
            return super().draw_anchor(index, rng)
        return self.anchors[self.mix.draw(self.buckets, rng)]

    def read_frame(self, sequence: str, number: int) -> Frame:
        """Image, depth and labels at the size of the recording."""
        entry = self.entries[sequence, number]
        try:
            image = read_color(self.layout.image(sequence, number))
            depth = self._read_depth(sequence, number)
            semantics = None
            if "classes" in entry:
                labels = read_ids(self.layout.semantic(sequence, number))
                semantics = labels.astype(np.int16)
        except ValueError as error:  # a damaged file; a missing one stays an error
            raise BadSampleError(str(error)) from error
        return Frame(image, depth, self.K, self._world2cam(entry), semantics)

    def read_view(
        self, sequence: str, number: int, geometry: ViewGeometry, zoom: float
    ) -> Frame:
        """The packed view where there is one of this size, else from the originals."""
        size = geometry.height, geometry.width
        wanted = self.packed or (self.packed is None and zoom == 1)
        if not wanted or self.depth != "lidar" or size not in self.views:
            return super().read_view(sequence, number, geometry, zoom)
        path = Path(self.data_root) / packed_name(sequence, number, size)
        image, depth, semantics = read_view(path, *size)
        window = geometry.window(self.K, self.size)
        K = geometry.intrinsics(self.K, window)
        world2cam = self._world2cam(self.entries[sequence, number])
        frame = Frame(image, depth, K, world2cam, semantics)
        check_frame(frame, f"{sequence}/{number}")
        return frame if zoom == 1 else geometry(frame, zoom)

    def _world2cam(self, entry: Mapping[str, Any]) -> NDArray[np.float64]:
        return invert_rigid(np.array(entry["cam2world"]).reshape(4, 4))

    def _read_depth(self, sequence: str, number: int) -> NDArray[np.float32]:
        if self.depth == "exact":
            path = self.layout.exact_depth(sequence, number)
            return read_depth(path, self.depth_scale)
        path = Path(self.data_root) / self.entries[sequence, number]["depth"]
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing. Run tools/create_data.py again; it adds what "
                "lacks."
            )
        return read_depth(path, self.depth_scale)

    def interest(self, frame: Frame) -> NDArray[np.bool_]:
        """(H, W) pixels of the classes of interest."""
        if not self.interest_classes or frame.semantics is None:
            return super().interest(frame)
        return np.isin(frame.semantics, self.interest_classes)

    def pixel_weights(self, frame: Frame) -> NDArray[np.float32]:
        """(H, W) class weights; zero outside buildings where only those count."""
        weights = super().pixel_weights(frame)
        if self.filter_buildings_only and frame.semantics is not None:
            weights = weights * (frame.semantics == IDS["building"])
        return weights
