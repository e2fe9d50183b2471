"""Image features in the stem of the U-Net, ESAM-E+FF."""

import pytest
import torch

from tests.esam.models.pictures import (
    CHANNELS,
    SOURCE,
    picture_batch,
    picture_frame,
    unseen,
)
from tests.esam.models.scenes import model_config, narrow_model
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.esam.models.fusion.image_sampling import ImagePyramid
from vantage3d.sparse import SparseTensor, floor_coordinates, voxelize

PLANES = model_config()["backbone"]["init_dim"]
STEM = {"type": "StemFusion", "channels": CHANNELS, "planes": PLANES}


def fused_model(seed: int = 0):
    return narrow_model(seed, stem_fusion=STEM, image_features=SOURCE)


def outputs(model, data):
    data = model.data_preprocessor(data, training=False)
    out = model(**data, mode="tensor")
    return [*out["cls_preds"], *out["masks"]]


def frames():
    return [picture_frame(0, 700), picture_frame(1, 400, 2)]


def test_parameters_have_the_released_names():
    added = set(fused_model().state_dict()) - set(narrow_model().state_dict())
    norm = "weight", "bias", "running_mean", "running_var", "num_batches_tracked"
    assert added == {"conv.0.kernel", *(f"conv.1.bn.{name}" for name in norm)}
    assert fused_model().conv[0].kernel.shape == (CHANNELS, PLANES)


def test_what_adds_nothing_changes_nothing():
    fused, plain = fused_model().eval(), narrow_model(seed=1).eval()
    torch.nn.init.zeros_(fused.conv[1].bn.weight)
    known = plain.state_dict()
    shared = {k: v for k, v in fused.state_dict().items() if k in known}
    load_weights(plain, {"state_dict": shared}, "fused.pth")
    data = picture_batch(*frames())
    for a, b in zip(outputs(fused, data), outputs(plain, data), strict=True):
        assert torch.equal(a, b)


def test_voxels_take_the_projected_mean_of_their_points():
    fused = fused_model().eval()
    data = picture_batch(*frames())
    images = fused.image_features(data["inputs"], data["data_samples"])
    points = [frame[:, :3] for frame in data["inputs"]["points"]]
    coordinates = floor_coordinates(points, fused.voxel_size)
    means, _ = voxelize(coordinates, images.sample())
    seen, _ = voxelize(coordinates, images.valid[:, None].float())
    feats = means.features / seen.features.clamp(min=1e-9)  # of those that have one
    stem = SparseTensor(torch.randn(len(feats), PLANES), means.coordinates, 1)
    found = fused.conv(stem, ImagePyramid(images, coordinates))
    norm = fused.conv[1].bn
    expected = stem.features + norm(feats @ fused.conv[0].kernel).relu()
    torch.testing.assert_close(found.features, expected, rtol=1e-4, atol=1e-5)


def test_each_frame_has_its_own_image_and_the_kernel_learns():
    fused = fused_model().eval()
    both = outputs(fused, picture_batch(*frames()))
    alone = outputs(fused, picture_batch(frames()[1]))
    torch.testing.assert_close(both[1], alone[0], rtol=1e-4, atol=1e-4)
    blind = outputs(fused, picture_batch(unseen(picture_frame(1, 400, 2))))
    assert not torch.allclose(blind[0], alone[0])
    sum(out.sum() for out in both).backward()
    assert fused.conv[0].kernel.grad.abs().sum() > 0


def test_it_needs_features_of_its_channels():
    with pytest.raises(ValueError, match=f"stem_fusion.*{CHANNELS + 1}"):
        narrow_model(
            stem_fusion={**STEM, "channels": CHANNELS + 1}, image_features=SOURCE
        )
