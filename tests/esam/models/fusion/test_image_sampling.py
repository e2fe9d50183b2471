"""Points find the cells of their own image, however they were augmented."""

import numpy as np
import pytest
import torch

from tests.esam.models.pictures import (
    CHANNELS,
    GRID,
    SPACE,
    K,
    picture_batch,
    picture_frame,
)
from vantage3d.esam.models.fusion.image_features import StoredFeatures
from vantage3d.geometry import FeatureGrid, project_and_sample


def sample(*frames, **source):
    data = picture_batch(*frames)
    source = StoredFeatures(**{"feat_space": SPACE, "channels": CHANNELS, **source})
    return source(data["inputs"], data["data_samples"])


def changed(frame, **meta):
    frame[2].set_metainfo(meta)
    return frame


def test_samples_are_those_of_the_projection():
    points, feats, data_sample = picture_frame(0, 500)
    camera = torch.linalg.inv(torch.from_numpy(data_sample.metainfo["pose"]))
    points_cam = points[:, :3] @ camera[:3, :3].T + camera[:3, 3]
    grid = FeatureGrid(**GRID)
    expected, valid = project_and_sample(feats, points_cam, K, (320, 240), grid)
    images = sample((points, feats, data_sample))
    assert torch.equal(images.valid, valid)
    assert 0.1 < valid.float().mean() < 0.9
    torch.testing.assert_close(images.sample(), expected, atol=1e-4, rtol=1e-4)


def augmented(frame):
    """The frame, flipped, turned, scaled and moved, as the pipeline records it."""
    points, feats, data_sample = frame
    turn = torch.tensor([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1.0]])
    move = torch.tensor([0.1, -0.2, 0.05])
    xyz = points[:, :3] * torch.tensor([-1.0, 1, 1]) @ turn * 1.1 + move
    data_sample.set_metainfo(
        {
            "transformation_3d_flow": ["HF", "R", "S", "T"],
            "pcd_horizontal_flip": True,
            "pcd_vertical_flip": False,
            "pcd_rotation": turn,
            "pcd_scale_factor": 1.1,
            "pcd_trans": move.numpy(),
        }
    )
    return torch.cat([xyz, points[:, 3:]], 1), feats, data_sample


def test_augmented_points_find_the_same_cells():
    plain = sample(picture_frame(0, 500), picture_frame(1, 300))
    moved = sample(augmented(picture_frame(0, 500)), augmented(picture_frame(1, 300)))
    assert (moved.valid == plain.valid).float().mean() > 0.99
    both = moved.valid & plain.valid
    torch.testing.assert_close(
        moved.sample()[both], plain.sample()[both], atol=1e-4, rtol=1e-4
    )


def test_frames_have_maps_of_their_own():
    data = picture_batch(picture_frame(0, 500), picture_frame(1, 300))
    source = StoredFeatures(SPACE, CHANNELS)
    images = source(data["inputs"], data["data_samples"])
    feats = images.sample().split(images.lengths)
    valid = images.valid.split(images.lengths)
    for i, number in enumerate((500, 300)):
        alone = sample(picture_frame(i, number))
        assert torch.equal(feats[i], alone.sample())
        assert torch.equal(valid[i], alone.valid)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"pose": np.zeros((4, 4))}, "pose of sample frame0 is not rigid"),
        ({"pose": np.full((4, 4), np.nan)}, "pose of sample frame0.*finite"),
        ({"pose": None}, r"sample frame0 has no \['pose'\]"),
        ({"cam2img": np.diag([2, 2, 1]) @ K.numpy()}, "cam2img of sample frame0"),
        ({"pixels": np.zeros((500, 2))}, r"frame0: points project \d+.* at most 0.5"),
        ({"transformation_3d_flow": ["HF"]}, r"frame0: points project \d+.* px"),
        ({"feat_grid": None}, "frame0: has no `feat_grid`. Add LoadClipFeature"),
        (
            {"feat_grid": {**GRID, "model": "clip_rn50"}},
            "frame0: .*come from 'clip_rn50', `feat_space` of the model is 'toy'",
        ),
        (
            {"feat_grid": {**GRID, "patch": 8, "model": SPACE}},
            r"frame0: .*shape \(5, 15, 20\), expected \(5, 30, 40\)",
        ),
    ],
)
def test_frames_that_cannot_be_sampled_are_named(meta, message):
    frames = [picture_frame(1, 300), changed(picture_frame(0, 500), **meta)]
    with pytest.raises(ValueError, match=message):
        sample(*frames)


def test_channels_are_those_of_the_config():
    with pytest.raises(ValueError, match=r"frame0: .*\(5, 15, 20\), expected \(7, 15"):
        sample(picture_frame(0, 100), channels=7)


def test_a_batch_without_features():
    data = picture_batch(picture_frame(0, 100))
    del data["inputs"]["clip_pix"]
    with pytest.raises(ValueError, match="frame0: the batch has no `clip_pix`"):
        StoredFeatures(SPACE, CHANNELS)(data["inputs"], data["data_samples"])
