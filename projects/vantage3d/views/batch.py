"""The contract of posed views: one sample, one batch, for every system.

Letters: B samples, V views of which view 0 is the anchor, (H, W) pixels.

=================  ===================================================================
``images``         (B, V, 3, H, W) float32 RGB in [0, 1]
``K``              (B, V, 3, 3) float32 in pixels of these images, centres at integers
``cam2world``      (B, V, 4, 4) float32, OpenCV axes, metres; the world is the camera
                   of view 0
``depth``          (B, V, H, W) float32 z-depth in metres, 0 = missing
``valid``          (B, V, H, W) bool, where there is depth
``ids``            (B, V) int64, numbers of the frames in their sequence
``semantics``      (B, V, H, W) int16 class ids, -1 unknown; where a dataset has them
``pixel_weights``  (B, V, H, W) float32, weights in the losses; where a dataset weighs
``names``          B strings, ``<sequence>/<number>-<number>-...``
=================  ===================================================================
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.registry import FUNCTIONS
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from vantage3d.views.frame import Frame

UNKNOWN = -1  # semantics of a pixel that nobody labelled
FILL = {"semantics": UNKNOWN, "pixel_weights": 1}  # what a dataset without them means
DESCRIBED = ("name", "sequence", "dataset", "ids", "native_depth")
Sample = dict[str, Any]


def assemble(
    frames: Sequence[Frame],
    ids: Sequence[int],
    sequence: str,
    dataset: str,
    weights: NDArray[np.float32] | None = None,
) -> Sample:
    """A sample of V frames of one size, as training reads it.

    Args:
        frames: V frames of one size.
        ids: Their numbers in the sequence.
        sequence: Name of the sequence.
        dataset: Name of the dataset.
        weights: (V, H, W) weight of each pixel in the losses; none if not given.

    Returns:
        The tensors of the contract without their B, and the names ``name``,
        ``sequence`` and ``dataset``.
    """
    depth = np.stack([frame.depth for frame in frames]).astype(np.float32, copy=False)
    valid = np.isfinite(depth) & (depth > 0)
    sample: Sample = {
        "images": _images([frame.image for frame in frames]),
        "K": torch.from_numpy(np.stack([f.K for f in frames]).astype(np.float32)),
        "cam2world": torch.from_numpy(in_first_camera([f.world2cam for f in frames])),
        "depth": torch.from_numpy(np.where(valid, depth, np.float32(0))),
        "valid": torch.from_numpy(valid),
        "ids": torch.tensor([int(number) for number in ids]),
        "name": f"{sequence}/{'-'.join(str(int(number)) for number in ids)}",
        "sequence": sequence,
        "dataset": dataset,
    }
    if any(frame.semantics is not None for frame in frames):
        unknown = np.full(frames[0].depth.shape, UNKNOWN, np.int16)
        classes = [unknown if f.semantics is None else f.semantics for f in frames]
        sample["semantics"] = torch.from_numpy(np.stack(classes).astype(np.int16))
    if weights is not None:
        sample["pixel_weights"] = torch.from_numpy(weights.astype(np.float32))
    return sample


def in_first_camera(world2cams: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    """(V, 4, 4) float32 ``cam2world`` whose world is the first camera.

    Everything before the cast is float64, so that steps of micrometres survive
    however far the data's origin is. A rotation that was written with few digits is
    replaced by the nearest one, and the centre of the camera is solved for rather than
    taken from the transpose: 1e-6 off at UTM coordinates would be metres.
    """
    poses = np.stack(world2cams).astype(np.float64)
    centers = camera_centers(poses)
    left, _, right = np.linalg.svd(poses[:, :3, :3])
    rotations = left @ right
    relative = np.tile(np.eye(4), (len(poses), 1, 1))
    relative[:, :3, :3] = rotations[0] @ rotations.transpose(0, 2, 1)
    relative[:, :3, 3] = (centers - centers[0]) @ rotations[0].T
    relative[0] = np.eye(4)
    return relative.astype(np.float32)


def camera_centers(world2cam: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V, 3) centres of (V, 4, 4) cameras, whatever their rotations were rounded to."""
    return -np.linalg.solve(world2cam[:, :3, :3], world2cam[:, :3, 3:])[..., 0]


def _images(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(V, 3, H, W) float32 in [0, 1]."""
    out = torch.empty(len(images), 3, *images[0].shape[:2])
    for view, image in zip(out, images):
        view.copy_(
            torch.from_numpy(np.require(image, requirements="CW")).permute(2, 0, 1)
        )
    return out.div_(255)


@FUNCTIONS.register_module()
def collate_views(samples: Sequence[Sample]) -> dict[str, Any]:
    """A batch for ``model(**batch, mode=...)``.

    Args:
        samples: B samples with the same number of views and the same size, from one
            dataset or several.

    Returns:
        ``inputs``, the contract of this module, and ``data_samples``, B dictionaries of
        ``name``, ``sequence``, ``dataset``, ``ids`` and, where the dataset gives it,
        ``native_depth``.

    Raises:
        ValueError: If the samples differ in views or size.
    """
    shapes = sorted({tuple(sample["images"].shape) for sample in samples})
    if len(shapes) > 1:
        raise ValueError(
            "samples of a batch must have one shape of `images` (V, 3, H, W), got "
            f"{shapes}. Use one number of frames and one aspect per batch."
        )
    keys = {k: v for sample in samples for k, v in sample.items() if torch.is_tensor(v)}
    inputs: dict[str, Any] = {}
    for key, like in keys.items():
        values = [
            torch.full_like(like, FILL[key]) if key not in s else s[key]
            for s in samples
        ]
        inputs[key] = default_collate(values)
    inputs["names"] = [sample["name"] for sample in samples]
    described = [{k: s[k] for k in DESCRIBED if k in s} for s in samples]
    return {"inputs": inputs, "data_samples": described}
