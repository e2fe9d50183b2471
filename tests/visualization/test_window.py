"""Windows: a clear word where there is no display, every picture where there is one."""

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from vantage3d.visualization import window


def test_without_a_display_it_says_so_before_anything_is_computed():
    with pytest.raises(ValueError, match=r"--show needs a display.*Use --out FOLDER"):
        window.check_display(True, None, "--out")


def test_a_time_of_windows_needs_windows():
    window.check_display(False, None, "--out")
    with pytest.raises(ValueError, match=r"--wait-time 2 needs --show"):
        window.check_display(False, 2.0, "--out")


def test_every_picture_is_shown(tmp_path, monkeypatch):
    for name in ("b.png", "a.png"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / name)
    shown = []
    monkeypatch.setattr(
        pyplot,
        "show",
        lambda block: shown.append((pyplot.gcf().get_label(), block)),
    )
    monkeypatch.setattr(pyplot, "pause", shown.append)
    window.show_pictures(tmp_path, 0.5)
    assert shown == [("a.png", False), 0.5, ("b.png", False), 0.5]
