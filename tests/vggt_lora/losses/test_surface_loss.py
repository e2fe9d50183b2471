"""Surfaces whose normals and bumps are known in closed form."""

import math

import pytest
import torch

from tests.vggt_lora.losses.batches import wave_batch
from tests.vggt_lora.losses.test_multi_task_loss import evaluate
from vantage3d.vggt_lora.losses.surface_loss import (
    SurfaceLoss,
    cells,
    plane_distances,
    wide,
)

SIZE, FOCAL = (24, 32), 40.0
OFF = dict(normal=0.0, plane=0.0)


def plane(slope: float = 0.0, far: float = 6.0) -> torch.Tensor:
    """(1, 1, H, W) depth of a wall; its normal is turned by atan(slope) about y."""
    x = (torch.arange(SIZE[1]) - 15.5) / FOCAL
    return (far / (1 + slope * x)).expand(*SIZE)[None, None]


def checker() -> torch.Tensor:
    rows, columns = (torch.arange(n) for n in SIZE)
    return 1 - 2 * ((rows[:, None] + columns) % 2)


def terms(depth, truth, mask=None, residual=100.0, **options):
    K = torch.tensor([[FOCAL, 0, 15.5], [0, FOCAL, 11.5], [0, 0, 1]])[None, None]
    mask = torch.ones_like(truth, dtype=torch.bool) if mask is None else mask
    loss = SurfaceLoss(**{**OFF, **options})
    found = loss(depth, truth, K, mask, mask.float(), torch.tensor(residual))
    return found["normal"], found["plane"]


def test_a_wall_that_is_turned_costs_one_minus_the_cosine_and_no_bump():
    for slope in (0.0, 0.3, -0.8):
        normal, bumps = terms(plane(slope, 2.0), plane(), normal=1.0, plane=1.0)
        expected = 1 - math.cos(math.atan(slope))
        assert float(normal) == pytest.approx(expected, abs=1e-5)
        assert float(bumps) == pytest.approx(0, abs=1e-5)


def test_bumps_are_shares_of_the_depth_in_any_unit_on_any_plane():
    truth = plane(0.5)
    for unit in (1.0, 7.0):
        wrong = unit * truth / (1 + 0.03 * checker())
        assert float(terms(wrong, truth, plane=2.0)[1]) == pytest.approx(0.06, rel=1e-2)
    known = torch.rand(truth.shape, generator=torch.manual_seed(0)) < 0.5
    garbage = torch.where(known, truth, torch.nan)
    assert float(terms(garbage, truth, known, plane=2.0)[1]) < 1e-5


def test_only_flat_cells_with_enough_points_off_a_line_are_judged():
    bumpy, truth = plane() * (1 + 0.05 * checker()), plane()
    assert terms(bumpy, bumpy, plane=1.0)[1] == 0
    assert terms(bumpy, bumpy, plane=1.0, flat=0.06)[1] > 0.04
    line = torch.zeros_like(truth, dtype=torch.bool)
    line[..., ::8, :] = True
    assert terms(bumpy, truth, line, plane=1.0, min_points=8)[1] == 0
    known = cells(line[0], 8)
    assert known.shape == (12, 64) and not wide(known).any()
    assert (plane_distances(cells(bumpy[0], 8), known) < 1e-4)[~known].all()


def test_together_they_stay_below_the_cap():
    wrong = plane(0.5) * (1 + 0.1 * checker())
    free = terms(wrong, plane(), normal=1.0, plane=1.0)
    bound = terms(wrong, plane(), residual=0.2, cap=0.3, normal=1.0, plane=1.0)
    assert float(sum(bound)) == pytest.approx(0.06)
    assert float(bound[0] / bound[1]) == pytest.approx(float(free[0] / free[1]))


def test_terms_of_the_objective_and_their_gradient():
    both = dict(depth=dict(weight=5.0), surface={})
    losses = evaluate(wave_batch(), **both)
    found = losses["loss_normal_depth"] + losses["loss_plane_depth"]
    assert 0 < found <= 0.5 * losses["loss_reg_depth"] * (1 + 1e-6)
    found.backward()
    depth = wave_batch()
    depth["valid"][:] = False
    assert evaluate(depth, **both)["loss_plane_depth"] == 0


def test_arguments():
    with pytest.raises(ValueError, match="`surface` needs the term `depth`"):
        evaluate(wave_batch(), camera={}, surface={})
    with pytest.raises(ValueError, match="`cap` must be positive, got 0"):
        SurfaceLoss(cap=0)
