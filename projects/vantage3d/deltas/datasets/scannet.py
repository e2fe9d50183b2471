"""ScanNet's frames as the published evaluation of DELTAS prepares them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import scale_intrinsics
from vantage3d.io.images import read_color, read_depth
from vantage3d.io.text import read_text
from vantage3d.registry import DATASETS
from vantage3d.views.dataset import PosedViews
from vantage3d.views.frame import Frame
from vantage3d.views.reading import check_inside
from vantage3d.views.transform import ViewTransform


@DATASETS.register_module()
class PublishedScanNetViews(PosedViews):
    """ScanNet as DELTAS was published on it, for comparison with its rows only.

    Colour is not registered to depth, ``K`` is that of colour in ``<scene>.txt``, and
    depth is interpolated across holes and edges.

    Args:
        data_root: Index by ``tools/create_data.py scannet``.
        split: ``train``, ``val`` or ``test``.
        **options: Arguments of :class:`PosedViews`.

    Raises:
        ValueError: If asked for ``augmentation`` or native depth, or
            :class:`PosedViews` refuses something.
    """

    def __init__(self, data_root: str, split: str = "test", **options: Any) -> None:
        super().__init__(data_root, split, "scannet", **options)
        if self.augmentation or self.options.native_depth:
            raise ValueError(
                "PublishedScanNetViews is for comparison with published rows, got "
                f"augmentation={self.augmentation} and native_depth="
                f"{self.options.native_depth}. Leave those out"
            )

    def read_view(self, sequence: str, number: int, transform: ViewTransform) -> Frame:
        entry = self.index.frame(sequence, number)
        size = transform.width, transform.height
        check_inside(self.raw_root, self.facts, entry)
        color = read_color(self.raw_root / entry.image)
        depth = read_depth(self.raw_root / entry.depth)
        K = read_scene_intrinsics(self.raw_root / entry.image)
        return Frame(
            cv2.resize(color, size, interpolation=cv2.INTER_LINEAR),
            cv2.resize(depth, size, interpolation=cv2.INTER_LINEAR),
            scale_intrinsics(K, size[0] / color.shape[1], size[1] / color.shape[0]),
            entry.world2cam,
        )


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
    lines = [line.partition("=") for line in read_text(path).splitlines()]
    facts = {key.strip(): value.strip() for key, _, value in lines}
    try:
        fx, fy, cx, cy = (float(facts[f"{k}_color"]) for k in ("fx", "fy", "mx", "my"))
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{path} has no number {error}, expected fx_color, fy_color, mx_color and "
            "my_color. Download it again"
        ) from error
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
