"""Surfaces of a street, and the daylight on them: sun, shadows, haze and sky."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, look_at, project
from vantage3d.synthetic.render.materials import Color, Material, hashed, noise
from vantage3d.synthetic.render.scene import ShadowMap
from vantage3d.synthetic.render.solids import Floats, Solid
from vantage3d.synthetic.streets.site import Style

Mask = NDArray[np.bool_]
MAP_SIZE = (1536, 256)
AWAY = 2000.0  # metres from the street to the eye of the shadow map
SHADOW = 0.9
OFFSET = 0.3


def _mix(base: Floats, color: Color | Floats, where: Mask) -> None:
    base[where] = color if isinstance(color, tuple) else color[where]


@dataclass(frozen=True)
class Facade(Material):
    """A house wall: plaster or brick, floors of windows, doors and shops below.

    ``color`` is the wall, ``second`` the brick's mortar or the plaster's stains.
    """

    height: float = 6.0  # metres; the box is centred at half of it
    width: float = 10.0  # metres; bays are spread evenly over it
    brick: bool = False  # courses of brick instead of plaster
    trim: Color = (0.9, 0.9, 0.88)  # window frames, sills and cornice
    glass: Color = (0.16, 0.2, 0.25)  # panes
    base: Color = (0.35, 0.33, 0.3)  # plinth and doors
    floor: float = 3.0  # metres from floor to floor
    bay: float = 2.4  # about how many metres from window to window
    blind: bool = False  # no windows, as on the wall towards a neighbour

    def shade(self, uv: Floats) -> Floats:
        """(N, 3) colours in 0..1 at (N, 2) positions: along the wall, height."""
        up = uv[:, 1] + self.height / 2
        out = self._wall(np.stack([uv[:, 0], up], 1))
        _mix(out, self.base, up < 0.45)
        if not self.blind:
            self._windows(uv[:, 0] + self.width / 2, up, out)
            _mix(out, self.trim, self.height - up < 0.22)
        return out

    def _wall(self, uv: Floats) -> Floats:
        wall, second = np.asarray(self.color), np.asarray(self.second)
        tone = 0.85 + 0.3 * noise(uv / 1.7, self.seed)[:, None]
        if not self.brick:
            return wall * tone
        course = np.floor(uv[:, 1] / 0.25)
        across = uv[:, 0] / 0.5 + 0.5 * (course % 2)
        stone = np.stack([across, course], 1)
        vary = 0.8 + 0.4 * hashed(stone, self.seed)[:, None]
        joint = (uv[:, 1] / 0.25 - course < 0.12) | (across - np.floor(across) < 0.07)
        return np.where(joint[:, None], second, wall * vary) * tone

    def _windows(self, along: Floats, up: Floats, out: Floats) -> None:
        """Paint frames, panes, sills and doors in place."""
        bays, floors = max(1, round(self.width / self.bay)), self.height // self.floor
        place = along / self.width * bays
        column, row = np.floor(place), np.floor(up / self.floor)
        x = (place - column - 0.5) * self.width / bays  # metres from the middle
        y = up - row * self.floor
        chance = hashed(np.stack([column, row], 1), self.seed + 1)
        ground = row == 0
        door = ground & (hashed(np.stack([column, row + 7], 1), self.seed) < 0.22)
        half = 0.22 * self.width / bays + 0.05
        inside = (row < floors) & (np.abs(x) < half) & (up < self.height - 0.3)
        window = inside & ~door & (y > 0.95) & (y < 2.45)
        rim = window & (
            (half - np.abs(x) < 0.09) | (np.abs(x) < 0.035) | (np.abs(y - 1.7) > 0.66)
        )
        # Panes mirror the sky towards their upper edge; some have curtains.
        shine = (0.6 + 0.9 * (y - 0.95) / 1.5)[:, None] * np.asarray(self.glass)
        _mix(out, np.where(chance[:, None] < 0.3, 0.62 + 0 * shine, shine), window)
        _mix(out, self.trim, rim)
        sill = inside & ~door & (y > 0.83) & (y <= 0.95)
        _mix(out, tuple(0.8 * c for c in self.trim), sill)  # type: ignore[arg-type]
        _mix(out, self.base, door & inside & (y < 2.25))
        _mix(out, self.glass, door & inside & (y > 1.5) & (y < 2.1) & (np.abs(x) < 0.3))


@dataclass(frozen=True)
class Ground(Material):
    """Asphalt, flags or grass: two tones of noise at two scales."""

    def shade(self, uv: Floats) -> Floats:
        """(N, 3) colours in 0..1."""
        coarse = noise(uv / 5, self.seed)
        fine = noise(uv / self.scale, self.seed + 1)
        weight = np.clip(0.5 * coarse + 0.5 * fine, 0, 1)[:, None]
        return np.asarray(self.color) * (1 - weight) + np.asarray(self.second) * weight


@dataclass(frozen=True)
class Road(Ground):
    """Asphalt with a dashed middle line, edge lines, patches and manholes."""

    half_width: float = 3.5  # metres from the middle, where v = 0, to the kerb

    def shade(self, uv: Floats) -> Floats:
        """(N, 3) colours in 0..1 at (N, 2) positions along and across."""
        out = super().shade(uv)
        x, y = uv.T
        patch = hashed(np.stack([x / 7, y / 1.75], 1), self.seed + 2) > 0.86
        out[patch] *= 0.8
        cell = np.stack([x / 23, np.sign(y)], 1)
        off = (x / 23 - np.floor(x / 23) - 0.5) * 23
        shift = 1.2 + hashed(cell, self.seed + 3)
        out[(off**2 + (np.abs(y) - shift) ** 2 < 0.12)] *= 0.45
        dashes = (np.abs(y) < 0.07) & (x / 6 - np.floor(x / 6) < 0.5)
        edges = np.abs(np.abs(y) - self.half_width + 0.25) < 0.06
        out[dashes | edges] = 0.82
        return out


@dataclass(frozen=True)
class Paving(Ground):
    """Paving flags with joints, ``scale`` metres wide."""

    def shade(self, uv: Floats) -> Floats:
        """(N, 3) colours in 0..1."""
        cells = uv / self.scale
        tone = 0.9 + 0.2 * hashed(cells, self.seed)
        joint = (np.abs(cells - np.round(cells)) < 0.04).any(axis=1)
        tone *= 0.85 + 0.3 * noise(uv / 3, self.seed + 1)
        return np.asarray(self.color) * np.where(joint, 0.7, tone)[:, None]


@dataclass(frozen=True)
class Leaves(Material):
    """Foliage: light and dark clumps at two scales."""

    def shade(self, uv: Floats) -> Floats:
        """(N, 3) colours in 0..1."""
        clumps = noise(uv / (4 * self.scale), self.seed)
        leaf = hashed(uv / self.scale, self.seed + 1)
        weight = np.clip(1.3 * clumps - 0.15, 0, 1) * 0.65 + leaf * 0.35
        first, second = np.asarray(self.color), np.asarray(self.second)
        return first + (second - first) * weight[:, None]


@dataclass(frozen=True)
class Plate(Material):
    """A traffic sign of 0.64 m: a rim and a bar of the second colour."""

    def shade(self, uv: Floats) -> Floats:
        """(N, 3) colours in 0..1 at positions around the middle."""
        rim = np.abs(uv).max(axis=1) > 0.25
        bar = (np.abs(uv[:, 0]) < 0.17) & (np.abs(uv[:, 1]) < 0.06)
        marked = (rim | bar)[:, None]
        return np.where(marked, np.asarray(self.second), np.asarray(self.color))


class Sun:
    """Light of one direction, with shadows of what stands still along the street."""

    def __init__(
        self, style: Style, solids: Sequence[Solid], low: Floats, high: Floats
    ) -> None:
        """Render the shadows in the box from ``low`` to ``high``, (3,) each."""
        self.style = style
        azimuth, up = np.deg2rad([style.sun_azimuth, style.sun_elevation])
        self.toward = np.array(
            [np.cos(azimuth) * np.cos(up), np.sin(azimuth) * np.cos(up), np.sin(up)]
        )
        middle = (low + high) / 2
        eye = middle + AWAY * self.toward
        world2light = invert_rigid(look_at(eye, middle, np.array([0.0, 1.0, 0.0])))
        # The box fills the map.
        corners = np.array(list(product(*zip(low, high))))
        pixels, _ = project(corners, np.eye(3), world2light)
        first, last = pixels.min(axis=0), pixels.max(axis=0)
        scale = (np.array(MAP_SIZE) - 1) / (last - first)
        K = np.diag([*scale, 1.0])
        K[:2, 2] = -first * scale
        self.map = ShadowMap(
            solids, K.astype(np.float32), world2light.astype(np.float32), MAP_SIZE
        )

    def light(self, points: Floats, normals: Floats) -> Floats:
        """(N, 3) colour of the light at (N, 3) float32 points with (N, 3) normals."""
        facing = np.maximum(normals @ self.toward.astype(np.float32), 0)
        shadow = self.map.shadow(points + np.float32(OFFSET) * normals)
        direct = (facing * (1 - SHADOW * shadow)).astype(np.float32)[:, None]
        sky = (0.75 + 0.25 * normals[:, 2:]).astype(np.float32)
        ambient = np.asarray(self.style.ambient, np.float32)
        return sky * ambient + direct * np.asarray(self.style.sun, np.float32)


def add_haze(style: Style, colours: Floats, depth: Floats) -> Floats:
    """(N, 3) colours seen through (N,) metres of air."""
    share = (1 - np.exp(-depth / style.haze)).astype(np.float32)[:, None]
    return colours + (np.asarray(style.horizon, np.float32) - colours) * share


def sky(style: Style, rays: Floats, seed: int) -> Floats:
    """(N, 3) colours of the sky along (N, 3) directions in the street's frame."""
    length = np.sqrt(np.einsum("nc,nc->n", rays, rays))
    up = np.clip(rays[:, 2] / length, 0, 1)
    share = (1 - np.exp(-up / 0.22))[:, None]
    zenith, horizon = np.asarray(style.zenith), np.asarray(style.horizon)
    colours = horizon + (zenith - horizon) * share
    # Clouds in a plane above the street.
    plane = rays[:, :2] / np.maximum(rays[:, 2:], 0.03 * length[:, None])
    cloud = 0.6 * noise(plane * 0.7, seed) + 0.4 * noise(plane * 2.1, seed + 1)
    white = np.clip(3 * (cloud - 0.5), 0, 0.85) * np.clip(up / 0.15, 0, 1)
    return colours + (np.minimum(1.04 * horizon, 1) - colours) * white[:, None]
