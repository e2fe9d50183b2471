"""Points whose views disagree."""

import torch

from projects.common.geometry import project, unproject_pixels
from projects.deltas.models.estimator import relative_poses
from tests.deltas.models.networks import batch, narrow

KEYPOINTS = torch.tensor([[[30.0, 20.0], [36, 24], [40, 28], [44, 20]]])
LIMIT = 2.0


def located(max_residual: float | None, moved_px: float, weight: float = 1.0) -> dict:
    """Exact matches of points 2 m away, disparities 12 and 24 px, but for one."""
    inputs = batch(1, baseline=0.4)
    ref2cam = relative_poses(inputs["cam2world"])
    depth = torch.full((1, 4), 2.0)
    points = unproject_pixels(KEYPOINTS, depth, inputs["K"][:, 0], torch.eye(4))
    pixels, _ = project(points[:, None], inputs["K"], ref2cam)
    pixels[0, 2, 0, 0] += moved_px
    weights = torch.ones(1, 3, 4)
    weights[0, 2, 0] = weight
    seen = torch.ones(1, 2, 4, dtype=torch.bool)
    net = narrow(max_residual=max_residual).trinet
    return net.locate(pixels, inputs["K"], ref2cam, weights, seen)


def test_a_match_that_misses_its_point_refuses_it():
    found = located(LIMIT, moved_px=-12)
    assert found["point_valid"].tolist() == [[False, True, True, True]]
    assert int(found["counts"]["disagree"]) == 1
    assert int(found["counts"]["triangulated"]) == 3


def test_small_misses_are_forgiven_and_none_forgives_all():
    assert located(LIMIT, moved_px=-2)["point_valid"].all()
    everything = located(None, moved_px=-12)
    assert (
        everything["point_valid"].all() and not everything["counts"]["disagree"].any()
    )


def test_a_view_without_weight_has_no_say():
    assert located(LIMIT, moved_px=-12, weight=0.0)["point_valid"].all()
