"""Depth maps in codes that people save them in, and what is said of each."""

from pathlib import Path

import numpy as np
import pytest

from vantage3d.recordings.depth_facts import Units, depth_facts, likely_scale

MILLIMETRES = Units(1000.0)


def rooms(dtype=np.uint16, scale=1000.0, count=4, nearest=1.0, farthest=4.0):
    """Slanted walls between two distances, another in every map, a hole in each."""
    maps = {}
    for number in range(count):
        wall = np.linspace(nearest, farthest + 0.1 * number, 40 * 30).reshape(30, 40)
        wall[:5, :10] = 0
        maps[Path(f"depth/{number}.png")] = (wall * scale).astype(dtype)
    return maps


def said(maps, units=MILLIMETRES, level="error"):
    return [str(one) for one in depth_facts(maps, units) if one.level == level]


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [(np.uint16, 1000.0), (np.uint16, 5000.0), (np.float32, 1.0), (np.int32, 1000.0)],
)
def test_good_maps_are_told_in_plain_words(dtype, scale):
    maps = rooms(dtype, scale)
    assert not said(maps, Units(scale)) and not said(maps, Units(scale), "warning")
    facts = said(maps, Units(scale), "info")
    assert facts == ["96% of the pixels have depth", "the median depth is 2.64 m"]


def test_a_picture_of_depth_is_no_depth():
    (text,) = said(rooms(np.uint8, 60.0))
    assert "0.png ends at 240, which is 0.24 m at 1000 units per metre" in text
    assert not said(rooms(np.uint8, 60.0), Units(60.0))  # the owner knows
    stretched = {p: v.astype(np.uint16) * 257 for p, v in rooms(np.uint8, 60.0).items()}
    assert "hold 256 steps of 257: depth/0.png ends at 61680" in said(stretched)[0]


@pytest.mark.parametrize(
    ("channels", "kind"),
    [((1, 1, 1), "picture of depth in grey"), ((1, 0, 2), "colours")],
)
def test_channels_are_named(channels, kind):
    maps = {
        p: np.stack([v * c for c in channels], -1) for p, v in rooms("u1", 60).items()
    }
    (text,) = said(maps)
    assert "0.png has 3 channels, expected one" in text and kind in text


@pytest.mark.parametrize("code", [4095, 10000, 65534])
def test_a_code_for_no_depth_is_found(code):
    maps = rooms(np.uint16, 1000.0, farthest=3.2)
    for values in maps.values():
        values[20:, 30:] = code
    (text,) = said(maps)
    assert f"8% of the depth pixels have the largest value {code}, in 4 of 4" in text
    assert text.endswith(f"--missing {code}")
    assert not said(maps, Units(1000.0, code))


def test_65535_is_read_as_missing_where_it_is_the_largest_of_16_bits():
    maps = rooms()
    for values in maps.values():
        values[20:, 30:] = 65535
    assert not said(maps)
    floats = {path: values.astype(np.float32) for path, values in maps.items()}
    assert said(floats)[0].endswith("--missing 65535")


def test_a_far_wall_is_no_code():
    """One distance for many pixels, in one map only; and coarse steps far away."""
    maps = rooms()
    next(iter(maps.values()))[20:] = 6000
    assert not said(maps) and len(said(maps, level="warning")) == 1
    coarse = {p: (v // 200 * 200).astype(np.uint16) for p, v in rooms().items()}
    assert not said(coarse) and not said(coarse, level="warning")


def test_metres_in_floats_are_told_from_millimetres():
    (text,) = said(rooms(np.float32, 1.0))
    assert "the median depth is 0.00264 m" in text
    assert text.endswith("--depth-scale 1 makes it 2.64 m")


@pytest.mark.parametrize("scale", [5000.0, 10000.0])
def test_another_scale_is_doubted(scale):
    (text,) = said(rooms(np.uint16, scale, farthest=5.0), level="warning")
    assert f"are taken as 1000 per metre. --depth-scale {scale:g} makes" in text


def test_missing_depth_is_counted():
    maps = rooms()
    for values in maps.values():
        values[5:25] = 0
    (text,) = said(maps, level="warning")
    assert text.startswith("29% of the pixels have depth, expected 30% or more")
    empty = {path: 0 * values for path, values in maps.items()}
    assert "0.png and 3 others that were looked at hold no value" in said(empty)[0]


def test_the_likely_scale_is_that_of_a_room():
    assert [likely_scale(m) for m in (2.1, 2100, 10500, 21000)] == [
        1, 1000, 5000, 10000
    ]  # fmt: skip
