"""Semantic ids to class indices, instances and superpoint masks."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from vantage3d.registry import TRANSFORMS

CHAIR, FLOOR = 2, 3  # raw ScanNet200 ids on disk


SEMANTIC = ("pts_semantic_mask", "rec_semantic_mask")  # of frames, of a whole scene


@TRANSFORMS.register_module(name=["SwapChairAndFloor", "SwapChairAndFloorWithRec"])
class SwapChairAndFloor(BaseTransform):
    """Exchanges raw ids 2 and 3, so that wall and floor become classes 0 and 1."""

    def transform(self, results: dict) -> dict:
        for key in results.keys() & SEMANTIC:
            semantic = results[key]
            results[key] = swapped = semantic.copy()
            swapped[semantic == CHAIR] = FLOOR
            swapped[semantic == FLOOR] = CHAIR
        return results


@TRANSFORMS.register_module(
    name=["PointSegClassMapping", "PointSegClassMappingWithRec"]
)
class PointSegClassMapping(BaseTransform):  # MMDetection3D's name
    """Raw semantic ids to class indices.

    The dataset's ``seg_label_mapping`` says which; C stands for "no class".
    """

    def transform(self, results: dict) -> dict:
        for key in results.keys() & SEMANTIC:
            results[key] = results["seg_label_mapping"][results[key]]
        if "eval_ann_info" in results:
            semantic = results["pts_semantic_mask"]
            results["eval_ann_info"]["pts_semantic_mask"] = semantic
        return results


@TRANSFORMS.register_module()
class AddSuperPointAnnotations(BaseTransform):
    """Ground truth on superpoints: instance rows, then one row per semantic class.

    With G instances, M superpoints and C classes it adds
    ``gt_sp_masks`` (G + C + 1, M) bool, a superpoint belonging to whatever covers more
    than half of its points, the last row being "no class"; ``gt_labels_3d``
    (G + C + 1,) int64, the thing index of each instance and zeros behind; and
    ``pts_instance_mask`` (N,) int64 with ids 0..G-1, -1 where there is no thing.
    In test mode ``eval_ann_info`` gets the masks the metric expects.

    Args:
        num_classes: C, stuff and things.
        stuff_classes: Class indices that have no instances; 0..len-1.

    Raises:
        ValueError: If ``stuff_classes`` are not the first classes, or points and labels
            have different lengths.
    """

    def __init__(self, num_classes: int, stuff_classes: list[int]) -> None:
        if list(stuff_classes) != list(range(len(stuff_classes))):
            raise ValueError(
                f"`stuff_classes` must be 0..n-1, got {list(stuff_classes)}: thing "
                "labels are class index minus the number of stuff classes."
            )
        self.num_classes = num_classes
        self.stuff_classes = list(stuff_classes)

    def transform(self, results: dict) -> dict:
        semantic, superpoints = results["pts_semantic_mask"], results["sp_pts_mask"]
        instances, labels = self._compact(results["pts_instance_mask"], semantic)[:2]
        keys = ("points", "pts_semantic_mask", "pts_instance_mask", "sp_pts_mask")
        lengths = {key: len(results[key]) for key in keys if key in results}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"points and labels of {results.get('sample_idx')} have different "
                f"lengths: {lengths}. A step of the pipeline filtered some of them "
                "only."
            )
        results["gt_sp_masks"] = self._rows(
            superpoints, semantic, instances, len(labels)
        )
        results["gt_labels_3d"] = self._labels(labels)
        results["pts_instance_mask"] = instances
        if "eval_ann_info" in results:
            results["eval_ann_info"].update(
                self._truth(semantic, instances), sp_pts_mask=superpoints
            )
        return results

    def _rows(
        self,
        superpoints: np.ndarray,
        semantic: np.ndarray,
        instances: np.ndarray,
        number: int,
    ) -> torch.Tensor:
        """(number + C + 1, M) rows of instances, then of classes."""
        rows = majority(superpoints, semantic, self.num_classes + 1)
        rows[-1] |= ~rows.any(axis=0)
        masks = [majority(superpoints, instances, number), rows]
        return torch.from_numpy(np.concatenate(masks))

    def _labels(self, labels: np.ndarray) -> np.ndarray:
        zeros = np.zeros(self.num_classes + 1, dtype=np.int64)
        return np.concatenate([labels, zeros])

    def _truth(
        self, semantic: np.ndarray, instances: np.ndarray
    ) -> dict[str, np.ndarray]:
        """For the metric: things moved behind the stuff classes, stuff by its class,
        -1 elsewhere."""
        number = len(self.stuff_classes)
        ids = np.where(instances >= 0, instances + number, -1)
        return {
            "pts_semantic_mask": semantic,
            "pts_instance_mask": np.where(semantic < number, semantic, ids),
        }

    def _compact(
        self, ids: np.ndarray, semantic: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids 0..G-1 in the order of the raw ids, each one's commonest thing, and the
        (G,) raw ids."""
        things = (semantic >= len(self.stuff_classes)) & (semantic < self.num_classes)
        valid = things & (ids > 0)
        instances = np.full(len(ids), -1, dtype=np.int64)
        if not valid.any():
            return instances, *np.zeros((2, 0), dtype=np.int64)
        raw, compact = np.unique(ids[valid], return_inverse=True)
        instances[valid] = compact
        votes = np.zeros((len(raw), self.num_classes), dtype=np.int64)
        np.add.at(votes, (compact, semantic[valid]), 1)
        return instances, votes.argmax(axis=1) - len(self.stuff_classes), raw


def majority(superpoints: np.ndarray, ids: np.ndarray, number: int) -> np.ndarray:
    """(number, M) bool: which of the ids covers more than half of each superpoint.

    ``superpoints`` (N,) are 0..M-1; negative ``ids`` (N,) are none of the rows.
    """
    count = int(superpoints.max()) + 1
    size = np.bincount(superpoints, minlength=count)
    inside = ids >= 0
    cells = ids[inside] * count + superpoints[inside]
    votes = np.bincount(cells, minlength=number * count).reshape(number, count)
    return 2 * votes > size
