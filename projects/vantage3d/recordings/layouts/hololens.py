"""HoloLens-style folders: images and depth, all poses in one file, one camera."""

from pathlib import Path
from typing import NamedTuple

from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_rigid
from vantage3d.io.trajectories import read_matrices
from vantage3d.recordings.files import COLOR, DEPTH, folders_with, mismatch, named
from vantage3d.recordings.recording import (
    Look,
    Matrix,
    RecordedFrame,
    Recording,
    kept,
)

PARTS = ("images", "poses.txt", "K.txt")


class Scene(NamedTuple):
    """The files of a scene.

    Attributes:
        folder: Where they are.
        places: Place of every frame by its name, in order.
        images: Colour images.
        depths: Depth maps by name; empty in a recording without.
        poses: (N, 4, 4) camera to world.
    """

    folder: Path
    places: dict[str, int]
    images: list[Path]
    depths: dict[str, Path]
    poses: Matrix


class HoloLens(Recording):
    """``images/ depth/ poses.txt K.txt`` as DeepVideoMVS has its recordings.

    Images are sorted by name; the n-th matrix of ``poses.txt``, a row of 16 numbers,
    camera to world, is that of the n-th image. ``K.txt`` is the camera of the images,
    free of distortion; depth maps have the names of their images, in millimetres.
    """

    layout = "hololens"
    title = "HoloLens-style folder"

    @classmethod
    def look(cls, root: Path) -> Look:
        folder = next(iter(folders_with(root, *PARTS[:2]).values()), root)
        found = [part for part in (*PARTS, "depth") if (folder / part).exists()]
        lacking = [part for part in PARTS if part not in found]
        own = {"poses.txt", "K.txt"} & {*found}  # a folder of images is anyone's
        return Look(cls.layout, tuple(found if own else ()), tuple(lacking))

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        return list(self.scene(sequence).places)

    def number(self, sequence: str, name: str) -> int:
        return self.scene(sequence).places[name]

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        folder, places, images, depths, poses = self.scene(sequence)
        at, depth = places[name], depths.get(name)
        if depth is None and (folder / "depth").is_dir():
            raise FileNotFoundError(mismatch(folder / "depth", name, depths))
        check_rigid(poses[at], f"{at + 1} of {folder / 'poses.txt'}")
        of_color = self.camera(folder / "K.txt", read_size(images[at]))
        of_depth = None
        if depth is not None:
            of_depth = of_color.resized(read_size(depth, "depth image"))
        cameras = of_color, depth, of_depth, None
        return RecordedFrame(name, at, images[at], *cameras, poses[at])

    @kept
    def folders(self) -> dict[str, Path]:
        """Folder of every sequence."""
        return folders_with(self.root, *PARTS[:2])

    @kept
    def scene(self, sequence: str) -> Scene:
        """The files of a sequence.

        Raises:
            FileNotFoundError: If one of the whole sequence is missing.
            ValueError: If they do not belong together.
        """
        folder = self.folders()[sequence]
        images = named(folder / "images", COLOR)
        poses = read_matrices(folder / "poses.txt")
        if len(images) != len(poses):
            raise ValueError(
                f"{folder / 'poses.txt'} has {len(poses)} poses and images/ "
                f"{len(images)} images, expected one for each. Take both as they were "
                "written"
            )
        if sorted(images) != [*images]:
            first, second = next(p for p in zip(images, sorted(images)) if p[0] != p[1])
            raise ValueError(
                f"images of {folder} have another order by letters than by numbers "
                f"({second!r} or {first!r} first): poses have no names, so whose pose "
                "is whose is unknown. Fill the numbers up with zeros"
            )
        places = {name: at for at, name in enumerate(images)}
        depths = named(folder / "depth", DEPTH)
        return Scene(folder, places, [*images.values()], depths, poses)
