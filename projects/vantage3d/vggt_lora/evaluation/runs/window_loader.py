"""Windows of an evaluation, read in parallel; one that cannot be used is named."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
from torch.utils.data import DataLoader, Dataset

from vantage3d.engine.errors import ConfigError
from vantage3d.evaluation.results.windows import EvaluationWindow, WindowRules
from vantage3d.registry import DATASETS
from vantage3d.views.batch import Sample
from vantage3d.views.frame import BadSampleError

REASON = "skipped"


class WindowDataset(Dataset):
    """Some windows of a dataset, each a sample or the reason why it is none.

    Args:
        dataset: A multi-view dataset in test mode.
        windows: What is evaluated.
        indices: Their indices in ``dataset``.
    """

    def __init__(
        self,
        dataset: Any,
        windows: Sequence[EvaluationWindow],
        indices: Sequence[int],
    ) -> None:
        self.dataset, self.windows, self.indices = dataset, windows, indices

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        try:
            return {"window": index, **self.dataset[self.indices[index]]}
        except BadSampleError as error:
            return {"window": index, REASON: str(error)}


def test_data(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Config of the test data, without a choice of windows around it.

    Raises:
        ConfigError: If the config has no test data.
    """
    loader = cfg.get("test_dataloader")
    if loader is None:
        raise ConfigError("the config has no `test_dataloader`: nothing to evaluate on")
    config = copy.deepcopy(dict(loader["dataset"]))
    while "dataset" in config:
        config = dict(config["dataset"])
    return config


def open_dataset(cfg: Mapping[str, Any], rules: WindowRules) -> Any:
    """The test data of a config, cut into windows as the rules say."""
    changes = dict(
        split=rules.split,
        frames=rules.seq_len,
        stride=rules.seq_stride,
        test_mode=True,
        length=None,
        min_valid=0,
    )
    return DATASETS.build({**test_data(cfg), **changes})


def load_samples(samples: WindowDataset, workers: int) -> DataLoader:
    """Samples in order, one at a time, read by ``workers`` processes."""
    return DataLoader(
        samples,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=2 if workers else None,
    )


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(0)
