"""Images are read whole, or refused by name."""

import numpy as np
import pytest
from PIL import Image

from vantage3d.io.images import read_color, read_depth, read_ids, read_size


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)


def test_color(tmp_path, noise):
    Image.fromarray(noise).save(tmp_path / "c.png")
    np.testing.assert_array_equal(read_color(tmp_path / "c.png"), noise)
    Image.fromarray(noise[..., 0]).save(tmp_path / "g.png")
    assert read_color(tmp_path / "g.png").shape == (40, 60, 3)


def test_size_is_width_and_height(tmp_path, noise):
    Image.fromarray(noise).save(tmp_path / "c.jpg")
    assert read_size(tmp_path / "c.jpg") == (60, 40)
    with pytest.raises(FileNotFoundError, match=r"colour image .*d\.jpg is missing"):
        read_size(tmp_path / "d.jpg")
    (tmp_path / "d.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"d\.jpg \(8 bytes\) is not an image"):
        read_size(tmp_path / "d.jpg")


def test_depth_in_metres(tmp_path):
    raw = np.array([[0, 1000], [65534, 6553]], np.uint16)
    Image.fromarray(raw).save(tmp_path / "d.png")
    np.testing.assert_allclose(read_depth(tmp_path / "d.png"), raw / 1000, rtol=1e-7)
    depth = read_depth(tmp_path / "d.png", scale=6553.5)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth[1, 0], 65534 / 6553.5, rtol=1e-7)


def test_the_largest_value_of_16_bits_is_no_depth(tmp_path):
    Image.fromarray(np.array([[65535, 1500]], np.uint16)).save(tmp_path / "d.png")
    assert read_depth(tmp_path / "d.png").tolist() == [[0, 1.5]]


def test_depth_of_8_bits_needs_a_scale_that_it_can_have(tmp_path):
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "d.png")
    message = r"d\.png has 8 bits: at 1000 units per metre it ends at 0\.255 m"
    with pytest.raises(ValueError, match=message):
        read_depth(tmp_path / "d.png")
    assert read_depth(tmp_path / "d.png", 51).tolist() == [[0, 1, 5]]


def test_depth_scale(tmp_path):
    with pytest.raises(ValueError, match=r"scale must be above 0 .* got -1"):
        read_depth(tmp_path / "d.png", scale=-1)


@pytest.mark.parametrize("name", ["c.png", "c.jpg"])
def test_truncated(tmp_path, noise, name):
    path = tmp_path / name
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"colour image .*{name} is truncated"):
        read_color(path)


def test_damaged_bytes(tmp_path, noise):
    path = tmp_path / "c.png"
    Image.fromarray(noise).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(ValueError, match=r"c\.png is truncated or damaged"):
        read_color(path)


def test_no_image(tmp_path):
    (tmp_path / "d.png").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"d\.png \(2 bytes\) is not an image"):
        read_depth(tmp_path / "d.png")


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"colour image .*gone\.jpg is missing"):
        read_color(tmp_path / "gone.jpg")


def test_ids_need_one_channel(tmp_path, noise):
    Image.fromarray(noise).save(tmp_path / "i.png")
    with pytest.raises(
        ValueError, match=r"i\.png must have one integer channel, got mo"
    ):
        read_ids(tmp_path / "i.png")
