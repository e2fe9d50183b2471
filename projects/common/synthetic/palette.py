"""Random materials that look like what they are called."""

import colorsys

import numpy as np

from projects.common.synthetic.materials import Material

Color = tuple[float, float, float]


def _hsv(rng: np.random.Generator, hue: tuple, sat: tuple, value: tuple) -> Color:
    h, s, v = (float(rng.uniform(*span)) for span in (hue, sat, value))
    return colorsys.hsv_to_rgb(h % 1.0, s, v)


def _toned(color: Color, factor: float) -> Color:
    r, g, b = (min(1.0, channel * factor) for channel in color)
    return r, g, b


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 30))


def wood(rng: np.random.Generator) -> Material:
    """Brown grain."""
    color = _hsv(rng, (0.05, 0.11), (0.35, 0.7), (0.35, 0.9))
    return Material(color, _toned(color, 0.65), "noise", 0.05, _seed(rng))


def lacquer(rng: np.random.Generator) -> Material:
    """One strong or pale colour."""
    color = _hsv(rng, (0, 1), (0.1, 0.8), (0.35, 0.95))
    return Material(color)


def fabric(rng: np.random.Generator) -> Material:
    """A dyed cloth: mottled, striped or checked."""
    color = _hsv(rng, (0, 1), (0.3, 0.9), (0.3, 0.85))
    pattern = str(rng.choice(["noise", "stripes", "checker"]))
    factor = float(rng.choice([0.75, 1.25]))
    scale = 0.03 if pattern == "noise" else float(rng.uniform(0.05, 0.15))
    return Material(color, _toned(color, factor), pattern, scale, _seed(rng))


def paint(rng: np.random.Generator) -> Material:
    """A pale wall."""
    color = _hsv(rng, (0, 1), (0.0, 0.25), (0.75, 0.95))
    return Material(color, _toned(color, 0.92), "noise", 0.3, _seed(rng))


def flooring(rng: np.random.Generator) -> Material:
    """Boards, tiles or carpet."""
    pattern = str(rng.choice(["planks", "tiles", "noise"]))
    if pattern == "planks":
        color = _hsv(rng, (0.05, 0.11), (0.3, 0.6), (0.4, 0.8))
        return Material(color, _toned(color, 0.6), pattern, 0.12, _seed(rng))
    color = _hsv(rng, (0, 1), (0.0, 0.3), (0.35, 0.85))
    scale = float(rng.uniform(0.25, 0.5)) if pattern == "tiles" else 0.02
    return Material(color, _toned(color, 0.7), pattern, scale, _seed(rng))
