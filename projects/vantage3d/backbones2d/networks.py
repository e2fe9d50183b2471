"""Frozen image networks of timm: images in, patch features out.

DINOv2: Oquab et al., arXiv 2304.07193, registers arXiv 2309.16588; CLIP: Radford et
al., arXiv 2103.00020; EfficientNet: Tan and Le, arXiv 1905.11946, of which Lite leaves
out squeeze-and-excitation and swish.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.checks import check_shape
from vantage3d.geometry import resize_bicubic
from vantage3d.io.feature_identity import fitted_size
from vantage3d.io.features import FeatureSource
from vantage3d.io.released_weights import BACKBONES

if TYPE_CHECKING:  # more than a second, which runs without such networks need not wait
    from timm.models import ByobNet, EfficientNet, VisionTransformer

Size = tuple[int, int]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet
DINOV2 = {  # our name -> timm's
    name: released.repo.removeprefix("timm/").partition(".")[0]
    for name, released in BACKBONES.items()
    if name.startswith("dinov2")
}
CLIP_RN50 = "clip_rn50"
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
EFFICIENTNET_LITE2 = "efficientnet_lite2"


class FeatureExtractor(nn.Module, ABC):
    """A frozen image network whose output is one feature per patch.

    Images are resized in proportion to fit into ``input_size`` (bilinear, antialiased,
    half-pixel rule), normalised, and then padded with zeros at the right and the bottom
    to whole patches.

    Args:
        name: Our name of the network.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        layers: Numbers of the layers whose outputs are joined.
        patch: Pixels of the padded input per patch.
        channels: Number of channels of all layers together.
        mean: Means of red, green, blue in 0..1.
        std: Standard deviations of red, green, blue.
        input_size: (W, H) that images are made to fit into; None keeps their size.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        weights: str,
        layers: tuple[int, ...],
        patch: int,
        channels: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        input_size: Size | None = None,
    ) -> None:
        super().__init__()
        if input_size is not None and min(input_size) < patch:
            raise ValueError(
                f"`input_size` must be (W, H) of at least one patch of {patch} pixels, "
                f"got {tuple(input_size)}. ScanNet frames are 640x480; 560x420 fits "
                "them to whole patches of 14"
            )
        self.name, self.weights, self.layers = name, weights, layers
        self.patch, self.channels = patch, channels
        self.input_size: Size | None = input_size and (input_size[0], input_size[1])
        for key, value in (("mean", mean), ("std", std)):
            buffer = torch.tensor(value).reshape(3, 1, 1)
            self.register_buffer(key, buffer, persistent=False)

    @abstractmethod
    def patch_features(self, images: Tensor) -> Tensor:
        """(B, C, h, w) features of normalised (B, 3, h * patch, w * patch) images."""

    def train(self, mode: bool = True) -> "FeatureExtractor":
        """Stays in evaluation mode: the network is frozen."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images of one size.

        Args:
            images: (B, 3, H, W) RGB, floats in 0..1 or bytes.

        Returns:
            (B, C, h, w), the grid of ``source((W, H)).grid``.

        Raises:
            ValueError: If the shape is another, or floats are not in 0..1.
        """
        return self.patch_features(self.prepare(images))

    def prepare(self, images: Tensor) -> Tensor:
        """Resized, normalised, padded (B, 3, h * patch, w * patch) images."""
        check_shape("images", images, "B 3 H W", fix="Give RGB, channels first.")
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype) / 255
        elif images.numel() and (images.amax() > 1 or images.amin() < 0):
            raise ValueError(
                "`images` must be RGB in 0..1 or uint8, got floats in "
                f"{images.amin():g}..{images.amax():g}. Divide by 255, and do not "
                "normalise: the extractor does"
            )
        height, width = images.shape[-2:]
        w, h = self.fitted_size((width, height))
        if (w, h) != (width, height):
            images = functional.interpolate(
                images, (h, w), mode="bilinear", antialias=True
            )
        images = (images - self.mean) / self.std
        images = functional.pad(images, (0, -w % self.patch, 0, -h % self.patch))
        return images.contiguous()  # in another memory order, kernels round otherwise

    def fitted_size(self, image_size: Size) -> Size:
        """(W, H) that an image of ``image_size`` (W, H) has before padding."""
        return fitted_size(image_size, self.input_size)

    def source(self, image_size: Size) -> FeatureSource:
        """What the features of an image of ``image_size`` (W, H) are made of."""
        return FeatureSource(
            model=self.name,
            weights=self.weights,
            layers=self.layers,
            image_size=image_size,
            input_size=self.fitted_size(image_size),
            patch=self.patch,
            channels=self.channels,
        )


def autocast(device: torch.device, enabled: bool) -> torch.autocast:
    """Mixed precision: float16 on CUDA, bfloat16 elsewhere."""
    dtype = torch.float16 if device.type == "cuda" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=enabled)


def _create(name: str, **options: Any) -> Any:
    import timm

    return timm.create_model(name, pretrained=False, **options)


def create_vit(name: str) -> "VisionTransformer":
    """The network of one of the names in ``DINOV2``, with random weights."""
    return _create(DINOV2[name], num_classes=0)


class DinoV2(FeatureExtractor):
    """Patch tokens of a DINOv2, after the final norm.

    Args:
        vit: timm's network; with register tokens it is taken for one of the models with
            registers.
        name: Our name of it.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        layers: Numbers of the blocks whose tokens are joined in this order, counted
            from 0, or from the end when negative; the last one by default.
        input_size: (W, H) that images are made to fit into; None keeps their size.

    Raises:
        ValueError: If a layer does not exist or is named twice.
    """

    def __init__(
        self,
        vit: "VisionTransformer",
        name: str,
        weights: str,
        layers: Sequence[int] | None = None,
        input_size: Size | None = None,
    ) -> None:
        depth = len(vit.blocks)
        given = [depth - 1] if layers is None else list(layers)
        chosen = tuple(layer + depth if layer < 0 else layer for layer in given)
        unique = len(set(chosen)) == len(chosen)
        if not chosen or not unique or not all(0 <= layer < depth for layer in chosen):
            raise ValueError(
                f"`layers` must be different blocks of 0..{depth - 1}, or -1..-{depth} "
                f"counted from the end, got {given}. Leave it out for the last one"
            )
        super().__init__(
            name,
            weights,
            chosen,
            vit.patch_embed.patch_size[0],
            vit.embed_dim * len(chosen),
            MEAN,
            STD,
            input_size,
        )
        self.vit: Any = vit  # timm declares its tokens as optional
        self.eval().requires_grad_(False)

    def patch_features(self, images: Tensor) -> Tensor:
        """(B, C, h, w) tokens of normalised (B, 3, h * patch, w * patch) images."""
        patches = self.vit.patch_embed.proj(images)
        B, _, h, w = patches.shape  # the grid; it is never derived from its area
        tokens = self._with_positions(patches)
        outputs = {}
        for index, block in enumerate(self.vit.blocks[: max(self.layers) + 1]):
            tokens = block(tokens)
            if index in self.layers:
                outputs[index] = self.vit.norm(tokens)[:, self.vit.num_prefix_tokens :]
        joined = torch.cat([outputs[index] for index in self.layers], dim=-1)
        return joined.transpose(1, 2).reshape(B, self.channels, h, w)

    def _with_positions(self, patches: Tensor) -> Tensor:
        """(B, prefix + h * w, C) tokens that enter the first block."""
        B, _, h, w = patches.shape
        vit = self.vit
        position = vit.pos_embed
        prefix = [vit.cls_token]
        if not vit.no_embed_class:
            prefix = [vit.cls_token + position[:, :1]]
            position = position[:, 1:]
        if vit.reg_token is not None:
            prefix.append(vit.reg_token)
        grid = position.unflatten(1, vit.patch_embed.grid_size).permute(0, 3, 1, 2)
        grid = resize_positions(grid, (h, w), registers=vit.reg_token is not None)
        tokens = (patches + grid).flatten(2).transpose(1, 2)
        return torch.cat([*(p.expand(B, -1, -1) for p in prefix), tokens], dim=1)


def resize_positions(grid: Tensor, size: tuple[int, int], registers: bool) -> Tensor:
    """Positional embedding for another number of patches, as DINOv2 does.

    The models without registers were released with a scale that is a tenth of a patch
    too large and without antialiasing, those with registers the usual way.

    Args:
        grid: (1, C, h, w) embedding of the training resolution.
        size: (h, w) wanted.
        registers: Whether the model has registers.

    Returns:
        (1, C, *size).
    """
    if grid.shape[2:] == size:
        return grid
    if registers:
        return resize_bicubic(grid, size, antialias=True)
    scale = tuple((new + 0.1) / old for new, old in zip(size, grid.shape[2:]))
    return resize_bicubic(grid, scale_factor=scale)


def create_resnet() -> "ByobNet":
    """CLIP's whole image network with random weights."""
    return _create("resnet50_clip")


class ClipRN50(FeatureExtractor):
    """Stem and first two stages of CLIP's ResNet-50.

    An image of 640 x 480 gives 512 x 60 x 80, without any interpolation.

    Args:
        resnet: timm's network; what follows stage 2 is dropped.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        input_size: (W, H) that images are made to fit into; None keeps their size.
    """

    def __init__(
        self, resnet: "ByobNet", weights: str, input_size: Size | None = None
    ) -> None:
        super().__init__(
            CLIP_RN50,
            weights,
            layers=(2,),  # of the four stages, as their authors count: layer2
            patch=8,
            channels=512,
            mean=CLIP_MEAN,
            std=CLIP_STD,
            input_size=input_size,
        )
        self.trunk = nn.Sequential(resnet.stem, resnet.stages[0], resnet.stages[1])
        self.eval().requires_grad_(False)

    def patch_features(self, images: Tensor) -> Tensor:
        """(B, 512, h, w) of normalised (B, 3, 8 h, 8 w) images."""
        return self.trunk(images)


class ClipRN50Text(FeatureExtractor):
    """CLIP's whole ResNet-50, whose cells of 32 pixels lie in the space of its texts.

    The last attention pools values over the image and projects them; here each cell is
    projected by itself, without positions (MaskCLIP: Zhou et al., arXiv 2112.01071).

    Args:
        resnet: timm's network.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
    """

    def __init__(self, resnet: "ByobNet", weights: str) -> None:
        super().__init__(
            f"{CLIP_RN50}_text",
            weights,
            layers=(4,),
            patch=32,
            channels=1024,
            mean=CLIP_MEAN,
            std=CLIP_STD,
        )
        self.trunk = nn.Sequential(resnet.stem, resnet.stages)
        head: Any = resnet.head
        self.project = nn.Sequential(head.v, head.proj)
        self.eval().requires_grad_(False)

    def patch_features(self, images: Tensor) -> Tensor:
        """(B, 1024, h, w) of normalised (B, 3, 32 h, 32 w) images."""
        return self.project(self.trunk(images).movedim(1, -1)).movedim(-1, 1)


def create_efficientnet() -> "EfficientNet":
    """EfficientNet-Lite2 with random weights, its classifier included."""
    return _create("tf_efficientnet_lite2")


class EfficientNetLite2(FeatureExtractor):
    """Stages of an EfficientNet-Lite2, joined at the stride of the finest.

    ======  ======  ========
    layer   stride  channels
    ======  ======  ========
    0       2       16
    1       4       24
    2       8       48
    3       16      120
    4       32      352
    ======  ======  ========

    The features of each layer are divided by their length, since deeper ones are larger
    by far, and coarser grids are interpolated.

    Args:
        net: timm's network; what follows the last of the layers is dropped.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        layers: Different layers in ascending order; 1, 2 and 3 by default.
        input_size: (W, H) that images are made to fit into; None keeps their size.

    Raises:
        ValueError: If the layers are not such.
    """

    def __init__(
        self,
        net: "EfficientNet",
        weights: str,
        layers: Sequence[int] | None = None,
        input_size: Size | None = None,
    ) -> None:
        chosen = (1, 2, 3) if layers is None else tuple(layers)
        if not chosen or list(chosen) != sorted({*chosen} & {*range(5)}):
            raise ValueError(
                "`layers` must be different stages of 0..4 in ascending order, got "
                f"{list(chosen)}. Leave it out for 1 2 3, strides 4 to 16"
            )
        blocks: Any = net.blocks
        ends = (1, 2, 3, 5, 7)  # blocks up to which each stride lasts
        stages = [blocks[a:b] for a, b in zip((0, *ends), ends[: chosen[-1] + 1])]
        channels = [stage[-1][-1].conv_pwl.out_channels for stage in stages[1:]]
        channels.insert(0, stages[0][-1][-1].conv_pw.out_channels)
        super().__init__(
            EFFICIENTNET_LITE2,
            weights,
            layers=chosen,
            patch=2 << chosen[0],
            channels=sum(channels[layer] for layer in chosen),
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            input_size=input_size,
        )
        self.stem = nn.Sequential(net.conv_stem, net.bn1)
        self.stages = nn.ModuleList(stages)
        self.eval().requires_grad_(False)

    def patch_features(self, images: Tensor) -> Tensor:
        """(B, C, h, w) of normalised (B, 3, h * patch, w * patch) images."""
        h, w = (size // self.patch for size in images.shape[-2:])
        coarsest = 2 << self.layers[-1]
        # whole cells of every grid, so that each covers the same pixels
        rest = [-size % coarsest for size in images.shape[-2:]]
        x = self.stem(functional.pad(images, (0, rest[1], 0, rest[0])))
        found = []
        for layer, stage in enumerate(self.stages):
            x = stage(x)
            if layer in self.layers:
                found.append(functional.normalize(x, dim=1))
        size = found[0].shape[-2:]
        grids = [found[0]] + [
            functional.interpolate(grid, size, mode="bilinear") for grid in found[1:]
        ]
        return torch.cat(grids, dim=1)[..., :h, :w]
