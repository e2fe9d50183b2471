"""A slanted plane and a moving camera, exact at every pixel."""

import numpy as np

from vantage3d.views.frame import Frame

SIZE = (211, 97)  # W, H
K = np.array([[90.0, 0, 104.3], [0, 88.0, 51.7], [0, 0, 1]])
NORMAL, OFFSET = np.array([0.2, -0.3, 1.0]), 20.0  # in the world, around FAR
FAR = np.array([3600.0, -1200.0, 115.0])


def plane_depth(K, world2cam, size):
    """(H, W) depth of the plane n (x - FAR) = OFFSET along pixel rays."""
    xs, ys = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    rays = np.stack([xs, ys, np.ones_like(xs)], -1) @ np.linalg.inv(K).T
    cam2world = np.linalg.inv(world2cam)
    directions = rays @ cam2world[:3, :3].T
    start = NORMAL @ (cam2world[:3, 3] - FAR)
    return (OFFSET - start) / (directions @ NORMAL)


def pose(number):
    """(4, 4) world2cam of a camera that moves right and turns."""
    angle = 0.02 * number
    cam2world = np.eye(4)
    cam2world[:3, :3] = [
        [np.cos(angle), 0, np.sin(angle)],
        [0, 1, 0],
        [-np.sin(angle), 0, np.cos(angle)],
    ]
    cam2world[:3, 3] = FAR + np.array([0.5 * number, 0.1, 0.2 * number])
    return np.linalg.inv(cam2world)


def frame(number, size=SIZE, K=K):
    """Columns are coded in the red channel, rows in the green one."""
    xs, ys = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    image = np.stack([xs, ys, xs * 0 + number], -1).astype(np.uint8)
    world2cam = pose(number)
    depth = plane_depth(K, world2cam, size).astype(np.float32)
    return Frame(image, depth, K, world2cam, (xs // 20).astype(np.int16))
