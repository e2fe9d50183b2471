"""After a test: numbers beside the median map's, a picture; before: wrong poses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import collect_results, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from numpy.typing import NDArray
from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.deltas.evaluation.sparse_points import CHANCE, SPARSE
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import Record, Rows, boxed, write_json
from vantage3d.evaluation.stereo_depth import (
    EIGHT,
    DepthRange,
    anchor_record,
    summarise_anchors,
)
from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.geometry import invert_rigid
from vantage3d.process.spacing import evenly_spaced
from vantage3d.registry import DATASETS, HOOKS
from vantage3d.visualization.depth_picture import (
    DepthView,
    Keypoints,
    write_depth_picture,
)
from vantage3d.visualization.hooks import DrawnBatchesHook

MOST_SAMPLES = 200  # whose depth makes the median map


@HOOKS.register_module()
class DepthReportHook(DrawnBatchesHook):
    """Writes ``depth.json`` and ``depth.png`` when a test is over, and prints a table.

    The table has a second row: the median of the training anchors' depth, pixel by
    pixel, which is what a network that has learned nothing of the scene can reach.

    Args:
        num_pictures: Samples in the picture, from evenly spread batches.
        median_map: Whether there is a second row; it reads the training data.
        min_depth: Smallest true depth that is evaluated, metres; as in the metric.
        max_depth: Largest true depth that is evaluated, metres.
        out_dir: Where to write; by default the work directory.
    """

    def __init__(
        self,
        num_pictures: int = 4,
        median_map: bool = True,
        min_depth: float = 0.5,
        max_depth: float = 10.0,
        out_dir: str | None = None,
    ) -> None:
        super().__init__(num_pictures, out_dir)
        self.median_map = median_map
        self.limits = DepthRange(min_depth, max_depth)
        self._map: NDArray[np.float64] | None = None
        self._beside: list[Record] = []

    def before_test(self, runner: Runner) -> None:
        """Choose what is drawn; read the training depth."""
        super().before_test(runner)
        self._beside, self._map = [], None
        if self.median_map:
            config = {**runner.cfg.train_dataloader.dataset, "augmentation": None}
            dataset = DATASETS.build(config)
            chosen = evenly_spaced(len(dataset), MOST_SAMPLES)
            self._map = median_depth_map((dataset[i] for i in chosen), self.limits)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Judge the median map on every batch."""
        super().after_test_iter(runner, batch_idx, data_batch, outputs)
        if self._map is not None:
            assert data_batch is not None
            for truth in data_batch["inputs"]["depth"][:, 0].cpu().numpy():
                self._beside.append(anchor_record(self._map, truth, self.limits))

    def keep(self, number: int, batch: Mapping[str, Any], outputs: Sequence) -> None:
        """Keep the first sample of a batch to draw it, if it has true depth."""
        if (batch["inputs"]["depth"][0, 0] > 0).any():
            name, output = batch["data_samples"][0]["name"], outputs[0]
            keypoints = None
            if "keypoints" in output:
                z, valid = output["points_anchor"][:, 2], output["point_valid"]
                keypoints = Keypoints(*map(numpy, (output["keypoints"], z, valid)))
                name += f", {int(valid.sum())} of {len(valid)} triangulated"
            view = DepthView(
                name,
                numpy(batch["inputs"]["images"][0, 0].permute(1, 2, 0)),
                numpy(batch["inputs"]["depth"][0, 0]),
                {"prediction": numpy(output["pred_depth"])},
                keypoints,
            )
            self.kept.append(view)

    def after_test_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Write and print the report."""
        beside = None
        if self._map is not None:
            beside = collect_results(self._beside, len(runner.test_dataloader.dataset))
        if not is_main_process() or not metrics:
            return
        rows = {"network": metrics}
        if beside:
            rows["median map"] = summarise_anchors([beside])
        folder = Path(self.out_dir or runner.work_dir)
        write_json(folder / "depth.json", rows)
        if self.kept:
            write_depth_picture(folder / "depth.png", self.kept)
            print_log(f"picture: {folder / 'depth.png'}", logger="current")
        tables = [table_of(rows, EIGHT)]
        if SPARSE[0] in metrics:
            tables.append(table_of(sparse_rows(metrics), OF_POINTS))
        if beside:
            ratio = metrics[EIGHT[0]] / rows["median map"][EIGHT[0]]
            tables.append(f"AbsRel is {ratio:.2f} of the median map's")
        print_log("\n" + "\n".join(tables), logger="current")


OF_POINTS = SPARSE[1:4]


def table_of(rows: Mapping[str, Mapping[str, float]], keys: Sequence[str]) -> str:
    """A table of numbers, ``-`` where a row has none."""
    body = [
        [name, *(f"{row[key]:.4f}" if key in row else "-" for key in keys)]
        for name, row in rows.items()
    ]
    return boxed(Rows(["", *(find(key).title for key in keys)], body))


def sparse_rows(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Errors of the points, of the dense depth at their pixels, and of chance."""
    rows = {"points": {key: metrics[key] for key in OF_POINTS}}
    rows["dense depth there"] = {OF_POINTS[0]: metrics["sparse.dense_abs_rel_median"]}
    for name in CHANCE:
        rows[f"chance: {name}"] = {
            key: metrics[key.replace("sparse.", f"sparse.chance.{name}.")]
            for key in OF_POINTS
        }
    return rows


def median_depth_map(
    samples: Iterable[Mapping[str, Any]], limits: DepthRange
) -> NDArray[np.float64]:
    """Median of the anchors' true depth at each pixel.

    Args:
        samples: With ``depth`` (V, H, W), metres, of one size; view 0 is the anchor.
        limits: Depth that counts.

    Returns:
        (H, W) metres; the median of the whole where a pixel never has depth.

    Raises:
        ValueError: If no pixel has depth in range.
    """
    depths = np.stack([np.asarray(s["depth"][0], np.float64) for s in samples])
    known = np.where(limits.mask(depths), depths, np.nan)
    empty = np.isnan(known).all(axis=0)
    if empty.all():
        raise ValueError(
            f"none of {len(depths)} training depth maps has depth between "
            f"{limits.smallest:g} and {limits.largest:g} m. Look at the depth's unit"
        )
    known[:, empty] = np.nanmedian(known)
    return np.nanmedian(known, axis=0)


def stride(cam2world: Tensor) -> Tensor:
    """Rows read with a stride of four where there are three a pose.

    The rows of view v are moved round by v, rotation and translation alike: still rigid
    transforms, about 120 degrees apart.

    Args:
        cam2world: (B, V, 4, 4) rigid transforms.
    """
    wrong = cam2world.clone()
    for view in range(cam2world.shape[1]):
        wrong[:, view, :3] = cam2world[:, view, :3].roll(view % 3, dims=1)
    return wrong


MISTAKES: dict[str, Callable[[Tensor], Tensor]] = {
    "stride": stride,
    "inverted": invert_rigid,  # world to camera taken for camera to world
}


@HOOKS.register_module()
class WrongPosesHook(Hook):
    """Spoils the poses of every test batch, for the control row of a study.

    Args:
        mistake: "stride" or "inverted".
    """

    def __init__(self, mistake: str) -> None:
        check_choice("mistake", mistake, MISTAKES)
        self.mistake = mistake

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Replace the poses of the batch."""
        inputs = data_batch["inputs"]
        with torch.no_grad():
            inputs["cam2world"] = MISTAKES[self.mistake](inputs["cam2world"])
