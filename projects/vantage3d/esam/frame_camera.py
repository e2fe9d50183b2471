"""From augmented points back to the camera that saw them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vantage3d.checks import check_finite, check_shape
from vantage3d.geometry import invert_rigid, project, transform_points

_REMAKE = "Prepare the sample again with `tools/create_data.py`."
# Of the depth image, between where a point projects to and where it was measured.
MAX_PIXEL_ERROR = 0.5
FLIPS = {"HF": 0, "VF": 1}  # axis of DEPTH points that changes its sign


class FrameCamera(NamedTuple):
    """The camera of a frame.

    Attributes:
        K: (3, 3) float64 intrinsics in pixels of the depth image.
        size: (W, H) of the depth image.
        world2cam: (4, 4) float64 from the centred world to the camera.
    """

    K: Tensor
    size: tuple[int, int]
    world2cam: Tensor


class ColorCamera(NamedTuple):
    """The camera of a frame's image: of its colours, features and masks.

    Attributes:
        K: (3, 3) float64 intrinsics in pixels of an image of ``size``.
        size: (W, H) of the image.
        depth2color: (4, 4) float64 from the camera that measured the points; None where
            both stand in one place.
        name: Key of the info file that has ``size``.
    """

    K: Tensor
    size: tuple[int, int]
    depth2color: Tensor | None
    name: str

    def points(self, points_cam: Tensor) -> Tensor:
        """(N, 3) points of the depth camera in the coordinates of this one."""
        if self.depth2color is None:
            return points_cam
        return transform_points(self.depth2color.to(points_cam), points_cam)


def frame_camera(metainfo: Mapping[str, Any]) -> FrameCamera:
    """The camera that the info file gives for a sample.

    Args:
        metainfo: ``pose`` (camera to centred world), ``cam2img`` and ``img_shape``
            (H, W), as in data/README.md; ``sample_idx`` for messages.

    Raises:
        ValueError: Naming the sample, if one of them is missing, has another shape or
            is not finite, if the pose is not rigid, or if the intrinsics belong to an
            image of another size.
    """
    name = f"sample {metainfo.get('sample_idx')}"
    missing = [k for k in ("pose", "cam2img", "img_shape") if metainfo.get(k) is None]
    if missing:
        raise ValueError(
            f"{name} has no {missing}, which place its points in the image. {_REMAKE}"
        )
    pose = _matrix(f"pose of {name}", metainfo["pose"], "4 4")
    _check_rigid(f"pose of {name}", pose, "camera-to-world")
    return FrameCamera(*_intrinsics(metainfo, name), invert_rigid(pose))


def color_camera(metainfo: Mapping[str, Any]) -> ColorCamera:
    """The camera that the info file gives for a sample's image.

    Args:
        metainfo: ``color_cam2img`` and ``color_shape`` (H, W) where it has one of its
            own, and ``depth2color`` where that stands elsewhere; without them both
            images show the view of ``cam2img`` and ``img_shape``.

    Raises:
        ValueError: Naming the sample, as :func:`frame_camera`, or if only some of the
            keys are there.
    """
    name = f"sample {metainfo.get('sample_idx')}"
    keys = ("color_cam2img", "color_shape", "depth2color")
    given = [key for key in keys if metainfo.get(key) is not None]
    if not given:
        return ColorCamera(*_intrinsics(metainfo, name), None, "img_shape")
    if missing := [key for key in keys[:2] if key not in given]:
        raise ValueError(
            f"{name} has {given} of a colour camera, but no {missing}. {_REMAKE}"
        )
    between = None
    if "depth2color" in given:
        between = _matrix(f"depth2color of {name}", metainfo["depth2color"], "4 4")
        _check_rigid(f"depth2color of {name}", between, "depth-to-colour-camera")
    K, size = _intrinsics(metainfo, name, "color_cam2img", "color_shape")
    return ColorCamera(K, size, between, "color_shape")


def _intrinsics(
    metainfo: Mapping[str, Any], name: str, key: str = "cam2img", of: str = "img_shape"
) -> tuple[Tensor, tuple[int, int]]:
    """K and size (W, H) of a camera of a sample."""
    height, width = (int(size) for size in metainfo[of][:2])
    K = _matrix(f"{key} of {name}", metainfo[key], "3 3")
    # The principal point of a camera is near the middle of its image.
    center = K[:2, 2] / torch.tensor((width, height))
    if (center - 0.5).abs().max() > 0.25 or min(K[0, 0], K[1, 1]) <= 0:
        raise ValueError(
            f"{key} of {name} does not belong to its {of}, an image of "
            f"{width}x{height}: fx={K[0, 0]:g} fy={K[1, 1]:g} cx={K[0, 2]:g} "
            f"cy={K[1, 2]:g}. {_REMAKE}"
        )
    return K, (width, height)


def _matrix(name: str, values: Any, shape: str) -> Tensor:
    matrix = torch.as_tensor(np.asarray(values, dtype=np.float64))
    check_shape(name, matrix, shape, fix=_REMAKE)
    check_finite(name, matrix, fix=_REMAKE)
    return matrix


def _check_rigid(name: str, pose: Tensor, kind: str) -> None:
    rotation = pose[:3, :3]
    error = float((rotation @ rotation.T - torch.eye(3).double()).abs().max())
    det = float(torch.linalg.det(rotation))
    last = float((pose[3] - torch.tensor([0, 0, 0, 1.0])).abs().max())
    if error > 1e-2 or det < 0 or last > 1e-4:
        raise ValueError(
            f"{name} is not rigid: det R = {det:.3g}, R R^T is off the "
            f"identity by {error:.3g}, last row {pose[3].tolist()}. Expected the "
            f"{kind} transform. {_REMAKE}"
        )


def camera_points(points: Tensor, metainfo: Mapping[str, Any]) -> Tensor:
    """(N, 3) augmented points in the coordinates of the camera that saw them.

    Args:
        points: (N, 3) points in metres, as the pipeline left them.
        metainfo: Camera and recorded augmentation of the sample.

    Raises:
        ValueError: As :func:`frame_camera` and :func:`undo_augmentation`.
    """
    world2cam = frame_camera(metainfo).world2cam.to(points.device)
    xyz = undo_augmentation(points.double(), metainfo)
    return transform_points(world2cam, xyz).to(points.dtype)


def pixel_errors(points_cam: Tensor, K: Tensor, pixels: Any) -> Tensor:
    """(N,) distances from where points project to where they were measured, in pixels.

    Infinite, never NaN, for a point that is not in front of the camera.

    Args:
        points_cam: (N, 3) metres, as :func:`camera_points` gives them.
        K: (3, 3) intrinsics of the depth image.
        pixels: (N, 2) pixels of the depth image, array or tensor.
    """
    found, depth = project(points_cam, K, torch.eye(4).to(points_cam))
    measured = torch.as_tensor(np.asarray(pixels)).to(found)
    errors = (found - measured).norm(dim=1)
    return torch.where((depth > 0) & errors.isfinite(), errors, torch.inf)


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
    return _augmented(points, metainfo, back=True)


def redo_augmentation(points: Tensor, metainfo: Mapping[str, Any]) -> Tensor:
    """What the pipeline did to its points, done to others of the same world.

    Arguments, result and errors are those of :func:`undo_augmentation`.
    """
    return _augmented(points, metainfo, back=False)


def _augmented(points: Tensor, metainfo: Mapping[str, Any], back: bool) -> Tensor:
    flow = list(metainfo.get("transformation_3d_flow", ()))
    _check_flow(flow, metainfo)
    xyz = points.double()
    for step in reversed(flow) if back else flow:
        if step in FLIPS:
            signs = xyz.new_ones(3)
            signs[FLIPS[step]] = -1
            xyz = xyz * signs
        else:
            key, *ways = STEPS[step]
            value = torch.as_tensor(metainfo[key], dtype=xyz.dtype, device=xyz.device)
            xyz = ways[back](xyz, value)
    return xyz.to(points.dtype)


Step = Callable[[Tensor, Tensor], Tensor]
STEPS: dict[str, tuple[str, Step, Step]] = {  # record, there and back
    "R": ("pcd_rotation", torch.matmul, lambda x, turn: x @ torch.linalg.inv(turn)),
    "S": ("pcd_scale_factor", torch.mul, torch.div),
    "T": ("pcd_trans", torch.add, torch.sub),
}


def _check_flow(flow: list[str], metainfo: Mapping[str, Any]) -> None:
    name = metainfo.get("sample_idx")
    for step in flow:
        if step not in FLIPS and step not in STEPS:
            raise ValueError(
                f"sample {name}: `transformation_3d_flow` {flow} has the unknown step "
                f"{step!r}, known are {[*FLIPS, *STEPS]}. Remove that transform."
            )
        if step in STEPS and flow.count(step) > 1:
            raise ValueError(
                f"sample {name}: step {step!r} occurs {flow.count(step)} times in "
                f"`transformation_3d_flow` {flow}, but only the last one is recorded. "
                "Keep one GlobalRotScaleTrans in the pipeline."
            )
        if step in STEPS and STEPS[step][0] not in metainfo:
            raise ValueError(
                f"sample {name}: `transformation_3d_flow` {flow} has {step!r}, but "
                f"`{STEPS[step][0]}` is missing. Pack it with the sample."
            )
