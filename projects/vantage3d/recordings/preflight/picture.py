"""A view as another one sees it, as the files are read, and mended."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.io.images import write_figure
from vantage3d.recordings.preflight.agreement import land
from vantage3d.recordings.preflight.footage import Footage
from vantage3d.recordings.preflight.hypotheses import (
    FLIPS,
    GIVEN,
    Facts,
    Hypothesis,
)
from vantage3d.recordings.preflight.matches import Matches, on_lines

Picture = NDArray[np.uint8]
PANEL_IN, TITLE_IN = 3.3, 0.4
DRAWN = 24  # matches at least, if there are as many


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
    write_figure(path, _figure(panels)[0])


def write_matches(path: Path, film: Matches, facts: Facts, best: Hypothesis) -> None:
    """Draw the pair of most matches, with the lines that they should lie on.

    Args:
        path: The PNG.
        film: What was compared.
        facts: What files are taken to mean.
        best: The hypothesis that explains the matches best.
    """
    pairs = [(int(a), int(b)) for a, b in film.pairs]
    pair = max(pairs, key=lambda rows: len(film.found[rows][0]))
    first, second = (_photo(film, row) for row in pair)
    readings = {"another view, with the lines of these points, as read": GIVEN}
    if best.changes:
        readings["mended"] = best
    panels = {"a view": first} | {
        title: _mirrored(second, guess) for title, guess in readings.items()
    }
    figure, (left, *others) = _figure(panels)
    every = max(1, len(film.found[pair][0]) // DRAWN)
    points = film.found[pair][0][::every]
    colors = colormaps["hsv"](np.linspace(0, 0.9, len(points)))
    left.scatter(*points.T, s=9, c=colors)
    for axes, (title, guess) in zip(others, readings.items()):
        if (seen := on_lines(film, facts, guess, pair)) is None:
            axes.set_title(f"{title}: the camera did not move", fontsize=9)
            continue
        axes.scatter(*seen.second[::every].T, s=9, c=colors)
        for (a, b, c), color in zip(seen.lines[::every], colors):
            foot = -c * np.array([a, b]) / (a * a + b * b)
            axes.axline(foot, foot + np.array([b, -a]), color=color, linewidth=0.6)
    write_figure(path, figure)


def _figure(panels: dict[str, Picture]) -> tuple[Figure, list[Any]]:
    """A row of pictures under their titles, and the axes of each."""
    height, width = next(iter(panels.values())).shape[:2]
    inches = PANEL_IN * len(panels), PANEL_IN * height / width + TITLE_IN
    figure = Figure(figsize=inches, layout="constrained")
    row = list(figure.subplots(1, len(panels)))
    for axes, (title, panel) in zip(row, panels.items()):
        axes.imshow(panel)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
        axes.autoscale(False)  # lines that are drawn on it end at its borders
    return figure, row


def _photo(film: Matches, row: int) -> Picture:
    """(h, w, 3) image in which keypoints of a frame were found."""
    photo = film.reader.photo(int(film.places[row]))
    assert photo is not None  # it was matched
    return np.asarray(
        cv2.resize(photo[0], film.sizes[row], interpolation=cv2.INTER_AREA)
    )


def _mirrored(image: Picture, guess: Hypothesis) -> Picture:
    """An image as a hypothesis has it."""
    across, down = FLIPS[guess.flip] if guess.flip else (False, False)
    return image[:: -1 if down else 1, :: -1 if across else 1]


def seen_from(pair: Footage, facts: Facts, guess: Hypothesis) -> Picture:
    """(h, w, 3) points of the first of two views where the second sees them."""
    landing = land(pair, facts, guess)
    color = _color(pair, 0, guess.color_shift)
    if guess.color_flip:
        color = color[:, ::-1]
    painted = np.zeros_like(color)
    seen = np.isfinite(landing.residual[0])
    (fx, fy), (tx, ty) = landing.start[0][:, seen], landing.pixels[0][:, seen]
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
