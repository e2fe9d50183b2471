"""ScanNet for DELTAS, with its official test scenes kept apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.scannet import check_splits
from vantage3d.geometry import scale_intrinsics
from vantage3d.io.images import read_color, read_depth
from vantage3d.registry import DATASETS
from vantage3d.views.frame import Frame
from vantage3d.views.sequences import SequenceDataset
from vantage3d.views.triplet_transform import ViewTransform


@DATASETS.register_module()
class ScanNetSequences(SequenceDataset):
    """Scenes of an index by ``tools/create_data.py scannet``.

    Scenes of the official test set (scene0707 to scene0806) are refused in ``train``
    and ``val``, whatever the index says.

    Args:
        data_root: As in :class:`SequenceDataset`.
        split: Likewise.
        legacy: Prepare frames as the published evaluation does, for comparison with its
            rows: colour is not registered to depth, ``K`` is that of colour in
            ``<scene>.txt``, and depth is interpolated across holes and edges.
        **options: Of :class:`SequenceDataset`.

    Raises:
        ValueError: If ``legacy`` is asked for with ``augmentation`` or native depth, or
            :class:`SequenceDataset` refuses something.
    """

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        legacy: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(data_root, split, **options)
        if legacy and (self.augmentation or self.native_depth):
            raise ValueError(
                "`legacy` is for comparison with published rows, got it with "
                f"augmentation={self.augmentation} and native_depth="
                f"{self.native_depth}. Leave those out"
            )
        self.legacy = legacy

    def check_scenes(self, scenes: Sequence[str], split: str) -> None:
        check_splits({split: scenes})

    def view(self, row: int, transform: ViewTransform) -> tuple[Frame, Frame]:
        if not self.legacy:
            return super().view(row, transform)
        entry = self.index.row(row)
        color = read_color(self.raw_root / entry.image)
        depth = read_depth(self.raw_root / entry.depth)
        size = self.width, self.height
        K = read_scene_intrinsics(self.raw_root / entry.image)
        K = scale_intrinsics(
            K, self.width / color.shape[1], self.height / color.shape[0]
        )
        frame = Frame(
            cv2.resize(color, size, interpolation=cv2.INTER_LINEAR),
            cv2.resize(depth, size, interpolation=cv2.INTER_LINEAR),
            K,
            entry.world2cam,
        )
        return frame, frame


def read_scene_intrinsics(image: Path) -> NDArray[np.float64]:
    """(3, 3) intrinsics of colour in ``<scene>/<scene>.txt``.

    Args:
        image: ``<scene>/color/<n>.jpg``.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If a number is missing in it.
    """
    folder = image.parent.parent
    path = folder / f"{folder.name}.txt"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing, from which `legacy` reads the intrinsics. Download "
            "the text file of the scene"
        )
    lines = [line.partition("=") for line in path.read_text().splitlines()]
    facts = {key.strip(): value.strip() for key, _, value in lines}
    try:
        fx, fy, cx, cy = (float(facts[f"{k}_color"]) for k in ("fx", "fy", "mx", "my"))
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path} has no number {error}, expected fx_color, fy_color, mx_color and "
            "my_color. Download it again"
        ) from error
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
