"""Pictures and points of an index, for a look before hours of training."""

from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, unproject
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import write_figure
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.index import FrameIndex
from vantage3d.views.reading import read_indexed
from vantage3d.views.transform import nearest, visible, z_buffer

SHOWN = 5  # sequences, evenly over the split
FUSED = 6  # frames per point cloud
POINTS = 40_000  # per point cloud
WIDTH = 480  # pixels of a panel
SHADES = (2, 98)  # percentiles of depth between which colours change
TITLES = ("image", "depth in metres", "depth of the next view, reprojected")


def write_overview(folder: Path, split: str, index: FrameIndex, root: Path) -> None:
    """Write ``<split>.png`` and a point cloud per shown sequence.

    A row of the picture is an image, its depth, and the depth of the next frame moved
    here by both poses and painted over the image: edges must lie on edges. Paths of
    ``index`` are relative to ``root``.
    """
    steps = np.linspace(0, len(index.sequences) - 1, SHOWN).astype(int)
    rows = []
    for name in dict.fromkeys(index.sequences[step] for step in steps):
        views = []
        for entry in list(index.frames(name))[:FUSED]:
            # Not every frame was read when it was indexed.
            with suppress(BadSampleError):
                views.append(read_indexed(root, index.facts, entry))
        if len(views) > 1:
            rows.append((name, views[0], views[1]))
            path = folder / f"{split}_{quote(name, safe='')}.ply"
            write_points(path, views)
    if rows:
        write_figure(folder / f"{split}.png", _draw(rows), dpi=80)


def write_points(path: Path, views: list[Frame]) -> None:
    """Write the coloured world points of some views as binary PLY.

    The origin is the first camera, as in samples: recordings far from their own origin
    would lose their decimals in the file's float32.
    """
    points, colors = [], []
    origin = invert_rigid(views[0].world2cam)[:3, 3]
    for view in views:
        rows, columns = np.nonzero(view.depth)
        step = max(1, len(rows) * len(views) // POINTS)
        rows, columns = rows[::step], columns[::step]
        depth = view.depth.astype(np.float64)
        world = unproject(depth, view.K, invert_rigid(view.world2cam))
        points.append(world[rows, columns] - origin)
        colors.append(view.image[rows, columns])
    vertices = np.empty(sum(map(len, points)), [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    vertices["xyz"], vertices["rgb"] = np.concatenate(points), np.concatenate(colors)
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"element vertex {len(vertices)}"]
    header += [f"property float {axis}" for axis in "xyz"]
    header += [f"property uchar {name}" for name in ("red", "green", "blue")]
    text = "\n".join([*header, "end_header", ""])
    atomic_write_bytes(path, text.encode() + vertices.tobytes())


def reprojected(frame: Frame, other: Frame) -> NDArray[np.float32]:
    """(H, W) depth of ``other`` seen from ``frame``, 0 = nothing; nearest wins."""
    cam2world, size = invert_rigid(other.world2cam), frame.depth.shape[::-1]
    points = unproject(other.depth.astype(np.float64), other.K, cam2world)
    points, ahead = points[other.depth > 0], (np.finfo(float).tiny, np.inf)
    _, depth, pixels = visible(points, frame.K, frame.world2cam, size, ahead)
    return z_buffer(depth, pixels, size)


def _draw(rows: list[tuple[str, Frame, Frame]]) -> Figure:
    shapes = [frame.depth.shape for _, frame, _ in rows]
    heights = [4.0 * height / width + 0.35 for height, width in shapes]
    figure = Figure((12.6, sum(heights) + 0.2), layout="constrained")
    grid = figure.subplots(len(rows), 3, squeeze=False, height_ratios=heights)
    for axes, (name, frame, other) in zip(grid, rows):
        moved = reprojected(frame, other)
        near, far = np.percentile(frame.depth[frame.depth > 0], SHADES)
        norm = LogNorm(near, max(far, 1.01 * near))
        for panel, depth, title in zip(axes, (None, frame.depth, moved), TITLES):
            _show(panel, frame.image, depth, norm)
            panel.set_title(f"{name}: {title}" if depth is None else title, fontsize=8)
    return figure


def _show(
    axes: Axes, image: NDArray, depth: NDArray[np.float32] | None, norm: LogNorm
) -> None:
    axes.set_axis_off()
    height, width = image.shape[:2]
    size = WIDTH, max(1, round(WIDTH * height / width))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if depth is None:
        axes.imshow(small)
        return
    near = np.ma.masked_equal(nearest(depth, size[1], size[0]), 0)
    axes.imshow(small.mean(axis=2), cmap="gray", vmin=0, vmax=400)
    shown = axes.imshow(near, cmap="turbo_r", alpha=0.65, norm=norm)
    bar = axes.figure.colorbar(shown, ax=axes, shrink=0.8)
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.ax.yaxis.set_minor_formatter("{x:g}")
