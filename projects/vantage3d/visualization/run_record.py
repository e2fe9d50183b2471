"""What a run keeps of itself beside its log: structure, TensorBoard, pictures."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.visualization import TensorboardVisBackend

from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.registry import HOOKS

GAP = 4  # pixels between the rows of a picture


@HOOKS.register_module()
class RunRecordHook(Hook):
    """Writes ``model.txt``, a picture of each validation, and TensorBoard's files.

    ``model.txt`` in the work dir has the modules and how many parameters are trained.
    The picture shows the first validation sample: images above predicted inverse depth;
    it lies in ``<run>/vis_data/vis_image``. With the package ``tensorboard`` installed,
    scalars and pictures are also in ``<run>/vis_data`` for ``tensorboard --logdir``;
    without it one line of the log says so.

    Args:
        depth: Key of the predicted depth (V, H, W), in a prediction.
    """

    def __init__(self, depth: str = "pred_depth") -> None:
        self.depth = depth
        self._picture: np.ndarray | None = None

    def before_train(self, runner: Runner) -> None:
        """Write the structure, and let TensorBoard listen."""
        if not is_main_process():
            return
        weights = list(runner.model.parameters())
        total = sum(weight.numel() for weight in weights)
        trained = sum(weight.numel() for weight in weights if weight.requires_grad)
        text = f"{runner.model}\n\n{trained} of {total} parameters are trained\n"
        atomic_write_bytes(Path(runner.work_dir) / "model.txt", text.encode())
        folder = Path(runner.log_dir) / "vis_data"
        if find_spec("tensorboard") is None:
            print_log("no TensorBoard files: `pip install tensorboard`", "current")
            return
        # added here, since a config that names it cannot be built without the package
        runner.visualizer._vis_backends["tensorboard"] = TensorboardVisBackend(folder)
        print_log(f"tensorboard --logdir {folder}", "current")

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Draw the first sample."""
        if batch_idx == 0 and data_batch is not None and outputs:
            images = numpy(data_batch["inputs"]["images"])[0].transpose(0, 2, 3, 1)
            self._picture = _picture(images, numpy(outputs[0][self.depth]))

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Record it under the step of the validation."""
        if self._picture is not None:
            runner.visualizer.add_image("validation", self._picture, runner.iter)
            self._picture = None


def _picture(images: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Bytes (H', W', 3) of (V, H, W, 3) images in 0..1 above (V, H, W) inverse depth.

    Bright is near: the nearest percent is white, infinity is black.
    """
    near = 1 / np.maximum(depth, 1e-6)
    bright = np.clip(near / np.percentile(near, 99), 0, 1)[..., None].repeat(3, -1)
    rows = [np.concatenate(list(row), axis=1) for row in (images, bright)]
    gap = np.ones((GAP, rows[0].shape[1], 3))
    return np.round(255 * np.concatenate([rows[0], gap, rows[1]])).astype(np.uint8)
