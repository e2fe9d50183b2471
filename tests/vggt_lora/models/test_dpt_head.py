"""Positions of the dense heads, and the residual unit, against the definitions."""

import math

import torch
from torch.testing import assert_close

from vantage3d.vggt_lora.models.dpt_head import (
    ResidualConvUnit,
    activate,
    inv_log,
    positions,
)


def test_positions_follow_the_definition():
    """Cell (i, j) of an h x w map of an image H x W."""
    h, w, H, W, d = 3, 5, 42, 98, 2
    got = positions(torch.zeros(1, 4 * d, h, w), (H, W))
    aspect = W / H
    reach_x = aspect / math.sqrt(aspect**2 + 1)
    reach_y = 1 / math.sqrt(aspect**2 + 1)
    for i in range(h):
        for j in range(w):
            u = torch.linspace(-reach_x * (w - 1) / w, reach_x * (w - 1) / w, w)[j]
            v = torch.linspace(-reach_y * (h - 1) / h, reach_y * (h - 1) / h, h)[i]
            expected = []
            for place in (u.item(), v.item()):
                omegas = [100 ** (-k / d) for k in range(d)]
                expected += [math.sin(place * omega) for omega in omegas]
                expected += [math.cos(place * omega) for omega in omegas]
            assert_close(got[:, i, j], torch.tensor(expected), atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_skip_begins_behind_the_first_relu():
    unit = ResidualConvUnit(2)
    for conv in (unit.conv1, unit.conv2):
        torch.nn.init.zeros_(conv.weight)
        torch.nn.init.zeros_(conv.bias)
    x = torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    assert torch.equal(unit(x), x.clamp(min=0))
    assert x.min() == -1  # the input itself is left alone


def test_activations():
    raw = torch.tensor([-2.0, 0.0, 0.5, 1.0]).view(1, 4, 1, 1)
    values, conf = activate(raw, inv_log)
    expected = [1 - math.e**2, 0.0, math.e**0.5 - 1]
    assert_close(values.flatten(), torch.tensor(expected))
    assert_close(conf.item(), 1 + math.e)
    assert_close(activate(raw, torch.exp)[0].flatten(), raw.flatten()[:3].exp())
