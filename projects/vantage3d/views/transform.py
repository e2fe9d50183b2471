"""From a frame of any size to the network's: one crop at the principal point."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive
from vantage3d.geometry import scale_intrinsics
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.resampling import centres, nearest


class Window(NamedTuple):
    """Source pixels that become a view: columns left..right-1, rows top..bottom-1."""

    left: int
    top: int
    right: int
    bottom: int


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
class ViewGeometry:
    """Crop at the principal point and resize, keeping the proportions.

    The widest window of the target's proportions that is centred on the principal point
    and inside the image is cut at whole pixels and resized; ``K`` follows by the
    half-pixel rule, so the geometry is exact and only the centring is rounded (to half
    a source pixel).

    Attributes:
        height: Rows of the view.
        width: Columns of the view.
        sparse_depth: Depth is scattered measurements rather than an image: every one
            goes to its pixel, the nearest of a pixel wins. Otherwise each pixel takes
            the depth at its centre.
    """

    height: int
    width: int
    sparse_depth: bool = False

    def window(
        self, K: NDArray[np.float64], size: tuple[int, int], zoom: float = 1.0
    ) -> Window:
        """The source window.

        Args:
            K: (3, 3) intrinsics in pixels of the source.
            size: (W, H) of the source.
            zoom: Above 1 for a smaller window around the same centre.

        Raises:
            BadSampleError: If the principal point is outside of the image.
        """
        check_positive("zoom", zoom)
        off = np.abs(K[:2, 2] - (np.array(size) - 1) / 2).max()
        if zoom == 1 and size == (self.width, self.height) and off <= 1:
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
        scale = zoom * max(self.width / 2 / reach[0], self.height / 2 / reach[1])
        left, right = _span(K[0, 2], self.width / scale, size[0])
        top, bottom = _span(K[1, 2], self.height / scale, size[1])
        return Window(left, top, right, bottom)

    def intrinsics(self, K: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
        """(3, 3) intrinsics of the view of ``window``."""
        moved = K.astype(np.float64)
        moved[0, 2] -= window.left
        moved[1, 2] -= window.top
        return scale_intrinsics(
            moved,
            self.width / (window.right - window.left),
            self.height / (window.bottom - window.top),
        )

    def __call__(self, frame: Frame, zoom: float = 1.0) -> Frame:
        """The view of a frame.

        Args:
            frame: Source of any size.
            zoom: As in :meth:`window`.

        Raises:
            BadSampleError: If the principal point is outside of the image.
        """
        height, width = frame.depth.shape
        window = self.window(frame.K, (width, height), zoom)
        if window == (0, 0, self.width, self.height) == (0, 0, width, height):
            return frame
        left, top, right, bottom = window
        semantics = frame.semantics
        if semantics is not None:
            semantics = self.nearest(semantics[top:bottom, left:right])
        resample = self.scatter if self.sparse_depth else self.nearest
        return Frame(
            self.resize(frame.image[top:bottom, left:right]),
            resample(frame.depth[top:bottom, left:right]),
            self.intrinsics(frame.K, window),
            frame.world2cam,
            semantics,
        )

    def resize(self, image: NDArray) -> NDArray:
        """Colours of a cut window: areas where it shrinks, cubic where it grows."""
        if image.shape[:2] == (self.height, self.width):
            return np.ascontiguousarray(image)
        shrinks = image.shape[0] > self.height
        mode = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return cv2.resize(image, (self.width, self.height), interpolation=mode)

    def nearest(self, values: NDArray) -> NDArray:
        """Values at the centres of the view's pixels, never mixed."""
        return nearest(values, self.height, self.width)

    def scatter(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Every measurement in the pixel that it falls in; the nearest wins."""
        rows = centres(self.height, depth.shape[0])
        columns = centres(self.width, depth.shape[1])
        pixels = (rows[:, None] * self.width + columns).ravel()
        where = np.flatnonzero(depth > 0)
        view = np.full(self.height * self.width, np.inf, np.float32)
        np.minimum.at(view, pixels[where], depth.ravel()[where])
        view[np.isinf(view)] = 0
        return view.reshape(self.height, self.width)


def _span(center: float, length: float, extent: int) -> tuple[int, int]:
    """Whole pixels of about ``length``, best centred, inside 0..extent."""
    pixels = min(max(1, round(length)), extent)
    start = round(float(center) + 0.5 - pixels / 2)
    start = min(max(start, 0), extent - pixels)
    return start, start + pixels
