"""Colour images as cameras and programs save them, and what is said of each."""

import numpy as np
import pytest
from PIL import Image

from vantage3d.recordings.color_facts import color_facts, look_at_color

SIZE = 80, 60


def saved(path, size=SIZE, mode="RGB", color=(200, 30, 90), orientation=None):
    image = Image.new("RGB", size, color).convert(mode)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image.save(path, exif=exif)
    return look_at_color(path)


def said(files, depth_size=SIZE):
    return [(one.level, str(one)) for one in color_facts(files, depth_size)]


def test_an_ordinary_photograph_is_not_worth_a_word(tmp_path):
    assert said([saved(tmp_path / "a.jpg"), saved(tmp_path / "b.png")]) == []
    assert said([saved(tmp_path / "a.jpg")], None) == []


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_wide_grey_images_are_no_colour(tmp_path, dtype):
    path = tmp_path / "infrared.tif"
    Image.fromarray(np.full((60, 80), 900, dtype)).save(path)
    ((level, text),) = said([look_at_color(path)])
    assert level == "error" and "infrared.tif has one channel of 16 bits" in text


def test_grey_and_transparent_images_are_told(tmp_path):
    grey = saved(tmp_path / "g.png", mode="L")
    assert said([grey]) == [("info", "colour images are grey (1 looked at)")]
    path = tmp_path / "cut.png"
    image = Image.new("RGBA", SIZE, (10, 20, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 40, 30))
    image.save(path)
    ((level, text),) = said([look_at_color(path)])
    assert level == "warning" and "25% of" in text and "cut.png" in text
    assert said([saved(tmp_path / "opaque.png", mode="RGBA")]) == []


def test_colour_that_is_turned_against_depth(tmp_path):
    turned = saved(tmp_path / "phone.jpg", SIZE[::-1], orientation=6)
    ((level, text),) = said([turned])
    assert level == "error"
    assert "is 60x80 and the depth map 80x60: one of them is turned by 90" in text
    assert "(EXIF orientation 6)" in text
    tagged = saved(tmp_path / "tagged.jpg", orientation=3)
    ((level, text),) = said([tagged, saved(tmp_path / "other.jpg")])
    assert level == "warning"
    assert "1 of 2 colour images have the EXIF orientation 3 (by 180 degrees)" in text
    assert said([saved(tmp_path / "upright.jpg", orientation=1)]) == []
