"""What hooks that draw test samples share: which batches, and in which process."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner


def evenly_spaced(count: int, most: int) -> list[int]:
    """At most ``most`` different numbers of 0..count-1, from the first to the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


class DrawnBatchesHook(Hook):
    """Lets :meth:`keep` see evenly spaced test batches, in the main process alone.

    Args:
        num_batches: How many; fewer where there are fewer.
    """

    def __init__(self, num_batches: int) -> None:
        self.num_batches = num_batches
        self.drawn: list[int] = []

    def before_test(self, runner: Runner) -> None:
        """Choose the batches."""
        self.drawn = evenly_spaced(len(runner.test_dataloader), self.num_batches)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Hand on a chosen batch."""
        if batch_idx in self.drawn and is_main_process():
            assert data_batch is not None and outputs is not None
            self.keep(batch_idx, data_batch, outputs)

    def keep(self, number: int, batch: Mapping[str, Any], outputs: Sequence) -> None:
        """Remember what will be drawn of a batch and its predictions."""
        raise NotImplementedError
