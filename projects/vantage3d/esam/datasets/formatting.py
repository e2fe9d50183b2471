"""Packing of a loaded frame into model inputs and a data sample."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.structures import InstanceData

from vantage3d.registry import TRANSFORMS

INPUTS = ("points", "elastic_coords", "clip_pix", "img")
INSTANCES = {"gt_labels_3d": "labels_3d", "gt_sp_masks": "sp_masks"}
PER_POINT = ("pts_semantic_mask", "pts_instance_mask", "sp_pts_mask")
META = (
    "sample_idx",
    "lidar_path",
    "img_path",
    "img_shape",
    "pose",
    "cam2img",
    "pixels",
    "feat_grid",
    "pcd_horizontal_flip",
    "pcd_vertical_flip",
    "pcd_rotation",
    "pcd_scale_factor",
    "pcd_trans",
    "transformation_3d_flow",
)


@TRANSFORMS.register_module()
class Pack3DDetInputs_(BaseTransform):  # released config name
    """``inputs`` for the model and a ``Det3DDataSample`` with the ground truth.

    Camera, source pixels and the whole 3D augmentation travel in the sample's metainfo.

    Args:
        keys: Which of the loaded entries to pack.

    Raises:
        ValueError: If a key is none of those this transform knows.
        KeyError: If the pipeline did not produce a requested key.
    """

    def __init__(self, keys: list[str]) -> None:
        known = {*INPUTS, *INSTANCES, *PER_POINT}
        unknown = sorted(set(keys) - known)
        if unknown:
            raise ValueError(f"`keys` {unknown} are unknown. Known: {sorted(known)}.")
        self.keys = list(keys)

    def transform(self, results: dict) -> dict:
        missing = [key for key in self.keys if key not in results]
        if missing:
            raise KeyError(
                f"{missing} of sample {results['sample_idx']} were not made by the "
                "pipeline. Add the transform that makes them, or leave out the key."
            )
        sample = Det3DDataSample()
        sample.set_metainfo({key: results[key] for key in META if key in results})
        sample.gt_instances_3d, sample.gt_pts_seg = InstanceData(), PointData()
        inputs = {}
        for key in self.keys:
            value = _tensor(results[key])
            if key in INPUTS:
                inputs[key] = value
            elif key in INSTANCES:
                sample.gt_instances_3d[INSTANCES[key]] = value
            else:
                sample.gt_pts_seg[key] = value
        sample.eval_ann_info = results.get("eval_ann_info")
        return {"inputs": inputs, "data_samples": sample}


def _tensor(value) -> torch.Tensor:
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    return value if isinstance(value, torch.Tensor) else value.tensor
