"""Which windows of a dataset an evaluation measures, and their samples.

Samples are read in parallel; a window that cannot be used is named.
"""

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from vantage3d.engine.errors import ConfigError
from vantage3d.evaluation.results.windows import (
    UNLABELLED,
    EvaluationWindow,
    WindowChoice,
    WindowRules,
    window_id,
)
from vantage3d.registry import DATASETS
from vantage3d.views.batch import Sample
from vantage3d.views.fixed_windows import fixed_windows
from vantage3d.views.frame import BadSampleError
from vantage3d.views.kitti360 import SHARES, make_buckets

REASON = "skipped"


def index_hash(dataset: Any) -> str:
    """SHA-256 of what the index of a dataset says about every frame."""
    digest = hashlib.sha256(type(dataset).__name__.encode())
    for fact in dataset.index_facts():
        digest.update(json.dumps(fact, sort_keys=True).encode())
    return digest.hexdigest()


def choose_windows(dataset: Any, rules: WindowRules) -> WindowChoice:
    """Choose among the fixed windows of a dataset.

    Args:
        dataset: In test mode, with the frames and stride of ``rules``.
        rules: How many, and how.

    Raises:
        ValueError: If buckets are asked for and the split has no labels.
    """
    windows = [
        EvaluationWindow(window_id(name, ids), name, ids, _bucket(dataset, name, ids))
        for name, ids in fixed_windows(dataset)
    ]
    available = dict(Counter(window.bucket for window in windows))
    if rules.stratified and set(available) == {UNLABELLED}:
        raise ValueError(
            f"--stratified-sampling needs building ratios, but split {rules.split!r} "
            f"of {dataset.data_root} has no labels. Choose without it"
        )
    rng = np.random.default_rng(rules.seed)
    number = min(rules.max_seqs or len(windows), len(windows))
    if rules.stratified:
        picked = _by_bucket(windows, number, rng)
    else:
        picked = rng.permutation(len(windows))[:number].tolist()
    return WindowChoice(
        rules,
        Path(dataset.data_root).resolve().name,
        index_hash(dataset),
        tuple(windows[i] for i in sorted(picked)),
        available,
        dict(SHARES) if rules.stratified else None,
    )


def check_windows(choice: WindowChoice, dataset: Any, path: Path) -> list[int]:
    """Indices in ``dataset`` of the windows of a file.

    Raises:
        ValueError: If the file belongs to another data root or another split, or the
            dataset lacks a window of it.
    """
    name, found = Path(dataset.data_root).resolve().name, index_hash(dataset)
    if choice.rules.split != dataset.split or choice.index_hash != found:
        raise ValueError(
            f"windows file {path} was made on split {choice.rules.split!r} of "
            f"{choice.data_root} (index {choice.index_hash[:12]}), this is split "
            f"{dataset.split!r} of {name} (index {found[:12]}): results would not be "
            "comparable. Give the data it was made on, or choose windows in another "
            "--out-dir"
        )
    known = {window: i for i, window in enumerate(fixed_windows(dataset))}
    for window in choice.windows:
        if (window.sequence, window.frames) not in known:
            raise ValueError(
                f"windows file {path} names frames {list(window.frames)} of "
                f"{window.sequence}, which are no window of the data. Choose the "
                "windows anew in another --out-dir"
            )
    return [known[window.sequence, window.frames] for window in choice.windows]


def _bucket(dataset: Any, sequence: str, frames: Sequence[int]) -> str:
    ratio = dataset.building_ratio(sequence, frames[len(frames) // 2])
    if ratio is None:
        return UNLABELLED
    return next(name for name, where in make_buckets([ratio]).items() if len(where))


def _by_bucket(
    windows: Sequence[EvaluationWindow], number: int, rng: np.random.Generator
) -> list[int]:
    """Indices by the shares of the recipe; what a bucket lacks the others give."""
    queues = {
        name: rng.permutation(
            [i for i, window in enumerate(windows) if window.bucket == name]
        ).tolist()
        for name in (*SHARES, UNLABELLED)
    }
    wanted = {name: int(share * number) for name, share in SHARES.items()}
    picked = [i for name, share in wanted.items() for i in queues[name][:share]]
    rest = [i for name in queues for i in queues[name][wanted.get(name, 0) :]]
    # The last bucket takes what rounding leaves over, then whoever has windows.
    last = list(SHARES)[-1]
    spare = sorted(rest, key=lambda i: windows[i].bucket != last)
    return picked + spare[: number - len(picked)]


class WindowDataset(Dataset):
    """Some windows of a dataset, each a sample or the reason why it is none.

    Args:
        dataset: A multi-view dataset in test mode.
        windows: The windows that are evaluated.
        indices: Indices of these windows in ``dataset``.
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

    def part(self, places: Sequence[int]) -> "WindowDataset":
        """The windows at ``places`` alone."""
        windows, indices = self.windows, self.indices
        return WindowDataset(
            self.dataset, [windows[i] for i in places], [indices[i] for i in places]
        )


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
    import cv2

    cv2.setNumThreads(0)
