"""Random scenes for the AP tests, and the reference's answer for them."""

import warnings
from dataclasses import dataclass

import numpy as np

from tools.benchmarks.scannet_ap import mmdet3d_scannet_eval
from vantage3d.evaluation.instance_overlaps import (
    SceneOverlaps,
    scene_overlaps,
    scene_truth,
)


@dataclass
class Scene:
    """Dense ground truth and predictions, the input of both implementations."""

    labels: np.ndarray
    instances: np.ndarray
    masks: np.ndarray
    pred_labels: np.ndarray
    scores: np.ndarray

    def overlaps(self) -> SceneOverlaps:
        truth = scene_truth(self.labels, self.instances)
        return scene_overlaps(truth, self.masks, self.pred_labels, self.scores)

    def permuted(self, order: np.ndarray) -> "Scene":
        return Scene(
            self.labels,
            self.instances,
            self.masks[order],
            self.pred_labels[order],
            self.scores[order],
        )


def random_scene(
    rng: np.random.Generator,
    n_points: int = 3000,
    n_instances: int = 12,
    n_predictions: int = 25,
    n_classes: int = 4,
    ties: bool = False,
) -> Scene:
    """Instances of mixed size among void; noisy, duplicate, merged, void masks."""
    share = rng.dirichlet(np.full(n_instances + 1, 0.7))
    column = np.sort(rng.choice(n_instances + 1, n_points, p=share))
    instances = column - 1
    labels_of = np.append(rng.integers(-1, n_classes, n_instances), -1)
    labels = labels_of[instances]

    masks = np.zeros((n_predictions, n_points), bool)
    pred_labels = rng.integers(0, n_classes, n_predictions)
    for mask, row in zip(masks, range(n_predictions)):
        pick = rng.integers(-1, n_instances, rng.integers(1, 3))
        mask[:] = np.isin(instances, pick) & (
            rng.random(n_points) < rng.random() ** 0.3
        )
        mask |= rng.random(n_points) < rng.random() ** 6 * 0.3
        if rng.random() < 0.7:
            pred_labels[row] = max(labels_of[pick[0]], 0)
    scores = rng.random(n_predictions)
    if ties:
        scores = np.round(scores * 4) / 4
    return Scene(labels, instances, masks, pred_labels, scores)


def reference_ap(scenes: list[Scene], n_classes: int, min_region: int = 100) -> dict:
    """mmdet3d's ``scannet_eval`` on the same scenes."""
    ids = tuple(range(1, n_classes + 1))
    names = tuple(f"class{i}" for i in range(n_classes))
    preds, gts = [], []
    for number, scene in enumerate(scenes):
        preds.append(
            {
                f"{number}_{row}": {"mask": mask, "label_id": ids[label], "conf": score}
                for row, (mask, label, score) in enumerate(
                    zip(scene.masks, scene.pred_labels, scene.scores)
                )
            }
        )
        valid = (scene.labels >= 0) & (scene.instances >= 0)
        gts.append(
            np.where(
                valid, (scene.labels + 1) * 1000 + scene.instances, scene.instances
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        options = {"min_region_sizes": np.array([min_region])}
        evaluate = mmdet3d_scannet_eval()
        return evaluate(preds, gts, options, ids, names, dict(zip(ids, names)))
