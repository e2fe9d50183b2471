"""Procedural materials: two colours mixed by a pattern of surface coordinates."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))


@dataclass(frozen=True)
class Material:
    """Surface appearance.

    Attributes:
        color: RGB in 0..1.
        second: RGB of the pattern's other colour.
        pattern: Name in ``PATTERNS``.
        scale: Size of one pattern element in metres.
        seed: Varies random patterns.
    """

    color: tuple[float, float, float]
    second: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pattern: str = "plain"
    scale: float = 0.1
    seed: int = 0

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
