"""From a frame of any size to a view of a sample: one crop, one scale, one mirror."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive
from vantage3d.geometry import project, scale_intrinsics
from vantage3d.geometry.rasters import z_buffer
from vantage3d.io.images import resized
from vantage3d.views.frame import BadSampleError, Frame

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])
RESAMPLING = ("nearest", "surface", "scatter")


class Window(NamedTuple):
    """Source pixels that become a view: columns left..right-1, rows top..bottom-1."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, values: NDArray) -> NDArray:
        """The pixels of the window."""
        return values[self.top : self.bottom, self.left : self.right]


def target_size(
    image_size: int, aspect: float, patch_size: int = 14
) -> tuple[int, int]:
    """(H, W) of a view ``image_size`` wide, in whole patches.

    Args:
        image_size: Width in pixels, a multiple of ``patch_size``.
        aspect: Height / width; the height is rounded down to whole patches.
        patch_size: Pixels per patch.

    Raises:
        ValueError: If the width is no multiple, or the height less than one patch.
    """
    if image_size <= 0 or image_size % patch_size:
        raise ValueError(
            f"`image_size` must be a positive multiple of {patch_size}, got "
            f"{image_size}. Use {max(1, round(image_size / patch_size)) * patch_size}."
        )
    height = int(image_size * aspect / patch_size + 1e-6) * patch_size
    if height < patch_size:
        raise ValueError(
            f"`aspect` {aspect} leaves no patch of {patch_size} rows at width "
            f"{image_size}. Use at least {patch_size / image_size:.3f}."
        )
    return height, image_size


@dataclass(frozen=True)
class ViewTransform:
    """What happens to every view of a sample alike.

    The largest window of the target's proportions, or one ``zoom`` times smaller, is
    cut at whole pixels and resized; ``K`` follows by the half-pixel rule, so the
    geometry is exact. A mirrored view is that of a mirrored world: with
    S = diag(-1, 1, 1, 1), ``world2cam`` becomes S world2cam S, which is a rigid
    transform again, and pixels x become W - 1 - x.

    Attributes:
        height: Rows of the views.
        width: Columns of the views.
        resampling: How depth is taken: "nearest", at the centre of each pixel;
            "surface", interpolated where its neighbours are one surface (see
            :func:`resize_depth`); "scatter", for measurements that are no image: every
            one goes to its pixel, the nearest of a pixel wins.
        zoom: 1 for the largest window, above for a smaller one.
        place: Where the window lies between left and right, top and bottom, 0 to 1;
            None centres it on the principal point (to half a source pixel).
        mirrored: Whether left and right are exchanged.
    """

    height: int
    width: int
    resampling: str = "nearest"
    zoom: float = 1.0
    place: tuple[float, float] | None = None
    mirrored: bool = False

    def window(self, K: NDArray[np.float64], size: tuple[int, int]) -> Window:
        """The source window.

        Args:
            K: (3, 3) intrinsics in pixels of the source.
            size: (W, H) of the source.

        Raises:
            BadSampleError: If it is to be centred on a principal point outside of the
                image.
        """
        check_positive("zoom", self.zoom)
        if self.place is None:
            return self._around_principal_point(K, size)
        scale = self.zoom * max(self.width / size[0], self.height / size[1])
        width = min(size[0], max(1, round(self.width / scale)))
        height = min(size[1], max(1, round(self.height / scale)))
        left = round(self.place[0] * (size[0] - width))
        top = round(self.place[1] * (size[1] - height))
        return Window(left, top, left + width, top + height)

    def _around_principal_point(
        self, K: NDArray[np.float64], size: tuple[int, int]
    ) -> Window:
        off = np.abs(K[:2, 2] - (np.array(size) - 1) / 2).max()
        if self.zoom == 1 and size == (self.width, self.height) and off <= 1:
            return Window(0, 0, *size)  # a view that was cut before stays whole
        reach = []  # from the principal point to the nearer border, in pixels
        for center, extent in zip(K[:2, 2], size):
            near = min(center + 0.5, extent - 0.5 - center)
            if not near > 0:
                raise BadSampleError(
                    f"the principal point {K[:2, 2].tolist()} is outside of the image "
                    f"of {size[0]}x{size[1]} pixels. Check `K` and the image size."
                )
            reach.append(near)
        scale = self.zoom * max(self.width / 2 / reach[0], self.height / 2 / reach[1])
        left, right = _span(K[0, 2], self.width / scale, size[0])
        top, bottom = _span(K[1, 2], self.height / scale, size[1])
        return Window(left, top, right, bottom)

    def intrinsics(self, K: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
        """(3, 3) intrinsics of the view of a window."""
        moved = K.astype(np.float64)
        moved[0, 2] -= window.left
        moved[1, 2] -= window.top
        K = scale_intrinsics(
            moved,
            self.width / (window.right - window.left),
            self.height / (window.bottom - window.top),
        )
        if self.mirrored:
            K[0, 1], K[0, 2] = -K[0, 1], self.width - 1 - K[0, 2]
        return K

    def __call__(self, frame: Frame) -> Frame:
        """The view of a frame of any size.

        Raises:
            BadSampleError: If the window cannot be centred on the principal point.
        """
        height, width = frame.depth.shape
        window = self.window(frame.K, (width, height))
        semantics = frame.semantics
        if semantics is not None:
            semantics = nearest(window.cut(semantics), self.height, self.width)
        size = self.width, self.height
        view = Frame(
            np.ascontiguousarray(resized(window.cut(frame.image), size)),
            self.resample(window.cut(frame.depth)),
            self.intrinsics(frame.K, window),
            frame.world2cam,
            semantics,
        )
        if not self.mirrored:
            return view
        flipped = [None if v is None else v[:, ::-1] for v in (*view[:2], semantics)]
        return Frame(*flipped[:2], view.K, MIRROR @ view.world2cam @ MIRROR, flipped[2])

    def stored_depth(self, frame: Frame) -> NDArray[np.float32]:
        """(h, w) depth of what the view shows, as it is stored: not resized."""
        size = frame.depth.shape[1], frame.depth.shape[0]
        part = self.window(frame.K, size).cut(frame.depth)
        return part[:, ::-1].copy() if self.mirrored else part

    def resample(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W) depth of a cut window at the size of the views."""
        if depth.shape == (self.height, self.width):
            return depth
        if self.resampling == "surface":
            return resize_depth(depth, self.height, self.width)
        if self.resampling == "nearest":
            return nearest(depth, self.height, self.width)
        rows = centres(self.height, depth.shape[0])
        columns = centres(self.width, depth.shape[1])
        pixels = (rows[:, None] * self.width + columns).ravel()
        where = np.flatnonzero(depth > 0)
        size = self.width, self.height
        return z_buffer(depth.ravel()[where], pixels[where], size)


def _span(center: float, length: float, extent: int) -> tuple[int, int]:
    """Whole pixels of about ``length``, best centred, inside 0..extent."""
    pixels = min(max(1, round(length)), extent)
    start = round(float(center) + 0.5 - pixels / 2)
    start = min(max(start, 0), extent - pixels)
    return start, start + pixels


def nearest(values: NDArray, height: int, width: int) -> NDArray:
    """Values at the centres of a view's pixels, never mixed (half-pixel rule).

    Args:
        values: (h, w) or (h, w, C) of any type.
        height: Rows of the view.
        width: Columns of the view.

    Returns:
        (height, width) or (height, width, C).
    """
    rows, columns = centres(values.shape[0], height), centres(values.shape[1], width)
    return values[rows][:, columns]


def centres(source: int, target: int) -> NDArray[np.intp]:
    """(target,) source index under each target pixel's centre (half-pixel rule)."""
    return ((np.arange(target) + 0.5) * (source / target)).astype(np.intp)


def resize_depth(
    depth: NDArray[np.float32], height: int, width: int, edge: float = 0.05
) -> NDArray[np.float32]:
    """Depth at the pixel centres of a view; holes and edges are never mixed.

    Between four measurements of one surface the value is interpolated, so that it
    belongs to the centre of the pixel; the nearest measurement alone would be up to
    half a source pixel off, all in one direction where sizes are halved. Where one of
    the four is missing, or they differ by more than ``edge``, the nearest is taken as
    it is: a hole stays a hole and no point hangs between two surfaces.

    Args:
        depth: (h, w) metres, 0 = missing.
        height: Rows of the view.
        width: Columns of the view.
        edge: Largest difference within a surface, as a share of the depth.

    Returns:
        (height, width) metres, 0 = missing.
    """
    if depth.shape == (height, width):
        return depth
    top, bottom, down = _neighbours(depth.shape[0], height)
    left, right, along = _neighbours(depth.shape[1], width)
    corners = np.stack(
        [depth[r[:, None], c] for r in (top, bottom) for c in (left, right)]
    )
    down, along = down[:, None], along[None, :]
    upper = corners[0] + (corners[1] - corners[0]) * along
    lower = corners[2] + (corners[3] - corners[2]) * along
    low, high = corners.min(axis=0), corners.max(axis=0)
    smooth = (low > 0) & (high <= low * (1 + edge))
    return np.where(
        smooth, upper + (lower - upper) * down, nearest(depth, height, width)
    )


def _neighbours(
    source: int, target: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Source indices before and after each target centre, and the way between them."""
    centre = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    before = centre.astype(np.intp)
    share = (centre - before).astype(np.float32)
    return before, np.minimum(before + 1, source - 1), share


def visible(
    points: NDArray[np.float64],
    K: NDArray[np.float64],
    world2cam: NDArray[np.float64],
    size: tuple[int, int],
    depth_range: tuple[float, float],
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Points that fall into an image.

    Args:
        points: (N, 3) world points.
        K: (3, 3) intrinsics in pixels.
        world2cam: (4, 4) float64.
        size: (W, H) of the image.
        depth_range: Least and most metres.

    Returns:
        (M,) which points, (M,) their depth, and (M,) their pixel counted along rows;
        pixels are rounded, as centres are at integers.
    """
    pixels, depth = project(points, K, world2cam)
    near, far = depth_range
    column, row = np.floor(pixels.T + 0.5)
    inside = (depth >= near) & (depth <= far) & (column >= 0) & (column < size[0])
    where = np.flatnonzero(inside & (row >= 0) & (row < size[1]))
    flat = row[where].astype(np.intp) * size[0] + column[where].astype(np.intp)
    return where, depth[where], flat
