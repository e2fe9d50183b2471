"""Pictures of one frame."""

from dataclasses import replace

import numpy as np

from tests.results.test_store import frame
from vantage3d.results.panels import MISSING, superpoint_panel


def test_superpoints_have_their_mean_colour_and_an_outline():
    ids = np.full((6, 8), -1, np.int32)
    ids[1:, :4], ids[1:, 4:] = 7, 2
    one = frame()
    one = replace(one, instances=replace(one.instances, superpoints=ids))
    panel, colors = superpoint_panel(one, 8, 6), one.colors()
    edges = (panel == 255).all(-1)
    assert edges.any() and not edges.all()
    for place in (7, 2):
        inside = (ids == place) & ~edges
        mean = colors[ids == place].mean(0)
        np.testing.assert_allclose(panel[inside] - mean, 0, atol=0.51)
    assert (panel[(ids < 0) & ~edges] == MISSING).all()
    assert superpoint_panel(one, 16).shape == (12, 16, 3)
