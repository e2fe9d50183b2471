"""CLIP's ResNet-50: the stride-8 stage as it is, and where its pixels lie."""

from types import SimpleNamespace

import pytest
import torch
from timm.layers import AttentionPool2d
from torch import nn

from vantage3d.backbones2d import ClipRN50, build_extractor
from vantage3d.backbones2d.networks import ClipRN50Text


@pytest.fixture(scope="module")
def clip() -> ClipRN50:
    return build_extractor("clip_rn50", random_weights=True)


def test_is_512_x_60_x_80_at_480_x_640_without_interpolation(clip):
    image = torch.rand(1, 3, 480, 640)
    feats = clip(image)
    assert feats.shape == (1, 512, 60, 80)
    assert clip.source((640, 480)).shape == (512, 60, 80)
    assert clip.source((640, 480)).input_size == (640, 480)
    x = (image - clip.mean) / clip.std
    stem, *stages = clip.trunk
    stem_out = stem(x)
    assert stem_out.shape == (1, 64, 120, 160)
    torch.testing.assert_close(stages[1](stages[0](stem_out)), feats)


def test_pads_to_whole_strides(clip):
    assert clip(torch.rand(1, 3, 50, 67)).shape == (1, 512, 7, 9)
    assert clip.source((67, 50)).grid.size == (9, 7)


def test_normalises_as_clip(clip):
    black = clip.prepare(torch.zeros(1, 3, 8, 8))[0, :, 0, 0]
    expected = [-0.48145466 / 0.26862954, -0.4578275 / 0.26130258, -0.40821073 / 0.2757]
    torch.testing.assert_close(black, torch.tensor(expected), rtol=1e-3, atol=0)


def test_a_bright_spot_shows_at_its_place(clip):
    """The strongest change lies in the cell that holds the spot."""
    dark = torch.zeros(1, 3, 240, 320)
    spot = dark.clone()
    spot[..., 8 * 20 : 8 * 20 + 8, 8 * 31 : 8 * 31 + 8] = 1
    change = (clip(spot) - clip(dark)).abs().sum(1)[0]
    weight = change / change.sum()
    rows, columns = torch.arange(30.0)[:, None], torch.arange(40.0)
    assert (weight * rows).sum().item() == pytest.approx(20, abs=0.3)
    assert (weight * columns).sum().item() == pytest.approx(31, abs=0.3)


def test_random_weights_are_named_and_the_same_each_time(clip):
    again = build_extractor("clip_rn50", random_weights=True)
    assert clip.weights == "random-seed-0"
    for ours, theirs in zip(clip.parameters(), again.parameters()):
        assert torch.equal(ours, theirs)


def test_refuses_layers():
    with pytest.raises(
        ValueError, match=r"`layers` is for the other networks, got \[1\]"
    ):
        build_extractor("clip_rn50", random_weights=True, layers=[1])


def test_a_cell_is_what_the_pooling_gives_of_an_even_image():
    """Without positions; so cells lie in the space of the texts."""
    torch.manual_seed(0)
    options = {"feat_size": 4, "num_heads": 2, "qkv_separate": True}
    head = AttentionPool2d(16, out_features=8, **options)
    head.requires_grad_(False)
    nn.init.zeros_(head.pos_embed)
    same = nn.Identity()
    net = ClipRN50Text(SimpleNamespace(stem=same, stages=same, head=head), "none")
    even = torch.randn(1, 16, 1, 1).expand(1, 16, 4, 4)
    cells = net.patch_features(even)
    pooled = head(even)[..., None, None]
    torch.testing.assert_close(cells, pooled.expand_as(cells))
    assert cells.std(1).min() > 0.1  # and not because all are nothing
