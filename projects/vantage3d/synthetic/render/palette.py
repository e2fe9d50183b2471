"""Random materials that look like what they are called."""

import colorsys

import numpy as np

from vantage3d.synthetic.render.materials import Material

Generator = np.random.Generator
Color = tuple[float, float, float]
Span = tuple[float, float]
ANY: Span = (0.0, 1.0)


def _hsv(rng: Generator, hue: Span, saturation: Span, value: Span) -> Color:
    h, s, v = (float(rng.uniform(*span)) for span in (hue, saturation, value))
    return colorsys.hsv_to_rgb(h % 1.0, s, v)


def toned(color: Color, factor: float) -> Color:
    """A brighter (factor > 1) or darker tone."""
    r, g, b = (min(1.0, channel * factor) for channel in color)
    return r, g, b


def _seed(rng: Generator) -> int:
    return int(rng.integers(1 << 30))


def mean_color(rng: Generator) -> Color:
    """A colour of any hue that leaves room for brighter and darker tones."""
    return _hsv(rng, ANY, (0.1, 0.5), (0.5, 0.7))


def wood(rng: Generator) -> Material:
    """Brown grain along the first surface axis."""
    color = _hsv(rng, (0.04, 0.11), (0.3, 0.7), (0.3, 0.9))
    return Material(color, toned(color, 0.7), "grain", 0.03, _seed(rng))


def lacquer(
    rng: Generator, saturation: Span = (0.1, 0.85), value: Span = (0.3, 0.95)
) -> Material:
    """One plain colour of any hue."""
    return Material(_hsv(rng, ANY, saturation, value))


def metal(rng: Generator) -> Material:
    """A grey, from black to silver."""
    return Material(_hsv(rng, ANY, (0.0, 0.08), (0.12, 0.7)))


def fabric(rng: Generator) -> Material:
    """A dyed cloth: mottled, striped or checked."""
    color = _hsv(rng, ANY, (0.25, 0.9), (0.3, 0.85))
    pattern = str(rng.choice(["noise", "noise", "stripes", "checker"]))
    factor = float(rng.choice([0.75, 1.25]))
    scale = 0.015 if pattern == "noise" else float(rng.uniform(0.04, 0.1))
    return Material(color, toned(color, factor), pattern, scale, _seed(rng))


def cardboard(rng: Generator) -> Material:
    """Light brown paper."""
    color = _hsv(rng, (0.07, 0.1), (0.35, 0.5), (0.55, 0.8))
    return Material(color, toned(color, 0.93), "noise", 0.02, _seed(rng))


def books(rng: Generator) -> Material:
    """Spines of varied tone between two colours."""
    first, second = _hsv(rng, ANY, (0.3, 0.9), (0.3, 0.9)), _hsv(rng, ANY, ANY, ANY)
    return Material(
        first, second, "spines", float(rng.uniform(0.025, 0.05)), _seed(rng)
    )


def leaves(rng: Generator) -> Material:
    """Mottled green."""
    color = _hsv(rng, (0.22, 0.4), (0.45, 0.9), (0.3, 0.7))
    return Material(color, toned(color, 0.5), "noise", 0.03, _seed(rng))


def screen(rng: Generator) -> Material:
    """Dark glass with a dim picture."""
    color = _hsv(rng, (0.5, 0.75), (0.2, 0.7), (0.08, 0.25))
    return Material(color, toned(color, 1.8), "noise", 0.2, _seed(rng))


def artwork(rng: Generator, pale: bool = False) -> Material:
    """Patches of two colours; ``pale`` for sparse marks on white."""
    if pale:
        mark = _hsv(rng, ANY, (0.3, 0.8), (0.4, 0.9))
        return Material((0.95, 0.95, 0.95), mark, "marks", 0.12, _seed(rng))
    first, second = (_hsv(rng, ANY, (0.3, 0.95), (0.3, 0.95)) for _ in range(2))
    pattern = str(rng.choice(["noise", "checker", "stripes"]))
    scale = float(rng.uniform(0.06, 0.15))
    return Material(first, second, pattern, scale, _seed(rng))


def sky(rng: Generator) -> Material:
    """Daylight with soft clouds."""
    color = _hsv(rng, (0.53, 0.62), (0.25, 0.5), (0.85, 1.0))
    return Material(color, (1.0, 1.0, 1.0), "noise", 0.3, _seed(rng))


def paint(rng: Generator) -> Material:
    """A pale wall."""
    color = _hsv(rng, ANY, (0.0, 0.3), (0.7, 0.95))
    kind = str(rng.choice(["noise", "noise", "stripes"]))
    scale = 0.4 if kind == "noise" else float(rng.uniform(0.1, 0.3))
    return Material(color, toned(color, 0.94), kind, scale, _seed(rng))


def flooring(rng: Generator) -> Material:
    """Boards, tiles or carpet."""
    pattern = str(rng.choice(["planks", "tiles", "noise"]))
    if pattern == "planks":
        color = _hsv(rng, (0.05, 0.11), (0.25, 0.6), (0.35, 0.8))
        return Material(color, toned(color, 0.6), pattern, 0.12, _seed(rng))
    color = _hsv(rng, ANY, (0.0, 0.3), (0.3, 0.85))
    scale = float(rng.uniform(0.25, 0.5)) if pattern == "tiles" else 0.03
    return Material(color, toned(color, 0.75), pattern, scale, _seed(rng))
