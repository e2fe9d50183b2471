"""Pictures and a recording of some test frames, written when the test is over."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.logging import print_log
from mmengine.runner import Runner

from vantage3d.io.images import read_color
from vantage3d.registry import HOOKS
from vantage3d.visualization.drawn_batches import DrawnBatchesHook
from vantage3d.visualization.frame import FrameResult
from vantage3d.visualization.picture import write_picture

CAMERA_KEYS = ("img_path", "pixels", "cam2img", "pose")


@HOOKS.register_module()
class InstanceVisualizationHook(DrawnBatchesHook):
    """Draws the first frame of evenly spaced test batches.

    Reads of each data sample ``pred_pts_seg``, ``eval_ann_info`` and the metainfo
    ``img_path``, ``pixels``, ``cam2img``, ``pose`` and, where the colour file may have
    another size than the pixels refer to, ``img_shape``; the points come from the batch
    and must not be augmented. Writes ``instances.png`` and ``instances.rrd``. A frame
    that cannot be drawn is logged and left out.

    Args:
        num_frames: How many frames; fewer where there are fewer batches.
        score_thr: Predictions below it are not drawn.
        num_stuff: Stuff classes, whose ids come before those of the instances.
        out_dir: Where to write; by default ``pictures`` in the work directory.
        recording: Whether to write the recording for rerun.

    Raises:
        ValueError: If ``num_frames`` is below 1.
        ImportError: Before the test starts, if a recording is wanted without rerun.
    """

    def __init__(
        self,
        num_frames: int = 4,
        score_thr: float = 0.3,
        num_stuff: int = 2,
        out_dir: str | None = None,
        recording: bool = True,
    ) -> None:
        if num_frames < 1:
            raise ValueError(f"`num_frames` must be at least 1, got {num_frames}.")
        super().__init__(num_frames)
        self.score_thr = score_thr
        self.num_stuff = num_stuff
        self.out_dir = out_dir
        self.recording = recording
        self.frames: list[FrameResult] = []

    def before_test(self, runner: Runner) -> None:
        """Choose the batches; fail now, not after the test, if rerun is missing."""
        if self.recording:
            import vantage3d.visualization.recording  # noqa: F401
        super().before_test(runner)
        self.frames = []

    def keep(self, number: int, batch: Mapping[str, Any], outputs: Sequence) -> None:
        """Keep the first frame of a batch."""
        sample, points = outputs[0], batch["inputs"]["points"][0]
        name = sample.eval_ann_info.get("lidar_idx", number)
        missing = [key for key in CAMERA_KEYS if key not in sample.metainfo]
        if missing:
            print_log(
                f"Sample {name} is not drawn: it has no {missing}. Prepare the data "
                "with tools/create_data.py of this version.",
                "current",
            )
            return
        try:
            self.frames.append(frame_of_sample(sample, points, self.num_stuff))
        except (OSError, ValueError) as error:  # The figures matter more.
            print_log(f"Sample {name} is not drawn: {error}", "current")

    def after_test(self, runner: Runner) -> None:
        """Write the files."""
        if not self.frames:
            return
        folder = Path(self.out_dir or Path(runner.work_dir) / "pictures")
        write_picture(folder / "instances.png", self.frames, self.score_thr)
        written = f"{folder}/instances.png"
        if self.recording:
            from vantage3d.visualization.recording import write_recording

            write_recording(folder / "instances.rrd", self.frames, self.score_thr)
            written += " and instances.rrd (open it with `rerun`)"
        print_log(f"{len(self.frames)} test frames drawn in {written}", "current")


def frame_of_sample(sample, points, num_stuff: int) -> FrameResult:
    """The frame that a predicted data sample shows.

    Args:
        sample: Data sample with prediction, annotation and camera.
        points: (N, 3 or more) tensor of the points it was predicted from, metres.
        num_stuff: Stuff classes, whose ids come before those of the instances.
    """
    meta, prediction = sample.metainfo, sample.pred_pts_seg
    annotation = sample.eval_ann_info
    truth = _numpy(annotation["pts_instance_mask"])
    return FrameResult(
        name=str(annotation.get("lidar_idx", meta["img_path"])),
        image=_image(meta["img_path"], meta.get("img_shape")),
        pixels=_numpy(meta["pixels"]),
        points=_numpy(points)[:, :3],
        K=np.asarray(meta["cam2img"], np.float64)[:3, :3],
        cam2world=np.asarray(meta["pose"], np.float64),
        gt_instances=np.maximum(truth - num_stuff, -1),
        pred_masks=_numpy(prediction.pts_instance_mask[0]),
        pred_scores=_numpy(prediction.instance_scores),
    )


def _image(path: str, shape: Sequence[int] | None) -> np.ndarray:
    """Colour image resized by the half-pixel rule to ``shape`` (H, W), if given."""
    image = read_color(path)
    if shape is None or image.shape[:2] == tuple(shape):
        return image
    height, width = map(int, shape)
    shrinks = width < image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    values = image.astype(np.float32)  # cv2 rounds bytes down.
    resized = cv2.resize(values, (width, height), interpolation=interpolation)
    return np.round(resized).astype(np.uint8)


def _numpy(value) -> np.ndarray:
    return value.cpu().numpy() if hasattr(value, "cpu") else np.asarray(value)
