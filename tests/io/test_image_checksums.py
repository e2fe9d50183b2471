import io

import cv2
import numpy as np
import pytest
from PIL import Image

from vantage3d.io.image_checksums import check_image, sign_jpeg
from vantage3d.io.images import encode_png, read_color, read_ids


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return np.cumsum(rng.integers(0, 4, (20, 30)), 1).astype(np.uint16)


@pytest.fixture
def photograph():
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    return cv2.imencode(".jpg", cv2.GaussianBlur(noise, (5, 5), 2))[1].tobytes()


def damages(data, step):
    """``data`` with one bit flipped, every ``step``-th."""
    for bit in range(0, 8 * len(data), step):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("writer", ["pillow", "opencv"])
def test_no_flipped_bit_of_a_png_is_silent(values, tmp_path, writer):
    data = encode_png(values)
    if writer == "opencv":
        data = cv2.imencode(".png", values)[1].tobytes()
    path = tmp_path / "a.png"
    for damage in damages(data, 37):
        path.write_bytes(damage)
        with pytest.raises(ValueError, match=r"a\.png .*(damaged|not an image)"):
            read_ids(path)
    path.write_bytes(data)
    np.testing.assert_array_equal(read_ids(path), values)


def test_a_signed_jpeg_is_the_same_picture(photograph):
    signed = sign_jpeg(photograph)
    assert len(signed) == len(photograph) + 28
    np.testing.assert_array_equal(pixels(signed), pixels(photograph))


def test_no_flipped_bit_of_a_signed_jpeg_is_silent(photograph, tmp_path):
    signed, path, silent = sign_jpeg(photograph), tmp_path / "a.jpg", []
    for number, damage in enumerate(damages(signed, 29)):
        path.write_bytes(damage)
        try:
            found = read_color(path)
        except ValueError:
            continue
        if not np.array_equal(found, pixels(photograph)):
            silent.append(number)
    assert not silent


def test_other_peoples_jpegs_are_left_alone(photograph):
    check_image(photograph)
    with pytest.raises(ValueError, match="the CRC-32 at its start is not"):
        check_image(sign_jpeg(photograph) + b"x")


@pytest.mark.parametrize(
    ("keep", "message"), [(20, "within a chunk"), (33, "no end"), (60, "within a ch")]
)
def test_truncated_png(values, keep, message):
    with pytest.raises(ValueError, match=message):
        check_image(encode_png(values)[:keep])
