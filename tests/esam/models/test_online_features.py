"""Features computed with the model are the stored ones."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from tests.esam.models.pictures import SPACE, injection_changes, picture_frame
from tests.esam.models.scenes import narrow_model
from vantage3d.esam.models.fusion.image_sampling import OnlineFeatures, StoredFeatures
from vantage3d.io.features import FeatureSource
from vantage3d.registry import MODELS

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


def test_a_frozen_network_is_no_part_of_checkpoint_and_optimizer():
    backbone = {
        "type": "FrozenImageBackbone",
        "name": "dinov2_vits14",
        "random_weights": True,
        "input_size": (140, 105),
    }
    changes = injection_changes()
    changes["backbone"]["injection"]["channels"] = 384
    changes["image_features"] = {"type": "OnlineFeatures", "backbone": backbone}
    model = narrow_model(**changes)
    plain = narrow_model()
    added = {f"backbone.dino_proj_{stride}.kernel" for stride in (8, 4, 2, 1)}
    assert set(model.state_dict()) - set(plain.state_dict()) == added
    names = {name for name, _ in model.named_parameters()}
    assert names - {name for name, _ in plain.named_parameters()} == added
    points, images, samples = zip(*frames())
    data = {"points": list(points), "img": list(images)}
    data = {"inputs": data, "data_samples": list(samples)}
    losses = model(**model.data_preprocessor(data, training=True), mode="loss")
    sum(value for key, value in losses.items() if "loss" in key).backward()
    assert model.backbone.dino_proj_1.kernel.grad.abs().max() > 0
