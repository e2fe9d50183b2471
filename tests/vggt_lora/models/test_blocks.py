"""Rotary positions against complex numbers."""

import pytest
import torch
from torch.testing import assert_close

from vantage3d.vggt_lora.models.blocks import TABLES_KEPT, RotaryTables, rotate

HEAD, SPECIAL = 16, 5


def slow_rotate(tokens, height, width):
    """Pairs of channels as complex numbers, one token after the other."""
    out, half = tokens.clone(), HEAD // 2
    places = [(0, 0)] * SPECIAL
    places += [(i + 1, j + 1) for i in range(height) for j in range(width)]
    for n, place in enumerate(places):
        for axis, position in enumerate(place):
            for k in range(half // 2):
                a, b = axis * half + k, axis * half + half // 2 + k
                angle = torch.tensor(position * 100.0 ** (-2 * k / half))
                turned = torch.complex(tokens[..., n, a], tokens[..., n, b])
                turned = turned * torch.polar(torch.tensor(1.0), angle)
                out[..., n, a], out[..., n, b] = turned.real, turned.imag
    return out


@pytest.mark.parametrize(("height", "width"), [(2, 3), (4, 1)])
def test_rotation_is_that_of_complex_numbers(height, width):
    table = RotaryTables(HEAD, SPECIAL)(height, width, torch.zeros(1))
    tokens = torch.randn(2, 3, SPECIAL + height * width, HEAD)
    turned = rotate(tokens, table)
    assert_close(turned, slow_rotate(tokens, height, width), atol=1e-5, rtol=1e-5)
    assert torch.equal(turned[..., :SPECIAL, :], tokens[..., :SPECIAL, :])


@pytest.mark.bitwise
def test_every_frame_has_the_same_positions():
    table = RotaryTables(HEAD, SPECIAL)(2, 3, torch.zeros(1))
    frames = torch.randn(2, 4, 3, SPECIAL + 6, HEAD)  # B, heads, S, P, d
    joined = rotate(frames.flatten(2, 3), table).unflatten(2, (3, -1))
    assert torch.equal(joined, rotate(frames, table))


def test_products_depend_on_the_distance_alone():
    table = RotaryTables(HEAD, 0)(5, 5, torch.zeros(1))
    q, k = torch.randn(2, HEAD)
    turned_q = rotate(q.expand(25, HEAD), table).view(5, 5, HEAD)
    turned_k = rotate(k.expand(25, HEAD), table).view(5, 5, HEAD)
    expected = turned_q[0, 0] @ turned_k[2, 1]
    assert_close(turned_q[2, 3] @ turned_k[4, 4], expected, atol=1e-4, rtol=1e-4)


def test_tables_are_made_once_and_not_hoarded():
    tables = RotaryTables(HEAD, SPECIAL)
    like = torch.zeros(1)
    assert tables(2, 3, like) is tables(2, 3, like)
    assert tables(2, 3, like.bfloat16()).cos.dtype == torch.bfloat16
    for width in range(1, 30):
        tables(1, width, like)
    assert len(tables._tables) == TABLES_KEPT


def test_a_table_made_in_inference_mode_serves_training():
    tables = RotaryTables(HEAD, SPECIAL)
    with torch.inference_mode():
        tables(1, 1, torch.zeros(1))
    tokens = torch.randn(SPECIAL + 1, HEAD, requires_grad=True)
    rotate(tokens, tables(1, 1, tokens)).square().sum().backward()
    assert_close(tokens.grad, 2 * tokens.detach())  # rotations keep lengths


def test_tokens_that_are_not_whole_frames():
    table = RotaryTables(HEAD, SPECIAL)(1, 2, torch.zeros(1))
    with pytest.raises(ValueError, match=r"got \(8, 16\)"):
        rotate(torch.zeros(8, HEAD), table)
