"""Ids of a stream against images of the true ones, beside ids that need no tracker."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.esam.evaluation.labelled import Labels, compared
from vantage3d.esam.evaluation.scene_ap import FRESH, MODEL, ONE
from vantage3d.evaluation.results.folder import Rows, boxed, no_nan
from vantage3d.evaluation.scannet_ap import MIN_REGION
from vantage3d.evaluation.tracking import TrackedFrame, track_metrics, tracked
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.results.prediction import ScenePrediction

TRUTH = "the truth"
FILE = "stream_metrics.json"
Ids = NDArray[np.int64]
COLUMNS = {
    "hota": "HOTA",
    "det_a": "DetA",
    "ass_a": "AssA",
    "idf1": "IDF1",
    "switches": "switches",
    "fragments": "fragments",
    "duplicates": "duplicates",
    "births": "births/frame",
    "deaths": "deaths/frame",
    "first_correct": "correct after",
    "never_correct": "never",
}


def score(
    scenes: Mapping[str, ScenePrediction], labels: Labels, out: Path
) -> dict[str, dict[str, float]]:
    """Metrics of ids over all labelled frames, beside answers that need no tracker.

    The truth, what nothing can be better than; the masks with one id for everything;
    and with ids of their own in each frame. True instances of a frame that was left out
    are missed. Prints a table, writes ``stream_metrics.json``.

    Args:
        scenes: What was predicted, by sequence.
        labels: Of :func:`label_files`, in order of time.
        out: Where the file goes.

    Returns:
        What :func:`track_metrics` returns, of each answer.

    Raises:
        ValueError: If a label image is of another view, or instances have no ids.
    """
    numbers = count()
    frames = {
        key: dict(_answers(key[0], true_ids, masks, ids, numbers))
        for key, true_ids, masks, ids in _ids(scenes, labels)
    }
    ordered = [frames[key] for key in labels]
    found = {
        name: track_metrics([frame[name] for frame in ordered])
        for name in (MODEL, TRUTH, ONE, FRESH)
    }
    content = {"frames": len(ordered), "min_region": MIN_REGION, "answers": found}
    text = json.dumps(no_nan(content), indent=1) + "\n"
    atomic_write_bytes(out / FILE, text.encode())
    print_log(f"Ids over {len(ordered)} frames\n{_table(found)}", logger="current")
    print_log(f"metrics of ids written to {out / FILE}", logger="current")
    return found


def _ids(
    scenes: Mapping[str, ScenePrediction], labels: Labels
) -> Iterator[tuple[tuple[str, str], Ids, NDArray[np.bool_], Ids]]:
    """Labelled frames: sequence and name, true ids, masks and their ids."""
    for key, frame, shown in compared(scenes, labels):
        ids: Ids | None = np.zeros(0, np.int64)
        if frame is not None and frame.instances is not None:
            ids = frame.instances.tracks
        if ids is None:
            raise ValueError(
                f"frame {shown.name}: its instances have no `tracks`, they were found "
                "frame by frame. Predict with run-stream or StreamSegmenter"
            )
        yield key, shown.gt_instances, shown.pred_masks, ids


def _answers(
    sequence: str,
    true_ids: Ids,
    masks: NDArray[np.bool_],
    ids: Ids,
    numbers: Iterator[int],
) -> Iterator[tuple[str, TrackedFrame]]:
    model = tracked(sequence, true_ids, masks, ids)
    yield MODEL, model
    same = np.eye(len(model.true_ids))
    yield TRUTH, TrackedFrame(sequence, model.true_ids, model.true_ids, same, same)
    yield ONE, tracked(sequence, true_ids, masks, np.zeros_like(ids))
    fresh = np.array([next(numbers) for _ in model.ids], np.int64)
    yield FRESH, model._replace(ids=fresh)


def _table(found: Mapping[str, Mapping[str, float]]) -> str:
    body = [
        [name, *(_cell(row[key], key) for key in COLUMNS)]
        for name, row in found.items()
    ]
    return boxed(Rows(["", *COLUMNS.values()], body))


def _cell(value: float, key: str) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:d}" if key in ("switches", "fragments") else f"{value:.3f}"
