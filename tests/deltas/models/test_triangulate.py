"""Matches that tell the same depth, and points made of them."""

import numpy as np
import pytest
import torch

from tests.deltas.models.networks import batch, narrow
from vantage3d.deltas.models.estimator import relative_poses
from vantage3d.deltas.models.triangulate import agreeing_matches, false_alarms
from vantage3d.geometry import project, unproject_pixels

KEYPOINTS = torch.tensor([[[30.0, 20.0], [36, 24], [40, 28], [44, 20]]])
LIMIT = 2.0


def exact(views: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pixels (1, V, 4, 2) of points 2 m away, disparities 12 px times the view."""
    inputs = batch(1, views, baseline=0.4)
    ref2cam = relative_poses(inputs["cam2world"])
    depth = torch.full((1, 4), 2.0)
    points = unproject_pixels(KEYPOINTS, depth, inputs["K"][:, 0], torch.eye(4))
    pixels, _ = project(points[:, None], inputs["K"], ref2cam)
    return pixels, inputs["K"], ref2cam


def located(
    views: int,
    moved: dict,
    seen: torch.Tensor | None = None,
    length: torch.Tensor | None = None,
    **options,
):
    """What triangulation makes of exact matches with some moved along x, in pixels."""
    pixels, K, ref2cam = exact(views)
    for (view, point), shift in moved.items():
        pixels[0, view, point, 0] += shift
    if seen is None:
        seen = torch.ones(1, views - 1, 4, dtype=torch.bool)
    confidence = torch.cat([torch.ones(1, 1, 4), seen.float()], 1)
    return narrow(**options).trinet.locate(pixels, K, ref2cam, confidence, seen, length)


def test_the_many_leave_the_few_out():
    found = located(5, {(2, 0): -12, (4, 1): 24}, max_residual=LIMIT)
    assert found["point_valid"].all()
    torch.testing.assert_close(found["points_anchor"][..., 2], torch.full((1, 4), 2.0))
    everything = located(5, {(2, 0): -12, (4, 1): 24})
    assert ((everything["points_anchor"][0, :2, 2] - 2).abs() > 0.05).all()


def test_two_that_contradict_each_other_make_no_point():
    found = located(3, {(2, 0): -12}, max_residual=LIMIT, min_matches=2)
    assert found["point_valid"].tolist() == [[False, True, True, True]]
    assert int(found["counts"]["disagree"]) == 1
    assert int(found["counts"]["triangulated"]) == 3


def test_small_misses_are_forgiven():
    found = located(3, {(2, 0): -2}, max_residual=LIMIT, min_matches=2)
    assert found["point_valid"].all()


def test_a_match_without_company_counts_only_where_one_is_enough():
    seen = torch.ones(1, 2, 4, dtype=torch.bool)
    seen[0, 1, 0] = False
    one = located(3, {}, seen, max_residual=LIMIT)
    two = located(3, {}, seen, max_residual=LIMIT, min_matches=2)
    assert one["point_valid"].all()
    assert two["point_valid"].tolist() == [[False, True, True, True]]
    assert int(two["counts"]["no_view"]) == 1


def test_the_set_is_that_of_trying_every_match():
    """Depths by hand: all cameras look along z, shifted in x alone."""
    generator = torch.Generator().manual_seed(3)
    pixels, K, ref2cam = exact(6)
    noise = torch.randn(1, 5, 4, generator=generator) * 3
    pixels[:, 1:, :, 0] += noise
    seen = torch.rand(1, 5, 4, generator=generator) < 0.8
    agreed = agreeing_matches(pixels, K, ref2cam, seen, LIMIT)
    focal = float(K[0, 0, 0, 0])
    shifts = -focal * ref2cam[0, 1:, 0, 3].double().numpy()
    for point in range(4):
        x = pixels[0, :, point, 0].double().numpy()
        sets = []
        for view in np.flatnonzero(seen[0, :, point].numpy()):
            inverse = (x[0] - x[1 + view]) / shifts[view]
            miss = np.abs(x[0] - inverse * shifts - x[1:])
            support = (miss <= LIMIT) & seen[0, :, point].numpy() & (inverse > 0)
            sets.append((support.sum(), -miss[support].sum(), support))
        best = max(sets, key=lambda entry: entry[:2])[2]
        assert agreed[0, :, point].tolist() == best.tolist()
    assert agreed.any() and not agreed[seen].all()


def test_false_alarms_are_as_many_as_random_matches_make():
    """Drawn: a point may lie anywhere on three segments, views agree by accident."""
    generator = torch.Generator().manual_seed(0)
    length, draws = torch.tensor([40.0, 40.0, 40.0]), 200_000
    places = torch.rand(draws, 3, generator=generator) * length
    # the first view's match tells the truth by definition, the others by chance
    near = (places[:, 1:] - length[1:] / 2).abs() <= LIMIT
    two_of_three = 3 * float(near.any(1).double().mean())
    agreed = torch.tensor([[True, True, False], [True, True, True]])
    seen = torch.ones(2, 3, 1, dtype=torch.bool)
    found = false_alarms(agreed[..., None], seen, length.expand(2, 3)[..., None], LIMIT)
    assert float(found[0]) == pytest.approx(two_of_three, rel=0.1)
    assert float(found[1]) == pytest.approx(3 * 0.1**2)
    one = false_alarms(
        agreed[1:, :2, None], seen[:1, :2], length[None, :2, None], LIMIT
    )
    assert float(one) == pytest.approx(2 * 0.1)  # two of two


def test_two_of_many_are_chance_and_two_of_two_are_not():
    options = dict(max_residual=LIMIT, min_matches=2, max_chance=0.5)
    length = torch.full((1, 2, 4), 40.0)
    assert located(3, {}, length=length, **options)["point_valid"].all()
    moved = {(3, 0): 9, (4, 0): 30, (5, 0): -20, (6, 0): -36}
    length = torch.full((1, 6, 4), 40.0)
    found = located(7, moved, length=length, **options)
    assert found["point_valid"].tolist() == [[False, True, True, True]]
    assert int(found["counts"]["disagree"]) == 1
    del options["max_chance"]
    assert located(7, moved, length=length, **options)["point_valid"].all()


def test_chance_needs_a_residual():
    with pytest.raises(ValueError, match=r"`max_chance` 0.5 needs `max_residual`"):
        narrow(max_chance=0.5)
