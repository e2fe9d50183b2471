"""Anyone's RGB-D recordings: labels, if any, are images beside colour and depth."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.converters.lists import add_available, on_disk
from vantage3d.converters.recordings import RecordingSource, opened, posed
from vantage3d.converters.runs import from_args
from vantage3d.esam.converters.convert import (
    add_sample_options,
    convert,
    convert_options,
)
from vantage3d.esam.converters.samples import Labeller, SampleName
from vantage3d.geometry import invert_rigid, project
from vantage3d.io.images import read_ids
from vantage3d.io.scannet_classes import THING_IDS
from vantage3d.io.text import read_list
from vantage3d.recordings.options import add_layout, add_remedies
from vantage3d.recordings.recording import RecordedFrame
from vantage3d.views.index import split_scenes

# How info files are called, of single frames and of sequences.
NAMES = {"rgbd_sv": "rgbd_folder", "rgbd_mv": "rgbd_mv"}
MASKS = ("instance", "semantic")
# ScanNet200's raw id of "object": what an instance is called without semantic images.
OBJECT_LABEL = 1163
LAST_LABEL = 1357  # of the label table


@dataclass(frozen=True)
class RgbdFolderLabeller(Labeller):
    """``<root>/<scene>/{instance,semantic}`` beside the frames, or no labels.

    Attributes:
        source: The recordings.
        dataset: Name in the info file.
        object_label: Semantic id of every instance where there are no semantic images.
        frame_interval: Take every so many-th frame of a scene.
        val_scenes: Patterns of scenes that are held out.
        val_frames: Patterns of samples ``<scene>_<frame>`` that are held out.
        available: Whether what a split file lists may be missing.
        of_sequences: Whether frames of a scene stay together in one split.
    """

    label_column = "id"
    source: RecordingSource
    dataset: str = NAMES["rgbd_sv"]
    object_label: int = OBJECT_LABEL
    frame_interval: int = 1
    val_scenes: tuple[str, ...] = ()
    val_frames: tuple[str, ...] = ()
    available: bool = False
    of_sequences: bool = False

    @property
    def options(self) -> dict[str, Any]:
        made_with = self.source.options | {"--object-label": self.object_label}
        return {k: v for k, v in made_with.items() if not k.endswith("-scenes")}

    def samples(self) -> dict[str, list[SampleName]]:
        """Splits by --val-scenes and --val-frames, else by train.txt and val.txt.

        Without any of them every fourth frame of a scene is held out, of sequences
        every fourth scene.
        """
        frames = {
            scene: [
                SampleName(scene, frame)
                for frame in self.source.names(scene)[:: self.frame_interval]
            ]
            for scene in self.source.recording.sequences()
        }
        names = [name for part in frames.values() for name in part]
        if self.val_scenes or self.val_frames:
            known = list(dict.fromkeys(name.scene for name in names))
            scenes = split_scenes(known, {"val": self.val_scenes})["val"]
            idxs, chosen = [name.idx for name in names], {"val": self.val_frames}
            single = split_scenes(idxs, chosen, kind="frames")["val"]
            return _divided(
                names, {n for n in names if n.scene in scenes or n.idx in single}
            )
        lists = {s: self.source.root / f"{s}.txt" for s in ("train", "val")}
        if any(path.is_file() for path in lists.values()):
            return {
                split: self._listed(path, frames) if path.is_file() else []
                for split, path in lists.items()
            }
        if self.of_sequences:
            held_out = list(frames)[3::4] or list(frames)[1:][-1:]
            print_log(
                f"{self.source.root} has no train.txt and val.txt: {len(held_out)} of "
                f"{len(frames)} scenes are held out (--val-scenes chooses others)",
                logger="current",
            )
            return _divided(names, {n for n in names if n.scene in held_out})
        print_log(
            f"{self.source.root} has no train.txt and val.txt: every fourth frame of a "
            "scene is held out (--val-scenes and --val-frames choose others). Such "
            "frames neighbour training frames: their AP is optimistic",
            logger="current",
        )
        return _divided(
            names, {n for part in frames.values() for n in part[3::4] or part[1:][-1:]}
        )

    def _listed(
        self, path: Path, frames: dict[str, list[SampleName]]
    ) -> list[SampleName]:
        """Samples of a split file, whose lines are scenes or samples."""
        known = {name.idx: [name] for names in frames.values() for name in names}
        found, kind = frames | known | frames, "scenes or samples"  # scenes go first
        lines = on_disk(read_list(path), found, path, self.available, kind)
        return [name for line in lines for name in found[line]]

    def labels(
        self, name: SampleName, shape: tuple[int, ...], pixels: NDArray, xyz: NDArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        frame = self.source.recording.frame(*name)
        instance, semantic = (
            _labels(frame, kind, shape, pixels, xyz) for kind in MASKS
        )
        if semantic is not None and (semantic > LAST_LABEL).any():
            raise ValueError(
                f"semantic image of {name.idx} has the id {semantic.max()}, ScanNet200 "
                f"ids end at {LAST_LABEL}. Map your classes to ScanNet200 ids, or "
                "remove the semantic folder and use --object-label"
            )
        if instance is None:
            instance = np.zeros(len(pixels), dtype=np.int64)
        if semantic is None:
            semantic = np.where(instance > 0, self.object_label, 0)
        return semantic, instance


def _divided(
    names: list[SampleName], held_out: set[SampleName]
) -> dict[str, list[SampleName]]:
    return {
        "train": [name for name in names if name not in held_out],
        "val": [name for name in names if name in held_out],
    }


def _labels(
    frame: RecordedFrame,
    kind: str,
    shape: tuple[int, ...],
    pixels: NDArray,
    xyz: NDArray,
) -> NDArray[np.int64] | None:
    """(N,) ids of points in a label image of a frame; None without one.

    Args:
        frame: The frame.
        kind: One of :data:`MASKS`.
        shape: H, W of the depth image.
        pixels: (N, 2) source pixels (x, y) of the depth image.
        xyz: (N, 3) the points, world frame, metres.

    Raises:
        ValueError: If the label image has the size of neither image of the frame.
    """
    if kind not in frame.masks:
        return None
    ids, color = read_ids(frame.masks[kind]), frame.color_camera
    if color is not None and ids.shape == color.size[::-1]:
        # An image of the colour camera's size is of it, also where depth has that size.
        world2color = invert_rigid(posed(frame))
        if frame.depth2color is not None:
            world2color = frame.depth2color @ world2color
        seen = np.round(project(xyz, color.K, world2color)[0]).astype(np.int64)
        pixels = seen.clip(0, np.array(color.size) - 1)
    elif ids.shape != shape:
        of_color = "" if color is None else f", the colour image {_by(color.size)}"
        raise ValueError(
            f"label image {frame.masks[kind]} is {_by(ids.shape[::-1])}, the depth "
            f"image {_by(shape[::-1])}{of_color}. Give it the size of one of them, "
            "resized with nearest neighbour"
        )
    return ids[pixels[:, 1], pixels[:, 0]]


def _by(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the RGB-D folder converter."""
    add_sample_options(parser)
    add = parser.add_argument
    text = "semantic id of instances without semantic images"
    add("--object-label", type=int, default=OBJECT_LABEL, help=text)
    add("--frame-interval", type=int, default=1, help="take every so many-th frame")
    add("--val-scenes", nargs="+", default=[], help="held-out scenes, * is a wildcard")
    if parser.prog.endswith("rgbd_sv"):
        text = "held-out <scene>_<frame>, same"
        add("--val-frames", nargs="+", default=[], help=text)
    add_available(parser)
    add_layout(parser)
    add_remedies(parser)


def run(args: argparse.Namespace) -> None:
    """Convert recordings as the command line says."""
    name, of_sequences = NAMES[args.dataset], args.dataset == "rgbd_mv"
    options = convert_options(args, name, "frame_interval", of_sequences=of_sequences)
    if args.object_label not in THING_IDS["id"]:
        raise ValueError(
            f"--object-label {args.object_label} is no ScanNet200 class with instances "
            f"(such as {OBJECT_LABEL}, object): every instance would be lost"
        )
    source = RecordingSource(opened(args))
    chosen = {
        "source": source,
        "dataset": name,
        "val_scenes": tuple(args.val_scenes),
        "val_frames": tuple(getattr(args, "val_frames", ())),
        "of_sequences": of_sequences,
    }
    convert(from_args(RgbdFolderLabeller, args, **chosen), options)
