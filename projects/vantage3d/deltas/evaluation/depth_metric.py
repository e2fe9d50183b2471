"""Depth of the anchors of a test set, the points behind it, and PNG files.

Without numbers of the points a network that never triangulates cannot be told from one
that does: it guesses depth from the anchor alone, and every spacing of the views gives
the same dense numbers.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional

from vantage3d.checks import check_choice
from vantage3d.deltas.correspondences import true_points
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import Record, mean
from vantage3d.evaluation.stereo_depth import (
    AGGREGATIONS,
    EIGHT,
    RATIO,
    DepthRange,
    anchor_record,
    scale_warning,
    summarise_anchors,
)
from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.geometry import invert_rigid, project
from vantage3d.geometry.cameras import unproject_pixels
from vantage3d.io.depth_files import write_millimetre_png
from vantage3d.registry import METRICS

RESOLUTIONS = ("network", "native")
CAMERAS = ("depth", "K", "cam2world")  # of the batch
Values = dict[str, float]
SPARSE = ("sparse.triangulated", "sparse.abs_rel_median", "sparse.within_5",
          "sparse.baseline_m", "sparse.epipolar_px")  # fmt: skip


@METRICS.register_module()
class TriangulatedDepthMetric(BaseMetric):
    """Errors of an anchor's depth, checked, with the share of keypoints triangulated.

    Reads of each prediction ``pred_depth``, ``keypoints``, ``points_anchor`` and
    ``point_valid``; of the batch ``depth``, ``K`` and ``cam2world`` (see
    :mod:`vantage3d.deltas.models`). Each image is reduced to numbers when it is seen.

    Returns the numbers by their keys in ``metrics_table``: ``depth.full.*`` as every
    other depth, of the true pixels in range, in metres without an alignment, and
    ``sparse.*``.

    Args:
        min_depth: Smallest true depth that is evaluated, metres.
        max_depth: Largest. The two belong to the evaluation alone: rows are comparable
            only if they are the same, whatever range the network searches.
        eval_resolution: "network": true depth at the network's size; "native": the
            prediction resized (bilinear) to the size of the depth files, which the
            dataset must give as ``native_depth`` of each sample.
        aggregation: "images" or "legacy", see
            :func:`vantage3d.evaluation.stereo_depth.summarise_anchors`.
        search_range: Range of depth in which matches are searched, metres, for the
            epipolar length.
        export_dir: Folder for ``<name>.png``, uint16 millimetres, 0 none; None: none.
        collect_device: "cpu" or "gpu", for several processes.

    Raises:
        ValueError: If a choice is unknown; with the sample's name, if its prediction is
            not finite or has another size than the truth, or if native depth is asked
            for and absent; and if the numbers contradict each other.
    """

    default_prefix = ""  # the keys stand alone: `save_best` names depth.full.abs_rel

    def __init__(
        self,
        min_depth: float = 0.5,
        max_depth: float = 10.0,
        eval_resolution: str = "network",
        aggregation: str = "images",
        search_range: Sequence[float] = (0.5, 10.0),
        export_dir: str | None = None,
        collect_device: str = "cpu",
    ) -> None:
        super().__init__(collect_device=collect_device)
        check_choice("eval_resolution", eval_resolution, RESOLUTIONS)
        check_choice("aggregation", aggregation, AGGREGATIONS)
        if not 0 < min_depth < max_depth:
            raise ValueError(
                "`min_depth` and `max_depth` must be 0 < min < max metres, got "
                f"{min_depth} and {max_depth}."
            )
        self.limits = DepthRange(min_depth, max_depth)
        self.native = eval_resolution == "native"
        self.aggregation = aggregation
        self.search = (search_range[0], search_range[1])
        self.export_dir = None if export_dir is None else Path(export_dir)
        self._batch = get_rank()

    def process(self, data_batch: Mapping, data_samples: Sequence[dict]) -> None:
        """Reduce each image of a batch to its numbers."""
        for i, prediction in enumerate(data_samples):
            sample = data_batch["data_samples"][i]
            inputs = {key: data_batch["inputs"][key][i] for key in CAMERAS}
            try:
                values = self._reduce(prediction, sample, inputs)
            except ValueError as error:
                raise ValueError(f"sample {sample['name']}: {error}") from error
            self.results.append({**values, "batch": self._batch})
        self._batch += get_world_size()

    def compute_metrics(self, results: list[dict[str, Any]]) -> Record:
        """The numbers of the test set."""
        batches: dict[Any, list[dict[str, Any]]] = {}
        for values in results:
            batches.setdefault(values["batch"], []).append(values)
        records = [[v["depth"] for v in batch] for batch in batches.values()]
        metrics = summarise_anchors(records, self.aggregation)
        metrics |= summarise_points(results)
        print_log(self._text(metrics), logger="current")
        warning = scale_warning(metrics[RATIO])
        if warning is not None:
            print_log(warning, logger="current", level=logging.WARNING)
        if not metrics["sparse.triangulated"]:
            print_log(NOTHING_TRIANGULATED, logger="current", level=logging.WARNING)
        self._batch = get_rank()
        return metrics

    def _reduce(
        self, prediction: Mapping, sample: Mapping, inputs: Mapping
    ) -> dict[str, Any]:
        pred = prediction["pred_depth"].float()
        truth = numpy(inputs["depth"][0])
        if self.native:
            if "native_depth" not in sample:
                raise ValueError(
                    "eval_resolution='native' needs `native_depth` of each sample, got "
                    f"{sorted(sample)}. Set native_depth=True in the dataset"
                )
            truth = numpy(sample["native_depth"])
            pred = resize_depth(pred, truth.shape)
        if self.export_dir is not None:
            path = self.export_dir / f"{sample['name']}.png"
            write_millimetre_png(path, numpy(pred))
        found = Triangulated(
            *(prediction[k] for k in ("keypoints", "points_anchor", "point_valid"))
        )
        cameras = {key: value.to(pred.device) for key, value in inputs.items()}
        return {
            "depth": anchor_record(numpy(pred), truth, self.limits),
            **measure_points(found, cameras, self.limits, self.search),
        }

    def _text(self, metrics: Record) -> str:
        eight, sparse = (
            ", ".join(f"{find(key).label} {metrics[key]:.4f}" for key in keys)
            for keys in (EIGHT, SPARSE)
        )
        without = metrics["count.frames_without_depth"]
        clamped = metrics["count.clamped_pixels"] / metrics["count.full.pixels"]
        return (
            f"Depth {self.limits.smallest:g} to {self.limits.largest:g} m at "
            f"{'native' if self.native else 'network'} resolution, {self.aggregation} "
            f"of {metrics['count.frames'] - without:g} images ({without:g} more "
            f"without depth, {clamped:.2%} of pixels clamped): {eight}."
            f" Sparse points: {sparse}"
        )


NOTHING_TRIANGULATED = (
    "no keypoint was triangulated: the dense depth is a guess from one image, and "
    "nothing that concerns the views (their spacing, number, poses) can change it. "
    "Look at poses, intrinsics and baselines"
)


def resize_depth(depth: Tensor, size: Sequence[int]) -> Tensor:
    """(h, w) predicted depth at another size, bilinear, pixel centres kept."""
    resized = functional.interpolate(
        depth[None, None], list(size), mode="bilinear", align_corners=False
    )
    return resized[0, 0]


class Triangulated(NamedTuple):
    """Keypoints of one anchor, tensors or arrays.

    Attributes:
        keypoints: (N, 2) pixels of the anchor.
        points: (N, 3) metres, camera frame of the anchor.
        valid: (N,) bool, whether they were triangulated.
    """

    keypoints: Any
    points: Any
    valid: Any


def measure_points(
    found: Triangulated,
    batch: Mapping[str, Tensor],
    limits: tuple[float, float],
    search: tuple[float, float],
) -> dict[str, Any]:
    """What :func:`summarise_points` needs of one sample.

    Args:
        found: What the network triangulated.
        batch: ``depth`` (V, H, W), ``K`` (V, 3, 3), ``cam2world`` (V, 4, 4).
        limits: True depth that is evaluated, metres.
        search: Range of depth in which matches were searched, metres.

    Returns:
        ``triangulated`` (share of keypoints); ``errors``, (M,) float32 |z - z*| / z* of
        the triangulated keypoints with true depth; ``baseline_m`` (mean distance of the
        views to the anchor) and ``epipolar_px`` (:func:`epipolar_length`).
    """
    K, cam2world = batch["K"].double(), batch["cam2world"].double()
    keypoints = found.keypoints[None].double()
    truth = true_points(keypoints, batch["depth"][None, 0].double(), K[None, 0], limits)
    known = truth.valid[0] & found.valid.bool()
    z, g = found.points[known, 2].double(), truth.points[0, known, 2]
    centres = cam2world[1:, :3, 3] - cam2world[0, :3, 3]
    return {
        "triangulated": float(found.valid.float().mean()),
        "errors": ((z - g).abs() / g).float().cpu().numpy(),
        "baseline_m": float(centres.norm(dim=-1).mean()),
        "epipolar_px": epipolar_length(keypoints[0], K, cam2world, search),
    }


def epipolar_length(
    keypoints: Tensor, K: Tensor, cam2world: Tensor, search: tuple[float, float]
) -> float:
    """Median distance in pixels between a keypoint's nearest and farthest match.

    Args:
        keypoints: (N, 2) pixels of the anchor.
        K: (V, 3, 3) intrinsics.
        cam2world: (V, 4, 4) rigid transforms.
        search: Nearest and farthest depth, metres.

    Returns:
        Over keypoints and views in front of whose camera both ends lie; NaN if none.
    """
    eye = torch.eye(4, dtype=K.dtype, device=K.device)
    world2anchor = invert_rigid(cam2world[1:]) @ cam2world[:1]
    ends, depths = [], []
    for z in search:
        depth = keypoints.new_full(keypoints.shape[:1], z)
        points = unproject_pixels(keypoints, depth, K[0], eye)
        pixels, depth = project(points.expand(len(K) - 1, -1, -1), K[1:], world2anchor)
        ends.append(pixels)
        depths.append(depth)
    lengths = (ends[0] - ends[1]).norm(dim=-1)[(depths[0] > 0) & (depths[1] > 0)]
    return float(lengths.median()) if lengths.numel() else math.nan


def summarise_points(records: Sequence[Mapping[str, Any]]) -> Values:
    """The numbers of a test set.

    Returns:
        ``sparse.abs_rel_median`` and ``sparse.within_5``, the share below 5 %, of the
        errors of all points together; means of the others over the samples that have
        them. NaN where nothing is known.
    """
    errors = np.concatenate([record["errors"] for record in records])
    some = len(errors) > 0
    found = {
        f"sparse.{name}": mean([record[name] for record in records])
        for name in ("triangulated", "baseline_m", "epipolar_px")
    }
    return {
        **found,
        "sparse.abs_rel_median": float(np.median(errors)) if some else math.nan,
        "sparse.within_5": float(np.mean(errors < 0.05)) if some else math.nan,
    }
