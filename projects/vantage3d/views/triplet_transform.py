"""One crop, one scale and one mirror for all views of a sample."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import scale_intrinsics
from vantage3d.views.frame import Frame
from vantage3d.views.resampling import resize_depth

MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


class Window(NamedTuple):
    """Source pixels that become a view."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class ViewTransform:
    """What happens to every view of a sample alike.

    The largest window of the target's proportions, or one ``zoom`` times smaller, is
    cut at whole pixels and resized; ``K`` follows by the half-pixel rule. A mirrored
    view is that of a mirrored world: with S = diag(-1, 1, 1, 1), ``world2cam`` becomes
    S world2cam S, which is a rigid transform again, and pixels x become W - 1 - x.

    Attributes:
        height: Rows of the views.
        width: Columns of the views.
        zoom: 1 for the largest window, above for a smaller one.
        place: Where the window lies between left and right, top and bottom; 0 to 1.
        mirrored: Whether left and right are exchanged.
    """

    height: int
    width: int
    zoom: float = 1.0
    place: tuple[float, float] = (0.5, 0.5)
    mirrored: bool = False

    def window(self, size: tuple[int, int]) -> Window:
        """The window of a source of ``size`` (W, H)."""
        scale = self.zoom * max(self.width / size[0], self.height / size[1])
        width = min(size[0], max(1, round(self.width / scale)))
        height = min(size[1], max(1, round(self.height / scale)))
        left = round(self.place[0] * (size[0] - width))
        return Window(left, round(self.place[1] * (size[1] - height)), width, height)

    def intrinsics(self, K: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
        """(3, 3) intrinsics of the view of a window."""
        moved = K.astype(np.float64)
        moved[0, 2] -= window.left
        moved[1, 2] -= window.top
        K = scale_intrinsics(
            moved, self.width / window.width, self.height / window.height
        )
        if self.mirrored:
            K[0, 1], K[0, 2] = -K[0, 1], self.width - 1 - K[0, 2]
        return K

    def __call__(self, frame: Frame) -> Frame:
        """The view of a frame of any size."""
        window = self.window((frame.depth.shape[1], frame.depth.shape[0]))
        image, depth = self.cut(frame.image, window), self.cut(frame.depth, window)
        image = resize_color(image, self.height, self.width)
        depth = resize_depth(depth, self.height, self.width)
        world2cam = frame.world2cam
        if self.mirrored:
            image, depth = image[:, ::-1], depth[:, ::-1]
            world2cam = MIRROR @ world2cam @ MIRROR
        return Frame(image, depth, self.intrinsics(frame.K, window), world2cam)

    @staticmethod
    def cut(values: NDArray, window: Window) -> NDArray:
        """The pixels of a window."""
        left, top, width, height = window
        return values[top : top + height, left : left + width]


def resize_color(image: NDArray, height: int, width: int) -> NDArray:
    """(H, W, 3): areas where it shrinks, linear where it grows."""
    if image.shape[:2] == (height, width):
        return image
    mode = cv2.INTER_AREA if image.shape[0] > height else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=mode)
