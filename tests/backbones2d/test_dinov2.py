"""DINOv2: the grid, layers, positions, padding, names of weights."""

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from tests.backbones2d.networks import PatchMeans, tiny_dinov2, tiny_vit
from tests.geometry.sampling import project_and_sample
from vantage3d.backbones2d.networks import DINOV2, DinoV2, resize_positions


def images(width: int, height: int, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, height, width, generator=generator)


@pytest.mark.parametrize("registers", [0, 4])
def test_is_timms_forward_at_the_training_resolution(registers):
    extractor = tiny_dinov2(registers)
    pixels = images(56, 56)
    tokens = extractor.vit.forward_features((pixels - extractor.mean) / extractor.std)
    patches = tokens[:, extractor.vit.num_prefix_tokens :].reshape(2, 4, 4, 24)
    torch.testing.assert_close(extractor(pixels), patches.permute(0, 3, 1, 2))


@pytest.mark.parametrize("registers", [0, 4])
def test_is_timms_forward_at_another_resolution(registers):
    """With registers both resize positions alike; without, DINOv2 has its own way."""
    extractor = tiny_dinov2(registers)
    pixels = images(98, 42)
    tokens = extractor.vit.forward_features((pixels - extractor.mean) / extractor.std)
    patches = tokens[:, extractor.vit.num_prefix_tokens :].reshape(2, 3, 7, 24)
    difference = (extractor(pixels) - patches.permute(0, 3, 1, 2)).abs().max()
    assert difference < 1e-5 if registers else 1e-4 < difference < 0.5


def test_patches_lie_where_they_are_in_the_image():
    """A network without blocks whose embedding is the patch's mean colour."""
    vit = tiny_vit()
    vit.blocks = nn.Sequential(nn.Identity())
    vit.norm = nn.Identity()
    with torch.no_grad():
        vit.pos_embed.zero_()
        vit.patch_embed.proj.bias.zero_()
        vit.patch_embed.proj.weight.zero_()
        for channel in range(3):
            vit.patch_embed.proj.weight[channel, channel] = 1 / 196
    extractor = DinoV2(vit, "means", "random-seed-0")
    columns = torch.arange(46).repeat_interleave(14)[:640] / 46
    rows = torch.arange(35).repeat_interleave(14)[:480] / 35
    image = torch.stack([columns.expand(480, 640), rows[:, None].expand(480, 640)])
    feats = extractor(torch.cat([image, image[:1]])[None])[0]
    assert feats.shape == (24, 35, 46)  # 1610 patches: its root is no integer
    feats = feats[:2] * extractor.std[:2] + extractor.mean[:2]
    full_rows, full_columns = 34, 45  # the last ones are padded
    expected = torch.arange(46) / 46
    torch.testing.assert_close(
        feats[0, :full_rows, :full_columns],
        expected[:full_columns].expand(full_rows, -1),
    )
    expected = torch.arange(35) / 35
    torch.testing.assert_close(
        feats[1, :full_rows, :full_columns],
        expected[:full_rows, None].expand(-1, full_columns),
    )


def test_layers_are_joined_in_the_order_given():
    separate = {i: tiny_dinov2(4, layers=[i])(images(70, 42)) for i in range(3)}
    joined = tiny_dinov2(4, layers=[2, 0])
    assert joined.channels == 48 and joined.layers == (2, 0)
    expected = torch.cat([separate[2], separate[0]], dim=1)
    torch.testing.assert_close(joined(images(70, 42)), expected)
    assert not torch.allclose(separate[0], separate[2], atol=5e-3)


def test_layers_are_normalised_as_timm_does_it():
    extractor = tiny_dinov2(4, layers=[0, -1])
    pixels = (images(56, 56) - extractor.mean) / extractor.std
    expected = extractor.vit.forward_intermediates(
        pixels, indices=[0, 2], norm=True, intermediates_only=True
    )
    torch.testing.assert_close(extractor(images(56, 56)), torch.cat(expected, dim=1))


@pytest.mark.parametrize("layers", [[3], [-4], [0, 0], [0, -3], []])
def test_refuses_layers_that_do_not_exist(layers):
    with pytest.raises(ValueError, match=r"different blocks of 0..2") as error:
        tiny_dinov2(layers=layers)
    assert str(layers) in str(error.value)


def test_padding_is_zeros_after_the_normalisation():
    extractor = tiny_dinov2()
    prepared = extractor.prepare(images(64, 48))
    assert prepared.shape == (2, 3, 56, 70)
    assert prepared[:, :, 48:].abs().max() == prepared[:, :, :, 64:].abs().max() == 0
    normalised = (images(64, 48) - extractor.mean) / extractor.std
    assert torch.equal(prepared[:, :, :48, :64], normalised)


def test_padded_equals_unpadded_on_the_true_area():
    whole, extractor = images(84, 56), PatchMeans()
    cut = extractor(whole[:, :, :45, :75])
    assert cut.shape == (2, 3, 4, 6)
    torch.testing.assert_close(cut[:, :, :3, :5], extractor(whole)[:, :, :3, :5])


def test_scaling_is_proportional_and_padding_fills_the_rest():
    extractor = PatchMeans(input_size=(560, 420))
    assert extractor.fitted_size((640, 480)) == (560, 420)
    source = extractor.source((1296, 968))
    assert source.input_size == (560, 418) and source.grid.size == (40, 30)
    assert extractor(images(1296, 968, 1)).shape == (1, 3, 30, 40)
    assert PatchMeans().source((640, 480)).grid.size == (46, 35)


def test_scaled_images_keep_their_place():
    ramp = ((torch.arange(640) + 0.5) / 640).expand(1, 3, 480, 640)
    feats = PatchMeans(input_size=(560, 420))(ramp)[0, 0]
    expected = (torch.arange(40) + 0.5) / 40
    torch.testing.assert_close(feats[3], expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("size", "input_size"),
    [((640, 480), None), ((640, 480), (560, 420)), ((1296, 968), (560, 420))],
)
def test_projection_finds_a_pixels_own_features(size, input_size):
    """Colours tell the pixel; sampled where the grid says, they tell the same one."""
    width, height = size
    extractor = PatchMeans(input_size=input_size)
    x, y = torch.arange(width) / width, torch.arange(height) / height
    image = torch.stack([x.expand(height, -1), y[:, None].expand(-1, width)])
    feats = extractor(torch.cat([image, image[:1]])[None])[0]
    pixels = torch.tensor([[100.0, 80.0], [333, 222], [width - 70, height - 60]])
    K = torch.tensor([[500.0, 0, 0], [0, 500, 0], [0, 0, 1]])
    rays = torch.cat([pixels / 500, torch.ones(3, 1)], dim=1)
    grid = extractor.source(size).grid
    sampled, valid = project_and_sample(feats, 2 * rays, K, size, grid)
    assert valid.all()
    found = sampled[:, :2] * torch.tensor([width, height])
    torch.testing.assert_close(found, pixels, atol=0.02, rtol=0)


def test_bytes_are_fractions_of_255():
    extractor, pixels = tiny_dinov2(), images(42, 42)
    as_bytes = (pixels * 255).round().to(torch.uint8)
    torch.testing.assert_close(extractor(as_bytes), extractor(as_bytes.float() / 255))


def test_refuses_colours_beyond_one():
    with pytest.raises(ValueError, match=r"RGB in 0..1 or uint8, got floats in 0..255"):
        tiny_dinov2()(
            torch.tensor([0.0, 255.0]).expand(1, 3, 42, 2).repeat(1, 1, 1, 21)
        )


def test_refuses_images_with_channels_last():
    with pytest.raises(
        ValueError, match=r"`images` must have shape .*\(2, 42, 42, 3\)"
    ):
        tiny_dinov2()(torch.rand(2, 42, 42, 3))


def test_refuses_an_input_smaller_than_a_patch():
    with pytest.raises(ValueError, match=r"at least one patch of 14.*got \(10, 420\)"):
        tiny_dinov2(input_size=(10, 420))


def test_stays_frozen_and_in_evaluation_mode():
    extractor = tiny_dinov2().train()
    assert not extractor.training and not extractor.vit.training
    assert not any(p.requires_grad for p in extractor.parameters())


def test_positions_without_registers_follow_the_released_scale():
    """Cubic convolution, spelled out, on a grid a tenth of a patch larger."""
    torch.manual_seed(0)
    line = torch.rand(37)
    resized = resize_positions(line.expand(1, 1, 37, 37), (35, 46), registers=False)
    assert resized.shape == (1, 1, 35, 46)
    for column in range(3, 43):
        place = (column + 0.5) * 37 / 46.1 - 0.5
        start = int(place) - 1
        weights = [cubic(place - x) for x in range(start, start + 4)]
        expected = sum(w * line[start + i].item() for i, w in enumerate(weights))
        assert resized[0, 0, 17, column].item() == pytest.approx(expected, abs=1e-5)


def cubic(distance: float, a: float = -0.75) -> float:
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a


def test_positions_with_registers_are_antialiased():
    ramp = torch.arange(37.0).expand(1, 1, 37, 37)
    resized = resize_positions(ramp, (35, 46), registers=True)
    expected = functional.interpolate(ramp, (35, 46), mode="bicubic", antialias=True)
    assert torch.equal(resized, expected)
    assert resize_positions(ramp, (37, 37), registers=False) is ramp


@pytest.mark.parametrize("name", list(DINOV2))
def test_every_released_model_is_known_to_timm(name):
    assert timm.is_model(DINOV2[name])
    assert ("reg4" in DINOV2[name]) == name.endswith("_reg")
