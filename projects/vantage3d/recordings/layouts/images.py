"""A folder of images, of which no poses are known."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.folders import folders_in, listing
from vantage3d.io.images import read_upright, upright_size
from vantage3d.recordings.files import COLOR, named
from vantage3d.recordings.recording import Look, RecordedFrame, Recording, kept
from vantage3d.recordings.sharpness import sharpest, sharpness

DEPTH = re.compile(r"depth|disparity", re.IGNORECASE)  # names of what is no image


class ImageFolder(Recording):
    """Images of one folder in natural order, upright as their EXIF data say.

    Intrinsics are those of ``intrinsic.txt`` beside the images (3 x 3, in pixels of
    upright images), and unknown without. With ``--every N`` each N successive images
    give one, the sharpest.
    """

    layout = "images"
    title = "folder of images"
    posed = False

    @classmethod
    def look(cls, root: Path) -> Look:
        folder = _folder(root)
        images = _images(folder)
        found = (f"{len(images)} images",) if images else ()
        lacking = () if images else ("images",)
        if images and (others := folders_in(folder)):  # parts of something else
            lacking = (f"a folder of their own for them ({others[0].name}/)",)
        if depth := [path.name for path in images if DEPTH.search(path.stem)]:
            lacking = (f"a folder without depth maps ({depth[0]})",)
        return Look(cls.layout, found, lacking)

    def sequences(self) -> list[str]:
        return [self.root.resolve().name]

    @kept
    def names(self, sequence: str) -> list[str]:
        files = self.files(sequence)
        names, every = list(files), self.remedies.every
        if every == 1:
            return names
        values = [sharpness(read_upright(path)) for path in files.values()]
        return [names[place] for place in sharpest(values, every)]

    def number(self, sequence: str, name: str) -> int:
        return self.numbers(sequence)[name]

    @kept
    def numbers(self, sequence: str) -> dict[str, int]:
        """Places of all images, also of those that ``--every`` passes over."""
        return {name: place for place, name in enumerate(self.files(sequence))}

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        path = self.files(sequence)[name]
        intrinsics = path.parent / "intrinsic.txt"
        size = upright_size(path)
        camera = self.camera(intrinsics, size) if intrinsics.is_file() else None
        return RecordedFrame(name, self.number(sequence, name), path, camera)

    def read_color(self, frame: RecordedFrame) -> NDArray[np.uint8]:
        return read_upright(frame.color)

    @kept
    def files(self, sequence: str) -> dict[str, Path]:
        """Images by the names of their frames, in order."""
        return named(_folder(self.root), COLOR)


def _folder(root: Path) -> Path:
    """``root``, or the only folder in it where there are no images beside that."""
    folders = [path for path in listing(root) if path.is_dir()]
    return folders[0] if len(folders) == 1 and not _images(root) else root


def _images(folder: Path) -> list[Path]:
    return [path for path in listing(folder) if path.suffix.lower() in COLOR]
