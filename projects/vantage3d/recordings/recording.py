"""A recording: posed frames of one layout, read where they lie, nothing converted."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, wraps
from logging import WARNING
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.geometry import distance_to_depth, invert_rigid, scale_intrinsics
from vantage3d.geometry.grids import ASPECT_TOLERANCE
from vantage3d.io.colmap import ColmapCamera
from vantage3d.io.depth_files import read_depth_file
from vantage3d.io.images import read_color
from vantage3d.io.matrices import check_intrinsics, read_matrix
from vantage3d.io.paths import inside
from vantage3d.io.video import read_video_frame
from vantage3d.recordings.lenses import undistort
from vantage3d.recordings.options import AXES, Remedies

Matrix = NDArray[np.float64]
Result = TypeVar("Result")


class Camera(NamedTuple):
    """A pinhole camera without distortion.

    Attributes:
        K: (3, 3) intrinsics in pixels of its images, centres at integers.
        size: (W, H) of its images.
    """

    K: Matrix
    size: tuple[int, int]

    def resized(self, size: tuple[int, int]) -> "Camera":
        """The camera of its images at another ``size`` (W, H)."""
        scales = size[0] / self.size[0], size[1] / self.size[1]
        return Camera(scale_intrinsics(self.K, *scales), size)


class RecordedFrame(NamedTuple):
    """Where a frame's files are and what is known of its cameras; nothing is decoded.

    Attributes:
        name: Unique in its sequence; letters, digits, ``.``, ``_`` and ``-``.
        number: Its place in time, in frames of the recording; increasing.
        color: The colour image.
        color_camera: None where the recording has no intrinsics.
        depth: The depth map, None without.
        depth_camera: None without depth.
        depth2color: (4, 4) from the depth to the colour camera, metres; None where
            both are one camera or stand in one place.
        cam2world: (4, 4), OpenCV axes, metres, of the depth camera or, without depth,
            of the colour camera; None where the recording has no poses.
        timestamp: Seconds; None without.
        masks: Label images by kind, such as ``instance``.
        lens: Camera with distortion that took the image, and the depth map where both
            are one camera: they are undistorted when read, and the cameras here are
            those after that. None for a pinhole.
        place: Number of the frame inside ``color``, where that is a video.
    """

    name: str
    number: int
    color: Path
    color_camera: Camera | None = None
    depth: Path | None = None
    depth_camera: Camera | None = None
    depth2color: Matrix | None = None
    cam2world: Matrix | None = None
    timestamp: float | None = None
    masks: Mapping[str, Path] = {}
    lens: ColmapCamera | None = None
    place: int | None = None

    @property
    def own_color_intrinsics(self) -> Matrix | None:
        """Intrinsics of a colour camera that is another than that of the depth map: it
        stands elsewhere, or its images are not those of one camera at another size, in
        the same proportions. None where both show one view, and without either."""
        color, depth = self.color_camera, self.depth_camera
        if color is None or depth is None:
            return None
        (w, h), (width, height) = color.size, depth.size
        alike = abs(w * height / (width * h) - 1) <= ASPECT_TOLERANCE
        alike = alike and np.allclose(color.K, depth.resized(color.size).K)
        return None if alike and self.depth2color is None else color.K

    @property
    def made_on_reading(self) -> str:
        """Why ``color`` is no image file of ``color_camera``; empty where it is."""
        if self.place is not None:
            return "its image lies inside a video"
        if self.color.suffix == ".npz":
            return "its image is an array"
        if self.lens is not None:
            return f"its image has the distortion of a lens ({self.lens.model})"
        return ""


class Unusable(NamedTuple):
    """A frame that cannot be used."""

    name: str
    number: int
    reason: str


class Look(NamedTuple):
    """What a layout sees in a folder.

    Attributes:
        layout: Name of the layout.
        found: What it looked for and found, in words of the layout.
        lacking: What it needs and did not find; empty where the folder has the layout.
    """

    layout: str
    found: tuple[str, ...]
    lacking: tuple[str, ...]


def kept(method: Callable[..., Result]) -> Callable[..., Result]:
    """A method of a recording that looks at the disk once for its arguments."""

    @wraps(method)
    def look_once(self: "Recording", *args: Any) -> Result:
        key = (method.__name__, *args)
        if key not in self.seen:
            self.seen[key] = method(self, *args)
        return self.seen[key]

    return look_once


@dataclass(frozen=True)
class Recording(ABC):
    """Sequences of posed frames below a folder. Instances travel to worker processes.

    A layout is one subclass in one file of ``recordings/layouts``. It says how its
    files are named and what they mean; the remedies of the owner are applied here.

    Attributes:
        root: Folder, or file, of the recording.
        remedies: What the owner says about the files.
        defaults: What was assumed because no file says it, in words; a reader adds.
        seen: What :func:`kept` methods found on disk; a new recording looks again.
    """

    layout: ClassVar[str]  # one word, for options and files
    title: ClassVar[str]  # for people
    depth_scale: ClassVar[float] = 1000.0
    poses: ClassVar[str] = "cam2world"
    axes: ClassVar[str] = "opencv"
    rotated_bits: ClassVar[bool] = False
    posed: ClassVar[bool] = True  # whether files of the layout hold poses
    packed: ClassVar[bool] = False  # whether arrays hold colour and depth, not images

    root: Path
    remedies: Remedies = field(default_factory=Remedies)
    defaults: dict[str, None] = field(default_factory=dict, compare=False)
    seen: dict[tuple, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.posed and self.remedies.every != 1:
            raise ValueError(
                f"--every {self.remedies.every} is for images and videos without "
                f"poses, and {self.root} has the layout {self.title}. Leave it out"
            )

    @classmethod
    @abstractmethod
    def look(cls, root: Path) -> Look:
        """What of this layout ``root`` has, by the names of its files alone."""

    @abstractmethod
    def sequences(self) -> list[str]:
        """Names of the sequences, in order."""

    @abstractmethod
    def names(self, sequence: str) -> list[str]:
        """Names of the frames of a sequence in order of time.

        Raises:
            FileNotFoundError: If files of the whole sequence are missing.
            ValueError: If they cannot be used at all.
        """

    @abstractmethod
    def listed(self, sequence: str, name: str) -> RecordedFrame:
        """A frame as its files have it: ``cam2world`` is whatever the pose file holds.

        Raises:
            FileNotFoundError: If a file of the frame is missing.
            ValueError: If one is damaged or does not belong to the others.
        """

    def frame(self, sequence: str, name: str) -> RecordedFrame:
        """A frame with the remedies applied.

        Raises:
            FileNotFoundError: If a file of the frame is missing.
            ValueError: If one is damaged, does not belong to the others or lies outside
                of the recording, or there is no frame at the shift that was asked for.
        """
        frame, said = self.listed(sequence, name), self.remedies
        if said.color_shift:
            other = self._shifted(sequence, name, said.color_shift, "--color-shift")
            frame = frame._replace(color=other.color, place=other.place)
        if said.pose_shift:
            other = self._shifted(sequence, name, said.pose_shift, "--pose-shift")
            frame = frame._replace(cam2world=other.cam2world)
        for path in (frame.color, frame.depth, *frame.masks.values()):
            if path is not None:
                self.inside(self.root, os.path.abspath(path), f"frame {name}")
        pose = frame.cam2world
        if pose is not None:
            if (said.poses or self.poses) == "world2cam":
                pose = invert_rigid(pose)
            if axes := AXES[said.axes or self.axes]:
                pose = pose @ np.array(axes, np.float64)
            if said.pose_units != 1:
                pose = pose.copy()
                pose[:3, 3] /= said.pose_units
        return frame._replace(cam2world=pose)

    def frames(
        self, sequence: str, names: Sequence[str] | None = None
    ) -> list[RecordedFrame | Unusable]:
        """Frames of a sequence in order, or why one cannot be used.

        Args:
            sequence: Name of the sequence.
            names: Names of frames; all if not given.

        Raises:
            FileNotFoundError: If files of the whole sequence are missing.
            ValueError: If they cannot be used at all.
        """
        found: list[RecordedFrame | Unusable] = []
        for name in self.names(sequence) if names is None else names:
            try:
                found.append(self.frame(sequence, name))
            except (FileNotFoundError, ValueError) as error:
                number = self.number(sequence, name)
                found.append(Unusable(name, number, str(error)))
        return found

    def number(self, sequence: str, name: str) -> int:
        """A frame's place in time, known without its files."""
        return self.places(sequence)[name]

    @kept
    def places(self, sequence: str) -> dict[str, int]:
        """Places of the frames of a sequence in :meth:`names`."""
        return {name: place for place, name in enumerate(self.names(sequence))}

    def _shifted(self, sequence: str, name: str, by: int, option: str) -> RecordedFrame:
        """The frame so many places later."""
        names = self.names(sequence)
        place = self.places(sequence)[name] + by
        if not 0 <= place < len(names):
            raise ValueError(f"frame {name} has none {by} places away ({option} {by})")
        return self.listed(sequence, names[place])

    def inside(self, folder: Path, name: str, where: str) -> Path:
        """Path of what a file of the recording names, relative to ``folder``.

        Args:
            folder: Of the recording, or one that its owner declared.
            name: As the file has it.
            where: Which file names it, for messages.

        Raises:
            ValueError: If it leads out of the recording and of the declared folders.
        """
        own = self.root if self.root.is_dir() else self.root.parent
        return inside(folder, name, where, (own, *self.remedies.extra_roots))

    def assumed(self, text: str) -> None:
        """Note what was taken because no file says it, and warn of it once."""
        self.defaults[text] = None
        _warn(text)

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process, which looks at the disk itself."""
        return vars(self) | {"seen": {}}

    def camera(self, path: Path, size: tuple[int, int]) -> Camera:
        """The camera of an intrinsics file and images of ``size`` (W, H).

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it holds no intrinsics, or those of other images.
        """
        return self.camera_of(read_matrix(path, "intrinsics")[:3, :3], size, str(path))

    def camera_of(self, K: Matrix, size: tuple[int, int], name: str) -> Camera:
        """The camera of intrinsics and images of ``size`` (W, H).

        Args:
            K: (3, 3), as the owner wrote them.
            size: Of the images.
            name: Whose intrinsics they are, for messages.

        Raises:
            ValueError: If they are those of other images.
        """
        if written_for := self.remedies.intrinsics_size:
            K = scale_intrinsics(K, size[0] / written_for[0], size[1] / written_for[1])
        check_intrinsics(K, size, name)
        return Camera(K, size)

    def read_color(self, frame: RecordedFrame) -> NDArray[np.uint8]:
        """(H, W, 3) RGB.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it is damaged.
        """
        if frame.place is not None:
            color = read_video_frame(frame.color, frame.place)
        else:
            color = read_color(frame.color)
        return color if frame.lens is None else undistort(color, frame.lens)

    def read_depth(self, frame: RecordedFrame) -> NDArray[np.float32]:
        """(H, W) z-depth in metres, 0 = missing, in pixels of the depth camera.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it is damaged, or the frame has none.
        """
        if frame.depth is None or frame.depth_camera is None:
            raise ValueError(f"frame {frame.name} of {self.root} has no depth map")
        scale = self.remedies.depth_scale or self.depth_scale
        depth = read_depth_file(
            frame.depth, scale, self.remedies.missing, self.rotated_bits
        )
        if frame.lens is not None:
            lens = frame.lens.resized(frame.depth_camera.size)
            depth = np.asarray(undistort(depth, lens, exact=True), np.float32)
        if self.remedies.along_rays:
            along = depth.astype(np.float64)
            depth = distance_to_depth(along, frame.depth_camera.K).astype(np.float32)
        return depth


@cache
def _warn(text: str) -> None:
    """Once per process, however many copies of a recording read a sequence."""
    print_log(text, logger="current", level=WARNING)
