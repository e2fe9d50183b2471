"""Videos, one frame at a time, by OpenCV's decoder.

Frames are counted from the beginning and never sought by time, which decoders do only
to the next key frame. They stand upright as the file's rotation says.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.io.files import existing

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
LOST = 0.95  # of the frames that a header lists, below which the file was cut


class VideoFrame(NamedTuple):
    """A frame as it was passed.

    Attributes:
        number: From the beginning, 0 for the first.
        time: Seconds, as the file has it.
        measure: What the caller measured.
    """

    number: int
    time: float
    measure: float


class VideoReader:
    """Frames of a video; the next one is quick, an earlier one begins anew.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is no video, or its first frame cannot be decoded.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = existing(path, "video", "Copy it again")
        self.position, self._stream = 0, self._open()

    def read(self, number: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB.

        Raises:
            ValueError: If the video ends before that.
        """
        if number < self.position:
            self.position, self._stream = 0, self._open()
        while self.position <= number:
            if not self._stream.grab():
                raise ValueError(
                    f"video {self.path} ends after {self.position} frames, frame "
                    f"{number} was asked for. It is truncated or was changed"
                )
            self.position += 1
        return self._image()

    def scan(
        self, measure: Callable[[NDArray[np.uint8]], float] | None = None
    ) -> list[VideoFrame]:
        """Every frame's time, and what ``measure`` says of it, in one pass.

        Raises:
            ValueError: If it ends well before its header says.
        """
        self.position, self._stream = 0, self._open()
        found = []
        while self._stream.grab():
            time = self._stream.get(cv2.CAP_PROP_POS_MSEC) / 1000
            value = measure(self._image()) if measure else 0.0
            found.append(VideoFrame(self.position, time, value))
            self.position += 1
        if len(found) < LOST * self.listed:
            raise ValueError(
                f"video {self.path} has {len(found)} frames that can be decoded, its "
                f"header lists {self.listed}: it is truncated or damaged. Copy it again"
            )
        return found

    @property
    def listed(self) -> int:
        """Frames by the file's header, which some writers estimate."""
        return round(self._stream.get(cv2.CAP_PROP_FRAME_COUNT))

    def _open(self) -> Any:
        stream = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        if not stream.isOpened():
            raise ValueError(
                f"video {self.path} ({self.path.stat().st_size} bytes) cannot be "
                "opened: it is truncated, no video or of an unknown codec. Copy it "
                "again, or write it anew as H.264 (ffmpeg -i IN -c:v libx264 OUT.mp4)"
            )
        stream.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        return stream

    def _image(self) -> NDArray[np.uint8]:
        whole, image = self._stream.retrieve()
        if not whole:
            raise ValueError(f"video {self.path} is damaged at frame {self.position}")
        return np.ascontiguousarray(image[..., ::-1])


def read_video_frame(path: str | Path, number: int) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a frame; the video stays open for the next one.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is no video, or has no such frame.
    """
    path = existing(path, "video", "Copy it again")
    return _reader(path, path.stat().st_mtime_ns).read(number)


@lru_cache(maxsize=1)
def _reader(path: Path, changed: int) -> VideoReader:
    return VideoReader(path)
