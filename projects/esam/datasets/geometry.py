"""From augmented points back to the camera that saw them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

FLIPS = {"HF": 0, "VF": 1}  # axis of DEPTH points that changes its sign


def undo_augmentation(points: Tensor, metainfo: Mapping[str, Any]) -> Tensor:
    """Points before the flips, rotation, scale and translation of the pipeline.

    The recorded steps map p to p * flip @ rotation * scale + translation in the order
    of ``transformation_3d_flow``; they are inverted in double precision, last first.
    Elastic distortion is no part of it: it moves voxel coordinates, never points.

    Args:
        points: (N, 3) points in metres, augmented.
        metainfo: What the transforms of MMDetection3D recorded; without
            ``transformation_3d_flow`` nothing was done.

    Returns:
        (N, 3) in metres in the centred world, of the type of ``points``.

    Raises:
        ValueError: If a step is unknown, was not recorded or was done twice, so that
            the first record is lost.
    """
    flow = list(metainfo.get("transformation_3d_flow", ()))
    _check_flow(flow, metainfo)
    xyz = points.double()
    for step in reversed(flow):
        xyz = _unflip(xyz, FLIPS[step]) if step in FLIPS else _undo(xyz, step, metainfo)
    return xyz.to(points.dtype)


def _unflip(xyz: Tensor, axis: int) -> Tensor:
    signs = xyz.new_ones(3)
    signs[axis] = -1
    return xyz * signs


def _undo(xyz: Tensor, step: str, metainfo: Mapping[str, Any]) -> Tensor:
    key, inverse = INVERSES[step]
    value = torch.as_tensor(metainfo[key], dtype=xyz.dtype, device=xyz.device)
    return inverse(xyz, value)


INVERSES: dict[str, tuple[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "R": ("pcd_rotation", lambda xyz, rotation: xyz @ torch.linalg.inv(rotation)),
    "S": ("pcd_scale_factor", torch.div),
    "T": ("pcd_trans", torch.sub),
}


def _check_flow(flow: list[str], metainfo: Mapping[str, Any]) -> None:
    name = metainfo.get("sample_idx")
    for step in flow:
        if step not in FLIPS and step not in INVERSES:
            raise ValueError(
                f"sample {name}: `transformation_3d_flow` {flow} has the unknown step "
                f"{step!r}, known are {[*FLIPS, *INVERSES]}. Remove that transform."
            )
        if step in INVERSES and flow.count(step) > 1:
            raise ValueError(
                f"sample {name}: step {step!r} occurs {flow.count(step)} times in "
                f"`transformation_3d_flow` {flow}, but only the last one is recorded. "
                "Keep one GlobalRotScaleTrans in the pipeline."
            )
        if step in INVERSES and INVERSES[step][0] not in metainfo:
            raise ValueError(
                f"sample {name}: `transformation_3d_flow` {flow} has {step!r}, but "
                f"`{INVERSES[step][0]}` is missing. Pack it with the sample."
            )
