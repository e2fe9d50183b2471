"""Features computed with the model are the stored ones."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from projects.common.io.features import FeatureSource
from projects.esam.models.image_features import OnlineFeatures, StoredFeatures
from projects.registry import MODELS
from tests.esam.models.pictures import SPACE, picture_frame

CHANNELS, PATCH = 3, 16


@MODELS.register_module()
class ToyFrozenBackbone(nn.Module):
    """Mean colour of each patch, with the interface of FrozenImageBackbone."""

    channels = CHANNELS

    def forward(self, images):
        return avg_pool2d(images.float() / 255, PATCH)

    def source(self, size):
        return FeatureSource(SPACE, "none", (1,), size, size, PATCH, CHANNELS)


def frames():
    """Two frames; the second image has another size."""
    out, generator = [], torch.Generator().manual_seed(0)
    for seed, (width, height) in enumerate([(320, 240), (640, 480)]):
        points, _, sample = picture_frame(seed, 300)
        image = torch.randint(0, 255, (3, height, width), generator=generator)
        out.append((points, image.to(torch.uint8), sample))
    return out


def online(*batch):
    points, images, samples = zip(*batch)
    inputs = {"points": list(points), "img": list(images)}
    return OnlineFeatures({"type": "ToyFrozenBackbone"})(inputs, samples)


def test_frames_of_several_sizes_equal_stored_features():
    batch = frames()
    both = online(*batch)
    backbone = ToyFrozenBackbone()
    for i, (points, image, sample) in enumerate(batch):
        source = backbone.source((image.shape[2], image.shape[1]))
        grid = {
            "image_size": source.image_size,
            "input_size": source.input_size,
            "patch": source.patch,
            "model": source.model,
        }
        sample.set_metainfo({"feat_grid": grid})
        inputs = {"points": [points], "clip_pix": [backbone(image[None])[0]]}
        stored = StoredFeatures(SPACE, CHANNELS)(inputs, [sample])
        own = slice(300 * i, 300 * (i + 1))
        assert torch.equal(both.valid[own], stored.valid)
        torch.testing.assert_close(both.sample()[own], stored.sample())


def test_a_batch_without_images():
    points, _, sample = frames()[0]
    source = OnlineFeatures({"type": "ToyFrozenBackbone"})
    with pytest.raises(
        ValueError, match=r"frame0: the batch has no `img`\. Add LoadFr"
    ):
        source({"points": [points]}, [sample])
