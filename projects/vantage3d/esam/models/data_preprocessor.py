"""Checks a batch and moves it to the model's device."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from vantage3d.registry import MODELS

IMAGES = {"clip_pix", "img"}  # one map per sample: features, or the image itself
FIX = "Repair or remove this sample, for example by running tools/create_data.py again."


@MODELS.register_module()
class Det3DDataPreprocessor_(BaseDataPreprocessor):
    """Stops malformed frames at the model's door; samples may differ in size.

    Raises:
        ValueError: Naming the sample, the value and the fix, if a frame has no points,
            points that are not finite, labels of another length than its points,
            superpoint ids with gaps, masks of another number of superpoints, or no
            image features where others of the batch have some.
    """

    def forward(self, data: Mapping, training: bool = False) -> dict:
        """Batch on the device; nothing given is modified.

        Args:
            data: ``inputs`` with lists ``points`` (N, 6) and optionally
                ``elastic_coords`` (N, 3) in voxels, ``clip_pix`` (C, h, w) and ``img``
                (3, H, W), one per sample, and ``data_samples``. Of sequences a list of
                both, an element per frame.
            training: Unused; the interface of MMEngine has it.
        """
        if isinstance(data["inputs"], Sequence):
            frames = zip(data["inputs"], data["data_samples"], strict=True)
            parts = [self({"inputs": i, "data_samples": s}) for i, s in frames]
            return {key: [part[key] for part in parts] for key in parts[0]}
        inputs = dict(data["inputs"])
        if "elastic_coords" in inputs:
            coords = inputs["elastic_coords"]
            inputs["elastic_coords"] = [torch.as_tensor(frame) for frame in coords]
        samples = data.get("data_samples") or [None] * len(inputs["points"])
        rows = [key for key in ("points", "elastic_coords") if key in inputs]
        for i, sample in enumerate(samples):
            for key in IMAGES.intersection(inputs):
                check_image(sample_name(sample, i), key, inputs[key], i)
            check_frame(
                sample_name(sample, i), {key: inputs[key][i] for key in rows}, sample
            )
        return self.cast_data({**data, "inputs": inputs})


def sample_name(sample, index: int) -> str:
    """What to call a sample in a message: its file, else its place in the batch."""
    metainfo = {} if sample is None else sample.metainfo
    name = metainfo.get("lidar_path", metainfo.get("sample_idx"))
    return f"sample {index} of the batch" if name is None else f"sample {name}"


def check_frame(name: str, frame: Mapping[str, Tensor], sample) -> None:
    """Raise ValueError if a frame cannot be used; see Det3DDataPreprocessor_."""
    points = frame["points"]
    if points.dim() != 2 or points.shape[1] != 6:
        raise ValueError(
            f"{name}: `points` must have shape (N, 6) [x y z r g b], "
            f"got {tuple(points.shape)}. {FIX}"
        )
    if len(points) == 0:
        raise ValueError(f"{name}: has 0 points, at least one is needed. {FIX}")
    for key, values in frame.items():
        check_length(name, key, values, len(points))
        bad = int((~torch.isfinite(values).all(1)).sum())
        if bad:
            raise ValueError(
                f"{name}: {bad} of {len(values)} rows of `{key}` are not finite. {FIX}"
            )
    if sample is None or "gt_pts_seg" not in sample:
        return
    for key in sorted(sample.gt_pts_seg.keys()):
        check_length(name, key, sample.gt_pts_seg[key], len(points))
    if "sp_pts_mask" not in sample.gt_pts_seg:
        return
    number = check_superpoints(name, sample.gt_pts_seg.sp_pts_mask)
    if "gt_instances_3d" in sample and "sp_masks" in sample.gt_instances_3d:
        masks = sample.gt_instances_3d.sp_masks
        labels = len(sample.gt_instances_3d.labels_3d)
        if masks.shape[1] != number or len(masks) != labels:
            raise ValueError(
                f"{name}: `sp_masks` has shape {tuple(masks.shape)}, expected "
                f"({labels}, {number}): one row per label, one column per superpoint. "
                f"{FIX}"
            )


def check_image(name: str, key: str, maps: Sequence[Tensor | None], i: int) -> None:
    """Raise unless sample ``i`` has a finite (C, H, W) map of its own."""
    own = maps[i] if i < len(maps) else None
    fix = "Extract its features or copy its image again."
    if own is None:
        raise ValueError(f"{name}: has no `{key}`, others of its batch do. {fix}")
    if own.dim() != 3 or 0 in own.shape:
        raise ValueError(
            f"{name}: `{key}` must have shape (C, H, W), got {tuple(own.shape)}. {fix}"
        )
    bad = int((~torch.isfinite(own)).sum())
    if bad:
        raise ValueError(
            f"{name}: {bad} of {own.numel()} values of `{key}` are not finite. {fix}"
        )


def check_length(name: str, key: str, values: Tensor, num_points: int) -> None:
    """Raise unless there is one row per point."""
    if len(values) != num_points:
        raise ValueError(
            f"{name}: `{key}` has {len(values)} rows for {num_points} points. {FIX}"
        )


def check_superpoints(name: str, ids: Tensor) -> int:
    """Number of superpoints; raise unless ids are 0..M-1 and each occurs."""
    if int(ids.min()) < 0:
        raise ValueError(
            f"{name}: superpoint id {int(ids.min())} is negative, ids must be 0..M-1. "
            f"{FIX}"
        )
    empty = (torch.bincount(ids) == 0).nonzero()
    if len(empty):
        raise ValueError(
            f"{name}: superpoint id {int(empty[0])} has no point, but ids go up to "
            f"{int(ids.max())}; ids must be 0..M-1 without gaps. {FIX}"
        )
    return int(ids.max()) + 1
