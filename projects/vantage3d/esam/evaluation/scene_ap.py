"""AP of the scene that a stream has put together, at its end and on the way there.

The truth is a cloud: the cells that frames with labels have shown so far, each with the
instance that they say. The scene of the stream are voxels, of which each frame votes
for the instance it finds there, decided by merged superpoint, and an id is as sure as
:attr:`~vantage3d.esam.online.tracks.Tracks.confidence` says, as in the stream itself.
Each point of the truth gets what the nearest voxel has; answers that need no tracker
fill their voxels likewise.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.esam.evaluation.labelled import Labels, check_view, true_instances
from vantage3d.esam.evaluation.protocols import PROTOCOLS
from vantage3d.esam.evaluation.scene_figure import draw
from vantage3d.esam.evaluation.unified_seg_metric import SUPERPOINTS, ap_table
from vantage3d.esam.online.merged_superpoints import SceneSuperpoints
from vantage3d.esam.online.tracks import Detections, Floats, Tracks
from vantage3d.esam.online.voxel_map import VOXEL_SIZE, VoxelMap
from vantage3d.evaluation.instance_diagnostics import diagnose
from vantage3d.evaluation.instance_overlaps import (
    SceneOverlaps,
    SceneTruth,
    partition_overlaps,
    scene_truth,
)
from vantage3d.evaluation.metrics_table import AP_KEYS, find
from vantage3d.evaluation.results.folder import Rows, boxed, no_nan
from vantage3d.evaluation.scannet_ap import MIN_REGION, instance_ap
from vantage3d.evaluation.transfer import nearest_rows, transferred
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import write_figure
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.views.transform import nearest

MODEL, ONE, FRESH = "stream", "one id for everything", "fresh ids in each frame"
ANSWERS = (MODEL, ONE, FRESH, SUPERPOINTS)
CELL = 0.02  # metres between points of the truth
MOMENTS = 10  # at which the scene so far is judged, the last one its end
PROTOCOL = "near"  # no mesh whose segments could be smoothed over
FILE, PICTURE = "scene_ap.json", "scene_ap.png"
MONITORED = ("detections", "new_ids", "ids")
Ids = NDArray[np.integer]
Judged = dict[str, SceneOverlaps]


def score(
    scenes: Mapping[str, ScenePrediction], labels: Labels, out: Path
) -> dict[str, Any]:
    """Class-agnostic AP of scenes, at the end and after each tenth of their frames.

    Beside the stream: its masks with one id for everything, with ids of their own in
    each frame, and every superpoint of every frame. Prints tables, writes
    ``scene_ap.json`` and ``scene_ap.png``.

    Args:
        scenes: What was predicted, by sequence, with ids and poses.
        labels: Of :func:`~vantage3d.esam.evaluation.labelled.label_files`.
        out: Where the file goes.

    Returns:
        What the file has: ``answers`` at the end, ``over_time`` a row per moment,
        ``diagnostics`` of the final scenes (:func:`diagnose`) and ``monitor``: means
        and 95 % quantiles over frames of detections, new ids and ids so far.

    Raises:
        ValueError: If a label image is of another view.
    """
    moments: list[list[Judged]] = [[] for _ in range(MOMENTS)]
    shown: dict[str, list[Ids]] = {}
    for sequence, scene in scenes.items():
        paths = {name: path for (of, name), path in labels.items() if of == sequence}
        shown[sequence] = []
        for moment, judged in zip(moments, _over_time(scene, paths, shown[sequence])):
            moment.append(judged)
    rows = [
        {
            "share": (number + 1) / MOMENTS,
            **_counts(moment),
            "answers": {name: _ap(moment, name) for name in moment[0]},
        }
        for number, moment in enumerate(moments)
    ]
    content = {"protocol": PROTOCOL, "cell": CELL, "voxel": VOXEL_SIZE}
    content |= {"min_region": MIN_REGION, "scenes": len(scenes), **rows[-1]}
    content["over_time"] = rows
    final = [judged[MODEL] for judged in moments[-1]]
    content["diagnostics"] = diagnose(final)
    series = {sequence: monitored(ids) for sequence, ids in shown.items()}
    content["monitor"] = {
        name: {
            "mean": float(np.mean(values)),
            "p95": float(np.quantile(values, 0.95)),
        }
        for name in MONITORED
        if (values := np.concatenate([own[name] for own in series.values()])).size
    }
    overlap = [own.ious[:, own.gt_sizes >= MIN_REGION] for own in final]
    write_figure(out / PICTURE, draw(rows, series, overlap))
    text = json.dumps(no_nan(content), indent=1) + "\n"
    atomic_write_bytes(out / FILE, text.encode())
    print_log(_text(content), logger="current")
    print_log(f"AP of scenes written to {out / FILE}", logger="current")
    return content


def monitored(shown: Sequence[Ids]) -> dict[str, Ids]:
    """Series over frames of a stream: detections, new ids, ids so far.

    Args:
        shown: Ids of each frame.
    """
    known: set[int] = set()
    rows = []
    for ids in shown:
        before = len(known)
        known |= set(ids.tolist())
        rows.append((len(ids), len(known) - before, len(known)))
    return dict(zip(MONITORED, np.array(rows, np.int64).reshape(-1, 3).T))


def _over_time(
    scene: ScenePrediction, labels: Mapping[str, Path], shown: list[Ids]
) -> Iterator[Judged]:
    """Overlaps of each answer with the truth so far, at :data:`MOMENTS`.

    Args:
        scene: With ids and poses.
        labels: By frame.
        shown: Gets the ids of each frame.
    """
    clouds, moment, total = _Clouds(), 0, len(scene.frames)
    for place, frame in enumerate(scene.frames, 1):
        clouds.add(frame, labels.get(frame.name))
        if frame.instances is not None:
            shown.append(np.array(frame.instances.tracks, np.int64))
        due = place * MOMENTS // total
        if due > moment:
            judged = clouds.judged()
            yield from [judged] * (due - moment)
            moment = due


class _Clouds:
    """The truth and the answers so far."""

    def __init__(self) -> None:
        self.truth = VoxelMap(CELL)
        self.answers = {name: VoxelMap(VOXEL_SIZE) for name in (MODEL, FRESH)}
        self.tracks = {name: Tracks(1) for name in self.answers}
        self.superpoints, self._fresh = SceneSuperpoints(VOXEL_SIZE), count()

    def add(self, frame: FramePrediction, labels: Path | None) -> None:
        """What a frame shows."""
        if frame.depth is None or (found := frame.instances) is None:
            return
        kept = frame.depth > 0
        points = frame.points()[kept]
        if labels is not None:
            ids = true_instances(labels)
            check_view(labels, ids, frame)
            self.truth.claim(points, nearest(ids[..., None], *kept.shape)[kept, 0])
        own = {
            MODEL: np.array(found.tracks, np.int64),
            FRESH: np.array([next(self._fresh) for _ in found.scores], np.int64),
        }
        best, scores = found.ids()[kept], found.scores.astype(np.float64)
        one_class = np.zeros(len(scores), np.int64)
        detections = Detections(found.masks[:, kept], one_class, scores, points)
        for name, ids in own.items():
            claims = np.append(ids, -1)[best]
            sight = self.answers[name].claim(points, claims, whole=True)
            self.tracks[name].observe(ids, detections, 0, sight)
        if found.superpoints is not None:
            parts = np.maximum(found.superpoints[kept], -1)
            self.superpoints.add(points, parts)

    def judged(self) -> Judged:
        """Overlaps with the truth."""
        onto, owners = self.truth.points, self.truth.owners.astype(np.int64)
        truth = scene_truth(np.minimum(owners, 0), owners)
        limit = PROTOCOLS[PROTOCOL].limit
        rows = nearest_rows(self.answers[MODEL].points, onto, limit)
        filled = {name: voxels.owners for name, voxels in self.answers.items()}
        if len(merged := self.superpoints.merged) == len(filled[MODEL]):
            filled[MODEL] = merged.decided(filled[MODEL])
            filled[SUPERPOINTS] = self.superpoints.single.owners
        ids = {name: transferred(own, rows, -1) for name, own in filled.items()}
        ids[ONE] = np.minimum(ids[MODEL], 0)
        sure = {name: tracks.confidence for name, tracks in self.tracks.items()}
        return {
            name: overlaps(truth, ids[name], sure.get(name))
            for name in ANSWERS
            if name in ids
        }


def overlaps(truth: SceneTruth, ids: Ids, scores: Floats | None) -> SceneOverlaps:
    """Overlaps of instances that share no point, best first.

    Args:
        truth: Of the points.
        ids: (N,) of each point, -1 for none.
        scores: (M,) of the ids 0..M-1; None where all are the same.
    """
    known, parts = np.unique(ids, return_inverse=True)
    found = partition_overlaps(truth, parts, np.zeros(len(known), np.int64))
    values = np.ones(len(known)) if scores is None else np.append(scores, 0)[known]
    found = replace(found, pred_scores=values)
    kept = (known >= 0) & (found.pred_sizes >= MIN_REGION)
    order = np.argsort(-found.pred_scores, kind="stable")
    return found.select(order[kept[order]])


def _ap(moment: list[Judged], name: str) -> dict[str, Any]:
    return instance_ap([judged[name] for judged in moment], ["object"])


def _counts(moment: list[Judged]) -> dict[str, int]:
    scenes = [judged[MODEL] for judged in moment]
    true = sum(int((scene.gt_sizes >= MIN_REGION).sum()) for scene in scenes)
    return {"true": true, "found": sum(len(scene.pred_sizes) for scene in scenes)}


def _text(content: dict[str, Any]) -> str:
    body = [
        [
            f"{row['share']:.0%}",
            *(f"{row[name]}" for name in ("true", "found")),
            *(f"{row['answers'][MODEL][key]:.4f}" for key in AP_KEYS),
        ]
        for row in content["over_time"]
    ]
    header = ["of the frames", "true", "found", *(find(key).label for key in AP_KEYS)]
    said = ", ".join(f"{k} {v:.3f}" for k, v in content["diagnostics"].items())
    return (
        f"Instance AP of {content['scenes']} scenes, class-agnostic, protocol "
        f"{PROTOCOL}: {content['true']} true and {content['found']} found instances "
        f"of at least {MIN_REGION} points, {CELL:g} m apart\n"
        f"{ap_table(content['answers'])}\n{MODEL}, over time\n"
        f"{boxed(Rows(header, body))}\nof the final scenes: {said}"
    )
