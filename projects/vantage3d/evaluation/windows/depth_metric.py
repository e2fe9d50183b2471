"""AbsRel, delta1, RMSE and pose AUC of a validation run."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from numpy.typing import NDArray
from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.evaluation.depth_alignment import ALIGNMENTS
from vantage3d.evaluation.depth_metrics import DEPTH_METRICS
from vantage3d.evaluation.windows.window import (
    DepthRule,
    Values,
    window_depth,
    window_poses,
)
from vantage3d.registry import METRICS

TRUTH = ("depths", "valid", "world2cam")  # of the batch


@METRICS.register_module()
class DepthMetric(BaseMetric):
    """Mean over windows of the errors of depth and poses, in float64.

    Reads of each prediction ``pred_depth`` (S, H, W) in any unit and, if there,
    ``pred_world2cam`` (S, 4, 4); of the batch (``collate_views``) ``inputs`` with
    ``depths`` and ``valid`` (B, S, H, W) and ``world2cam`` (B, S, 4, 4) in metres. A
    window is reduced to a few numbers when it is seen.

    Returns the metrics of ``depth_metrics`` and ``AUC@t``, each the mean over the
    windows that have it, and what must not be overlooked: ``windows``,
    ``windows_without_depth``, ``bad_pixels`` (share of the true pixels whose prediction
    is not finite or not positive) and ``bad_poses`` (frames with a pose that is not
    finite).

    Args:
        alignment: "none", "scale", "median", "log_median", "scale_shift" or "robust".
        per_frame: Whether each frame is aligned by itself, not the window as a whole.
        min_valid: True pixels that a window needs; 100 suits dense depth, 10 a sparse
            one.
        auc_thresholds: Degrees.
        collect_device: "cpu" or "gpu", for several processes.

    Raises:
        ValueError: If the alignment is unknown; with the window's name, if a prediction
            has another size than the truth.
    """

    default_prefix = ""  # the keys stand alone: checkpoint rules name AbsRel

    def __init__(
        self,
        alignment: str = "median",
        per_frame: bool = False,
        min_valid: int = 100,
        auc_thresholds: Sequence[int] = (30,),
        collect_device: str = "cpu",
    ) -> None:
        super().__init__(collect_device=collect_device)
        check_choice("alignment", alignment, ALIGNMENTS)
        self.rule = DepthRule(alignment, per_frame, min_valid)
        self.auc_thresholds = tuple(auc_thresholds)

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each window of a batch to its numbers."""
        for i, sample in enumerate(data_samples):
            truth = {key: data_batch["inputs"][key][i] for key in TRUTH}
            try:
                self.results.append(self._reduce(sample, truth))
            except ValueError as error:
                name = data_batch["data_samples"][i]
                raise ValueError(
                    f"Window of {name['sequence']}, frames {name['ids'].tolist()}: "
                    f"{error}"
                ) from error

    def compute_metrics(self, results: list[Values]) -> Values:
        """Means over all windows."""
        depths = [values["pixels"] for values in results]
        names = [*DEPTH_METRICS, *(f"AUC@{degrees}" for degrees in self.auc_thresholds)]
        metrics = {name: mean(r[name] for r in results if name in r) for name in names}
        pixels = total(depths)
        bad = total(values["bad_pixels"] for values in results)
        metrics |= {
            "windows": len(results),
            "windows_without_depth": sum(map(math.isnan, depths)),
            "bad_pixels": bad / pixels if pixels else math.nan,
            "bad_poses": total(values.get("bad_poses", 0.0) for values in results),
        }
        print_log(self._text(metrics), logger="current")
        return metrics

    def _reduce(self, sample: Mapping, truth: Mapping[str, Tensor]) -> Values:
        depth, valid, world2cam = (as_numpy(truth[key]) for key in TRUTH)
        values = window_depth(as_numpy(sample["pred_depth"]), depth, valid, self.rule)
        if "pred_world2cam" in sample:
            poses = as_numpy(sample["pred_world2cam"])
            values.update(window_poses(poses, world2cam, self.auc_thresholds))
        return values

    def _text(self, metrics: Values) -> str:
        scope = "frame" if self.rule.per_frame else "window"
        auc = (f", AUC@{t} {metrics[f'AUC@{t}']:.4f}" for t in self.auc_thresholds)
        return (
            f"Depth, {self.rule.alignment} alignment per {scope}, mean of "
            f"{metrics['windows'] - metrics['windows_without_depth']:g} windows "
            f"({metrics['windows_without_depth']:g} more without depth): "
            f"AbsRel {metrics['AbsRel']:.4f}, delta1 {metrics['delta1']:.4f}, "
            f"RMSE {metrics['RMSE']:.3f} m{''.join(auc)}; unusable predictions: "
            f"{metrics['bad_pixels']:.2%} of pixels, {metrics['bad_poses']:g} poses"
        )


def total(values: Iterable[float]) -> float:
    """Sum of what is known, the same in any order."""
    return math.fsum(value for value in values if not math.isnan(value))


def mean(values: Iterable[float]) -> float:
    """Mean of what is known, the same in any order; NaN of nothing."""
    known = [value for value in values if not math.isnan(value)]
    return total(known) / len(known) if known else math.nan


def as_numpy(tensor: Tensor) -> NDArray[Any]:
    """The values on the CPU, in a type that numpy has."""
    if tensor.dtype == torch.bfloat16:  # numpy has none
        tensor = tensor.float()
    return tensor.detach().cpu().numpy()
