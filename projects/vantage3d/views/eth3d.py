"""ETH3D high-resolution multi-view photographs."""

from typing import Any

from vantage3d.checks import check_choice
from vantage3d.registry import DATASETS
from vantage3d.views.frame import Frame
from vantage3d.views.indexed import IndexedDataset
from vantage3d.views.reading import read_indexed

# Folder and reader of every kind of depth.
DEPTHS = {
    "laser": ("depth", "npy", ".npy"),
    "points": ("points", "points", ".npz"),
    "dense": ("dense", "dense", ".npz"),
}


@DATASETS.register_module()
class ETH3DDataset(IndexedDataset):
    """Photographs of 13 scenes; whole scenes are held out, never windows of one.

    Args:
        data_root: Cache by ``tools/create_data.py eth3d``.
        split: ``train`` or ``val``.
        depth: ``laser``, the ground truth; ``points``, what COLMAP triangulated, about
            a thousandth of the pixels; ``dense``, a depth model's prediction fitted to
            those points (``dense/`` in the cache).
        min_depth: Metres.
        max_depth: Metres.
        **options: Of :class:`IndexedDataset`; ``sequences=ETH3DDataset.METAINFO[
            "building_scenes"]`` are the scenes of the building recipe.

    Raises:
        ValueError: If ``depth`` is none of the three.
    """

    METAINFO = {
        "metric": True,
        "building_scenes": ("delivery_area", "electro", "facade", "office", "terrace"),
    }

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        depth: str = "laser",
        min_depth: float = 0.1,
        max_depth: float | None = 100.0,
        **options: Any,
    ) -> None:
        check_choice("depth", depth, DEPTHS)
        self.depth = depth
        self.sparse_depth = depth == "points"
        limits = dict(min_depth=min_depth, max_depth=max_depth)
        super().__init__(data_root, split, **limits, **options)

    def load_frame(self, sequence: str, number: int) -> Frame:
        entry = self.index.frame(sequence, number)
        folder, reader, suffix = DEPTHS[self.depth]
        stem = entry.depth.partition("/")[2].rpartition(".")[0]
        entry = entry._replace(depth=f"{folder}/{stem}{suffix}")
        facts = self.index.facts._replace(reader=reader)
        return read_indexed(self.raw_root, facts, entry)
