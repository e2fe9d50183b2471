"""A choice of validation windows that is drawn once and then read from its file."""

import json
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch.utils.data import Dataset

from vantage3d.checks import check_positive
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.registry import DATASETS
from vantage3d.views.batch import Sample

Window = tuple[str, tuple[int, ...]]  # sequence and frame numbers


@DATASETS.register_module()
class SavedSubset(Dataset):
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
        built = isinstance(dataset, Dataset)
        self.dataset: Any = dataset if built else DATASETS.build(dataset)
        if not self.dataset.test_mode:
            raise ValueError(
                "`dataset` of SavedSubset must have fixed windows, got "
                "test_mode=False: set test_mode=True"
            )
        known = {window: i for i, window in enumerate(fixed_windows(self.dataset))}
        self.file = Path(self.dataset.data_root) / file
        if not self.file.is_file():
            self._draw(list(known), min(windows, len(known)))
        self.indices = self._read(known, min(windows, len(known)))

    @property
    def metainfo(self) -> dict[str, Any]:
        """The dataset's."""
        return self.dataset.metainfo

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
        except (ValueError, KeyError, TypeError) as error:
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
