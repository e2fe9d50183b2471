"""Daylight: a sun with shadows, light from the sky, haze, and the sky itself."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from vantage3d.geometry import invert_rigid, look_at, project
from vantage3d.synthetic.render.materials import noise
from vantage3d.synthetic.render.shading import ShadowMap
from vantage3d.synthetic.render.solids import Floats, Solid
from vantage3d.synthetic.streets.site import Style

MAP_SIZE = (1536, 256)
AWAY = 2000.0  # metres from the street to the eye of the shadow map
SHADOW = 0.9
OFFSET = 0.3


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
        K = _fitting(world2light, low, high)
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


def _fitting(world2light: Floats, low: Floats, high: Floats) -> Floats:
    """(3, 3) intrinsics that show the box on the whole map."""
    corners = np.array(list(product(*zip(low, high))))
    pixels, _ = project(corners, np.eye(3), world2light)
    first, last = pixels.min(axis=0), pixels.max(axis=0)
    scale = (np.array(MAP_SIZE) - 1) / (last - first)
    K = np.diag([*scale, 1.0])
    K[:2, 2] = -first * scale
    return K


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
