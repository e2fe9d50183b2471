"""Fixed windows: a choice that is drawn once, and windows with exact depth."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vantage3d.checks import check_positive
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.files import DAMAGED
from vantage3d.registry import DATASETS
from vantage3d.views.batch import Sample

Window = tuple[str, tuple[int, ...]]  # sequence and frame numbers


class FixedWindows(Dataset):
    """The windows of a dataset in test mode, for subclasses to choose from."""

    def __init__(self, dataset: Any) -> None:
        built = isinstance(dataset, Dataset)
        self.dataset: Any = dataset if built else DATASETS.build(dict(dataset))
        if not self.dataset.test_mode:
            raise ValueError(
                f"`dataset` of {type(self).__name__} must have fixed windows, got "
                "test_mode=False: set test_mode=True"
            )

    @property
    def metainfo(self) -> dict[str, Any]:
        """The dataset's."""
        return self.dataset.metainfo

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[index]


@DATASETS.register_module()
class SavedSubset(FixedWindows):
    """Some windows of a dataset, the same ones for every model and run.

    The first use spreads the choice evenly over all windows and writes it; later ones
    read the file, whatever the frame lists have become since.

    Args:
        dataset: A multi-view dataset in test mode, or its config.
        windows: How many; all of them if there are no more.
        file: JSON with sequence and frames of each, relative to the dataset's
            ``data_root``.

    Raises:
        ValueError: If the dataset is not in test mode, or the file is damaged or names
            another number of windows or a window that the dataset lacks.
    """

    def __init__(
        self, dataset: Any, windows: int, file: str = "validation_subset.json"
    ) -> None:
        check_positive("windows", windows)
        super().__init__(dataset)
        known = {window: i for i, window in enumerate(fixed_windows(self.dataset))}
        self.file = Path(self.dataset.data_root) / file
        if not self.file.is_file():
            self._draw(list(known), min(windows, len(known)))
        self.indices = self._read(known, min(windows, len(known)))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self.indices[index]]

    def _draw(self, windows: list[Window], number: int) -> None:
        chosen = [windows[i * len(windows) // number] for i in range(number)]
        entries = [{"sequence": name, "ids": list(ids)} for name, ids in chosen]
        content = {"dataset": self.dataset.name, "windows": entries}
        atomic_write_bytes(self.file, json.dumps(content, indent=1).encode())
        print_log(
            f"validation: {number} of {len(windows)} windows, chosen in {self.file}",
            logger="current",
        )

    def _read(self, known: dict[Window, int], number: int) -> list[int]:
        redraw = f"Remove {self.file} to draw anew, then test every model again"
        try:
            entries = json.loads(self.file.read_text())["windows"]
            chosen = [(entry["sequence"], tuple(entry["ids"])) for entry in entries]
        except DAMAGED as error:
            raise ValueError(f"{self.file} is damaged ({error!r}). {redraw}") from error
        if len(chosen) != number:
            raise ValueError(
                f"{self.file} names {len(chosen)} windows, `windows` asks for "
                f"{number}. {redraw}"
            )
        for name, ids in chosen:
            if (name, ids) not in known:
                raise ValueError(
                    f"{self.file} names frames {list(ids)} of {name}, which are no "
                    f"window of the dataset: `frames`, `stride` or the data changed. "
                    f"{redraw}"
                )
        return [known[window] for window in chosen]


def fixed_windows(dataset: Any) -> list[Window]:
    """Sequence and frame numbers of each sample of a dataset in test mode, in order."""
    infos = map(dataset.get_data_info, range(len(dataset)))
    return [(info["sequence"], tuple(info["ids"])) for info in infos]


@DATASETS.register_module()
class ExactViews(FixedWindows):
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
        super().__init__(dataset)
        self.exact: Any = DATASETS.build({**dataset, "depth": "exact"})
        self.train_config = {**dataset, "depth": "exact", "split": "train"}

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
