"""The plane sweep: planes found in closed form, and the contract of the package."""

import pytest
import torch
from torch.nn.functional import interpolate

from tests.deltas.models.networks import batch
from tests.deltas.worlds import wall_batch
from vantage3d.deltas.losses import PlaneSweepLoss
from vantage3d.deltas.models import PlaneSweepDepth
from vantage3d.deltas.models.estimator import relative_poses
from vantage3d.deltas.models.plane_sweep import cost_volume, inverse_depths
from vantage3d.geometry.cameras import pixel_grid, unproject_pixels

STRIDE, SIZE = 4, (12, 16)  # of cells: images of 48 x 64


def painted_wall(distance: float) -> tuple[dict, torch.Tensor]:
    """Views of a wall, and unit vectors (1, V, 6, h, w) that tell its places apart."""
    scene = wall_batch(distance)
    cells = (pixel_grid(*SIZE, scene["K"]) + 0.5) * STRIDE - 0.5
    pixels = cells.reshape(1, 1, -1, 2).expand(1, 3, -1, -1)
    depth = interpolate(scene["depth"], SIZE, mode="bilinear").flatten(2)
    places = unproject_pixels(pixels, depth, scene["K"], scene["cam2world"])
    waves = torch.cat([places[..., :2] * k / distance for k in (1, 3, 6)], -1)
    painted = torch.cat([waves.sin(), waves.cos()], -1) / 6**0.5
    return scene, painted.mT.unflatten(-1, SIZE)


@pytest.mark.parametrize("distance", [1.3, 4.0])
def test_views_are_most_alike_on_the_plane_of_the_wall(distance):
    scene, painted = painted_wall(distance)
    inverse = inverse_depths((0.5, 10.0), 39, painted)  # steps of 0.05 / m
    poses = relative_poses(scene["cam2world"])
    volume = cost_volume(painted, scene["K"], poses, inverse, STRIDE)
    assert volume.shape == (1, 39, *SIZE)
    inner = volume[0, :, 2:-2, 4:-4]  # what both views show
    off = (inverse[inner.argmax(0)] - 1 / distance).abs()
    assert off.max() < 0.11
    assert inner.amax(0).min() > 0.97


def test_views_that_show_nothing_leave_zeros():
    scene, painted = painted_wall(2.0)
    scene["cam2world"][:, 1:, 0, 3] += 100.0
    inverse = inverse_depths((0.5, 10.0), 5, painted)
    poses = relative_poses(scene["cam2world"])
    assert not cost_volume(painted, scene["K"], poses, inverse, STRIDE).any()


def test_it_trains_and_predicts_by_the_contract():
    torch.manual_seed(0)
    net = PlaneSweepDepth(width=8, blocks=(1, 1, 1, 1), descriptor_dim=8, planes=7)
    net.criterion = PlaneSweepLoss()
    inputs = batch(samples=2, size=(32, 40))
    inputs["depth"] = torch.full((2, 3, 32, 40), 2.0)
    losses = net(inputs, mode="loss")
    assert set(losses) == {*(f"loss_depth_{s}" for s in (1, 2, 4, 8)),
                           "loss_planes", "loss_smoothness"}  # fmt: skip
    sum(losses.values()).backward()
    trained = {n: p.grad for n, p in net.named_parameters() if p.requires_grad}
    assert all(grad is not None and grad.isfinite().all() for grad in trained.values())
    with torch.no_grad():
        found = net.eval()(inputs, mode="predict")
    assert [one["pred_depth"].shape for one in found] == [(32, 40)] * 2
    assert found[0].keys() == {"pred_depth"}
    with pytest.raises(ValueError, match="`planes` must be positive, got 0"):
        PlaneSweepDepth(planes=0)
