"""Random materials that look like what they are called."""

import colorsys
from collections.abc import Callable

import numpy as np

from vantage3d.synthetic.render.materials import Material

Generator = np.random.Generator
Color = tuple[float, float, float]
Span = tuple[float, float]
ANY: Span = (0.0, 1.0)


def pick(rng: Generator, hue: Span, saturation: Span, value: Span) -> Color:
    """A random colour; hues wrap around at 0 and 1."""
    h, s, v = (float(rng.uniform(*span)) for span in (hue, saturation, value))
    return colorsys.hsv_to_rgb(h % 1.0, s, v)


def toned(color: Color, factor: float) -> Color:
    """A brighter (factor > 1) or darker tone."""
    r, g, b = (min(1.0, channel * factor) for channel in color)
    return r, g, b


def random_seed(rng: Generator) -> int:
    """Seed of a pattern."""
    return int(rng.integers(1 << 30))


def mean_color(rng: Generator) -> Color:
    """A colour of any hue that leaves room for brighter and darker tones."""
    return pick(rng, ANY, (0.1, 0.5), (0.5, 0.7))


def lacquer(
    rng: Generator, saturation: Span = (0.1, 0.85), value: Span = (0.3, 0.95)
) -> Material:
    """One plain colour of any hue."""
    return Material(pick(rng, ANY, saturation, value))


def metal(rng: Generator) -> Material:
    """A grey, from black to silver."""
    return lacquer(rng, (0.0, 0.08), (0.12, 0.7))


def _two_tones(
    spans: tuple[Span, Span, Span], tone: float, pattern: str, scale: float
) -> Callable[[Generator], Material]:
    """Materials of a random colour and its brighter or darker ``tone``."""

    def make(rng: Generator) -> Material:
        color = pick(rng, *spans)
        return Material(color, toned(color, tone), pattern, scale, random_seed(rng))

    return make


wood = _two_tones(((0.04, 0.11), (0.3, 0.7), (0.3, 0.9)), 0.7, "grain", 0.03)
cardboard = _two_tones(((0.07, 0.1), (0.35, 0.5), (0.55, 0.8)), 0.93, "noise", 0.02)
leaves = _two_tones(((0.22, 0.4), (0.45, 0.9), (0.3, 0.7)), 0.5, "noise", 0.03)
# Dark glass with a dim picture.
screen = _two_tones(((0.5, 0.75), (0.2, 0.7), (0.08, 0.25)), 1.8, "noise", 0.2)
_boards = _two_tones(((0.05, 0.11), (0.25, 0.6), (0.35, 0.8)), 0.6, "planks", 0.12)


def fabric(rng: Generator) -> Material:
    """A dyed cloth: mottled, striped or checked."""
    color = pick(rng, ANY, (0.25, 0.9), (0.3, 0.85))
    pattern = str(rng.choice(["noise", "noise", "stripes", "checker"]))
    factor = float(rng.choice([0.75, 1.25]))
    scale = 0.015 if pattern == "noise" else float(rng.uniform(0.04, 0.1))
    return Material(color, toned(color, factor), pattern, scale, random_seed(rng))


def books(rng: Generator) -> Material:
    """Spines of varied tone between two colours."""
    first, second = pick(rng, ANY, (0.3, 0.9), (0.3, 0.9)), pick(rng, ANY, ANY, ANY)
    return Material(
        first, second, "spines", float(rng.uniform(0.025, 0.05)), random_seed(rng)
    )


def artwork(rng: Generator, pale: bool = False) -> Material:
    """Patches of two colours; ``pale`` for sparse marks on white."""
    if pale:
        mark = pick(rng, ANY, (0.3, 0.8), (0.4, 0.9))
        return Material((0.95, 0.95, 0.95), mark, "marks", 0.12, random_seed(rng))
    first, second = (pick(rng, ANY, (0.3, 0.95), (0.3, 0.95)) for _ in range(2))
    pattern = str(rng.choice(["noise", "checker", "stripes"]))
    scale = float(rng.uniform(0.06, 0.15))
    return Material(first, second, pattern, scale, random_seed(rng))


def sky(rng: Generator) -> Material:
    """Daylight with soft clouds."""
    color = pick(rng, (0.53, 0.62), (0.25, 0.5), (0.85, 1.0))
    return Material(color, (1.0, 1.0, 1.0), "noise", 0.3, random_seed(rng))


def paint(rng: Generator) -> Material:
    """A pale wall."""
    color = pick(rng, ANY, (0.0, 0.3), (0.7, 0.95))
    kind = str(rng.choice(["noise", "noise", "stripes"]))
    scale = 0.4 if kind == "noise" else float(rng.uniform(0.1, 0.3))
    return Material(color, toned(color, 0.94), kind, scale, random_seed(rng))


def flooring(rng: Generator) -> Material:
    """Boards, tiles or carpet."""
    pattern = str(rng.choice(["planks", "tiles", "noise"]))
    if pattern == "planks":
        return _boards(rng)
    color = pick(rng, ANY, (0.0, 0.3), (0.3, 0.85))
    scale = float(rng.uniform(0.25, 0.5)) if pattern == "tiles" else 0.03
    return Material(color, toned(color, 0.75), pattern, scale, random_seed(rng))
