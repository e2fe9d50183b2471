"""A cost volume where DELTAS has keypoints: the network that its speed is told beside.

Trunk, descriptors and decoder are those of DELTAS. Between them the descriptors of the
anchor are compared with those of the views at every pixel and a number of depths (a
plane sweep: Collins, CVPR 1996), two convolutions look at the neighbours, and the mean
depth of a softmax over the planes goes where the sparse points go in DELTAS.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vantage3d.checks import check_positive
from vantage3d.deltas.models.checkpoint import load_image_encoder
from vantage3d.deltas.models.densify import SparseToDenseNet, size_of
from vantage3d.deltas.models.estimator import LEAST_DEPTH, check_batch, relative_poses
from vantage3d.deltas.models.interest import InterestNet, Pyramid
from vantage3d.geometry import pixel_grid, sample_maps, seen_rays
from vantage3d.registry import MODELS

DETECTOR = ("convPa", "bnPa", "convPb", "bnPb", "convPc")  # of `supernet`, unused


@MODELS.register_module()
class PlaneSweepDepth(BaseModel):
    """Depth from a cost volume; batch and outputs are those of the package.

    ``mode="tensor"`` returns ``volume`` (B, D, h, w), cosines; ``plane_depth``
    (B, h, w) metres; ``depth_pyramid`` and ``depth``. ``mode="predict"`` returns
    ``pred_depth`` alone: there are no keypoints.

    Args:
        width: As in :class:`DELTAS`.
        blocks: As in :class:`DELTAS`.
        descriptor_dim: As in :class:`DELTAS`.
        descriptor_stride: Pixels per cell of the volume: 8, 4 or 2.
        planes: Depths that are tried, D, evenly spaced in 1 / depth.
        search_range: The least and the greatest of them, metres.
        encoder_weights: torchvision's ResNet-50, for the image's encoder.
        criterion: Config of the losses; None for inference.

    Raises:
        CheckpointError: If a file does not fit.
        ValueError: If an argument makes no sense.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        descriptor_dim: int = 128,
        descriptor_stride: int = 4,
        planes: int = 64,
        search_range: tuple[float, float] = (0.5, 10.0),
        encoder_weights: str | None = None,
        criterion: Mapping[str, Any] | None = None,
        data_preprocessor: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor)
        check_positive("planes", planes)
        self.planes, self.search_range = planes, search_range
        self.supernet = InterestNet(
            width, blocks, descriptor_dim, descriptor_stride, legacy=False
        )
        for name in DETECTOR:
            self.supernet.get_submodule(name).requires_grad_(False)
        self.sharpness = nn.Parameter(torch.tensor(10.0))
        self.neighbours = nn.Sequential(
            nn.Conv2d(planes, planes, 3, padding=1, bias=False),
            nn.BatchNorm2d(planes),
            nn.ReLU(inplace=True),
            nn.Conv2d(planes, planes, 3, padding=1),
        )
        self.depthnet = SparseToDenseNet(width, blocks, legacy=False)
        self.criterion = None if criterion is None else MODELS.build(dict(criterion))
        if encoder_weights is not None:
            load_image_encoder(self.supernet, encoder_weights)

    def init_weights(self) -> None:
        """Nothing: MMEngine calls this after the constructor has loaded the weights."""

    def forward(  # type: ignore[override]
        self,
        inputs: Mapping[str, Any],
        data_samples: Sequence[Mapping] | None = None,
        mode: str = "tensor",
    ) -> Any:
        """Losses, predictions or outputs.

        Raises:
            ValueError: If the batch breaks the contract.
        """
        check_batch(inputs, legacy=False)
        outputs = self.estimate(inputs)
        if mode == "tensor":
            return outputs
        if mode == "loss":
            assert self.criterion is not None
            return self.criterion(outputs, inputs)
        return [{"pred_depth": d.clamp(min=LEAST_DEPTH)} for d in outputs["depth"]]

    def estimate(self, batch: Mapping[str, Tensor]) -> dict[str, Any]:
        """The outputs, of ``images``, ``K`` and ``cam2world``; depth is never read."""
        images, net = batch["images"], self.supernet
        samples, size = images.shape[:2], size_of(images[0])
        maps = net.encode(net.normalise(images.flatten(0, 1)))
        descriptors = net.describe(maps).unflatten(0, samples)
        inverse = inverse_depths(self.search_range, self.planes, descriptors)
        with torch.autocast(images.device.type, enabled=False):
            volume = cost_volume(
                descriptors.to(batch["K"].dtype),
                batch["K"],
                relative_poses(batch["cam2world"]),
                inverse,
                net.descriptor_stride,
            )
        scores = self.sharpness * volume + self.neighbours(volume)
        share = scores.softmax(1)
        depth = 1 / (share * inverse[:, None, None]).sum(1)
        dense = interpolate(depth[:, None], size, mode="bilinear", align_corners=False)
        anchors = Pyramid(*(m.unflatten(0, samples)[:, 0] for m in maps))
        pyramid = self.depthnet(dense, anchors)
        return {
            "volume": volume,
            "plane_depth": depth,
            "depth_pyramid": pyramid,
            "depth": pyramid[-1][:, 0],
        }


def inverse_depths(
    search_range: tuple[float, float], planes: int, like: Tensor
) -> Tensor:
    """(D,) 1 / depth, from the farthest to the nearest plane."""
    near, far = search_range
    return torch.linspace(1 / far, 1 / near, planes, device=like.device)


def cost_volume(
    descriptors: Tensor, K: Tensor, ref2cam: Tensor, inverse: Tensor, stride: int
) -> Tensor:
    """How alike the views are where each cell of the anchor would be seen.

    Args:
        descriptors: (B, V, C, h, w) of unit length, the anchor's first.
        K: (B, V, 3, 3) intrinsics in pixels of the images.
        ref2cam: (B, V, 4, 4) from the anchor's camera to each, itself first.
        inverse: (D,) 1 / depth of the planes.
        stride: Pixels per cell.

    Returns:
        (B, D, h, w) products of descriptors, the mean of the views that show the place;
        0 where none does.
    """
    (batch, views), (height, width) = descriptors.shape[:2], descriptors.shape[-2:]
    cells = pixel_grid(height, width, K).flatten(0, 1)
    pixels = ((cells + 0.5) * stride - 0.5).expand(batch, views - 1, -1, -1)
    rays = seen_rays(pixels, K[:, :1], K[:, 1:], ref2cam[:, 1:])
    tried = inverse[:, None, None, None]  # (D, B, V - 1, N): one plane after the other
    found = (rays.at(tried.expand(-1, *pixels.shape[:-1])) + 0.5) / stride - 0.5
    ahead = rays.start[..., 2] + rays.step[..., 2] * tried > 0
    limit = found.new_tensor([width, height]) - 0.5
    inside = ((found > -0.5) & (found < limit)).all(-1) & ahead
    found = torch.where(inside[..., None], found, -2.0)  # outside of the map

    anchors = descriptors[:, 0].flatten(2).mT  # (B, N, C)
    total = 0.0
    for view in range(1, views):
        seen = sample_maps(
            descriptors[:, view], found[:, :, view - 1].transpose(0, 1), "zeros"
        )
        total = total + (seen * anchors[:, None]).sum(-1)
    count = inside.sum(2).clamp(min=1).transpose(0, 1)
    return (total / count).unflatten(-1, (height, width))
