"""Procedural materials, and random ones that look like what they are called."""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Generator = np.random.Generator
Color = tuple[float, float, float]
Span = tuple[float, float]
ANY: Span = (0.0, 1.0)
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))


@dataclass(frozen=True)
class Material:
    """Surface appearance; colours are RGB in 0..1."""

    color: Color
    second: Color = (0.0, 0.0, 0.0)  # the pattern's other colour
    pattern: str = "plain"  # a name in ``PATTERNS``
    scale: float = 0.1  # size of one pattern element in metres
    seed: int = 0  # varies random patterns

    def shade(self, uv: Floats) -> Floats:
        """(N, 3) colours in 0..1 at (N, 2) surface coordinates in metres."""
        weight = PATTERNS[self.pattern](uv / self.scale, self.seed)[:, None]
        return np.asarray(self.color) * (1 - weight) + np.asarray(self.second) * weight


def hashed(cells: Floats, seed: int) -> Floats:
    """(N,) repeatable random numbers in 0..1 of (N, 2) lattice cells."""
    cell = np.floor(cells).astype(np.int64).astype(np.uint32)
    mixed = cell[:, 0] * np.uint32(0x9E3779B1) ^ cell[:, 1] * np.uint32(0x85EBCA77)
    mixed ^= np.uint32(seed * 0xC2B2AE3D & 0xFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    mixed = (mixed ^ (mixed >> np.uint32(12))) * np.uint32(0x297A2D39)
    return (mixed ^ (mixed >> np.uint32(15))).astype(np.float64) / 2.0**32


def _halves(steps: Floats) -> Floats:
    """1 on every second step, 0 on the others."""
    return (np.floor(steps) % 2).astype(np.float64)


def _dots(uv: Floats, seed: int) -> Floats:
    """Round dots on a grid of two elements; they cover one half."""
    off = (uv / 2) - np.floor(uv / 2) - 0.5
    return ((off**2).sum(axis=1) < 0.5 / np.pi).astype(np.float64)


def _tiles(uv: Floats, seed: int) -> Floats:
    """Tiles of varied tone with grout lines."""
    grout = (np.abs(uv - np.round(uv)) < 0.04).any(axis=1)
    return np.where(grout, 1.0, 0.25 * hashed(uv, seed))


def _planks(uv: Floats, seed: int) -> Floats:
    """Boards four times as long as wide, in shifted rows, of varied tone."""
    row = np.floor(uv[:, 1])
    shift = hashed(np.stack([row, row * 0], 1), seed)
    board = np.stack([uv[:, 0] / 4 + shift, uv[:, 1]], 1)
    fraction = board - np.floor(board)
    joint = (fraction[:, 0] < 0.012) | (fraction[:, 1] < 0.04)
    return np.where(joint, 1.0, 0.6 * hashed(board, seed))


def noise(uv: Floats, seed: int) -> Floats:
    """(N,) smooth value noise in 0..1, one lattice cell per unit of ``uv``."""
    base = np.floor(uv)
    t = uv - base
    t = t * t * (3 - 2 * t)
    corner = [hashed(base + np.array(at), seed) for at in CORNERS]
    low = corner[0] + (corner[1] - corner[0]) * t[:, 0]
    high = corner[2] + (corner[3] - corner[2]) * t[:, 0]
    return low + (high - low) * t[:, 1]


# Weights of the second colour: (N,) in 0..1 at (N, 2) positions in pattern elements.
PATTERNS: dict[str, Callable[[Floats, int], Floats]] = {
    "plain": lambda uv, seed: np.zeros(len(uv)),
    "stripes": lambda uv, seed: _halves(uv[:, 0]),
    "rows": lambda uv, seed: _halves(uv[:, 1]),
    "diagonal": lambda uv, seed: _halves((uv[:, 0] + uv[:, 1]) / np.sqrt(2)),
    "antidiagonal": lambda uv, seed: _halves((uv[:, 0] - uv[:, 1]) / np.sqrt(2)),
    "dots": _dots,
    "checker": lambda uv, seed: _halves(np.floor(uv).sum(axis=1)),
    "tiles": _tiles,
    "planks": _planks,
    "noise": noise,
    # Noise drawn out along the first axis.
    "grain": lambda uv, seed: noise(uv * np.array([0.12, 1.0]), seed),
    # Upright bands, each of one random tone.
    "spines": lambda uv, seed: hashed(np.stack([uv[:, 0], uv[:, 0] * 0], 1), seed),
    # Sparse patches.
    "marks": lambda uv, seed: (noise(uv, seed) > 0.75).astype(np.float64),
}


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
