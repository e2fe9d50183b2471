"""Loading of a frame's points, masks and images, and packing for the model."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.structures import Det3DDataSample, PointData
from mmdet3d.structures.points import DepthPoints
from mmengine.logging import print_log
from mmengine.structures import InstanceData

from vantage3d.checks import check_choice
from vantage3d.esam.frame_camera import (
    MAX_PIXEL_ERROR,
    camera_points,
    color_camera,
    frame_camera,
    pixel_errors,
)
from vantage3d.io.feature_identity import check_made_by
from vantage3d.io.features import FORMS, FeatureSource, read_features
from vantage3d.io.images import read_color, read_size
from vantage3d.io.points import read_labels, read_pixels, read_points
from vantage3d.registry import TRANSFORMS

NEEDED = ("model", "channels", "patch")
GRID_KEYS = ("image_size", "input_size", "patch", "model")
OPTIONAL = ("input_size", "weights", "layers", "image_size")
INPUTS = ("points", "elastic_coords", "clip_pix", "img")
INSTANCES = {
    "gt_labels_3d": "labels_3d",
    "gt_sp_masks": "sp_masks",
    "gt_bboxes_3d": "bboxes_3d",
}
PER_POINT = ("pts_semantic_mask", "pts_instance_mask", "sp_pts_mask")
META = (
    "sample_idx", "lidar_path", "img_path", "img_shape", "pose", "cam2img", "pixels",
    "color_cam2img", "color_shape", "depth2color", "feat_grid", "pcd_horizontal_flip",
    "pcd_vertical_flip", "pcd_rotation", "pcd_scale_factor", "pcd_trans",
    "transformation_3d_flow",
)  # fmt: skip


@TRANSFORMS.register_module()
class LoadPointsFromFile_(BaseTransform):  # released config name
    """Points with colour: adds ``points``, DepthPoints of (N, 6) [x y z r g b].

    Coordinates are metres, colours 0..255.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is empty, truncated, or a value is not finite.
    """

    def transform(self, results: dict) -> dict:
        path, rows = results["lidar_path"], results.get("num_points")
        points = read_points(path, rows=rows, crc=_crc(results, "points"))
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

    KEYS = {  # key of the path, and of the checksum
        "pts_instance_mask": ("pts_instance_mask_path", "instance_mask"),
        "pts_semantic_mask": ("pts_semantic_mask_path", "semantic_mask"),
        "sp_pts_mask": ("super_pts_path", "super_points"),
    }

    def transform(self, results: dict) -> dict:
        number = len(results["points"])
        for key, (path_key, folder) in self.KEYS.items():
            crc = _crc(results, folder)
            results[key] = read_labels(results[path_key], number, crc)
        if "pixels_path" in results:
            crc = _crc(results, "pixels")
            results["pixels"] = read_pixels(results["pixels_path"], number, crc)
        _check_superpoints(results["sp_pts_mask"], results["super_pts_path"])
        semantic, known = results["pts_semantic_mask"], results["seg_label_mapping"]
        low, high = int(semantic.min()), int(semantic.max())
        if low < 0 or high >= len(known):
            raise ValueError(
                f"{results['pts_semantic_mask_path']}: semantic ids span {low}..{high}"
                f", expected 0..{len(known) - 1}. Prepare the data with the converter "
                "that belongs to this dataset class."
            )
        if "eval_ann_info" in results:
            results["eval_ann_info"].update({key: results[key] for key in self.KEYS})
        return results


def _crc(results: dict, folder: str) -> str | None:
    """CRC-32 of a sample's file in ``folder``, None in older info files."""
    return results.get("crc32", {}).get(folder)


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

    Its size may differ from the depth image's; both show one view, unless the info file
    gives the image a camera of its own.

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


@TRANSFORMS.register_module()
class LoadClipFeature(BaseTransform):
    """Adds ``clip_pix``, the (C, h, w) feature map of the frame's image, as stored, and
    ``feat_grid``, where its cells lie in the image.

    Reads ``clip_feat_path``, which ``tools/create_data.py --pack-clip`` wrote. Where
    ``points`` and ``pixels`` are loaded already, every point must project onto its
    pixel. Any disagreement is an error: nothing stands in for a feature map.

    Args:
        source: What made the features: ``model``, ``channels``, ``patch``;
            ``input_size`` (W, H) that the network saw before padding, that of the image
            if absent; ``weights`` (sha256), any but random ones if absent or ``"*"``;
            ``layers``, any if absent; ``image_size`` (W, H) of the image as stored,
            read from ``img_path`` if absent.
        form: ``pt`` or ``safetensors``. Of ``pt`` files the info file says what made
            them.
        shuffled: For a control: seed of a permutation by which every frame gets the
            features of another of the same folder, always of the same one.

    Raises:
        ValueError: If ``source`` lacks a key or has an unknown one. For a sample,
            naming it and the file: if the file is truncated, of another shape, network,
            image size or frame, the info file has no features, or the camera is wrong.
        FileNotFoundError: If the feature file, or the image without ``image_size``, is
            missing.
    """

    def __init__(
        self,
        source: Mapping[str, Any],
        form: str = "pt",
        shuffled: int | None = None,
    ) -> None:
        missing = [key for key in NEEDED if key not in source]
        unknown = sorted(set(source) - {*NEEDED, *OPTIONAL})
        if missing or unknown:
            raise ValueError(
                f"`source` lacks {missing} and has the unknown keys {unknown}. Needed: "
                f"{[*NEEDED]}, optional: {[*OPTIONAL]}."
            )
        check_choice("form", form, FORMS)
        self.source = dict(source)
        self.form = form
        self.shuffled = shuffled
        if shuffled is not None:
            print_log(
                "control: every frame gets the image features of another one "
                f"(`shuffled={shuffled}`)",
                logger="current",
                level=logging.WARNING,
            )

    def transform(self, results: dict) -> dict:
        name, camera = results["sample_idx"], frame_camera(results)
        try:
            path, expected = self._path(name, results), self._expected(results)
            self._check_made_by(path, expected, results.get("features"))
            feats = self._read(path, expected, name)
            color = color_camera(results)
            expected.grid.check_view(color.name, color.size)
            if "points" in results and "pixels" in results:
                # Every point must project onto the pixel that it was made from.
                found = camera_points(results["points"].coord.double(), results)
                error = pixel_errors(found, camera.K, results["pixels"]).max()
                if error > MAX_PIXEL_ERROR:
                    raise ValueError(
                        f"points project up to {error:.4g} px beside the pixels they "
                        f"were made from, at most {MAX_PIXEL_ERROR} are allowed before "
                        f"{path} can be used: `pose`, `cam2img` or `img_shape` belong "
                        "to another frame or image. Prepare the sample again with "
                        "`tools/create_data.py`"
                    )
        except FileNotFoundError as error:
            raise FileNotFoundError(f"sample {name}: {error}") from error
        except ValueError as error:
            raise ValueError(f"sample {name}: {error}") from error
        results["clip_pix"] = feats
        results["feat_grid"] = {key: getattr(expected, key) for key in GRID_KEYS}
        return results

    def _read(self, path: Path, expected: FeatureSource, name: str) -> torch.Tensor:
        if self.shuffled is None:
            return read_features(path, expected, name)
        other = _another(path, self.shuffled)
        return read_features(other, expected, f"{other.parent.name}_{other.stem}")

    def _path(self, name: str, results: dict) -> Path:
        if not results.get("clip_feat_path"):
            raise ValueError(
                "its entry in the info file has no `clip_feat_path`. Use the _clip "
                "info file that `tools/create_data.py ... --pack-clip` writes"
            )
        path = Path(results["clip_feat_path"])
        if path.suffix != f".{self.form}":
            raise ValueError(
                f"feature file {path} ends in {path.suffix!r}, the config says form "
                f"{self.form!r}. Pack with --feature-form {self.form}, or set `form`"
            )
        image = Path(results.get("img_path", path)).stem
        other = image not in name and path.stem not in image
        if f"{path.parent.name}_{path.stem}" != name or other:
            raise ValueError(
                f"feature file {path} is of another frame; expected {name} with the "
                f"image {results.get('img_path')}. Pack again with "
                "`tools/create_data.py ... --pack-clip`"
            )
        return path

    def _check_made_by(
        self, path: Path, expected: FeatureSource, made_by: dict | None
    ) -> None:
        """Bare tensors say nothing of themselves; their info file must."""
        if self.form != "pt":
            return
        if made_by is None:
            raise ValueError(
                f"its info file does not say which network made {path}. Pack again "
                "with `tools/create_data.py ... --pack-clip`"
            )
        check_made_by(f"feature file {path}", made_by, vars(expected))

    def _expected(self, results: dict) -> FeatureSource:
        source = self.source
        if not source.get("image_size") and "img_path" not in results:
            raise ValueError(
                "its entry in the info file has no `img_path` to read the size of the "
                "image from. Set `image_size` of `source`"
            )
        size = source.get("image_size") or read_size(results["img_path"])
        return FeatureSource(
            model=source["model"],
            weights=source.get("weights", "*"),
            layers=tuple(source.get("layers", ())),
            image_size=tuple(size),
            input_size=tuple(source.get("input_size") or size),
            patch=source["patch"],
            channels=source["channels"],
        )


def _another(path: Path, seed: int) -> Path:
    """The feature file that stands in for another one.

    Raises:
        ValueError: If there is no other.
    """
    others = _cycle(path.parents[1], path.suffix, seed)
    if len(others) < 2:
        raise ValueError(
            f"{path} is the only feature file of {path.parents[1]}: there is none to "
            "exchange it for. Extract the features of more frames, or leave out "
            "`shuffled`"
        )
    return others.get(path, path)  # who reads a missing file names it


@lru_cache(maxsize=2)
def _cycle(folder: Path, suffix: str, seed: int) -> dict[Path, Path]:
    """Feature files, and the one behind each on a round through all."""
    paths = sorted(folder.glob(f"*/*{suffix}"))
    tour = [paths[i] for i in np.random.default_rng(seed).permutation(len(paths))]
    return dict(zip(tour, tour[1:] + tour[:1]))


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
            value = results[key]
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(np.ascontiguousarray(value))
            elif not isinstance(value, torch.Tensor):
                value = value.tensor
            if key in INPUTS:
                inputs[key] = value
            elif key in INSTANCES:
                sample.gt_instances_3d[INSTANCES[key]] = value
            else:
                sample.gt_pts_seg[key] = value
        sample.eval_ann_info = results.get("eval_ann_info")
        return {"inputs": inputs, "data_samples": sample}
