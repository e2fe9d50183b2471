"""ScanNet: exported scenes, and the sample ``scannet_frames_25k``."""

from pathlib import Path

import numpy as np

from vantage3d.geometry.grids import ASPECT_TOLERANCE
from vantage3d.io.folders import folders_in
from vantage3d.io.images import read_size
from vantage3d.io.matrices import read_matrix
from vantage3d.io.text import read_text
from vantage3d.recordings.files import folders_with
from vantage3d.recordings.layouts.rgbd import RgbdFolder
from vantage3d.recordings.recording import Camera, Look, RecordedFrame, kept
from vantage3d.recordings.stray import camera_elsewhere

# Folders of scenes.
SCENES = ("2D", "scans", "scans_train", "scans_test", "scannet_frames_25k", ".")
# fx = fy, cx, cy of the sensor at 640 x 480, taken where an export has no file.
NOMINAL = Camera(
    np.array([[577.870605, 0, 319.5], [0, 577.870605, 239.5], [0, 0, 1.0]]), (640, 480)
)
# The full export's, a flat one's, and that of scannet_frames_25k.
INTRINSICS = ("intrinsic/intrinsic_", "intrinsic_", "intrinsics_")


class ScanNet(RgbdFolder):
    """Scenes ``<scene>/{color,depth,pose}`` with intrinsics of both sensors."""

    layout = "scannet"
    title = "ScanNet export"

    @classmethod
    def look(cls, root: Path) -> Look:
        scene = next(iter(folders_with(root, "color", "pose").values()), root)
        parts = [part for part in ("color", "depth", "pose") if (scene / part).is_dir()]
        files = [of_sensor(scene, sensor) for sensor in ("depth", "color")]
        parts += [f.relative_to(scene).as_posix() for f in files if f]
        lacking = [part for part in ("color", "depth", "pose") if part not in parts]
        if not any(files) and not scene.name.startswith("scene"):
            lacking.append("intrinsic/intrinsic_depth.txt")
        if (scene / "intrinsic.txt").is_file():
            lacking.append("intrinsic/ in place of intrinsic.txt")
        return Look(cls.layout, tuple(parts), tuple(lacking))

    def sequences(self) -> list[str]:
        return list(self.scenes())

    def folder(self, sequence: str) -> Path:
        return self.scenes().get(sequence, self.root / sequence)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        frame, folder = super().listed(sequence, name), self.folder(sequence)
        if frame.masks and (folder / "label").is_dir():
            self.assumed(
                f"{folder / 'instance'} is that of scannet_frames_25k, class * 1000 + "
                "instance, and is not read: create_data.py scannet_sv takes labels of "
                "the mesh"
            )
            frame = frame._replace(masks={})
        return frame

    @kept
    def scenes(self) -> dict[str, Path]:
        """Folder of every scene, by its name; elsewhere by its path below the root."""
        found: dict[str, Path] = {}
        for scene in (s for parent in SCENES for s in folders_in(self.root / parent)):
            if (scene / "pose").is_dir():
                found.setdefault(scene.name, scene)
        found = found or folders_with(self.root, "color", "pose")
        return dict(sorted(found.items()))

    def cameras(
        self, folder: Path, color: Path, depth: Path | None
    ) -> tuple[Camera, Camera | None]:
        of_color, of_depth = (of_sensor(folder, s) for s in ("color", "depth"))
        size = read_size(color)
        if depth is None:
            own = self.camera(of_color, size) if of_color else None
            return own or self._elsewhere(folder, size, "color"), None
        depth_size = read_size(depth, "depth image")
        if not _same_shape(size, depth_size):
            (w, h), (dw, dh) = size, depth_size
            raise ValueError(
                f"colour image {color} is {w}x{h} and the depth map {dw}x{dh}: they do "
                "not show the same view, expected the same aspect ratio, as ScanNet's "
                "sensors have. Export both whole"
            )
        if of_depth is None:
            first = self.camera(of_color, size) if of_color else None
            second = first or self._elsewhere(folder, depth_size, "depth")
            second = second.resized(depth_size)
            return second.resized(size), second
        second = self.camera(of_depth, depth_size)
        # Colour that was resized to the depth images keeps the file of its old size.
        registered = of_color is None or size == depth_size
        own = None if registered or not of_color else self.camera(of_color, size)
        if of_color and registered:
            self._compare(of_color, second)
        return own or second.resized(size), second

    def _compare(self, path: Path, of_depth: Camera) -> None:
        """Say that the file of a colour camera is not used, where it matters."""
        K = read_matrix(path, "intrinsics")[:3, :3]
        if np.allclose(K, of_depth.K, rtol=0.01, atol=1):
            return
        self.assumed(
            f"colour images of {path.parent.parent.name} have the size of depth images "
            f"and are taken as registered to them: {path} is not used"
        )

    def _elsewhere(self, folder: Path, size: tuple[int, int], sensor: str) -> Camera:
        """Of the text file of the scan, of a file that lies elsewhere, or nominal."""
        for place in (folder, self.root / "3D" / folder.name):
            path = place / f"{folder.name}.txt"
            camera = _of_scan(path, sensor) if path.is_file() else None
            if camera and _same_shape(camera.size, size):
                text = f"{folder} has no intrinsics: those of {path} are taken"
                self.assumed(text)
                return camera.resized(size)
        name = f"intrinsic/intrinsic_{sensor}.txt"
        found = camera_elsewhere(self, folder, size, name, sensor)
        return found or self._nominal(folder, size)

    def _nominal(self, folder: Path, size: tuple[int, int]) -> Camera:
        if size[0] * 480 != size[1] * 640:
            raise ValueError(
                f"{folder} has no intrinsic/intrinsic_depth.txt and images of "
                f"{size[0]}x{size[1]}; the default is for 640x480 and its multiples"
            )
        self.assumed(
            f"{folder} has no intrinsic/intrinsic_depth.txt: the nominal intrinsics of "
            "ScanNet's sensor are taken, fx = fy = 577.87 at 640x480"
        )
        return NOMINAL.resized(size)


def of_sensor(folder: Path, sensor: str) -> Path | None:
    """The intrinsics file of a scene's ``color`` or ``depth``, None without."""
    paths = (folder / f"{name}{sensor}.txt" for name in INTRINSICS)
    return next((path for path in paths if path.is_file()), None)


def _of_scan(path: Path, sensor: str) -> Camera | None:
    """The camera in ``<scene>.txt``, which lies beside a scan; None without one."""
    lines = [line.partition("=") for line in read_text(path).splitlines()]
    facts = {key.strip(): value.strip() for key, _, value in lines}
    try:
        fx, fy, cx, cy = (
            float(facts[f"{k}_{sensor}"]) for k in ("fx", "fy", "mx", "my")
        )
        size = int(facts[f"{sensor}Width"]), int(facts[f"{sensor}Height"])
    except (KeyError, ValueError):
        return None
    return Camera(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), size)


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= ASPECT_TOLERANCE
