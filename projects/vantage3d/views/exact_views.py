"""Test windows with the exact depth of every pixel, and a guess without looking."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vantage3d.registry import DATASETS
from vantage3d.views.batch import Sample


@DATASETS.register_module()
class ExactViews(Dataset):
    """Windows of synthetic drives with two more maps in each sample.

    ``exact_depths`` (V, H, W) is the depth of every pixel in metres, 0 for the sky,
    beside the ``depth`` that the scanner measured. ``typical_depths`` (V, H, W) is the
    median of the exact depth over all frames of the split "train", pixel by pixel: the
    answer of a predictor that never looks at the image.

    Args:
        dataset: Config of a :class:`KITTI360Dataset` in test mode, with LiDAR depth.

    Raises:
        ValueError: If the dataset is not in test mode.
    """

    def __init__(self, dataset: Mapping[str, Any]) -> None:
        self.dataset: Any = DATASETS.build(dict(dataset))
        if not self.dataset.test_mode:
            raise ValueError(
                "`dataset` of ExactViews must have fixed windows, got "
                "test_mode=False: set test_mode=True"
            )
        self.exact: Any = DATASETS.build({**dataset, "depth": "exact"})
        self.train_config = {**dataset, "depth": "exact", "split": "train"}

    @property
    def metainfo(self) -> dict[str, Any]:
        """The dataset's."""
        return self.dataset.metainfo

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset[index]
        exact = self.exact[index]["depth"]
        typical = self.typical_depth.expand_as(exact)
        return sample | {"exact_depths": exact, "typical_depths": typical}

    @cached_property
    def typical_depth(self) -> Tensor:
        """(H, W) metres; where training never sees a surface, the farthest of all."""
        train: Any = DATASETS.build({**self.train_config, "frames": 1})
        depths = [train[i]["depth"][0].numpy() for i in range(len(train))]
        return torch.from_numpy(median_map(np.stack(depths)))


def median_map(depths: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) median of (N, H, W) depth maps where they are known.

    Pixels without any known depth take the largest of the medians.

    Raises:
        ValueError: If no pixel is known at all.
    """
    known = depths > 0
    if not known.any():
        raise ValueError(f"`depths` has no known pixel in {len(depths)} maps.")
    values = np.where(known, depths, np.nan)
    seen = known.any(axis=0)
    median = np.zeros(depths.shape[1:], np.float32)
    median[seen] = np.nanmedian(values[:, seen], axis=0)
    median[~seen] = median[seen].max()
    return median
