"""Points find the cells of their own image, however they were augmented."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.esam.models.pictures import (
    CHANNELS,
    GRID,
    SPACE,
    K,
    picture_batch,
    picture_frame,
)
from tests.esam.models.scenes import model_config
from tests.geometry.sampling import project_and_sample
from vantage3d.esam.models import Res16UNet34C
from vantage3d.esam.models.fusion.image_sampling import ImagePyramid, StoredFeatures
from vantage3d.geometry import FeatureGrid
from vantage3d.sparse import floor_coordinates, voxelize

STRIDES = (1, 2, 4, 8, 16)
VOXEL = 0.05


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


def test_a_colour_camera_of_its_own_sees_the_features():
    """Another focal length, principal point, size and place than the depth camera."""
    points, feats, data_sample = picture_frame(0, 500)
    between = torch.eye(4)
    between[:3, 3] = torch.tensor([-0.05, 0.01, 0.02])
    own = torch.tensor([[300.0, 0, 220], [0, 300, 140], [0, 0, 1]])
    changed(
        (points, feats, data_sample),
        color_cam2img=own.tolist(),
        color_shape=[300, 400],
        depth2color=between.tolist(),
    )
    world2color = between @ torch.linalg.inv(
        torch.from_numpy(data_sample.metainfo["pose"])
    )
    seen_by = points[:, :3] @ world2color[:3, :3].T + world2color[:3, 3]
    grid = FeatureGrid(**GRID)
    expected, valid = project_and_sample(feats, seen_by, own, (400, 300), grid)
    images = sample((points, feats, data_sample))
    assert torch.equal(images.valid, valid)
    assert 0.1 < valid.float().mean() < 0.9
    torch.testing.assert_close(images.sample(), expected, atol=1e-4, rtol=1e-4)
    plain = sample(picture_frame(0, 500))
    assert (images.sample() - plain.sample()).abs().max() > 1


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


@pytest.mark.bitwise
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


def located(*frames):
    """Samples, voxel of each point and the backbone's input."""
    data = picture_batch(*frames)
    inputs = data["inputs"]
    images = StoredFeatures(SPACE, CHANNELS)(inputs, data["data_samples"])
    points = inputs["points"]
    coordinates = floor_coordinates([p[:, :3] for p in points], VOXEL)
    voxels, _ = voxelize(coordinates, torch.cat(points)[:, 3:])
    return images, coordinates, voxels


def backbone_levels(voxels, backend="torch"):
    """The backbone's own tensors by stride."""
    config = {k: v for k, v in model_config()["backbone"].items() if k != "type"}
    net = Res16UNet34C(**config, backend=backend).eval()
    levels = {1: net.engine.tensor(voxels.features, voxels.coordinates)}
    x = net.conv0p1s1(levels[1])
    for stride, name in ((2, "conv1p1s2"), (4, "conv2p2s2")):
        x = levels[stride] = getattr(net, name)(x)
    # Blocks widen before the next stage; coordinates do not depend on channels.
    for stride in (8, 16):
        x = levels[stride] = net.engine.MaxPool(2, 2)(x)
    return levels


def naive(images, coordinates, voxels, reduce):
    """(M, C) by a loop over voxels."""
    samples, stride = images.sample(), voxels.stride
    cells = torch.div(coordinates, stride, rounding_mode="floor") * stride
    cells[:, 0] = coordinates[:, 0]
    out = torch.zeros(len(voxels.coordinates), samples.shape[1])
    for row, voxel in enumerate(voxels.coordinates):
        inside = (cells == voxel).all(1) & images.valid
        if inside.any():
            out[row] = reduce(samples[inside])
    return out


@pytest.fixture(scope="module")
def scene():
    return located(picture_frame(0, 300), picture_frame(1, 200, 2))


@pytest.mark.parametrize("stride", STRIDES)
def test_pools_count_only_points_with_a_feature(scene, stride):
    images, coordinates, voxels = scene
    assert 0.1 < images.valid.float().mean() < 0.9
    level = backbone_levels(voxels)[stride]
    pyramid = ImagePyramid(images, coordinates)
    mean = naive(images, coordinates, level, lambda rows: rows.mean(0))
    torch.testing.assert_close(pyramid.mean(level), mean)
    largest = naive(images, coordinates, level, lambda rows: rows.amax(0))
    torch.testing.assert_close(pyramid.max(level), largest)
    assert torch.equal(pyramid.covered(level)[:, 0], mean.any(1))


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize(
    "backend", ["torch", pytest.param("minkowski", marks=pytest.mark.minkowski)]
)
def test_rows_are_those_of_the_backbone(scene, stride, backend):
    if backend == "minkowski" and find_spec("MinkowskiEngine") is None:
        pytest.skip("MinkowskiEngine is not installed")
    images, coordinates, voxels = scene
    level = backbone_levels(voxels, backend)[stride]
    assert level.stride == stride
    rows = ImagePyramid(images, coordinates).rows(level)
    parents = torch.div(coordinates[:, 1:], stride, rounding_mode="floor") * stride
    assert torch.equal(level.coordinates[rows, 1:], parents)
    assert torch.equal(level.coordinates[rows, 0], coordinates[:, 0])
    assert len(rows.unique()) == len(level.coordinates)


def test_projecting_the_cells_is_projecting_the_means(scene):
    images, coordinates, voxels = scene
    kernel = torch.randn(CHANNELS, 7)
    pyramid = ImagePyramid(images, coordinates)
    for level in backbone_levels(voxels).values():
        expected = pyramid.mean(level) @ kernel
        torch.testing.assert_close(pyramid.mean(level, kernel), expected)
        expected = pyramid.max(level) @ kernel
        torch.testing.assert_close(pyramid.max(level, kernel), expected)


class Largest(TorchDispatchMode):
    """Elements of the largest floating point tensor that any operation made."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple) else (out,):
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                self.numel = max(self.numel, value.numel())
        return out


def test_memory_of_a_projected_mean_does_not_grow_with_points_times_channels():
    points, _, sample = picture_frame(0, 3000)
    images, coordinates, voxels = located((points, torch.randn(5, 15, 20), sample))
    images = replace(images, cells=torch.randn(300, 400))
    pyramid = ImagePyramid(images, coordinates)
    with Largest() as largest:
        pyramid.mean(voxels, torch.randn(400, 8))
    assert 0 < largest.numel <= 3000 * 8


def test_gradient_of_a_projection():
    images, coordinates, voxels = located(picture_frame(0, 60, 1))
    pyramid = ImagePyramid(images, coordinates)
    level = backbone_levels(voxels)[4]
    kernel = torch.randn(CHANNELS, 3, requires_grad=True)
    weight = torch.randn(len(level.coordinates), 3)
    (pyramid.mean(level, kernel) * weight).sum().backward()
    torch.testing.assert_close(kernel.grad, pyramid.mean(level).T @ weight)


def test_points_outside_the_voxels():
    images, coordinates, voxels = located(picture_frame(0, 60, 1))
    moved = coordinates.clone()
    moved[3, 1:] += 1000
    with pytest.raises(ValueError, match=r"1 of 60 points lie in no voxel of stride 1"):
        ImagePyramid(images, moved).rows(voxels)
