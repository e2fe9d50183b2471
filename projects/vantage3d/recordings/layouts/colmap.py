"""COLMAP: a model with its images, as reconstruction or undistortion left them."""

from collections import defaultdict
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vantage3d.io.colmap import FILES, SUFFIXES, ColmapImage, read_colmap
from vantage3d.io.files import not_found, spelt_otherwise
from vantage3d.io.folders import listing, matching, natural_order
from vantage3d.io.paths import inside
from vantage3d.recordings.files import (
    COLOR,
    DEPTH,
    LOOKED,
    folders_below,
    frame_names,
    mismatch,
)
from vantage3d.recordings.lens_recording import LensRecording
from vantage3d.recordings.recording import Look, RecordedFrame, kept

IMAGES = ("images", "rgb", "color", "input", "photos", "")  # folders that hold them
DEPTHS = ("depth", "depths")
INNER = ("sparse", "dense", "colmap")  # folders that tools make around a model


class Project(NamedTuple):
    """A model and the folder that its files lie in."""

    folder: Path
    model: Path


class Colmap(LensRecording):
    """Models in ``sparse``, ``sparse/0``, ``dense/sparse`` or the folder itself.

    Images lie in ``images`` (or ``rgb``, ``color``, ``input``) beside the model or
    above it, in sub-folders where a rig has several cameras. An undistorted model goes
    before the one that it was made from. Depth maps, if any, lie in ``depth`` (or
    ``depths``) with the paths of the images, one for each. Images of lenses are
    undistorted when they are read. Poses are world to camera, in the model's own unit
    of length.
    """

    layout = "colmap"
    title = "COLMAP model"
    poses = "world2cam"

    @classmethod
    def look(cls, root: Path) -> Look:
        models = list(filter(_is_model, islice(folders_below(root), LOOKED)))
        if not models:
            names = {p.name for p in listing(root)}
            part = [f"{n}{s}" for n in FILES for s in SUFFIXES if f"{n}{s}" in names]
            lacking = [n for n in FILES if not any(p.startswith(n) for p in part)]
            return Look(cls.layout, tuple(part), tuple(lacking))
        place = models[0].relative_to(root).as_posix()
        model, images = f"a model in {place}", _image_folders(models[0], root)
        if not images:
            return Look(cls.layout, (model,), ("images/",))
        found = images[0].relative_to(root).as_posix()
        return Look(cls.layout, (model, f"{found}/"), ())

    def sequences(self) -> list[str]:
        return list(self.projects())

    def names(self, sequence: str) -> list[str]:
        self.folder(sequence)  # which says so where there is none
        return list(self.images(sequence))

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        image, folder = self.images(sequence)[name], self.folder(sequence)
        roots = folder, *self.remedies.extra_roots  # which may be a link of the owner
        color = inside(folder, image.name, f"the model of {sequence}", roots)
        number = self.number(sequence, name)
        depths, depth = self.depths(sequence), None
        if depths:
            depth = depths.get(PurePosixPath(image.name).with_suffix("").as_posix())
            if depth is None:
                raise FileNotFoundError(mismatch(folder.parent / "depth", name, depths))
        frame = RecordedFrame(name, number, color, depth=depth)
        return self.through(frame._replace(cam2world=image.world2cam), image.camera)

    @kept
    def projects(self) -> dict[str, Project]:
        """Models by the names of their sequences."""
        groups = defaultdict(list)
        for model in filter(_is_model, folders_below(self.root)):
            groups[_project(model, self.root)].append(model)
        found = {}
        for folder, models in groups.items():
            dense = [m for m in models if "dense" in m.relative_to(folder).parts]
            name = folder.relative_to(self.root).as_posix()
            name = self.root.resolve().name if folder == self.root else name
            chosen = dense or models
            for model in chosen:
                own = name if len(chosen) == 1 else f"{name}/{model.name}"
                found[own] = Project(folder, model)
            if left := [m for m in models if m not in chosen]:
                self.assumed(
                    f"{folder}: the undistorted model in {chosen[0]} is taken, "
                    f"{left[0]} is left"
                )
        return found

    @kept
    def images(self, sequence: str) -> dict[str, ColmapImage]:
        """Registered images by the names of their frames, in natural order."""
        images = read_colmap(self.projects()[sequence].model).images
        paths = sorted(images, key=natural_order)
        self.assumed(
            f"{self.root}: a COLMAP model has no unit of length, its own is taken for "
            "metres (--pose-units gives units per metre)"
        )
        return {n: images[path] for n, path in zip(frame_names(paths), paths)}

    @kept
    def folder(self, sequence: str) -> Path:
        """The folder that names of images are relative to.

        Raises:
            FileNotFoundError: If no folder has one of the images.
        """
        model = self.projects()[sequence].model
        names = [image.name for image in self.images(sequence).values()]
        folders = _image_folders(model, self.root)
        hits = [sum((folder / n).is_file() for n in names) for folder in folders]
        if not any(hits):
            for folder in filter(lambda f: spelt_otherwise(f / names[0]), folders):
                raise not_found(folder / names[0], "image of the model", "")
            places = ", ".join(str(folder) for folder in folders)
            raise FileNotFoundError(
                f"the model in {model} has images called like {names[:1]}, and none "
                f"lies in {places or 'a folder beside it'}. Put them into images/"
            )
        return folders[hits.index(max(hits))]

    @kept
    def depths(self, sequence: str) -> dict[str, Path]:
        """Depth maps beside the images, by the path of their image without suffix."""
        beside = [self.folder(sequence).parent / part for part in DEPTHS]
        return {
            path.relative_to(folder).with_suffix("").as_posix(): path
            for folder in beside
            for path in matching(folder, "**/*")
            if path.suffix.lower() in DEPTH
        }


def _is_model(folder: Path) -> bool:
    return any(all((folder / f"{n}{s}").is_file() for n in FILES) for s in SUFFIXES)


def _project(model: Path, root: Path) -> Path:
    """The folder around ``sparse/0`` and ``dense/0/sparse``, not above ``root``."""
    folder = model
    while folder != root and (folder.name in INNER or folder.name.isdecimal()):
        folder = folder.parent
    return folder


def _image_folders(model: Path, root: Path) -> list[Path]:
    """Folders in which images may lie, the nearest to the model first."""
    homes = [model, *(p for p in model.parents if p.is_relative_to(root))]
    folders = [home / part for home in homes for part in IMAGES]
    return [folder for folder in folders if _has_images(folder)]


def _has_images(folder: Path, deep: int = 2) -> bool:
    entries = listing(folder)
    if any(p.suffix.lower() in COLOR for p in entries):
        return True
    return deep > 0 and any(_has_images(p, deep - 1) for p in entries if p.is_dir())
