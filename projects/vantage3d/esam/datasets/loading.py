"""Loading of points, masks, superpoints and source pixels of one frame."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.structures.points import DepthPoints

from vantage3d.io.images import read_color
from vantage3d.io.points import read_labels, read_pixels, read_points
from vantage3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadPointsFromFile_(BaseTransform):  # released config name
    """Points with colour: adds ``points``, DepthPoints of (N, 6) [x y z r g b].

    Coordinates are metres, colours 0..255.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is empty, truncated, or a value is not finite.
    """

    def transform(self, results: dict) -> dict:
        points = read_points(results["lidar_path"], rows=results.get("num_points"))
        results["points"] = DepthPoints(
            points, points_dim=6, attribute_dims={"color": [3, 4, 5]}
        )
        return results


@TRANSFORMS.register_module()
class LoadAnnotations3D_(BaseTransform):  # released config name
    """Per-point labels, superpoints and source pixels.

    Adds ``pts_instance_mask``, ``pts_semantic_mask``, ``sp_pts_mask``, each (N,) int64,
    and ``pixels`` (N, 2) int32 [x, y] where the info file names them. In test mode the
    masks also go to ``eval_ann_info``.

    Raises:
        ValueError: If a file has another length than the points, or the superpoint ids
            are not 0..M-1 without gaps, or a semantic id is not in the class table.
    """

    KEYS = {
        "pts_instance_mask": "pts_instance_mask_path",
        "pts_semantic_mask": "pts_semantic_mask_path",
        "sp_pts_mask": "super_pts_path",
    }

    def transform(self, results: dict) -> dict:
        number = len(results["points"])
        for key, path_key in self.KEYS.items():
            results[key] = read_labels(results[path_key], rows=number)
        if "pixels_path" in results:
            results["pixels"] = read_pixels(results["pixels_path"], rows=number)
        _check_superpoints(results["sp_pts_mask"], results["super_pts_path"])
        self._check_semantics(results)
        if "eval_ann_info" in results:
            results["eval_ann_info"].update({key: results[key] for key in self.KEYS})
        return results

    @staticmethod
    def _check_semantics(results: dict) -> None:
        semantic, known = results["pts_semantic_mask"], results["seg_label_mapping"]
        low, high = int(semantic.min()), int(semantic.max())
        if low < 0 or high >= len(known):
            raise ValueError(
                f"{results['pts_semantic_mask_path']}: semantic ids span {low}..{high}"
                f", expected 0..{len(known) - 1}. Prepare the data with the converter "
                "that belongs to this dataset class."
            )


def _check_superpoints(superpoints: np.ndarray, path: str) -> None:
    low, number = int(superpoints.min()), int(superpoints.max()) + 1
    if low < 0:
        problem = f"superpoint id {low} is negative"
    elif number > len(superpoints):
        problem = (
            f"superpoint id {number - 1} is too large for {len(superpoints)} points"
        )
    else:
        missing = np.flatnonzero(np.bincount(superpoints, minlength=number) == 0)
        if not len(missing):
            return
        problem = (
            f"superpoint ids have gaps, the first missing id is {missing[0]} of "
            f"0..{number - 1}"
        )
    raise ValueError(
        f"{path}: {problem}, expected 0..M-1 without gaps. Prepare the sample again "
        "with `tools/create_data.py`."
    )


@TRANSFORMS.register_module()
class LoadFrameImage(BaseTransform):
    """Adds ``img``, the (3, H, W) uint8 RGB image of ``img_path``.

    Its size may differ from the depth image's; both show one view.

    Raises:
        ValueError: Naming the sample, if the info file names no image. If the file is
            truncated or no image.
        FileNotFoundError: If the file is missing.
    """

    def transform(self, results: dict) -> dict:
        if not results.get("img_path"):
            raise ValueError(
                f"sample {results['sample_idx']}: its entry in the info file has no "
                "`img_path`. Write the file again with `tools/create_data.py`."
            )
        image = torch.tensor(read_color(results["img_path"]))
        results["img"] = image.permute(2, 0, 1).contiguous()
        return results
