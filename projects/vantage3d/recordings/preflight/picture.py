"""A view as another one sees it: as the files are read, and mended."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.io.images import write_figure
from vantage3d.recordings.preflight.agreement import land
from vantage3d.recordings.preflight.footage import Footage
from vantage3d.recordings.preflight.hypotheses import GIVEN, Facts, Hypothesis

Picture = NDArray[np.uint8]
PANEL_IN, TITLE_IN = 3.3, 0.4


def write_pair(path: Path, film: Footage, facts: Facts, best: Hypothesis) -> None:
    """Draw the first pair of views, and the first view as the second one sees it.

    Args:
        path: The PNG.
        film: What was compared.
        facts: What files are taken to mean.
        best: The hypothesis that explains them best.
    """
    pair = film.alone(film.pairs[0])
    panels = {"a view": _color(pair, 0, 0), "another view": _color(pair, 1, 0)}
    panels["the first seen from there, as read"] = seen_from(pair, facts, GIVEN)
    if best.changes:
        panels["mended"] = seen_from(pair, facts, best)
    height, width = pair.depth.shape[1:]
    inches = PANEL_IN * len(panels), PANEL_IN * height / width + TITLE_IN
    figure = Figure(figsize=inches, layout="constrained")
    for axes, (title, panel) in zip(figure.subplots(1, len(panels)), panels.items()):
        axes.imshow(panel)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    write_figure(path, figure)


def seen_from(pair: Footage, facts: Facts, guess: Hypothesis) -> Picture:
    """(h, w, 3) points of the first of two views where the second sees them."""
    landing = land(pair, facts, guess)
    color = _color(pair, 0, guess.color_shift)
    if guess.color_flip:
        color = color[:, ::-1]
    painted = np.zeros_like(color)
    seen = np.isfinite(landing.residual[0])
    (fx, fy), (tx, ty) = landing.start[0][seen].T, landing.pixels[0][seen].T
    painted[ty.round().astype(int), tx.round().astype(int)] = color[fy, fx]
    return painted


def _color(pair: Footage, row: int, shift: int) -> Picture:
    """(h, w, 3) colour of a view on its depth's grid; black without."""
    place = int(pair.places[row])
    inside = 0 <= place + shift < len(pair.reader)
    color = pair.reader.color(place + shift, place) if inside else None
    if color is None:
        return np.zeros((*pair.depth.shape[1:], 3), np.uint8)
    return color[:: pair.every, :: pair.every]
