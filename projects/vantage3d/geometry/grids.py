"""From points in camera coordinates to cells of an image network's feature grid.

The network sees the image resized to ``input_size`` and padded at the right and the
bottom to whole patches. An image pixel x is (x + 0.5) * scale - 0.5 on the grid, with
scale = input / image / patch; the image ends at W * scale - 0.5, the rest is padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vantage3d.checks import check_positive, check_shape
from vantage3d.geometry.cameras import scale_intrinsics
from vantage3d.geometry.transforms import Array, stack

Size = tuple[int, int]

MIN_DEPTH = 1e-3  # metres
# Largest difference of aspect ratios of two images of one view, as in ScanNet, whose
# colour is 1296 x 968 and depth 640 x 480.
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class FeatureGrid:
    """Where the cells of a feature map lie in the image.

    Attributes:
        image_size: (W, H) pixels of the image as stored.
        input_size: (W, H) pixels that the network saw, without padding.
        patch: Pixels of the network's input per cell, both ways.

    Raises:
        ValueError: If a size is not positive, or no proportional resizing leads from
            ``image_size`` to within a pixel of ``input_size``.
    """

    image_size: Size
    input_size: Size
    patch: int

    def __post_init__(self) -> None:
        for name in ("image_size", "input_size"):
            object.__setattr__(self, name, _checked_size(name, getattr(self, name)))
        check_positive("patch", self.patch)
        (width, height), (w, h) = self.image_size, self.input_size
        # Some s has |s W - w| < 1 and |s H - h| < 1.
        if max((w - 1) / width, (h - 1) / height) >= min(
            (w + 1) / width, (h + 1) / height
        ):
            raise ValueError(
                f"`input_size` {w}x{h} must be `image_size` {width}x{height} resized "
                "in proportion, up to a pixel. Give the size before padding, or resize "
                "without stretching."
            )

    @property
    def scale(self) -> tuple[float, float]:
        """Cells per image pixel in x and y."""
        (width, height), (w, h) = self.image_size, self.input_size
        return w / width / self.patch, h / height / self.patch

    @property
    def size(self) -> Size:
        """(W, H) in cells, padding included."""
        w, h = self.input_size
        return -(-w // self.patch), -(-h // self.patch)

    def check_view(self, name: str, size: Size) -> None:
        """Raise a ValueError if an image of ``size`` (W, H) shows another view."""
        (width, height), (w, h) = self.image_size, _checked_size(name, size)
        if abs(w * height / (h * width) - 1) > ASPECT_TOLERANCE:
            raise ValueError(
                f"`{name}` {w}x{h} does not show the same view as the image of the "
                f"features, {width}x{height}: expected the same aspect ratio. Give the "
                "size of the image that `K` belongs to."
            )


def _checked_size(name: str, size: Sequence[int]) -> Size:
    if len(size) != 2 or min(size) <= 0:
        raise ValueError(f"`{name}` must be (W, H) in pixels, got {tuple(size)}.")
    return size[0], size[1]


def grid_pixels(
    points_cam: Array, K: Array, K_size: Size, grid: FeatureGrid
) -> tuple[Array, Any]:
    """Where points lie on a feature grid.

    Args:
        points_cam: (N, 3) points in camera coordinates, metres.
        K: (3, 3) intrinsics in pixels of an image of ``K_size``.
        K_size: (W, H) of any image of the view that ``grid`` belongs to.
        grid: The feature grid.

    Returns:
        (N, 2) positions (x, y) in cells, centres at integers, and (N,) bool: in front
        of the camera and inside the image. The position of another point means
        nothing, but is finite.

    Raises:
        ValueError: If a shape is wrong, or ``K_size`` has another aspect ratio than the
            grid's image.
    """
    check_shape("points_cam", points_cam, "N 3")
    check_shape("K", K, "3 3")
    grid.check_view("K_size", K_size)
    (w, h), patch = grid.input_size, grid.patch
    K = scale_intrinsics(K, w / K_size[0] / patch, h / K_size[1] / patch)
    z = points_cam[:, 2]
    in_front = z > MIN_DEPTH
    divisor = z * in_front + MIN_DEPTH * ~in_front
    x, y = points_cam[:, 0] / divisor, points_cam[:, 1] / divisor
    x = x * K[0, 0] + y * K[0, 1] + K[0, 2]
    y = y * K[1, 1] + K[1, 2]  # the image ends half a pixel beyond centres
    inside = (x >= -0.5) & (x <= w / patch - 0.5) & (y >= -0.5) & (y <= h / patch - 0.5)
    return stack([x, y], 1), in_front & inside
