"""Frames of a RealSense camera as it takes them; the only file with pyrealsense2."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import numpy as np

from vantage3d.inference.frames import InputFrame, Matrix, leave_out

MAX_APART_MS = 20.0  # between colour and depth of a frame
PATIENCE_MS = 5000  # without a frame


def standing(seconds: float) -> Matrix:
    """Pose of a level camera that stands still, in a world whose z points up."""
    return np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)


class RealSense:
    """RGB-D frames of the first camera that is plugged in, until it is unplugged.

    A camera does not know where it stands: ``pose`` says it, as odometry or SLAM of
    the robot does. Use it in a ``with`` block.

    Args:
        pose: From the seconds of a frame to the (4, 4) cam2world of the depth camera,
            metres; None where it is not known. A camera that stands still if absent.
        size: (W, H) of both images.
        fps: Frames a second.

    Raises:
        ImportError: If pyrealsense2 is not installed.
        ValueError: If there is no camera, or it has no such mode.
    """

    def __init__(
        self,
        pose: Callable[[float], Matrix | None] = standing,
        size: tuple[int, int] = (640, 480),
        fps: int = 30,
    ) -> None:
        try:
            import pyrealsense2 as rs
        except ImportError as error:
            raise ImportError(
                "a live RealSense needs its driver: pip install pyrealsense2"
            ) from error
        self._pose, self._pipeline, config = pose, rs.pipeline(), rs.config()
        config.enable_stream(rs.stream.depth, *size, rs.format.z16, fps)
        config.enable_stream(rs.stream.color, *size, rs.format.rgb8, fps)
        try:
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise ValueError(
                f"no RealSense gives colour and depth of {size[0]}x{size[1]} at {fps} "
                f"a second: {error}. Plug one in, or choose another mode"
            ) from error
        depth, color = (
            profile.get_stream(kind).as_video_stream_profile()
            for kind in (rs.stream.depth, rs.stream.color)
        )
        self._scale = profile.get_device().first_depth_sensor().get_depth_scale()
        self._K, self._K_depth = _matrix(color), _matrix(depth)
        moved = depth.get_extrinsics_to(color)
        self._depth2color = np.eye(4)
        # column by column
        self._depth2color[:3, :3] = np.reshape(moved.rotation, (3, 3)).T
        self._depth2color[:3, 3] = moved.translation

    def __iter__(self) -> Iterator[InputFrame]:
        """Frames as they come; those that cannot be used are told and left out.

        Raises:
            ValueError: If none comes any more.
        """
        number = 0
        while True:
            try:
                both = self._pipeline.wait_for_frames(PATIENCE_MS)
            except RuntimeError as error:
                raise ValueError(
                    f"the RealSense gave no frame for {PATIENCE_MS / 1000:g} s: {error}"
                ) from error
            name = f"{number:06d}"
            number += 1
            try:
                yield self._frame(name, both)
            except ValueError as error:
                leave_out(name, error)

    def __enter__(self) -> "RealSense":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipeline.stop()

    def _frame(self, name: str, both: Any) -> InputFrame:
        """Colour and depth of one moment.

        Raises:
            ValueError: If one is missing, or they are of two.
        """
        color, depth = both.get_color_frame(), both.get_depth_frame()
        if not color or not depth:
            raise ValueError("the camera gave one of two images")
        apart = abs(color.get_timestamp() - depth.get_timestamp())
        if apart > MAX_APART_MS:
            raise ValueError(
                f"colour and depth are {apart:.0f} ms apart, allowed are "
                f"{MAX_APART_MS:g}"
            )
        seconds = depth.get_timestamp() / 1000
        return InputFrame(
            name,
            np.array(color.get_data()),
            self._K,
            np.asarray(depth.get_data()).astype(np.float32) * np.float32(self._scale),
            self._K_depth,
            self._depth2color,
            self._pose(seconds),
            seconds,
        )


def _matrix(profile: Any) -> Matrix:
    """(3, 3) intrinsics of a stream, pixel centres at integers."""
    own = profile.get_intrinsics()
    return np.array([[own.fx, 0, own.ppx], [0, own.fy, own.ppy], [0, 0, 1.0]])
