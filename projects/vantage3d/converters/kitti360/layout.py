"""Where KITTI-360 keeps its files."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

LISTED = re.compile(r"data_2d_raw/([^/]+)/image_\d\d/data_rect/(\d+)\.png$")


@dataclass(frozen=True)
class Kitti360Layout:
    """Paths below the folder that holds ``data_2d_raw``.

    Attributes:
        root: That folder.
        camera: 0 left, 1 right.
    """

    root: Path
    camera: int = 0

    def image(self, sequence: str, frame: int) -> Path:
        """Rectified image."""
        name = f"data_rect/{frame:010d}.png"
        return self.root / "data_2d_raw" / sequence / self._camera / name

    def semantic(self, sequence: str, frame: int) -> Path:
        """Label image; absent for the test drives."""
        name = f"semantic/{frame:010d}.png"
        return self.root / "data_2d_semantics/train" / sequence / self._camera / name

    def sweep(self, sequence: str, frame: int) -> Path:
        """Sweep of the scanner."""
        folder = self.root / "data_3d_raw" / sequence / "velodyne_points/data"
        return folder / f"{frame:010d}.bin"

    def poses(self, sequence: str) -> Path:
        """IMU to world."""
        return self.root / "data_poses" / sequence / "poses.txt"

    def cam0_to_world(self, sequence: str) -> Path:
        """The same for the left camera."""
        return self.root / "data_poses" / sequence / "cam0_to_world.txt"

    @property
    def _camera(self) -> str:
        return f"image_{self.camera:02d}"

    def listed(self, split: str) -> dict[str, list[int]]:
        """Frames of a split by sequence, from the official list.

        Raises:
            FileNotFoundError: If there is no list for the split.
            ValueError: If a line names no image.
        """
        name = f"2013_05_28_drive_{split}_frames.txt"
        path = self.root / "data_2d_semantics/train" / name
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing. It comes with KITTI-360's 2D semantics (archive "
                "data_2d_semantics); without labels name drives with --sequences."
            )
        found: dict[str, set[int]] = {}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split()
            if not words:
                continue
            match = LISTED.search(words[0])
            if not match:
                raise ValueError(
                    f"{path}, line {number}: expected an image below data_2d_raw, got "
                    f"{words[0]!r}. Download the list again."
                )
            found.setdefault(match[1], set()).add(int(match[2]))
        return {sequence: sorted(frames) for sequence, frames in found.items()}

    def recorded(self, sequence: str) -> list[int]:
        """Frames of a sequence that have an image.

        Raises:
            FileNotFoundError: If the sequence is not there, naming those that are.
        """
        folder = self.image(sequence, 0).parent
        if not folder.is_dir():
            raw = self.root / "data_2d_raw"
            names = sorted(os.listdir(raw)) if raw.is_dir() else []
            raise FileNotFoundError(
                f"sequence {sequence!r} has no folder {folder}. Sequences there: "
                f"{', '.join(names) or 'none'}."
            )
        return sorted(int(path.stem) for path in folder.glob("*.png"))
