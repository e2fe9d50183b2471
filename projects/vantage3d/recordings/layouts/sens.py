"""ScanNet's ``.sens`` files, read where they lie: no export."""

from pathlib import Path

import numpy as np

from vantage3d.io.folders import matching
from vantage3d.io.matrices import check_rigid
from vantage3d.io.sens import member_path, open_sens
from vantage3d.recordings.recording import (
    Look,
    RecordedFrame,
    Recording,
    kept,
)

PATTERNS = ("*.sens", "*/*.sens", "*/*/*.sens")


class SensRecordings(Recording):
    """A ``.sens`` file, or those in a folder and up to two folders below it.

    Depth is given in millimetres whatever the file's unit, as an export has it.
    """

    layout = "sens"
    title = "ScanNet .sens"

    @classmethod
    def look(cls, root: Path) -> Look:
        names = [path.name for path in sens_files(root).values()][:1]
        return Look(cls.layout, tuple(names), () if names else ("<scene>.sens",))

    def sequences(self) -> list[str]:
        return list(self.files())

    def names(self, sequence: str) -> list[str]:
        return list(map(str, range(open_sens(self.files()[sequence]).header.frames)))

    def number(self, sequence: str, name: str) -> int:
        return int(name)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        path, number = self.files()[sequence], int(name)
        file = open_sens(path)
        header, pose = file.header, file.poses[number].astype(np.float64)
        check_rigid(pose, f"of frame {number} in {path}")
        of_color, of_depth = (
            self.camera_of(K[:3, :3].astype(np.float64), size, f"of {kind} in {path}")
            for K, size, kind in (
                (header.K_color, header.color_size, "colour"),
                (header.K_depth, header.depth_size, "depth"),
            )
        )
        color, depth = (member_path(path, kind, number) for kind in ("color", "depth"))
        cameras = of_color, depth, of_depth, None
        return RecordedFrame(name, number, color, *cameras, pose)

    @kept
    def files(self) -> dict[str, Path]:
        """The file of every sequence."""
        return sens_files(self.root)


def sens_files(root: Path) -> dict[str, Path]:
    """Files by the name of their scene.

    Raises:
        ValueError: If two scenes have one name.
    """
    if root.is_file():
        return {root.stem: root} if root.suffix == ".sens" else {}
    found: dict[str, Path] = {}
    for path in (path for pattern in PATTERNS for path in matching(root, pattern)):
        if path.stem in found:
            raise ValueError(
                f"{root} has {found[path.stem].relative_to(root)} and "
                f"{path.relative_to(root)}: two recordings of one name. Remove one"
            )
        found[path.stem] = path
    return found
