"""The small image network: geometry of its grid, its data, its files."""

import json

import numpy as np
import pytest
import torch

from vantage3d.io.features import read_features
from vantage3d.synthetic import write_dataset
from vantage3d.synthetic.texture_net import (
    CLASSES,
    SmallImageNet,
    agreement,
    feature_source,
    load_small_image_net,
    patch_shares,
    recolored,
    save_small_image_net,
    train_small_features,
    training_frames,
    write_small_features,
)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """One training and one other room of two tiny frames."""
    root = tmp_path_factory.mktemp("flush")
    write_dataset("scannet", root, 1, 1, [0, 200], (64, 48), theme="flush")
    return root


def test_one_feature_per_patch_also_of_odd_images():
    model = SmallImageNet(3).eval()
    assert model(torch.rand(2, 3, 48, 64)).shape == (2, 64, 6, 8)
    assert model(torch.rand(1, 3, 45, 61)).shape == (1, 64, 6, 8)
    assert feature_source("x", (320, 240)).shape == (64, 30, 40)
    with pytest.raises(ValueError, match=r"`images` must have shape \(B, 3, H, W\)"):
        model(torch.rand(3, 48, 64))


def test_shares_of_patches_by_hand():
    labels = np.zeros((8, 16), int)
    labels[:4, 8:] = 2
    labels[:2, :4] = 1
    shares = patch_shares(labels, 8)
    assert shares.shape == (CLASSES, 1, 2)
    assert shares[:3, 0].tolist() == [[0.875, 0.5], [0.125, 0.0], [0.0, 0.5]]
    assert agreement(torch.eye(2)[None, :, None], torch.eye(2)[None, :, None]) == 1


def test_only_training_rooms_are_seen(rooms):
    hidden = rooms / "2D" / "scene0001_00" / "color"
    moved = hidden.rename(hidden.with_name("away"))
    frames = training_frames(rooms, 8)
    moved.rename(hidden)
    assert frames.images.shape == (2, 3, 48, 64)
    assert frames.shares.shape == (2, CLASSES, 6, 8)
    assert torch.allclose(frames.shares.sum(1), torch.ones(2, 6, 8))
    assert frames.shares[:, 1:].sum() > 20  # patches of flush pieces


def test_recolouring_keeps_what_is_where():
    images = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)
    images[:, 1, 0] = 255
    out = recolored(images)
    assert out.min() >= 0 and out.max() <= 1
    assert (out[:, :, 0].amax(1) > out[:, :, 1].amax(1)).all()


def test_same_seed_same_weights_and_features_are_readable(rooms, tmp_path):
    files = [tmp_path / f"{number}.safetensors" for number in range(2)]
    for file in files:
        train_small_features(rooms, file, epochs=1)
    assert files[0].read_bytes() == files[1].read_bytes()
    model, digest = load_small_image_net(files[0])
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert write_small_features(rooms, files[0]) == 4
    path = rooms / "clip_feat" / "scene0001_00" / "200.safetensors"
    feats = read_features(path, feature_source(digest, (64, 48)), "scene0001_00_200")
    assert feats.shape == (64, 6, 8) and feats.dtype == torch.float16


def test_errors(rooms, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"synthetic.json is missing"):
        training_frames(tmp_path, 8)
    with pytest.raises(ValueError, match="must divide the images of 64x48, got 7"):
        training_frames(rooms, 7)
    manifest = json.loads((rooms / "synthetic.json").read_text())
    del manifest["theme"]
    (tmp_path / "synthetic.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"\('scannet', 'home'\), expected"):
        training_frames(tmp_path, 8)
    weights = tmp_path / "weights.safetensors"
    with pytest.raises(FileNotFoundError, match="Train them with tools/train_small"):
        load_small_image_net(weights)
    save_small_image_net(weights, SmallImageNet(2))
    with pytest.raises(FileNotFoundError, match="has no images 2D"):
        write_small_features(tmp_path, weights)
    from safetensors.torch import save_file

    save_file({"other": torch.zeros(1)}, weights)
    with pytest.raises(ValueError, match=r"weights\.safetensors is damaged: its SHA"):
        load_small_image_net(weights)
    weights.with_name(f"{weights.name}.sha256").unlink()
    with pytest.raises(ValueError, match=r"holds \['other'\], expected the keys"):
        load_small_image_net(weights)
