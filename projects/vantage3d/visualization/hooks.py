"""Hooks that draw some test samples; what they drew is written after the test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from vantage3d.checks import check_choice, check_positive
from vantage3d.evaluation.depth_metrics import ALIGNMENTS, fit_depth
from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.geometry import invert_rigid, project
from vantage3d.io.images import read_color
from vantage3d.process.spacing import evenly_spaced
from vantage3d.registry import HOOKS
from vantage3d.visualization.depth_picture import DepthView, write_depth_picture
from vantage3d.visualization.instance_picture import write_picture
from vantage3d.visualization.instances import FrameResult

CAMERA_KEYS = ("img_path", "pixels", "cam2img", "pose")


class DrawnBatchesHook(Hook):
    """Lets :meth:`keep` see evenly spaced test batches, in the main process alone.

    Args:
        num_batches: Number of batches that are drawn; fewer where there are fewer.
        out_dir: Folder of the files; by default ``pictures`` in the work directory.
    """

    def __init__(self, num_batches: int, out_dir: str | None = None) -> None:
        self.num_batches, self.out_dir = num_batches, out_dir
        self.drawn: list[int] = []
        self.kept: list[Any] = []

    def before_test(self, runner: Runner) -> None:
        """Choose the batches."""
        self.drawn = evenly_spaced(len(runner.test_dataloader), self.num_batches)
        self.kept = []

    def folder(self, runner: Runner) -> Path:
        """Where files go."""
        return Path(self.out_dir or Path(runner.work_dir) / "pictures")

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
        """Append what will be drawn of a batch and its predictions to ``kept``."""
        raise NotImplementedError


@HOOKS.register_module()
class DepthPictureHook(DrawnBatchesHook):
    """Draws the first frame of evenly spaced test windows into ``depth.png``.

    Reads of each batch ``images`` (B, V, 3, H, W) in [0, 1] and the true depth, of each
    prediction the depths that are named. A window is aligned as a whole.

    Args:
        answers: Title of a column to the key of its depth (V, H, W) in a prediction.
        truth: Key of the true depth (B, V, H, W) in the batch, metres, 0 = missing.
        alignment: One of ``depth_metrics.ALIGNMENTS``, of each answer to the truth.
        num_frames: Rows; fewer where there are fewer batches.
        out_dir: Folder of the files; by default ``pictures`` in the work directory.

    Raises:
        ValueError: If ``num_frames`` is below 1 or the alignment is unknown.
    """

    def __init__(
        self,
        answers: Mapping[str, str],
        truth: str = "depth",
        alignment: str = "median",
        num_frames: int = 4,
        out_dir: str | None = None,
    ) -> None:
        check_choice("alignment", alignment, ALIGNMENTS)
        check_positive("num_frames", num_frames)
        super().__init__(num_frames, out_dir)
        self.answers, self.truth = dict(answers), truth
        self.alignment = alignment

    def keep(self, number: int, batch: Mapping[str, Any], outputs: Sequence) -> None:
        """Keep the first frame of a batch."""
        inputs, sample = batch["inputs"], batch["data_samples"][0]
        truth = inputs[self.truth][0].cpu().numpy()
        answers = {}
        for title, key in self.answers.items():
            pred = outputs[0][key].float().cpu().numpy()
            fit = fit_depth(pred, truth, truth > 0, self.alignment)
            answers[title] = fit(pred)[0]
        name = f"{sample['sequence']}, frame {int(sample['ids'][0])}"
        image = inputs["images"][0, 0].permute(1, 2, 0).cpu().numpy()
        self.kept.append(DepthView(name, image, truth[0], answers))

    def after_test(self, runner: Runner) -> None:
        """Write the file."""
        if not self.kept:
            return
        path = self.folder(runner) / "depth.png"
        note = f"each answer aligned to the truth by its {self.alignment}, per window"
        write_depth_picture(path, self.kept, note)
        print_log(f"{len(self.kept)} test frames drawn in {path}", "current")


@HOOKS.register_module()
class InstanceVisualizationHook(DrawnBatchesHook):
    """Draws the first frame of evenly spaced test batches.

    Reads of each data sample ``pred_pts_seg``, ``eval_ann_info`` and the metainfo
    ``img_path``, ``pixels``, ``cam2img``, ``pose`` and, where the colour file may have
    another size than the pixels refer to, ``img_shape``; ``color_cam2img``,
    ``color_shape`` and ``depth2color`` where its camera is another one. The points come
    from the batch and must not be augmented. Writes ``instances.png`` and
    ``instances.rrd``. A frame that cannot be drawn is logged and left out.

    Args:
        num_frames: Number of frames; fewer where there are fewer batches.
        score_thr: Predictions below it are not drawn.
        num_stuff: Stuff classes, whose ids come before those of the instances.
        out_dir: Folder of the files; by default ``pictures`` in the work directory.
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
        super().__init__(num_frames, out_dir)
        self.score_thr, self.num_stuff = score_thr, num_stuff
        self.recording = recording

    def before_test(self, runner: Runner) -> None:
        """Choose the batches; fail now, not after the test, if rerun is missing."""
        if self.recording:
            import vantage3d.visualization.recording  # noqa: F401
        super().before_test(runner)

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
            self.kept.append(frame_of_sample(sample, points, self.num_stuff))
        except (OSError, ValueError) as error:  # The figures matter more.
            print_log(f"Sample {name} is not drawn: {error}", "current")

    def after_test(self, runner: Runner) -> None:
        """Write the files."""
        if not self.kept:
            return
        folder = self.folder(runner)
        write_picture(folder / "instances.png", self.kept, self.score_thr)
        written = f"{folder}/instances.png"
        if self.recording:
            from vantage3d.visualization.recording import write_recording

            write_recording(folder / "instances.rrd", self.kept, self.score_thr)
            written += " and instances.rrd (open it with `rerun`)"
        print_log(f"{len(self.kept)} test frames drawn in {written}", "current")


def frame_of_sample(sample: Any, points: Any, num_stuff: int) -> FrameResult:
    """The frame that a predicted data sample shows.

    Args:
        sample: Data sample with prediction, annotation and camera.
        points: (N, 3 or more) tensor of the points it was predicted from, metres.
        num_stuff: Stuff classes, whose ids come before those of the instances.
    """
    meta, prediction = sample.metainfo, sample.pred_pts_seg
    annotation, xyz = sample.eval_ann_info, numpy(points)[:, :3]
    truth = numpy(annotation["pts_instance_mask"])
    shape, pixels = meta.get("img_shape"), numpy(meta["pixels"])
    K, cam2world = (np.asarray(meta[key], np.float64) for key in ("cam2img", "pose"))
    if meta.get("color_cam2img") is not None:  # the camera that took the image
        K, shape = np.asarray(meta["color_cam2img"], np.float64), meta["color_shape"]
        if meta.get("depth2color") is not None:
            between = np.asarray(meta["depth2color"], np.float64)
            cam2world = cam2world @ invert_rigid(between)
        found, _ = project(xyz.astype(np.float64), K, invert_rigid(cam2world))
        pixels = np.round(found).astype(np.int64).clip(0, (shape[1] - 1, shape[0] - 1))
    return FrameResult(
        name=str(annotation.get("lidar_idx", meta["img_path"])),
        image=_image(meta["img_path"], shape),
        pixels=pixels,
        points=xyz,
        K=K[:3, :3],
        cam2world=cam2world,
        gt_instances=np.maximum(truth - num_stuff, -1),
        pred_masks=numpy(prediction.pts_instance_mask[0]),
        pred_scores=numpy(prediction.instance_scores),
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
