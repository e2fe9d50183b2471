"""Image features of voxels beside a slow and obvious version."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.esam.models.pictures import CHANNELS, SPACE, picture_batch, picture_frame
from tests.esam.models.scenes import model_config
from vantage3d.esam.models import Res16UNet34C
from vantage3d.esam.models.fusion.image_features import StoredFeatures
from vantage3d.esam.models.fusion.pyramid import ImagePyramid
from vantage3d.sparse import floor_coordinates, voxelize

STRIDES = (1, 2, 4, 8, 16)
VOXEL = 0.05


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
