"""Dense depth from sparse points and image features: `depthnet`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vantage3d.deltas.models.aspp import DenseASPP
from vantage3d.deltas.models.trunk import Pyramid, ResNetTrunk, pyramid_channels
from vantage3d.deltas.models.upsampling import UpBlock

NARROWER = 4  # times fewer channels than the image's encoder


class SparseToDenseNet(ResNetTrunk):
    """Encodes the sparse depth, joins the image's features, decodes dense depth.

    The names of its weights are those of the released checkpoints.

    Args:
        width: Of the image's trunk; all channels scale with it. A multiple of 4.
        blocks: Bottlenecks of each stage.
        legacy: Upstream's upsampling, whose operator depends on the image size.
    """

    def __init__(self, width: int, blocks: Sequence[int], legacy: bool) -> None:
        super().__init__(1, width // NARROWER, blocks)
        image, depth = pyramid_channels(width), pyramid_channels(width // NARROWER)
        joined = Pyramid(*(a + b for a, b in zip(image, depth)))
        wide = [8 * width, 4 * width, 2 * width, width, width // 2]
        block = UpBlock
        self.gud_up_proj_layer1 = block(joined.deep, wide[0], joined.sixteenth, legacy)
        self.gud_up_proj_layer2 = block(wide[0], wide[1], joined.eighth, legacy)
        self.ASPP = DenseASPP(wide[1])
        self.gud_up_proj_layer3 = block(wide[1], wide[2], joined.quarter, legacy)
        self.gud_up_proj_layer4 = block(wide[2], wide[3], joined.half, legacy)
        self.gud_up_proj_layer5 = block(wide[3], wide[4], 0, legacy)
        self.conv_final = nn.Conv2d(wide[4], 1, 3, padding=1)
        self.conv_scale8 = nn.Conv2d(wide[1], 1, 1)
        self.conv_scale4 = nn.Conv2d(wide[2], 1, 1)
        self.conv_scale2 = nn.Conv2d(wide[3], 1, 1)

    def forward(self, sparse: Tensor, image: Pyramid) -> list[Tensor]:
        """Depth at strides 8, 4, 2 and 1.

        Args:
            sparse: (B, 1, H, W) metres, 0 where there is no point.
            image: Features of the images.

        Returns:
            Four (B, 1, h, w) in metres, not clamped, sizes rounded up.
        """
        depth = self.encode(sparse)
        side = [torch.cat(pair, 1) for pair in zip(depth[:-1], image[:-1])]
        # here, and here alone, the image comes first
        x = torch.cat([image.deep, depth.deep], 1)
        x = self.gud_up_proj_layer1(x, size_of(side[3]), side[3])
        x = self.ASPP(self.gud_up_proj_layer2(x, size_of(side[2]), side[2]))
        eighth = self.conv_scale8(x)
        x = self.gud_up_proj_layer3(x, size_of(side[1]), side[1])
        quarter = self.conv_scale4(x)
        x = self.gud_up_proj_layer4(x, size_of(side[0]), side[0])
        half = self.conv_scale2(x)
        full = self.conv_final(self.gud_up_proj_layer5(x, size_of(sparse)))
        return [eighth, quarter, half, full]


def size_of(maps: Tensor) -> tuple[int, int]:
    """(H, W) of (B, C, H, W)."""
    return maps.shape[-2], maps.shape[-1]


def sparse_depth(
    keypoints: Tensor,
    z: Tensor,
    valid: Tensor,
    size: tuple[int, int],
    legacy: bool,
) -> Tensor:
    """A map of the keypoints' depths.

    Args:
        keypoints: (B, N, 2) pixels; truncated to whole ones.
        z: (B, N) metres.
        valid: (B, N) bool.
        size: (H, W) of the map.
        legacy: As upstream, a later keypoint of the same pixel erases an earlier one
            even if it is not valid. Else the last valid one counts.

    Returns:
        (B, 1, H, W), 0 where there is no valid keypoint.
    """
    height, width = size
    column, row = keypoints.long().unbind(-1)
    place = row * width + column
    order = torch.arange(1, place.shape[1] + 1, device=place.device).expand_as(place)
    if not legacy:
        order = order * valid
    last = place.new_zeros(len(place), height * width)
    last = last.scatter_reduce(1, place, order, "amax")
    values = torch.where(valid, z, 0)
    values = torch.cat([torch.zeros_like(values[:, :1]), values], 1)
    return values.gather(1, last).view(-1, 1, height, width)
