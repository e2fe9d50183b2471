"""Scenes as sequences of frames: datasets and the steps that single views lack.

A sample is some frames of a scene that follow each other. Between loading and packing
they are one cloud, so that a step draws once for all of them; ``frame_lengths`` says
how many of its points each frame has.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.structures.points import DepthPoints

from vantage3d.checks import check_positive
from vantage3d.esam.datasets.annotations import AddSuperPointAnnotations
from vantage3d.esam.datasets.loading import PER_POINT, Pack3DDetInputs_
from vantage3d.esam.datasets.scannet_dataset import (
    NYU40SegDataset_,
    ScanNet200SegDataset_,
    ScanNetSegDataset_,
    SingleViewDataset,
)
from vantage3d.esam.frame_camera import redo_augmentation
from vantage3d.esam.scene_entries import frame_entries, scene_name
from vantage3d.io.names import check_public
from vantage3d.io.points import read_labels, read_points
from vantage3d.registry import DATASETS, TRANSFORMS

AUGMENTATION = (
    "pcd_horizontal_flip", "pcd_vertical_flip", "pcd_rotation", "pcd_scale_factor",
    "pcd_trans", "transformation_3d_flow",
)  # fmt: skip
CLOUD = {  # key of a sample -> folder of <scene>.bin
    "rec_points": "points",
    "rec_semantic_mask": "semantic_mask",
    "rec_instance_mask": "instance_mask",
    "rec_sp_mask": "super_points",
}
OPTIONAL = "rec_sp_mask"


class MultiViewDataset(SingleViewDataset):
    """Scenes listed in an info file of sequences.

    Args:
        cloud_root: Folder with ``points/<scene>.bin`` and the labels of whole scenes,
            in the world of the frames; ``data_root`` if None.
        **kwargs: Of :class:`SingleViewDataset`.

    Raises:
        ValueError: If an entry has lists of different lengths, or is one of a frame.
    """

    def __init__(self, cloud_root: str | None = None, **kwargs: Any) -> None:
        self.cloud_root = cloud_root
        super().__init__(**kwargs)

    def check_entry(self, index: int, entry: dict) -> None:
        frame_entries(entry, f"{self.ann_file}: entry {index} ({scene_name(entry)})")

    def parse_data_info(self, info: dict) -> dict:
        """The scene with its frames, each as in a single-view dataset."""
        name = scene_name(info)
        where = f"{self.ann_file}: entry {name!r:.80}"
        check_public(name, where)
        parse = super().parse_data_info
        frames = [parse(frame) for frame in frame_entries(info, where)]
        for frame in frames:
            frame["sample_idx"] = frame.pop("sample_name")
            del frame["seg_label_mapping"]
        root, known = self.cloud_root or self.data_root or ".", info.get("cloud", {})
        scene = {
            "sample_name": name,
            "frames": frames,
            "cloud": {k: str(Path(root, f, f"{name}.bin")) for k, f in CLOUD.items()},
            "cloud_crc32": {} if self.cloud_root else known.get("crc32", {}),
            "seg_label_mapping": self.seg_label_mapping,
        }
        if self.test_mode:
            scene["eval_ann_info"] = {"lidar_idx": name}
        return scene

    def get_cat_ids(self, idx: int) -> list[str]:
        """What ``ClassBalancedDataset`` balances: the scene."""
        return [self.get_data_info(idx)["sample_idx"]]


@DATASETS.register_module()
class ScanNet200SegMVDataset_(MultiViewDataset):  # released config name
    """Sequences of ScanNet200."""

    METAINFO = ScanNet200SegDataset_.METAINFO


@DATASETS.register_module()
class ScanNetSegMVDataset_(MultiViewDataset):  # released config name
    """Sequences of ScanNet."""

    LABEL_COLUMN = ScanNetSegDataset_.LABEL_COLUMN
    METAINFO = ScanNetSegDataset_.METAINFO


@DATASETS.register_module()
class NYU40SegMVDataset_(MultiViewDataset):
    """Sequences with all classes of NYU40."""

    LABEL_COLUMN = NYU40SegDataset_.LABEL_COLUMN
    METAINFO = NYU40SegDataset_.METAINFO


@TRANSFORMS.register_module()
class LoadAdjacentDataFromFile(BaseTransform):  # released config name
    """Frames of a scene that follow each other, joined to one cloud.

    They begin anywhere and go on with the first one after the last; of a scene with
    fewer frames some come again. Adds ``frames``, what single-view loading made of each
    one but its points and masks; these joined, and ``frame_lengths``.

    Args:
        num_frames: How many; None for all, in order.
        steps: Configs of the single-view loading steps, done with each frame.
        with_rec: Whether to load the cloud of the whole scene: ``rec_points`` (M, 3)
            metres, ``rec_instance_mask``, ``rec_semantic_mask`` and, where there is
            one, ``rec_sp_mask`` (M,).

    Raises:
        ValueError: If ``num_frames`` is below 1.
        FileNotFoundError: If a file is missing.
    """

    def __init__(
        self,
        steps: Sequence[Mapping[str, Any]],
        num_frames: int | None = 8,
        with_rec: bool = True,
    ) -> None:
        if num_frames is not None:
            check_positive("num_frames", num_frames)
        self.steps = [TRANSFORMS.build(step) for step in steps]
        self.num_frames, self.with_rec = num_frames, with_rec

    def transform(self, results: dict) -> dict:
        total = len(results["frames"])
        places = np.arange(total)
        if self.num_frames is not None:
            places = (np.random.randint(total) + np.arange(self.num_frames)) % total
        frames = []
        for place in places:
            known = {"seg_label_mapping": results["seg_label_mapping"]}
            frame = {**known, **results["frames"][place]}
            for step in self.steps:
                frame = step(frame)
            frames.append(frame)
        points = [frame.pop("points") for frame in frames]
        results["frame_lengths"] = [len(own) for own in points]
        results["points"] = DepthPoints.cat(points)
        for key in PER_POINT:
            results[key] = np.concatenate([frame.pop(key) for frame in frames])
        results["frames"] = frames
        if self.with_rec:
            self._load_cloud(results)
        return results

    def _load_cloud(self, results: dict) -> None:
        paths, sums = results["cloud"], results["cloud_crc32"]
        points = read_points(paths["rec_points"], crc=sums.get("points"))
        results["rec_points"] = points[:, :3].astype(np.float64)
        for key in list(CLOUD)[1:]:
            if key != OPTIONAL or Path(paths[key]).is_file():
                crc = sums.get(CLOUD[key])
                results[key] = read_labels(paths[key], len(points), crc)


@TRANSFORMS.register_module()
class AddSuperPointAnnotations_Online(AddSuperPointAnnotations):  # released config name
    """Ground truth on the superpoints of each frame; instances are those of all frames.

    As :class:`AddSuperPointAnnotations`, with a list of ``gt_sp_masks``: a row is one
    instance in all frames, empty where a frame does not show it. ``instance_ids`` (G,)
    are the raw ids of the rows. In test mode ``eval_ann_info`` is of the scene's cloud.
    """

    def transform(self, results: dict) -> dict:
        semantic, superpoints = results["pts_semantic_mask"], results["sp_pts_mask"]
        instances, labels, raw = self._compact(results["pts_instance_mask"], semantic)
        ends = np.cumsum(results["frame_lengths"])[:-1]
        parts = (
            np.split(values, ends) for values in (superpoints, semantic, instances)
        )
        results["gt_sp_masks"] = [self._rows(*own, len(raw)) for own in zip(*parts)]
        results["gt_labels_3d"] = self._labels(labels)
        results["pts_instance_mask"], results["instance_ids"] = instances, raw
        if "eval_ann_info" in results:
            semantic = results["rec_semantic_mask"]
            instances = self._compact(results["rec_instance_mask"], semantic)[0]
            truth = {
                **self._truth(semantic, instances),
                "points": results["rec_points"],
            }
            if OPTIONAL in results:
                truth["sp_pts_mask"] = results[OPTIONAL]
            results["eval_ann_info"].update(truth)
        return results


@TRANSFORMS.register_module()
class BboxCalculation(BaseTransform):  # released config name
    """Adds ``gt_bboxes_3d``: centre and size in metres of each whole instance.

    It has a row (6,) for each of ``gt_labels_3d``, zeros for those of no instance.
    Boxes are along the axes of the augmented world, around the points of the scene's
    cloud; around those of the frames where the cloud does not have an instance.
    """

    def transform(self, results: dict) -> dict:
        cloud = torch.from_numpy(results["rec_points"])
        xyz = redo_augmentation(cloud, results).numpy()
        own, ids = results["points"].coord.numpy(), results["pts_instance_mask"]
        boxes = np.zeros((len(results["gt_labels_3d"]), 6), np.float32)
        for row, raw in enumerate(results["instance_ids"]):
            inside = results["rec_instance_mask"] == raw
            points = xyz[inside] if inside.any() else own[ids == row]
            low, high = points.min(0), points.max(0)
            boxes[row] = [*(low + high) / 2, *(high - low)]
        results["gt_bboxes_3d"] = boxes
        return results


@TRANSFORMS.register_module()
class Pack3DDetInputs_Online(Pack3DDetInputs_):  # released config name
    """By frame what :class:`Pack3DDetInputs_` makes of one, in two lists."""

    def transform(self, results: dict) -> dict:
        ends = np.cumsum(results["frame_lengths"])
        shared = {k: results[k] for k in AUGMENTATION if k in results}
        shared |= {k: results[k] for k in self.keys if k.startswith("gt_")}
        packed = []
        for i, (frame, end) in enumerate(zip(results["frames"], ends)):
            rows = slice(end - results["frame_lengths"][i], end)
            of_points = (*PER_POINT, "points", "elastic_coords")
            own = {k: results[k][rows] for k in of_points if k in results}
            if "gt_sp_masks" in shared:
                own["gt_sp_masks"] = results["gt_sp_masks"][i]
            whole = {"eval_ann_info": results.get("eval_ann_info")}
            packed.append(super().transform({**frame, **shared, **own, **whole}))
        return {key: [one[key] for one in packed] for key in packed[0]}
