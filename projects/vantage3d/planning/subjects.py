"""What each system is shown when its memory is counted.

VGGT and DELTAS run on tensors without values. ESAM cannot: how many voxels and queries
there are depends on the points. It runs for real on a typical sample, a frame of a
synthetic room, so its figures are those of such frames.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from vantage3d.engine.errors import ConfigError
from vantage3d.geometry import pixel_grid, unproject
from vantage3d.planning.counting import (
    Counted,
    count_pass,
    empty_weights,
    without_values,
)
from vantage3d.process.live_memory import LiveMemory
from vantage3d.registry import MODELS
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics
from vantage3d.views.presets import ViewOptions

POINTS = 20_000  # of a typical sample of ESAM
BLOCK = 16  # pixels of a side of its superpoints
FEW = 3  # frames of which VGGT's losses are counted; they grow with the number
Size = tuple[int, int]
_losses: dict[str, int] = {}


@dataclass(frozen=True)
class Subject:
    """A system, as the planner sees it.

    Attributes:
        unit: What N counts.
        count: Bytes of a pass over N units of (H, W) pixels; training or not.
        sampled: Whether it ran on a typical sample, for real.
    """

    unit: str
    count: Callable[[Mapping[str, Any], int, Size, bool], Counted]
    sampled: bool = False


def views(count: int, size: Size) -> dict[str, Tensor]:
    """A batch of one sample: the contract of :mod:`vantage3d.views.batch`."""
    shape = (1, count, *size)
    K = torch.eye(3).repeat(1, count, 1, 1)
    K[..., 0, 0] = K[..., 1, 1] = float(size[1])
    K[..., 0, 2], K[..., 1, 2] = size[1] / 2, size[0] / 2
    cam2world = torch.eye(4).repeat(1, count, 1, 1)
    cam2world[..., 0, 3] = torch.arange(count) * 0.1
    return {
        "images": torch.rand(1, count, 3, *size),
        "K": K,
        "cam2world": cam2world,
        "depth": torch.rand(shape) + 1,
        "valid": torch.ones(shape, dtype=torch.bool),
        "pixel_weights": torch.ones(shape),
        "semantics": torch.zeros(shape, dtype=torch.int16),
    }


def count_vggt(
    model: Mapping[str, Any], frames: int, size: Size, training: bool
) -> Counted:
    """VGGT on N frames of one sample."""

    def outputs(net: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Any]:
        return net(batch, mode="tensor")

    found = _without_values(model, frames, size, training, outputs)
    if not training:
        return found
    few = min(frames, FEW)
    key = f"{model['criterion']} {few} {size}"
    if key not in _losses:  # the same with and without checkpointing
        _losses[key] = _count_loss(model, few, size, outputs)
    return _with_loss(found, _losses[key] * frames // few)


def count_deltas(
    model: Mapping[str, Any], frames: int, size: Size, training: bool
) -> Counted:
    """DELTAS on one sample of N views."""
    ViewOptions(frames=frames, size=size, gap=1)  # refuses what no dataset gives

    def outputs(net: Any, batch: Mapping[str, Tensor]) -> dict[str, Any]:
        # In training it takes statistics of valid matches alone: which, values decide.
        net.trinet.bn_match_convD.eval()
        count = net.select.num_kps
        keypoints = pixel_grid(*size, batch["K"]).reshape(1, -1, 2)[:, :count]
        return net.estimate(batch, every_view=training, keypoints=keypoints)

    found = _without_values(model, frames, size, training, outputs)
    if not training:
        return found
    return _with_loss(found, _count_loss(model, frames, size, outputs))


def _with_loss(found: Counted, loss: int) -> Counted:
    """The losses' memory is there while all activations are, and gone afterwards."""
    return Counted(found.kept, max(found.peak, found.kept + loss))


def _without_values(
    model: Mapping[str, Any],
    frames: int,
    size: Size,
    training: bool,
    outputs: Callable[[Any, Mapping[str, Tensor]], Mapping[str, Any]],
) -> Counted:
    with torch.device("meta"):
        net = MODELS.build({**model, "criterion": None})
    with without_values():
        empty_weights(net)
        batch = views(frames, size)
        return count_pass(net, lambda: _tensors(outputs(net, batch)), training)


def _count_loss(
    model: Mapping[str, Any],
    frames: int,
    size: Size,
    outputs: Callable[[Any, Mapping[str, Tensor]], Mapping[str, Any]],
) -> int:
    """Most bytes of the losses, forward and backward, on made-up outputs, for real.

    Losses choose pixels by their values, which tensors without values have not.
    """
    with torch.device("meta"):
        net = MODELS.build({**model, "criterion": None})
    with without_values():
        empty_weights(net).train()
        shapes = outputs(net, views(frames, size))
    made_up = _made_up(shapes)
    criterion = MODELS.build(dict(model["criterion"]))
    batch = views(frames, size)
    live = LiveMemory([*_tensors(made_up), *batch.values()])
    with live:
        losses = criterion(made_up, batch)
        sum(v for k, v in losses.items() if "loss" in k).backward()
    return live.peak


def _made_up(found: Any) -> Any:
    """Real tensors of the same shapes, positive; a gradient comes back to floats."""
    if isinstance(found, Mapping):
        return {key: _made_up(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_made_up(value) for value in found]
    if not isinstance(found, Tensor):
        return found
    shape, kind = tuple(found.shape), found.dtype
    with torch.utils._python_dispatch._disable_current_modes():
        if kind.is_floating_point:
            return torch.rand(shape, dtype=kind).add_(1.0).requires_grad_()
        return torch.ones(shape, dtype=kind)


def _tensors(found: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor)]


def count_esam(
    model: Mapping[str, Any], frames: int, size: Size, training: bool
) -> Counted:
    """ESAM on a batch of N frames of a synthetic room."""
    needs = {
        "backbone.injection": model["backbone"].get("injection"),
        "fusion": model.get("fusion"),
        "distillation": model.get("distillation"),
    }
    if found := [name for name, value in needs.items() if value]:
        raise ConfigError(
            f"`model.{found[0]}` needs image features, which the planner does not make "
            "up. Plan the config without it, and add the features' own memory"
        )
    net: Any = MODELS.build(dict(model))
    classes = net.criterion.num_semantic_classes
    made = [typical_frame(number, size, classes) for number in range(frames)]
    inputs = {"points": [points for points, _ in made]}
    samples = [sample for _, sample in made]

    def forward() -> Iterable[Tensor]:
        if training:
            losses = net.loss(inputs, samples)
            return [v for v in losses.values() if v.requires_grad and v.dim() == 0]
        return _tensors([s.pred_pts_seg for s in net.predict(inputs, samples)])

    return count_pass(net, forward, training)


def typical_frame(
    seed: int, size: Size, classes: int
) -> tuple[Tensor, Det3DDataSample]:
    """Points of a frame of a synthetic room, and what training reads of them."""
    _, shots = film(Job(seed, [0], (size[1], size[0])))
    shot = next(shots)
    depth, K = shot.frame.depth, sensor_intrinsics((size[1], size[0]))
    rng = np.random.default_rng(seed)
    seen = np.flatnonzero(depth.ravel() > 0)
    chosen = rng.choice(seen, min(POINTS, len(seen)), replace=False)
    xyz = unproject(depth, K, shot.cam2world).reshape(-1, 3)[chosen]
    color = shot.frame.color.reshape(-1, 3)[chosen] / 127.5 - 1
    rows, columns = np.divmod(chosen, size[1])
    instance = shot.frame.instance.ravel()[chosen].astype(np.int64)
    key = np.stack([instance, rows // BLOCK, columns // BLOCK], 1)
    _, superpoints = np.unique(key, axis=0, return_inverse=True)
    things, owner = np.unique(instance, return_inverse=True)
    masks = np.zeros((len(things) + classes + 1, superpoints.max() + 1), bool)
    masks[owner, superpoints] = True
    masks[len(things)] = True  # all of it is of the first class
    sample = Det3DDataSample()
    sample.gt_instances_3d = InstanceData(
        labels_3d=torch.zeros(len(masks), dtype=torch.int64),
        sp_masks=torch.from_numpy(masks),
    )
    sample.gt_pts_seg = PointData(
        pts_semantic_mask=torch.zeros(len(chosen), dtype=torch.int64),
        pts_instance_mask=torch.from_numpy(owner),
        sp_pts_mask=torch.from_numpy(superpoints.ravel()),
    )
    points = np.concatenate([xyz - xyz.mean(0), color], axis=1)
    return torch.from_numpy(points).float(), sample


SUBJECTS = {  # class of the model -> how it is counted
    "VGGTEstimator": Subject("frames", count_vggt),
    "DELTAS": Subject("views", count_deltas),
    "ScanNet200MixFormer3D": Subject("samples", count_esam, sampled=True),
}
