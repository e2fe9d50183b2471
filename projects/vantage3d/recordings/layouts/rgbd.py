"""Anyone's RGB-D folder: ``<scene>/{color,depth,pose}`` and ``intrinsic.txt``."""

from pathlib import Path

from vantage3d.io.folders import natural_order
from vantage3d.io.images import read_size
from vantage3d.io.matrices import read_pose
from vantage3d.recordings.files import (
    COLOR,
    DEPTH,
    folders_with,
    mismatch,
    named,
)
from vantage3d.recordings.recording import (
    Camera,
    Look,
    RecordedFrame,
    Recording,
    kept,
)
from vantage3d.recordings.stray import camera_elsewhere, stray_intrinsics

MASKS = ("instance", "semantic")
SUFFIXES = {"color": COLOR, "depth": DEPTH, "pose": (".txt",)}
SUFFIXES |= dict.fromkeys(MASKS, (".png",))
Files = dict[str, dict[str, Path]]  # by folder and name of the frame


class RgbdFolder(Recording):
    """Folders with one file per frame, named alike in all of them.

    ``intrinsic.txt`` is that of the depth images, of the colour images where there is
    no depth. A colour camera of its own has ``intrinsic_color.txt`` and, where it
    stands elsewhere, ``depth2color.txt`` (4 x 4, metres). Depth and poses may be
    absent.
    """

    layout = "rgbd"
    title = "RGB-D folder"

    @classmethod
    def look(cls, root: Path) -> Look:
        scene = next(iter(folders_with(root, "color").values()), root)
        parts = ("color", "intrinsic.txt", "depth", "pose")
        found = tuple(part for part in parts if (scene / part).exists())
        lacking = [part for part in parts[:2] if part not in found]
        if parts[1] in lacking and stray_intrinsics(scene, root):
            lacking.remove(parts[1])
        return Look(cls.layout, found, tuple(lacking))

    def sequences(self) -> list[str]:
        return list(folders_with(self.root, "color"))

    def folder(self, sequence: str) -> Path:
        """Folder of a sequence."""
        root = self.root
        return root if (root / "color").is_dir() else root / sequence

    def names(self, sequence: str) -> list[str]:
        return list(self.numbers(self.folder(sequence)))

    def number(self, sequence: str, name: str) -> int:
        return self.numbers(self.folder(sequence))[name]

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        folder = self.folder(sequence)
        files = self.files(folder)
        for part in ("color", "depth", "pose"):
            if (folder / part).is_dir() and name not in files[part]:
                raise FileNotFoundError(mismatch(folder / part, name, files[part]))
        color, depth = files["color"][name], files["depth"].get(name)
        of_color, of_depth = self.cameras(folder, color, depth)
        between = folder / "depth2color.txt"
        return RecordedFrame(
            name,
            self.numbers(folder)[name],
            color,
            of_color,
            depth,
            of_depth,
            read_pose(between) if between.is_file() else None,
            read_pose(files["pose"][name]) if files["pose"] else None,
            # Where others have one, a frame without it is no frame without objects.
            masks={
                kind: files[kind].get(name, folder / kind / f"{name}.png")
                for kind in MASKS
                if files[kind]
            },
        )

    def cameras(
        self, folder: Path, color: Path, depth: Path | None
    ) -> tuple[Camera, Camera | None]:
        """Cameras of the colour image and of the depth map."""
        own, first = folder / "intrinsic_color.txt", folder / "intrinsic.txt"
        size = read_size(color)
        if depth is None:
            if own.is_file():
                return self.camera(own, size), None
            return self._camera(first, size, "color"), None
        of_depth = self._camera(first, read_size(depth, "depth image"), "depth")
        if own.is_file():
            return self.camera(own, size), of_depth
        return of_depth.resized(size), of_depth

    def _camera(self, path: Path, size: tuple[int, int], sensor: str) -> Camera:
        """The camera of a file, or of one that lies elsewhere."""
        found = None
        if not path.is_file():
            where = path.parent, size, path.name, sensor
            found = camera_elsewhere(self, *where)
        return found or self.camera(path, size)

    @kept
    def files(self, folder: Path) -> Files:
        """Files of a sequence's folder, by their folder and frame."""
        return {part: named(folder / part, kinds) for part, kinds in SUFFIXES.items()}

    @kept
    def numbers(self, folder: Path) -> dict[str, int]:
        """Number of every frame; its place where a name is none."""
        files = self.files(folder)
        names = sorted({*files["color"], *files["depth"]}, key=natural_order)
        if all(name.isdigit() for name in names):
            return {name: int(name) for name in names}
        return {name: place for place, name in enumerate(names)}
