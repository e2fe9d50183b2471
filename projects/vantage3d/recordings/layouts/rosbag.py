"""Bags of ROS 1 and ROS 2 with an RGB-D camera, read where they lie: no ROS."""

from pathlib import Path

import numpy as np

from vantage3d.io.bags import SUFFIXES, Images, bag_member, open_bag
from vantage3d.io.colmap import ColmapCamera
from vantage3d.io.folders import matching
from vantage3d.recordings.recording import (
    Camera,
    Look,
    RecordedFrame,
    Recording,
    kept,
)

PATTERNS = tuple(f"{below}*{suffix}" for below in ("", "*/") for suffix in SUFFIXES)
MAX_APART_S = 0.02  # between colour and depth of a frame
LENSES = {4: "OPENCV", 5: "FULL_OPENCV", 8: "FULL_OPENCV"}  # by numbers of plumb_bob


class RosBag(Recording):
    """``.bag``, or the ``.mcap`` or ``.db3`` beside its ``metadata.yaml``.

    Colour, depth and their ``camera_info`` are found by what the messages are; colour
    and depth belong together when they are at most 20 ms apart. Poses are those of a
    PoseStamped topic, or come along /tf and Odometry from the camera to the frame that
    has no parent, interpolated at the time of the depth image.
    """

    layout = "rosbag"
    title = "ROS bag"

    @classmethod
    def look(cls, root: Path) -> Look:
        names = [path.name for path in bag_files(root).values()][:1]
        return Look(cls.layout, tuple(names), () if names else ("<name>.bag",))

    def sequences(self) -> list[str]:
        return list(bag_files(self.root))

    def names(self, sequence: str) -> list[str]:
        return list(map(str, range(len(open_bag(self._file(sequence)).color.stamps))))

    def number(self, sequence: str, name: str) -> int:
        return int(name)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        path, number = self._file(sequence), int(name)
        bag = open_bag(path)
        color, time = bag_member(path, "color", number), bag.color.stamps[number]
        camera, depth, of_depth = self._camera(bag.color), None, None
        if bag.depth is not None:
            place = int(np.abs(bag.depth.stamps - time).argmin())
            apart = abs(bag.depth.stamps[place] - time)
            if apart > MAX_APART_S:
                raise ValueError(
                    f"{color}: the nearest depth image is {1000 * apart:.0f} ms away, "
                    f"allowed are {1000 * MAX_APART_S:.0f}"
                )
            time = bag.depth.stamps[place]
            depth, of_depth = bag_member(path, "depth", place), self._camera(bag.depth)
        pose = bag.cam2world(float(time))
        if pose is None and bag.chain:
            raise ValueError(
                f"{color}: {path.name} has no poses around its time {time:.3f}"
            )
        frame = RecordedFrame(
            name,
            number,
            color,
            camera,
            depth,
            of_depth,
            bag.depth2color,
            pose,
            float(time),
        )
        return self._through_lens(frame, bag.color, bag.depth)

    def _through_lens(
        self, frame: RecordedFrame, color: Images, depth: Images | None
    ) -> RecordedFrame:
        """A frame whose images are undistorted when they are read.

        Raises:
            ValueError: If colour and depth have a lens each, or one of another kind.
        """
        if not any(any(one.distortion) for one in (color, depth) if one is not None):
            return frame
        one = depth is None or np.array_equal(depth.K, color.K)
        model = LENSES.get(len(color.distortion))
        if not one or model is None:
            raise ValueError(
                f"images of {self.root} have the distortion {color.distortion} and "
                "depth is of another camera. Record rectified images (image_proc) and "
                "registered depth (depth_image_proc, align_depth)"
            )
        K, more = color.K, color.distortion
        more = (*more, *[0.0] * (8 - len(more))) if model == "FULL_OPENCV" else more
        params = (K[0, 0], K[1, 1], K[0, 2] + 0.5, K[1, 2] + 0.5, *more)
        lens = ColmapCamera(model, color.size, tuple(map(float, params)))
        straight = Camera(lens.undistorted().intrinsics(), color.size)
        of_depth = None if depth is None else straight
        return frame._replace(color_camera=straight, depth_camera=of_depth, lens=lens)

    def _camera(self, images: Images) -> Camera:
        name = f"of {images.topic} in {self.root}"
        return self.camera_of(np.array(images.K, np.float64), images.size, name)

    @kept
    def _file(self, sequence: str) -> Path:
        return bag_files(self.root)[sequence]


def bag_files(root: Path) -> dict[str, Path]:
    """Bags by their name: a file, or those in a folder and one folder below it."""
    if root.is_file():
        return {root.stem: root} if root.suffix in SUFFIXES else {}
    found: dict[str, Path] = {}
    for path in (path for pattern in PATTERNS for path in matching(root, pattern)):
        found.setdefault(path.stem, path)
    return found
