"""What networks are shown: one frame at a time, of a recording or of the caller."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_shape
from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.io.images import resized
from vantage3d.io.names import public_name
from vantage3d.io.prediction_files import (
    FRAMES,
    PredictedFiles,
    PredictedView,
    prediction_files,
)
from vantage3d.process.spacing import evenly_spaced
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.recording import Recording
from vantage3d.recordings.scene_facts import world_up

Matrix = NDArray[np.float64]
LOOKED_AT = 16  # frames whose cameras say which way is up
PROPORTIONS = 0.1  # share by which a prediction in whole patches may be stretched


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
        up: (3,) axis of the world that points up; None where it is +z or not known.
        metric: Whether lengths are metres.
    """

    name: str
    color: NDArray[np.uint8]
    K: Matrix | None = None
    depth: NDArray[np.float32] | None = None
    K_depth: Matrix | None = None
    depth2color: Matrix | None = None
    cam2world: Matrix | None = None
    timestamp: float | None = None
    up: Matrix | None = None
    metric: bool = True

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
        return resized(self.color, size)

    @property
    def digest(self) -> str:
        """SHA-256 of all that the frame holds."""
        digest = hashlib.sha256(self.name.encode())
        for value in self[1:]:
            if value is not None:
                array = np.ascontiguousarray(value)
                digest.update(f"{array.dtype}{array.shape}".encode())
                digest.update(array.data)
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
        ("up", "3"),
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
        depths: Predictions whose depth, intrinsics and pose the frames get, by name;
            frames without one are left out. None for the recording's own.
    """

    recording: Recording
    sequence: str
    depths: PredictedFiles | None = None

    def __len__(self) -> int:
        return len(self.recording.names(self.sequence))

    @property
    def made_of(self) -> dict[str, Any]:
        """Which recording it is, what its owner says of it, and whose depth it has."""
        recording = self.recording
        return {
            "source": str(recording.root.resolve()),
            "sequence": self.sequence,
            "layout": recording.layout,
            "depth from": None if self.depths is None else str(self.depths.path),
            **{name: str(v) for name, v in recording.remedies.given.items()},
        }

    @cached_property
    def up(self) -> Matrix | None:
        """(3,) the axis of the world that is up, where it is not +z; told once."""
        names = self.recording.names(self.sequence)
        poses = []
        for place in evenly_spaced(len(names), LOOKED_AT):
            with suppress(FileNotFoundError, ValueError):  # told when it is read
                frame = self.recording.frame(self.sequence, names[place])
                pose = frame.cam2world
                if self.depths is not None:
                    pose = _predicted(self.depths, frame.name, place).cam2world
                poses += [] if pose is None else [pose]
        if not poses or (up := world_up(np.stack(poses)))[2] > 0:
            return None
        axis = int(np.abs(up).argmax())
        name = f"{'-' if up[axis] < 0 else '+'}{'xyz'[axis]}"
        text = f"{self.sequence}: {name} of the world is taken as up"
        print_log(text, logger="current")
        return up

    def __iter__(self) -> Iterator[InputFrame]:
        """Frames in order of time; those that cannot be used are told and left out.

        Raises:
            ValueError: If none can be used, with the reason of the first.
        """
        used, reasons = 0, []
        for place, name in enumerate(self.recording.names(self.sequence)):
            try:
                decoded = self.at(place)
            except (FileNotFoundError, ValueError) as error:
                reasons.append(str(error))
                leave_out(name, error)
                continue
            used += 1
            yield decoded
            del decoded  # nobody but the caller holds it while the next one is read
        if not used:
            first = f": {reasons[0]}" if reasons else ""
            raise ValueError(
                f"none of {len(reasons)} frames of {self.recording.root}, "
                f"{self.sequence}, can be used{first}"
            )

    def at(self, place: int) -> InputFrame:
        """The frame at a place among the names of the recording, with its files read.

        Raises:
            FileNotFoundError: If a file of it is missing.
            ValueError: If it cannot be used.
        """
        recording, name = self.recording, self.recording.names(self.sequence)[place]
        frame = recording.frame(self.sequence, name)
        color, of_color = recording.read_color(frame), frame.color_camera
        K = None if of_color is None else of_color.K
        own = InputFrame(frame.name, color, K, timestamp=frame.timestamp, up=self.up)
        if self.depths is not None:
            view = _predicted(self.depths, name, place)
            return _with_prediction(own, frame.cam2world, view)
        if frame.depth is None or frame.depth_camera is None:
            return own._replace(cam2world=frame.cam2world)
        return own._replace(
            depth=recording.read_depth(frame),
            K_depth=frame.depth_camera.K,
            depth2color=frame.depth2color,
            cam2world=frame.cam2world,
        )


def _predicted(depths: PredictedFiles, name: str, place: int) -> PredictedView:
    """What was predicted of a frame.

    Raises:
        ValueError: If nothing was.
    """
    name = name if depths.named else depths.names[place]
    if name not in depths.names:
        raise ValueError(f"{depths.path} has no prediction of it")
    return depths.read(name)


def _with_prediction(
    frame: InputFrame, cam2world: Matrix | None, view: PredictedView
) -> InputFrame:
    """A frame with what was predicted of it; its own cameras where nothing was.

    Raises:
        ValueError: If the prediction is of another view.
    """
    (h, w), (H, W) = view.depth.shape, frame.color.shape[:2]
    if abs(w * H / (h * W) - 1) > PROPORTIONS:
        raise ValueError(
            f"its prediction is {w}x{h} and the image {W}x{H}: they do not show the "
            "same view. Predict whole images, not crops"
        )
    K = frame.K if view.K is None else scale_intrinsics(view.K, W / w, H / h)
    pose = cam2world if view.cam2world is None else view.cam2world
    return frame._replace(K=K, depth=view.depth, cam2world=pose, metric=view.metric)


def leave_out(name: str, reason: Exception) -> None:
    """Tell that a frame is not predicted, and why."""
    text = f"frame {name} is left out: {reason}"
    print_log(text, logger="current", level=logging.WARNING)


def open_footage(
    source: str | Path | Recording,
    sequence: str | None = None,
    depths: str | Path | None = None,
) -> Footage:
    """A sequence of a recording.

    Args:
        source: Folder or file in any layout of recordings, or a recording.
        sequence: Its name; may be left out where there is one.
        depths: Folder of ``.npz`` predictions of its frames, or one file of all.

    Raises:
        FileNotFoundError: If there is nothing at ``source`` or ``depths``.
        ValueError: If no layout fits, or there is no such sequence or more than one.
    """
    recording = source if isinstance(source, Recording) else open_recording(source)
    names = recording.sequences()
    if sequence is None and len(names) != 1:
        few = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise ValueError(
            f"{recording.root} has {len(names)} sequences ({few}). Name one"
        )
    if sequence is not None:
        check_choice("sequence", sequence, names)
    sequence, found = sequence or names[0], None
    if depths is not None:
        found = PredictedFiles(Path(depths))
        count = len(recording.names(sequence))
        if not found.named and len(found.names) != count:
            raise ValueError(
                f"{depths} holds {len(found.names)} frames that it does not name, and "
                f"{recording.root} has {count}: which is which is not known. Give it "
                "an array `names`"
            )
    return Footage(recording, sequence, found)


def depth_files(folder: Path, sequence: str) -> Path:
    """Where predictions of a sequence are, below a folder or in it.

    Raises:
        FileNotFoundError: If there are none.
    """
    scene = folder / public_name(sequence)
    places = [scene / FRAMES, scene, folder / FRAMES, folder]
    if len(scenes := [p for p in folder.glob(f"*/{FRAMES}") if p.is_dir()]) == 1:
        places += scenes
    for place in places:
        if prediction_files(place):
            return place
    looked = ", ".join(str(place) for place in places)
    raise FileNotFoundError(
        f"no .npz file with an array `depth` for {sequence} was found in {looked}. "
        "docs/predict.md says how predictions of other networks are named"
    )


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
