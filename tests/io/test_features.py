import json
import re
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vantage3d.geometry import FeatureGrid
from vantage3d.io.checksums import crc32
from vantage3d.io.features import FeatureSource, read_features, write_features

SOURCE = FeatureSource(
    model="dinov2_vits14",
    weights="random-seed-0",
    layers=(11,),
    image_size=(64, 48),
    input_size=(64, 48),
    patch=14,
    channels=6,
)
ANY = replace(SOURCE, weights="*", layers=())
TRAINED = replace(SOURCE, weights="ab" * 32)


def feature_map(channels: int = 6) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(channels, 4, 5)


@pytest.fixture(params=["pt", "safetensors"])
def path(request, tmp_path):
    return tmp_path / "clip_feat" / "scene0000_00" / f"20.{request.param}"


def test_grid_and_shape():
    assert SOURCE.grid == FeatureGrid((64, 48), (64, 48), 14)
    assert SOURCE.shape == (6, 4, 5)


def test_what_is_written_is_read(path):
    write_features(path, feature_map(), SOURCE, "scene0000_00_20")
    for expected in (SOURCE, replace(SOURCE, layers=())):
        feats = read_features(path, expected, "scene0000_00_20")
        assert feats.dtype == torch.float16
        assert torch.equal(feats, feature_map().half())


def test_any_weights_are_any_trained_ones(tmp_path):
    path = tmp_path / "20.safetensors"
    write_features(path, feature_map(), TRAINED)
    assert torch.equal(read_features(path, ANY), feature_map().half())
    write_features(path, feature_map(), SOURCE)
    with pytest.raises(ValueError, match=r"random weights .*: its values"):
        read_features(path, ANY)


def test_a_flipped_value_is_seen(path):
    write_features(path, feature_map(), SOURCE)
    data = bytearray(path.read_bytes())
    place = data.find(feature_map().half().numpy().tobytes())
    data[place + 8] ^= 2
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"20\.\w+ .*CRC-32"):
        read_features(path, SOURCE)


def test_bare_form_is_one_tensor(tmp_path):
    write_features(tmp_path / "20.pt", feature_map(), SOURCE)
    content = torch.load(tmp_path / "20.pt", weights_only=True)
    assert torch.equal(content, feature_map().half())


def test_geometry_stands_in_the_file(tmp_path):
    """For readers that do not know this project."""
    write_features(tmp_path / "20.safetensors", feature_map(), SOURCE, "s_20")
    with safe_open(tmp_path / "20.safetensors", "pt") as file:
        facts = json.loads(file.metadata()["source"])
    checksums = {key: facts.pop(key) for key in ("feats", "crc32")}
    assert checksums["feats"] == crc32(feature_map().half().numpy())
    assert facts == {
        "model": "dinov2_vits14",
        "weights": "random-seed-0",
        "layers": [11],
        "image_size": [64, 48],
        "input_size": [64, 48],
        "patch": 14,
        "channels": 6,
        "scale": [1 / 14, 1 / 14],
        "padding": [6, 8],
        "frame": "s_20",
    }


def test_equal_features_give_equal_bytes(path):
    written = []
    for _ in range(2):
        write_features(path, feature_map(), SOURCE)
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_one_frame_of_a_batch_takes_its_own_space(path):
    batch = torch.zeros(50, *SOURCE.shape, dtype=torch.float16)
    write_features(path, batch[3], SOURCE)
    assert path.stat().st_size < 10 * batch[3].numel() * 2


def test_missing(path):
    with pytest.raises(FileNotFoundError, match=rf"{path.name} is missing. Extract"):
        read_features(path, SOURCE)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated(path, share):
    write_features(path, feature_map(), SOURCE)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    size = int(share * len(data))
    with pytest.raises(ValueError, match=rf"{path} \({size} bytes\) is truncated"):
        read_features(path, SOURCE)


def test_other_channels(path):
    other = replace(SOURCE, channels=7)
    write_features(path, feature_map(7), other)
    expected = {
        ".pt": r"shape \(7, 4, 5\), expected \(6, 4, 5\)",
        ".safetensors": "channels 7, expected 6",
    }
    with pytest.raises(ValueError, match=rf"{path} has {expected[path.suffix]}"):
        read_features(path, SOURCE)


def test_other_grid(path):
    write_features(path, feature_map(), SOURCE)
    expected = replace(SOURCE, input_size=(32, 24))
    message = {
        ".pt": r"shape \(6, 4, 5\), expected \(6, 2, 3\).*a 32x24 input with patches",
        ".safetensors": r"has input_size \(64, 48\), expected \(32, 24\)",
    }
    with pytest.raises(ValueError, match=message[path.suffix]):
        read_features(path, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "dinov2_vitb14"}, "model 'dinov2_vits14', expected 'dinov2_vitb14'"),
        ({"weights": "ab" * 32}, f"weights 'random-seed-0', expected '{'ab' * 32}'"),
        ({"layers": (5, 11)}, "layers (11,), expected (5, 11)"),
        ({"image_size": (128, 96)}, "image_size (64, 48), expected (128, 96)"),
        # The same grid, but another place of its cells in the image.
        (
            {"image_size": (60, 45), "input_size": (60, 45)},
            "image_size (64, 48), expected (60, 45)",
        ),
    ],
)
def test_another_network_or_image(tmp_path, change, message):
    path = tmp_path / "20.safetensors"
    write_features(path, feature_map(), SOURCE)
    with pytest.raises(ValueError, match=re.escape(f"{path} has {message}")):
        read_features(path, replace(SOURCE, **change))


def test_another_frame(tmp_path):
    path = tmp_path / "20.safetensors"
    write_features(path, feature_map(), SOURCE, "scene0000_00_20")
    with pytest.raises(ValueError, match="frame 'scene0000_00_20', expected 'x_40'"):
        read_features(path, SOURCE, "x_40")


def test_a_file_that_does_not_say_what_it_is(tmp_path):
    path = tmp_path / "20.safetensors"
    save_file({"feats": feature_map().half()}, path)
    with pytest.raises(ValueError, match=r"20\.safetensors does not say what made"):
        read_features(path, SOURCE)
    save_file({"features": feature_map().half()}, path)
    with pytest.raises(ValueError, match=r"it holds \['features'\], expected 'feats'"):
        read_features(path, SOURCE)


def test_older_format_with_a_dict(tmp_path):
    torch.save({"pix": feature_map(), "global": torch.ones(3)}, tmp_path / "20.pt")
    with pytest.raises(ValueError, match=r"20\.pt holds \['global', 'pix'\], expected"):
        read_features(tmp_path / "20.pt", SOURCE)


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save(SOURCE, tmp_path / "20.pt")  # a class of ours
    with pytest.raises(ValueError, match=r"20\.pt .* is truncated or damaged"):
        read_features(tmp_path / "20.pt", SOURCE)


def test_values_that_are_not_finite(path):
    feats = feature_map()
    feats[0, 0, 0] = 1e6  # beyond half precision
    with pytest.raises(ValueError, match=r"1 of 120 values that are not finite"):
        write_features(path, feats, SOURCE)
    assert not path.exists()


def test_stored_values_that_are_not_finite(tmp_path):
    feats = feature_map()
    feats[1, 2, 3] = float("nan")
    torch.save(feats, tmp_path / "20.pt")
    with pytest.raises(ValueError, match=r"20\.pt has 1 of 120 values that are not f"):
        read_features(tmp_path / "20.pt", SOURCE)


def test_shape_is_checked_before_writing(path):
    with pytest.raises(ValueError, match=r"\(7, 4, 5\), expected \(6, 4, 5\)"):
        write_features(path, feature_map(7), SOURCE)


def test_another_suffix(tmp_path):
    with pytest.raises(ValueError, match=r"20\.npy ends in '\.npy', expected \.pt or"):
        write_features(tmp_path / "20.npy", feature_map(), SOURCE)
