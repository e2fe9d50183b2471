"""3RScan: ``<scan>/sequence/frame-NNNNNN.{color,depth,pose}.*`` and ``_info.txt``."""

from pathlib import Path

import numpy as np

from vantage3d.io.files import existing
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_intrinsics
from vantage3d.io.text import read_text
from vantage3d.recordings.files import folders_where
from vantage3d.recordings.layouts.sevenscenes import SevenScenes
from vantage3d.recordings.recording import Camera, Look, kept

INFO = "_info.txt"
FOLDER = "sequence"


class ThreeRScan(SevenScenes):
    """Scans of 3RScan, ``sequence.zip`` unpacked; depth in millimetres.

    Depth is registered to colour and has its field of view, in other proportions: the
    intrinsics of both stand in ``_info.txt``. Images lie on their side, as the tablet
    was held, and so do their cameras.
    """

    layout = "3rscan"
    title = "3RScan"

    @classmethod
    def look(cls, root: Path) -> Look:
        if not folders_where(root, _is_sequence):
            return Look(cls.layout, (), (INFO,))
        look = super().look(root)
        return Look(cls.layout, (*look.found, INFO), look.lacking)

    @kept
    def folders(self) -> dict[str, Path]:
        """Folder of the frames of every scan."""
        found = folders_where(self.root, _is_sequence)
        if found == {self.root.resolve().name: self.root}:
            return {self.root.resolve().parent.name: self.root}
        return {name.removesuffix(f"/{FOLDER}"): path for name, path in found.items()}

    def cameras(
        self, folder: Path, color: Path, depth: Path | None
    ) -> tuple[Camera, Camera | None]:
        of_color = self._of_sensor(folder, "Color", read_size(color))
        if depth is None:
            return of_color, None
        size = read_size(depth, "depth image")
        return of_color, self._of_sensor(folder, "Depth", size)

    def _of_sensor(self, folder: Path, sensor: str, size: tuple[int, int]) -> Camera:
        """The camera of ``Color`` or ``Depth`` images.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it lacks the intrinsics, or has those of other images.
        """
        path = existing(folder / INFO, "camera file", "Unpack sequence.zip again")
        lines = [line.partition("=") for line in read_text(path).splitlines()]
        facts = {key.strip(): value.split() for key, _, value in lines}
        key = f"m_calibration{sensor}Intrinsic"
        try:
            K = np.array(facts[key], np.float64).reshape(4, 4)[:3, :3]
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{path}: {key} must have 16 numbers, got "
                f"{' '.join(facts.get(key, ['no such line']))}. Unpack sequence.zip "
                "again"
            ) from error
        check_intrinsics(K, size, f"{key} of {path}")
        return Camera(K, size)


def _is_sequence(path: Path) -> bool:
    return (path / INFO).is_file()
