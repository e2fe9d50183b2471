"""Videos, one frame at a time, by OpenCV's decoder.

Frames are counted from the beginning and never sought by time, which decoders do only
to the next key frame. They stand upright as the file's rotation says.
"""

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.io.files import existing
from vantage3d.io.sidecars import write_hashed_bytes

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


def write_video(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    size: tuple[int, int],
    rate: float,
    clockwise: bool = False,
) -> None:
    """Write a video that browsers play, with its hash beside it.

    Args:
        path: The ``.mp4`` file; its codec is VP9, as OpenCV has no encoder of H.264.
        images: (H, W, 3) RGB each.
        size: (W, H) of all of them.
        rate: Images per second.
        clockwise: Whether the file says to show it turned by a quarter.

    Raises:
        ValueError: If an image has another size.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter_fourcc(*"vp09")  # type: ignore[attr-defined]
    with TemporaryDirectory(dir=path.parent, prefix=".", suffix=".part") as work:
        file = Path(work) / path.name
        stream = cv2.VideoWriter(str(file), cv2.CAP_FFMPEG, codec, rate, size)
        if not stream.isOpened():
            raise OSError(
                f"OpenCV could not begin the video {path} of {size[0]}x{size[1]}. "
                "Install opencv-python-headless as in constraints.txt"
            )
        for image in images:
            if image.shape != (size[1], size[0], 3):
                raise ValueError(
                    f"an image of video {path} has shape {image.shape}, expected "
                    f"{(size[1], size[0], 3)}. All must have one size"
                )
            stream.write(np.ascontiguousarray(image[..., ::-1]))
        stream.release()
        data = file.read_bytes()
        write_hashed_bytes(path, _turned(data, size[1]) if clockwise else data)


def _turned(video: bytes, height: int) -> bytes:
    """An MP4 file of one track whose header has another matrix."""
    data = bytearray(video)
    begin = data.index(b"tkhd") + 44  # ISO 14496-12, track header of version 0
    turn = 0, 1 << 16, 0, -1 << 16, 0, 0, height << 16, 0, 1 << 30
    struct.pack_into(">9i", data, begin, *turn)
    return bytes(data)


@lru_cache(maxsize=1)
def _reader(path: Path, changed: int) -> VideoReader:
    return VideoReader(path)
