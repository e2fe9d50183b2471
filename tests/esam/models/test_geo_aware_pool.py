"""Pooling of points into superpoints."""

import torch

from vantage3d.esam.models import GeoAwarePooling
from vantage3d.esam.models.geo_aware_pool import normalize_in_segments, segment_max

IDS = torch.tensor([2, 0, 1, 1, 0, 2, 2])


def cloud():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 4, generator=generator), torch.rand(7, 3, generator=generator)


def test_normalised_coordinates_are_centred_and_scaled_by_the_longest_side():
    _, xyz = cloud()
    local, centres = normalize_in_segments(xyz, IDS, 3)
    for segment in range(3):
        inside = xyz[segment == IDS]
        centre = inside.mean(0)
        scale = (inside.max(0).values - inside.min(0).values).max() + 0.01
        torch.testing.assert_close(centres[segment], centre)
        torch.testing.assert_close(local[segment == IDS], (inside - centre) / scale)


def test_pooled_is_the_weighted_mean_plus_the_shape():
    feats, xyz = cloud()
    pool = GeoAwarePooling(4)
    pooled, _, weight = pool(feats, IDS, xyz)
    shapes = pool.pts_proj1(normalize_in_segments(xyz, IDS, 3)[0])
    assert ((weight > 0) & (weight < 2)).all()
    for segment in range(3):
        inside = segment == IDS
        mean = (feats * weight)[inside].mean(0)
        torch.testing.assert_close(pooled[segment], mean + shapes[inside].max(0).values)


def test_order_and_place_of_points_do_not_matter():
    feats, xyz = cloud()
    pool, shuffle = GeoAwarePooling(4), torch.randperm(7)
    pooled, centres, _ = pool(feats, IDS, xyz)
    again, moved, _ = pool(feats[shuffle], IDS[shuffle], xyz[shuffle] + 1)
    torch.testing.assert_close(again, pooled, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(moved, centres + 1)


def test_largest_values_and_their_gradients_are_torchs_to_the_bit():
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(4, (40, 3), generator=generator).float().requires_grad_()
    ids = torch.randint(5, (40,), generator=generator)  # 5 of 6: one has no rows
    grad = torch.randn(6, 3, generator=generator)
    out = torch.full((6, 3), -torch.inf)
    index = ids[:, None].expand_as(values)
    torchs = out.scatter_reduce(0, index, values, "amax", include_self=False)
    ours = segment_max(values, ids, 6)
    assert torch.equal(ours, torchs)
    expected, got = (torch.autograd.grad(x, values, grad)[0] for x in (torchs, ours))
    assert torch.equal(got, expected)
