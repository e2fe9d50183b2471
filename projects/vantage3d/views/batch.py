"""The sample contract of all multi-view datasets: one sample, one batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.registry import FUNCTIONS
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from vantage3d.geometry import invert_rigid
from vantage3d.views.frame import Frame

UNKNOWN = -1  # semantics of a pixel that nobody labelled
Sample = dict[str, Any]


def assemble(
    frames: Sequence[Frame],
    ids: Sequence[int],
    sequence: str,
    dataset: str,
    weights: NDArray[np.float32] | None = None,
    points: bool = True,
) -> Sample:
    """A sample of S frames of one size, as training reads it.

    The world is shifted, not rotated: its origin becomes the centre of the first camera
    in float64, so that float32 resolves less than a micrometre however far the
    dataset's own origin is.

    Args:
        frames: S frames of one size.
        ids: Their numbers in the sequence.
        sequence: Its name.
        dataset: Name of the dataset.
        weights: (S, H, W) weight of each pixel in the losses; ones if not given.
        points: Whether camera and world points are in it: half of a sample's bytes,
            which losses can compute from the rest.

    Returns:
        ``images`` (S, 3, H, W) float32 in [0, 1]; ``depths`` (S, H, W) float32 metres,
        0 = missing; ``valid`` (S, H, W) bool; ``K`` (S, 3, 3) and ``world2cam``
        (S, 4, 4) float32; ``cam_points`` and ``world_points`` (S, H, W, 3) float32,
        zero where not valid; ``pixel_weights`` (S, H, W) float32; ``semantics``
        (S, H, W) int16; ``ids`` (S,) int64; ``sequence`` and ``dataset`` str.
    """
    depths = np.stack([frame.depth for frame in frames]).astype(np.float32, copy=False)
    valid = np.isfinite(depths) & (depths > 0)
    depths = np.where(valid, depths, np.float32(0))
    K = np.stack([frame.K for frame in frames]).astype(np.float32)
    world2cam = shifted([frame.world2cam for frame in frames])
    if weights is None:
        weights = np.ones_like(depths)
    sample: Sample = {
        "images": _images([frame.image for frame in frames]),
        "depths": torch.from_numpy(depths),
        "valid": torch.from_numpy(valid),
        "K": torch.from_numpy(K),
        "world2cam": torch.from_numpy(world2cam),
        "pixel_weights": torch.from_numpy(weights.astype(np.float32, copy=False)),
        "semantics": torch.from_numpy(_semantics(frames)),
        "ids": torch.tensor([int(number) for number in ids]),
        "sequence": sequence,
        "dataset": dataset,
    }
    if points:
        found = _points(depths, K, invert_rigid(world2cam))
        sample["cam_points"], sample["world_points"] = found
    return sample


def shifted(world2cams: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """(S, 4, 4) float32 of float64 ``world2cam``, origin in the first camera."""
    poses = np.stack(world2cams).astype(np.float64)
    origin = invert_rigid(poses[0])[:3, 3]
    poses[:, :3, 3] += poses[:, :3, :3] @ origin
    return poses.astype(np.float32)


def _images(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(S, 3, H, W) float32 in [0, 1]."""
    out = torch.empty(len(images), 3, *images[0].shape[:2])
    for view, image in zip(out, images):
        view.copy_(torch.from_numpy(image).permute(2, 0, 1))
    return out.mul_(1 / 255)


def _points(
    depths: NDArray[np.float32], K: NDArray[np.float32], cam2world: NDArray[np.float32]
) -> tuple[Tensor, Tensor]:
    """(S, H, W, 3) points of every pixel in the cameras and in the world.

    ``common.geometry.unproject`` coordinate by coordinate, which is eight times faster:
    this is most of the time of a cached sample.
    """
    depth, cameras = torch.from_numpy(depths), torch.from_numpy(K)[:, :, :, None]
    frames, height, width = depth.shape
    y = (torch.arange(height) - cameras[:, 1, 2]) / cameras[:, 1, 1]
    x = (torch.arange(width) - cameras[:, 0, 2]) / cameras[:, 0, 0]
    slant = cameras[:, 0, 1] / cameras[:, 0, 0] * y
    planes = torch.empty(frames, 3, height, width)
    torch.mul(depth, x[:, None, :], out=planes[:, 0])
    if bool(slant.any()):
        planes[:, 0] -= depth * slant[:, :, None]
    torch.mul(depth, y[:, :, None], out=planes[:, 1])
    planes[:, 2] = depth
    pose = torch.from_numpy(cam2world)
    flat = planes.view(frames, 3, -1)
    world = torch.baddbmm(pose[:, :3, 3:], pose[:, :3, :3], flat).view_as(planes)
    world *= (depth > 0)[:, None]
    return planes.permute(0, 2, 3, 1), world.permute(0, 2, 3, 1)


def _semantics(frames: Sequence[Frame]) -> NDArray[np.int16]:
    unknown = np.full(frames[0].depth.shape, UNKNOWN, np.int16)
    return np.stack(
        [unknown if frame.semantics is None else frame.semantics for frame in frames]
    ).astype(np.int16, copy=False)


@FUNCTIONS.register_module()
def collate_views(samples: Sequence[Sample]) -> dict[str, Any]:
    """A batch for ``model(**batch, mode=...)``.

    Args:
        samples: B samples with the same number of frames and the same size.

    Returns:
        ``inputs``, every tensor of the contract with a leading B, and
        ``data_samples``, B dictionaries of ``sequence``, ``dataset`` and ``ids``.

    Raises:
        ValueError: If the samples differ in frames or size.
    """
    shapes = sorted({tuple(sample["images"].shape) for sample in samples})
    if len(shapes) > 1:
        raise ValueError(
            "samples of a batch must have one shape of `images` (S, 3, H, W), got "
            f"{shapes}. Use one number of frames and one aspect per batch."
        )
    tensors = [key for key, value in samples[0].items() if torch.is_tensor(value)]
    names = [{k: s[k] for k in ("sequence", "dataset", "ids")} for s in samples]
    inputs = {key: _stacked([sample[key] for sample in samples]) for key in tensors}
    return {"inputs": inputs, "data_samples": names}


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """(B, ...) with the order in memory that each has, so that whole blocks are copied.

    In a worker PyTorch's own collation writes into shared memory, where another copy
    would follow.
    """
    order = sorted(range(tensors[0].ndim), key=tensors[0].stride, reverse=True)
    stacked = default_collate([tensor.permute(order) for tensor in tensors])
    back = sorted(range(len(order)), key=order.__getitem__)
    return stacked.permute(0, *(1 + axis for axis in back))
