"""What networks are shown: one frame at a time, of a recording or of the caller."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_shape
from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.recording import RecordedFrame, Recording

Matrix = NDArray[np.float64]


class InputFrame(NamedTuple):
    """A frame as its cameras took it, decoded.

    Attributes:
        name: Unique in its recording; letters, digits, ``.``, ``_`` and ``-``.
        color: (H, W, 3) uint8 RGB.
        K: (3, 3) intrinsics in pixels of ``color``; None where they are not known.
        depth: (h, w) float32 z-depth in metres, 0 = missing; None without.
        K_depth: (3, 3) in pixels of ``depth``; where it is None both show one view.
        depth2color: (4, 4) from the depth to the colour camera, metres; None where both
            stand in one place.
        cam2world: (4, 4), OpenCV axes, metres, of the depth camera or, without depth,
            of the colour camera; None where it is not known.
        timestamp: Seconds; None without.
    """

    name: str
    color: NDArray[np.uint8]
    K: Matrix | None = None
    depth: NDArray[np.float32] | None = None
    K_depth: Matrix | None = None
    depth2color: Matrix | None = None
    cam2world: Matrix | None = None
    timestamp: float | None = None

    @property
    def of_depth(self) -> Matrix | None:
        """(3, 3) intrinsics in pixels of ``depth``; None where they are not known."""
        if self.K_depth is not None or self.K is None or self.depth is None:
            return self.K_depth
        (h, w), (H, W) = self.depth.shape, self.color.shape[:2]
        return scale_intrinsics(self.K, w / W, h / H)

    @property
    def color2world(self) -> Matrix | None:
        """(4, 4) pose of the colour camera; None where it is not known."""
        if self.cam2world is None or self.depth2color is None:
            return self.cam2world
        return self.cam2world @ invert_rigid(self.depth2color)

    def image(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """(h, w, 3) the whole image at ``size`` (w, h)."""
        if self.color.shape[1::-1] == size:
            return self.color
        shrinks = self.color.shape[1] > size[0]
        mode = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(self.color, size, interpolation=mode), np.uint8)

    @property
    def digest(self) -> str:
        """SHA-256 of all that the frame holds."""
        digest = hashlib.sha256(self.name.encode())
        for value in self[1:]:
            if value is not None:
                array = np.ascontiguousarray(value)
                digest.update(f"{array.dtype}{array.shape}".encode())
                digest.update(array)
            digest.update(b";")
        return digest.hexdigest()


def checked(frame: InputFrame) -> InputFrame:
    """The frame of a caller, after a look at its arrays.

    Raises:
        ValueError: If one has another shape or type than :class:`InputFrame` says.
    """
    check_shape("color", frame.color, "H W 3")
    if frame.color.dtype != np.uint8:
        raise ValueError(
            f"`color` must be uint8 RGB, got {frame.color.dtype}. Give 0..255"
        )
    for name, spec in (
        ("K", "3 3"),
        ("depth", "h w"),
        ("K_depth", "3 3"),
        ("depth2color", "4 4"),
        ("cam2world", "4 4"),
    ):
        if (value := getattr(frame, name)) is not None:
            check_shape(name, value, spec)
    depth = frame.depth
    if depth is not None and not np.issubdtype(depth.dtype, np.floating):
        raise ValueError(
            f"`depth` must be float metres, got {depth.dtype}. Divide it by its units "
            "per metre, usually 1000"
        )
    return frame


@dataclass(frozen=True)
class Footage:
    """The frames of one sequence of a recording; each is decoded when it is reached.

    Attributes:
        recording: The recording.
        sequence: Name of the sequence.
    """

    recording: Recording
    sequence: str

    def __len__(self) -> int:
        return len(self.recording.names(self.sequence))

    def __iter__(self) -> Iterator[InputFrame]:
        """Frames in order of time; those that cannot be used are told and left out.

        Raises:
            ValueError: If none can be used, with the reason of the first.
        """
        used, reasons = 0, []
        for name in self.recording.names(self.sequence):
            try:
                frame = self.recording.frame(self.sequence, name)
                decoded = self._decoded(frame)
            except (FileNotFoundError, ValueError) as error:
                reasons.append(str(error))
                text = f"frame {name} is left out: {error}"
                print_log(text, logger="current", level=logging.WARNING)
                continue
            used += 1
            yield decoded
            del decoded
        if not used:
            first = f": {reasons[0]}" if reasons else ""
            raise ValueError(
                f"none of {len(reasons)} frames of {self.recording.root}, "
                f"{self.sequence}, can be used{first}"
            )

    def _decoded(self, frame: RecordedFrame) -> InputFrame:
        """A frame with its files read."""
        recording, of_color, of_depth = self.recording, frame.color_camera, None
        depth = None
        if frame.depth is not None and frame.depth_camera is not None:
            depth, of_depth = recording.read_depth(frame), frame.depth_camera.K
        return InputFrame(
            frame.name,
            recording.read_color(frame),
            None if of_color is None else of_color.K,
            depth,
            of_depth,
            frame.depth2color,
            frame.cam2world,
            frame.timestamp,
        )


def open_footage(
    source: str | Path | Recording, sequence: str | None = None
) -> Footage:
    """A sequence of a recording.

    Args:
        source: Folder or file in any layout of recordings, or a recording.
        sequence: Its name; may be left out where there is one.

    Raises:
        FileNotFoundError: If there is nothing at ``source``.
        ValueError: If no layout fits, or there is no such sequence or more than one.
    """
    recording = source if isinstance(source, Recording) else open_recording(source)
    names = recording.sequences()
    if sequence is None and len(names) != 1:
        few = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise ValueError(
            f"{recording.root} has {len(names)} sequences ({few}). Give `sequence`"
        )
    if sequence is not None:
        check_choice("sequence", sequence, names)
    return Footage(recording, sequence or names[0])


def footage_of(inputs: object, sequence: str | None = None) -> Iterable[InputFrame]:
    """Frames of whatever a caller gives.

    Args:
        inputs: Path of a recording, a recording, or frames: :class:`InputFrame`, or
            (H, W, 3) uint8 images alone.
        sequence: Of a recording that has several.
    """
    if isinstance(inputs, str | Path | Recording):
        return open_footage(inputs, sequence)
    if isinstance(inputs, InputFrame | np.ndarray):
        inputs = [inputs]
    if not isinstance(inputs, Iterable):
        raise TypeError(
            "`inputs` must be a path, a recording or frames, got "
            f"{type(inputs).__name__}"
        )
    if isinstance(inputs, Footage):
        return inputs
    return (
        checked(f if isinstance(f, InputFrame) else InputFrame(f"{place:06d}", f))
        for place, f in enumerate(inputs)
    )
