"""Anyone's RGB-D recordings: colour, depth, poses, intrinsics, optional labels."""

import argparse
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from vantage3d.esam.converters.arguments import (
    add_folders,
    add_sample_options,
    check_root,
    convert_options,
)
from vantage3d.esam.converters.convert import convert
from vantage3d.esam.converters.scannet import scannet_metainfo
from vantage3d.esam.converters.sources import BadFrameError, Frame, SampleName, Source
from vantage3d.esam.scannet_classes import THING_IDS
from vantage3d.io.images import read_ids
from vantage3d.io.rgbd_frames import (
    color_path,
    list_frames,
    read_folder_frame,
    read_list,
)

# ScanNet200's raw id of "object": what an instance is called without semantic images.
OBJECT_LABEL = 1163
LAST_LABEL = 1357  # of the label table


@dataclass(frozen=True)
class RgbdFolderSource(Source):
    """``<root>/<scene>/{color,depth,pose}``, or one scene right in ``root``.

    Attributes:
        root: The recordings.
        depth_scale: Units of the depth images per metre.
        object_label: Semantic id of every instance where there are no semantic images.
        frame_interval: Take every so many-th frame of a scene.
        val_scenes: Patterns of scenes that are held out.
        val_frames: Patterns of samples ``<scene>_<frame>`` that are held out.
    """

    root: Path
    depth_scale: float = 1000.0
    object_label: int = OBJECT_LABEL
    frame_interval: int = 1
    val_scenes: tuple[str, ...] = ()
    val_frames: tuple[str, ...] = ()

    @property
    def metainfo(self) -> dict[str, Any]:
        return scannet_metainfo("rgbd_folder", "id")

    @property
    def thing_ids(self) -> frozenset[int]:
        return THING_IDS["id"]

    @property
    def options(self) -> dict[str, Any]:
        return {
            "dataset": "rgbd_folder",
            "--depth-scale": self.depth_scale,
            "--object-label": self.object_label,
        }

    def folder(self, scene: str) -> Path:
        return self.root if (self.root / "color").is_dir() else self.root / scene

    def scenes(self) -> list[str]:
        """Scenes that have a ``color`` or ``depth`` folder."""
        if (self.root / "color").is_dir():
            return [self.root.resolve().name]
        parts = ("color", "depth")
        folders = sorted(path for path in self.root.iterdir() if path.is_dir())
        return [f.name for f in folders if any((f / part).is_dir() for part in parts)]

    def samples(self) -> dict[str, list[SampleName]]:
        """Splits by --val-scenes and --val-frames, else by train.txt and val.txt.

        Without any of them every fourth frame of a scene is held out.
        """
        frames = {
            scene: [
                SampleName(scene, frame)
                for frame in list_frames(self.folder(scene))[:: self.frame_interval]
            ]
            for scene in self.scenes()
        }
        if self.val_scenes or self.val_frames:
            return self._by_patterns([n for names in frames.values() for n in names])
        lists = {s: self.root / f"{s}.txt" for s in ("train", "val")}
        if not any(path.is_file() for path in lists.values()):
            logger = MMLogger.get_current_instance()
            logger.info(
                f"{self.root} has no train.txt and val.txt: every fourth frame of a "
                "scene is held out (--val-scenes and --val-frames choose others). Such "
                "frames neighbour training frames: their AP is optimistic"
            )
            return _every_fourth(frames)
        return {
            split: _listed(path, frames) if path.is_file() else []
            for split, path in lists.items()
        }

    def _by_patterns(self, names: list[SampleName]) -> dict[str, list[SampleName]]:
        for option, patterns, known in (
            ("--val-scenes", self.val_scenes, {name.scene for name in names}),
            ("--val-frames", self.val_frames, {name.idx for name in names}),
        ):
            for pattern in patterns:
                if not any(fnmatch(name, pattern) for name in known):
                    raise ValueError(
                        f"{option} {pattern!r} matches none of the {len(known)} in "
                        f"{self.root}, such as {min(known, default='(none)')!r}"
                    )
        splits: dict[str, list[SampleName]] = {"train": [], "val": []}
        for name in names:
            held_out = any(fnmatch(name.scene, p) for p in self.val_scenes) or any(
                fnmatch(name.idx, p) for p in self.val_frames
            )
            splits["val" if held_out else "train"].append(name)
        return splits

    def frame(self, name: SampleName) -> Frame:
        folder = self.folder(name.scene)
        color, depth, K, cam2world = read_folder_frame(
            folder, name.frame, self.depth_scale
        )
        return Frame(
            color=color,
            depth=depth,
            K=K,
            cam2world=cam2world,
            axis_align=np.eye(4),
            img_path=color_path(folder, name.frame).relative_to(self.root).as_posix(),
        )

    def labels(
        self, name: SampleName, frame: Frame, pixels: NDArray, xyz: NDArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        folder = self.folder(name.scene)
        shape = frame.depth.shape
        instance = _label_image(folder / "instance" / f"{name.frame}.png", shape)
        semantic = _label_image(folder / "semantic" / f"{name.frame}.png", shape)
        if semantic is not None and (semantic > LAST_LABEL).any():
            raise BadFrameError(
                f"semantic image of {name.idx} has the id {semantic.max()}, ScanNet200 "
                f"ids end at {LAST_LABEL}. Map your classes to ScanNet200 ids, or "
                "remove the semantic folder and use --object-label"
            )
        if instance is None:
            instance = np.zeros(shape, dtype=np.int64)
        if semantic is None:
            semantic = np.where(instance > 0, self.object_label, 0)
        at = pixels[:, 1], pixels[:, 0]
        return semantic[at], instance[at]


def _every_fourth(frames: dict[str, list[SampleName]]) -> dict[str, list[SampleName]]:
    splits: dict[str, list[SampleName]] = {"train": [], "val": []}
    for names in frames.values():
        held_out = names[3::4] or names[1:][-1:]
        splits["val"] += held_out
        splits["train"] += [name for name in names if name not in held_out]
    return splits


def _listed(path: Path, frames: dict[str, list[SampleName]]) -> list[SampleName]:
    """Samples of a split file, whose lines are scenes or samples."""
    known = {name.idx: name for names in frames.values() for name in names}
    listed: list[SampleName] = []
    for line in read_list(path):
        if line in frames:
            listed.extend(frames[line])
        elif line in known:
            listed.append(known[line])
        else:
            raise ValueError(
                f"{path} lists {line!r}, which is neither a scene nor a sample "
                f"<scene>_<frame> of {path.parent}. Scenes found: {sorted(frames)}"
            )
    return listed


def _label_image(path: Path, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
    """(H, W) ids; None where the whole folder is absent."""
    if not path.parent.is_dir():
        return None
    ids = read_ids(path)
    if ids.shape != shape:
        raise BadFrameError(
            f"label image {path} is {ids.shape[1]}x{ids.shape[0]} and the depth image "
            f"{shape[1]}x{shape[0]}. Resize it with nearest neighbour"
        )
    return ids


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the RGB-D folder converter."""
    add_folders(parser)
    add_sample_options(parser, "rgbd_folder")
    add = parser.add_argument
    add("--depth-scale", type=float, default=1000.0, help="depth units per metre")
    add(
        "--object-label",
        type=int,
        default=OBJECT_LABEL,
        help="semantic id of instances without semantic images",
    )
    add("--frame-interval", type=int, default=1, help="take every so many-th frame")
    add("--val-scenes", nargs="+", default=[], help="held-out scenes, * is a wildcard")
    add("--val-frames", nargs="+", default=[], help="held-out <scene>_<frame>, same")


def run(args: argparse.Namespace) -> None:
    """Convert recordings as the command line says."""
    check_root(args.root_path)
    for name in ("depth_scale", "frame_interval"):
        value, option = getattr(args, name), f"--{name.replace('_', '-')}"
        if not value > 0:
            raise ValueError(f"{option} must be above 0, got {value}")
    if args.object_label not in THING_IDS["id"]:
        raise ValueError(
            f"--object-label {args.object_label} is no ScanNet200 class with instances "
            f"(such as {OBJECT_LABEL}, object): every instance would be lost"
        )
    source = RgbdFolderSource(
        root=args.root_path,
        depth_scale=args.depth_scale,
        object_label=args.object_label,
        frame_interval=args.frame_interval,
        val_scenes=tuple(args.val_scenes),
        val_frames=tuple(args.val_frames),
    )
    convert(source, convert_options(args))
