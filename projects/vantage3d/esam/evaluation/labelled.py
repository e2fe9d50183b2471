"""Predicted instances of recordings against images of the true ones.

Pixels count where samples have points, so that predictions from different depths of one
recording stand beside each other: the true depth, or that of another network.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.esam.evaluation.unified_seg_metric import UnifiedSegMetric
from vantage3d.inference.frames import PROPORTIONS
from vantage3d.io.images import read_ids, resized
from vantage3d.io.names import public_name
from vantage3d.io.scannet_classes import THING_IDS
from vantage3d.process.spacing import evenly_spaced
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.results.scene_instances import LEAST_SCORE
from vantage3d.views.transform import nearest
from vantage3d.visualization.instance_picture import write_picture
from vantage3d.visualization.instances import FrameResult

INSTANCE, SEMANTIC = "instance", "semantic"
ROWS = 4  # of the picture
Labels = Mapping[tuple[str, str], Path]


def label_files(folder: Path, frames: Mapping[str, Sequence[str]]) -> Labels:
    """Images of true instances, by sequence and frame, in their order.

    Args:
        folder: Has ``instance/<frame>.png``, ids with 0 for none, or a folder per
            sequence that has. Where ``semantic/<frame>.png`` lies beside, raw ids of
            ScanNet, only things count.
        frames: Names of the frames of each sequence.

    Raises:
        FileNotFoundError: If no frame has labels.
    """
    files = {
        (sequence, name): path
        for sequence, names in frames.items()
        for name in names
        for root in [folder, folder / public_name(sequence)]
        if (path := root / INSTANCE / f"{name}.png").is_file()
    }
    total = sum(map(len, frames.values()))
    if not files:
        sequence, names = next(iter(frames.items()))
        example = Path(INSTANCE) / f"{names[0]}.png"
        raise FileNotFoundError(
            f"none of {total} frames has an image of its instances, expected such as "
            f"{folder / example} or {folder / public_name(sequence) / example}"
        )
    print_log(f"{len(files)} of {total} frames have labels", logger="current")
    return files


def score(
    scenes: Mapping[str, ScenePrediction], labels: Labels, out: Path
) -> dict[str, float]:
    """Class-agnostic AP over all labelled frames, beside the trivial answers.

    Instances of a frame without prediction are missed. Prints a table, writes
    ``instance_ap.json``, ``instance_ap.csv`` and ``instances.png``.

    Args:
        scenes: What was predicted, by sequence.
        labels: Of :func:`label_files`.
        out: Where the files go.

    Raises:
        ValueError: If a label image is of another view.
    """
    metric = UnifiedSegMetric(
        class_agnostic=True,
        stuff_class_inds=(),
        trivial_baselines=True,
        result_dir=str(out),
    )
    metric.dataset_meta = {"classes": ["object"]}
    drawn, rows = evenly_spaced(len(labels), ROWS), []
    for place, (_, frame, shown) in enumerate(compared(scenes, labels)):
        metric.process(None, [_sample(shown, frame)])
        if place in drawn:
            rows.append(shown)
    write_picture(out / "instances.png", rows, LEAST_SCORE)
    return metric.compute_metrics(metric.results)


def compared(
    scenes: Mapping[str, ScenePrediction], labels: Labels
) -> Iterator[tuple[tuple[str, str], FramePrediction | None, FrameResult]]:
    """Labelled frames: sequence and name, prediction if any, and both on all pixels.

    Those without prediction come last.

    Raises:
        ValueError: If a label image is of another view.
    """
    for key, frame, path in _predicted(scenes, labels):
        name = ", ".join(key)
        try:
            yield key, frame, _result(name, frame, path)
        except ValueError as error:
            raise ValueError(f"frame {name}: {error}") from error


def _predicted(
    scenes: Mapping[str, ScenePrediction], labels: Labels
) -> Iterator[tuple[tuple[str, str], FramePrediction | None, Path]]:
    left = dict(labels)
    for sequence, scene in scenes.items():
        for frame in scene.frames:
            if (path := left.pop((sequence, frame.name), None)) is not None:
                yield (sequence, frame.name), frame, path
    for key, path in left.items():
        yield key, None, path


def true_instances(path: Path) -> NDArray[np.int64]:
    """(H, W) ids, -1 for none; where classes are known, of things alone.

    Raises:
        ValueError: If the image of classes has another size.
    """
    ids = read_ids(path) - 1
    classes = path.parents[1] / SEMANTIC / path.name
    if not classes.is_file():
        return ids
    semantic = read_ids(classes)
    if semantic.shape != ids.shape:
        raise ValueError(
            f"{classes} is {semantic.shape[1]}x{semantic.shape[0]} and {path} is "
            f"{ids.shape[1]}x{ids.shape[0]}. Both must show the same pixels"
        )
    return np.where(np.isin(semantic, list(THING_IDS["id"])), ids, -1)


def check_view(path: Path, ids: NDArray[np.int64], frame: FramePrediction) -> None:
    """Refuse labels of another view than the frame's.

    Args:
        path: Of the labels.
        ids: (H, W) what it says.
        frame: The frame.

    Raises:
        ValueError: If proportions differ.
    """
    (height, width), (H, W) = ids.shape, frame.color.shape[:2]
    if abs(width * H / (height * W) - 1) > PROPORTIONS:
        raise ValueError(
            f"its labels {path} are {width}x{height} and the frame is {W}x{H}: "
            "they do not show the same view. Give labels of the whole image"
        )


def _result(name: str, frame: FramePrediction | None, path: Path) -> FrameResult:
    """True and predicted instances on every pixel of the labels.

    Raises:
        ValueError: If they do not show the same view.
    """
    ids = true_instances(path)
    height, width = ids.shape
    image = np.zeros((height, width, 3), np.uint8)
    masks, scores = np.zeros((0, height, width), bool), np.zeros(0)
    if frame is not None and frame.instances is not None:
        check_view(path, ids, frame)
        image = resized(frame.color, (width, height))
        maps = nearest(frame.instances.masks.transpose(1, 2, 0), height, width)
        masks, scores = maps.transpose(2, 0, 1), frame.instances.scores
    pixels = np.indices((height, width))[::-1].reshape(2, -1).T
    return FrameResult(
        name,
        image,
        pixels,
        np.zeros((len(pixels), 3)),  # drawn from no other side
        np.eye(3),
        np.eye(4),
        ids.ravel(),
        np.ascontiguousarray(masks.reshape(len(masks), height * width)),
        scores,
    )


def _sample(shown: FrameResult, frame: FramePrediction | None) -> dict[str, Any]:
    """What :class:`UnifiedSegMetric` reads of a frame."""
    superpoints = np.zeros(len(shown.pixels), np.int64)
    if frame is not None and frame.instances is not None:
        found = frame.instances.superpoints
        if found is not None:
            size = shown.image.shape[:2]
            superpoints = nearest(found, *size).ravel().astype(np.int64) + 1
    return {
        "pred_pts_seg": {
            "pts_instance_mask": [shown.pred_masks],
            "instance_scores": shown.pred_scores,
            "instance_labels": np.zeros(len(shown.pred_scores), np.int64),
        },
        "eval_ann_info": {
            "pts_instance_mask": shown.gt_instances,
            "pts_semantic_mask": (shown.gt_instances < 0).astype(np.int64),
            "sp_pts_mask": superpoints,
            "lidar_idx": shown.name,
        },
    }
