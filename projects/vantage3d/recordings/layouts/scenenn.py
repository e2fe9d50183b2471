"""SceneNN: ``<scene>/{image/imageNNNNN.png, depth/depthNNNNN.png}`` and poses."""

from pathlib import Path

import numpy as np

from vantage3d.io.arrays import load_array
from vantage3d.io.files import decoding
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_rigid
from vantage3d.io.text import read_table
from vantage3d.recordings.files import (
    COLOR,
    DEPTH,
    folders_where,
    last_number,
    mismatch,
    named,
)
from vantage3d.recordings.recording import (
    Camera,
    Look,
    Matrix,
    RecordedFrame,
    Recording,
    kept,
)
from vantage3d.recordings.stray import nominal_camera

# Of the Asus Xtion that took most scenes; others have a file.
NOMINAL = Camera(
    np.array([[544.47329, 0, 320], [0, 544.47329, 240], [0, 0, 1]]), (640, 480)
)
INTRINSICS = "intrinsic.txt"
TRAJECTORY = "trajectory.log"
KINDS = {"image": COLOR, "depth": DEPTH, "pose": (".npy",)}
# From SceneNN's world, in which y points up, to one in which z does.
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
Files = dict[str, dict[str, Path]]  # by kind and name of the frame


class SceneNN(Recording):
    """Scenes of SceneNN with extracted frames; depth in millimetres.

    Poses are files ``pose/NNNNN.npy`` (4 x 4, camera to world), else entries of
    ``trajectory.log`` by the number of the frame. The world is turned upright.
    """

    layout = "scenenn"
    title = "SceneNN"

    @classmethod
    def look(cls, root: Path) -> Look:
        scenes = folders_where(root, _is_scene)
        if not scenes:
            return Look(cls.layout, (), ("image/image*",))
        folder = next(iter(scenes.values()))
        poses = tuple(p for p in ("pose", TRAJECTORY) if (folder / p).exists())
        lacking = () if poses else (f"pose or {TRAJECTORY}",)
        return Look(cls.layout, ("image/image*", "depth", *poses), lacking)

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        files = self.files(sequence)
        return sorted({*files["image"], *files["depth"]}, key=int)

    def number(self, sequence: str, name: str) -> int:
        return int(name)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        files, folder = self.files(sequence), self.folders()[sequence]
        for kind in ("image", "depth"):
            if name not in files[kind]:
                raise FileNotFoundError(mismatch(folder / kind, name, files[kind]))
        color, depth = files["image"][name], files["depth"][name]
        of_color = self._camera(folder, read_size(color))
        of_depth = of_color.resized(read_size(depth, "depth image"))
        pose = UPRIGHT @ self._pose(sequence, name)
        return RecordedFrame(
            name, int(name), color, of_color, depth, of_depth, cam2world=pose
        )

    @kept
    def folders(self) -> dict[str, Path]:
        """Folder of every scene, by its own name."""
        return {
            path.name: path for path in folders_where(self.root, _is_scene).values()
        }

    @kept
    def files(self, sequence: str) -> Files:
        """Files of a scene by kind and number of the frame."""
        folder = self.folders()[sequence]
        return {
            kind: {
                str(last_number(stem)): path
                for stem, path in named(folder / kind, suffixes).items()
                if stem[-1:].isdigit()
            }
            for kind, suffixes in KINDS.items()
        }

    def _pose(self, sequence: str, name: str) -> Matrix:
        files, folder = self.files(sequence)["pose"], self.folders()[sequence]
        if not files:
            poses = self.trajectory(folder / TRAJECTORY)
            if int(name) not in poses:
                raise ValueError(
                    f"{folder / TRAJECTORY} has no pose of frame {name}, its frames "
                    f"are {min(poses)} to {max(poses)}. Leave the frame out"
                )
            return poses[int(name)]
        if name not in files:
            raise FileNotFoundError(mismatch(folder / "pose", name, files))
        pose = load_array(files[name], "pose", "Leave the frame out")
        if pose.shape != (4, 4):
            raise ValueError(
                f"pose {files[name]} has the shape {pose.shape}, expected (4, 4). "
                "Write it again, or leave the frame out"
            )
        check_rigid(pose, str(files[name]))
        return pose.astype(np.float64)

    @kept
    def trajectory(self, path: Path) -> dict[int, Matrix]:
        """Poses by number of the frame: a line of three numbers, the last one that of
        the frame, and four rows."""
        rows = read_table(path, 3)
        poses = {}
        with decoding(f"trajectory {path}", "no poses", "Download it again"):
            for at in range(0, len(rows), 5):
                pose = np.array(rows[at + 1 : at + 5], np.float64).reshape(4, 4)
                poses[int(rows[at][2])] = pose
        return poses

    def _camera(self, folder: Path, size: tuple[int, int]) -> Camera:
        if (path := folder / INTRINSICS).is_file():
            return self.camera(path, size)
        whose = (
            "of SceneNN's Asus Xtion are taken, fx = fy = 544.47, cx = 320, "
            "cy = 240 at 640x480"
        )
        return nominal_camera(self, folder, size, INTRINSICS, NOMINAL, whose)


def _is_scene(path: Path) -> bool:
    return (path / "depth").is_dir() and any((path / "image").glob("image*"))
