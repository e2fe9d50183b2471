"""TUM RGB-D: ``rgb.txt``, ``depth.txt`` and ``groundtruth.txt``, paired by time."""

from os.path import relpath
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.images import read_size
from vantage3d.io.text import read_table
from vantage3d.io.trajectories import pose_at, read_trajectory
from vantage3d.recordings.files import folders_with, frame_names
from vantage3d.recordings.recording import (
    Camera,
    Look,
    RecordedFrame,
    Recording,
    kept,
)
from vantage3d.recordings.stray import camera_elsewhere

MAX_APART_S = 0.02  # between colour and depth of a frame
# fx, fy, cx, cy at 640 x 480 that the benchmark publishes for its three cameras.
PUBLISHED = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
ROS_DEFAULT = (525.0, 525.0, 319.5, 239.5)


class Pair(NamedTuple):
    """A colour image and the depth image nearest in time.

    Attributes:
        number: Its place in the list of colour images.
        time: Seconds, of the depth image where there is one.
        color: The colour image.
        depth: The depth image; None in a recording without.
        apart: Seconds between both.
    """

    number: int
    time: float
    color: Path
    depth: Path | None
    apart: float


class TumRgbd(Recording):
    """Sequences of the benchmark, or recordings written like it.

    Colour and depth belong together when they are at most 20 ms apart; the pose is
    interpolated at the time of the depth image. Without ``intrinsic.txt`` the
    published intrinsics of the sequence's camera are taken.
    """

    layout = "tum"
    title = "TUM RGB-D"
    depth_scale = 5000.0

    @classmethod
    def look(cls, root: Path) -> Look:
        folder = next(iter(folders_with(root, "rgb.txt").values()), root)
        parts = ("rgb.txt", "groundtruth.txt", "depth.txt")
        found = tuple(part for part in parts if (folder / part).is_file())
        if not found and (folder / "rgb").is_dir() and (folder / "depth").is_dir():
            found = ("rgb/", "depth/")
        lacking = [p for p in parts[:2] if p not in found]
        if (folder / "depth").is_dir() and "depth.txt" not in found:
            lacking.append("depth.txt")
        return Look(cls.layout, found, tuple(lacking))

    def sequences(self) -> list[str]:
        return list(folders_with(self.root, "rgb.txt", "groundtruth.txt"))

    def names(self, sequence: str) -> list[str]:
        return list(self.pairs(self._folder(sequence)))

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        folder = self._folder(sequence)
        number, time, color, depth, apart = self.pairs(folder)[name]
        camera = self._camera(folder, read_size(color))
        if depth is not None and apart > MAX_APART_S:
            raise ValueError(
                f"{color}: the nearest depth image is {1000 * apart:.0f} ms away, "
                f"allowed are {1000 * MAX_APART_S:.0f}"
            )
        times, poses = self.trajectory(folder)
        pose = pose_at(times, poses, time)
        if pose is None:
            raise ValueError(
                f"{color}: groundtruth.txt has no poses around its time {time:.3f}"
            )
        of_depth = None
        if depth is not None:
            of_depth = camera.resized(read_size(depth, "depth image"))
        cameras = camera, depth, of_depth, None
        return RecordedFrame(name, number, color, *cameras, pose, time)

    @kept
    def pairs(self, folder: Path) -> dict[str, Pair]:
        """Frames by name, in order."""
        colors, depths = (self._stream(folder, f"{k}.txt") for k in ("rgb", "depth"))
        if not colors:
            raise ValueError(f"{folder / 'rgb.txt'} lists no image")
        stamps = np.array([time for time, _ in depths])
        found = {}
        paths = [Path(relpath(color, folder)).as_posix() for _, color in colors]
        for number, name in enumerate(frame_names(paths)):
            time, color = colors[number]
            pair = Pair(number, time, color, None, 0.0)
            if depths:
                nearest = int(np.abs(stamps - time).argmin())
                at, depth = depths[nearest]
                pair = Pair(number, at, color, depth, abs(at - time))
            found[name] = pair
        return found

    @kept
    def trajectory(
        self, folder: Path
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Seconds (N,) and poses (N, 4, 4) of ``groundtruth.txt``."""
        return read_trajectory(folder / "groundtruth.txt")

    def _stream(self, folder: Path, name: str) -> list[tuple[float, Path]]:
        """Time and path of every image of a list; none without the list."""
        path = folder / name
        rows = read_table(path, 2) if path.is_file() else []
        try:
            times = [float(time) for time, *_ in rows]
        except ValueError as error:
            raise ValueError(f"{path} has a time that is no number: {error}") from error
        files = [self.inside(folder, image, str(path)) for _, image, *_ in rows]
        return sorted(zip(times, files))

    def _folder(self, sequence: str) -> Path:
        own = (self.root / "rgb.txt").is_file()
        return self.root if own else self.root / sequence

    def _camera(self, folder: Path, size: tuple[int, int]) -> Camera:
        path = folder / "intrinsic.txt"
        if path.is_file():
            return self.camera(path, size)
        if found := camera_elsewhere(self, folder, size, path.name):
            return found
        key = next((k for k in PUBLISHED if k in folder.resolve().name), None)
        fx, fy, cx, cy = PUBLISHED.get(key or "", ROS_DEFAULT)
        whose = f"the published ones of {key}" if key else "525 525 319.5 239.5"
        self.assumed(f"{folder} has no intrinsic.txt: {whose} are taken, at 640x480")
        K: NDArray[np.float64] = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
        return Camera(K, (640, 480)).resized(size)
