"""The image ResNet-50 of CLIP (Radford et al., arXiv 2103.00020) up to stride 8."""

from typing import cast

import timm
from timm.models import ByobNet
from torch import Tensor, nn

from vantage3d.backbones2d.extractor import FeatureExtractor, Size

CLIP_RN50 = "clip_rn50"
STRIDE, CHANNELS = 8, 512
LAYER = 2  # of the four stages, as their authors count: layer2
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def create_resnet() -> ByobNet:
    """The whole image network with random weights."""
    model = timm.create_model("resnet50_clip", pretrained=False)
    return cast(ByobNet, model)


class ClipRN50(FeatureExtractor):
    """Stem and first two stages of CLIP's ResNet-50.

    An image of 640 x 480 gives 512 x 60 x 80, without any interpolation.

    Args:
        resnet: timm's network; what follows stage 2 is dropped.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        input_size: (W, H) that images are made to fit into; None keeps their size.
    """

    def __init__(
        self, resnet: ByobNet, weights: str, input_size: Size | None = None
    ) -> None:
        super().__init__(
            CLIP_RN50, weights, (LAYER,), STRIDE, CHANNELS, MEAN, STD, input_size
        )
        self.trunk = nn.Sequential(resnet.stem, resnet.stages[0], resnet.stages[1])
        self.eval().requires_grad_(False)

    def patch_features(self, images: Tensor) -> Tensor:
        """(B, 512, h, w) of normalised (B, 3, 8 h, 8 w) images."""
        return self.trunk(images)
