"""``tools/create_data.py recording``: an index of anybody's recordings."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import FrameSource, Unusable
from vantage3d.converters.runs import add_index_arguments, from_args, index_options
from vantage3d.geometry import invert_rigid
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.file_facts import file_facts
from vantage3d.recordings.findings import Finding
from vantage3d.recordings.options import Remedies, add_layout, add_remedies
from vantage3d.recordings.preflight import Checked, check_sequence, few
from vantage3d.recordings.preflight.remedies import Meaning, meaning
from vantage3d.recordings.recording import RecordedFrame, Recording
from vantage3d.views.index import Facts, IndexedFrame, split_scenes


@dataclass(frozen=True)
class RecordingSource(FrameSource):
    """Frames of a recording, of whatever layout it is.

    Attributes:
        recording: The recording.
        val_scenes: Patterns of sequences to validate on.
        test_scenes: Patterns of sequences to test on; all others are for training.
        trains: Whether frames are trained on, which takes depth and poses.
    """

    recording: Recording
    val_scenes: tuple[str, ...] = ()
    test_scenes: tuple[str, ...] = ()
    trains: bool = field(default=True, kw_only=True)

    @property
    def root(self) -> Path:  # type: ignore[override]
        root = self.recording.root
        return root.parent if root.is_file() else root

    @property
    def said(self) -> dict[str, Any]:
        """What the owner says about the files, and which one where it is one."""
        root, given = self.recording.root, self.recording.remedies.given.items()
        said = {f"--{name.replace('_', '-')}": value for name, value in given}
        return said | ({"file": root.name} if root.is_file() else {})

    @property
    def options(self) -> dict[str, Any]:
        return {
            "layout": self.recording.layout,
            "--val-scenes": list(self.val_scenes),
            "--test-scenes": list(self.test_scenes),
            **self.said,
        }

    def facts(self, root: str, sources: str) -> Facts:
        recording = self.recording
        reader = "rotated" if recording.rotated_bits else "recording"
        if recording.remedies.along_rays:
            reader += "_rays"
        return Facts(
            reader,
            root,
            recording.remedies.depth_scale or recording.depth_scale,
            sources,
            recording.remedies.missing,
            registered=True,
        )

    def splits(self) -> dict[str, list[str]]:
        chosen = {"val": self.val_scenes, "test": self.test_scenes}
        return split_scenes(self.recording.sequences(), chosen)

    def meaning(self, facts: Facts) -> Meaning:
        return meaning(self.recording)

    def preflight(self, sequence: str) -> Checked:
        if self.trains and (lacking := self._lacking(sequence)):
            return Checked([lacking])
        found = file_facts(self.recording, sequence)
        views = check_sequence(self.recording, sequence)
        return Checked([*found, *views.findings], views.agreement)

    def _lacking(self, sequence: str) -> Finding | None:
        """What training needs and no frame has that is looked at."""
        listed = self.recording.frames(sequence, few(self.names(sequence)))
        frames = [frame for frame in listed if isinstance(frame, RecordedFrame)]
        if frames and all(frame.depth is None for frame in frames):
            text = f"{sequence} has no depth maps, which training needs"
            remedy = "`predict.py vggt` makes some, `create_data.py plain` needs none"
            return Finding("error", text, remedy)
        if frames and all(frame.cam2world is None for frame in frames):
            text = f"{sequence} has no poses, which training needs"
            remedy = "COLMAP finds some, or `predict.py vggt`"
            return Finding("error", text, remedy)
        return None

    def names(self, sequence: str) -> list[str]:
        return self.recording.names(sequence)

    def cam2world(self, sequence: str, name: str) -> NDArray[np.float64]:
        return posed(self.recording.frame(sequence, name))

    def entry(self, sequence: str, name: str) -> IndexedFrame:
        return self._indexed(self.recording.frame(sequence, name))

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        found: list[IndexedFrame | Unusable] = []
        for frame in self.recording.frames(sequence, self.names(sequence)):
            if not isinstance(frame, RecordedFrame):
                found.append(Unusable(frame.number, frame.reason))
                continue
            try:
                found.append(self._indexed(frame))
            except ValueError as error:
                found.append(Unusable(frame.number, str(error)))
        return found

    def _indexed(self, frame: RecordedFrame) -> IndexedFrame:
        """The entry of a frame.

        Raises:
            ValueError: If it has no depth, or no camera.
        """
        color, depth = frame.color_camera, frame.depth_camera
        if frame.depth is None or depth is None or color is None:
            raise ValueError(f"frame {frame.name} has no depth, which training needs")
        if frame.made_on_reading:
            raise ValueError(
                f"frame {frame.name} cannot be indexed: {frame.made_on_reading}, and "
                "training reads files as they are. Write such files first: "
                "create_data.py plain"
            )
        return IndexedFrame(
            frame.number,
            self.relative(frame.color),
            self.relative(frame.depth),
            depth.K,
            invert_rigid(posed(frame)),
            K_color=frame.own_color_intrinsics,
            depth2color=frame.depth2color,
        )


def posed(frame: RecordedFrame) -> NDArray[np.float64]:
    """(4, 4) pose of a frame; ValueError where the recording has none."""
    if frame.cam2world is None:
        raise ValueError(f"frame {frame.name} has no pose, which training needs")
    return frame.cam2world


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    add, text = parser.add_argument, "scenes, * is a wildcard; all others are train"
    add("--val-scenes", nargs="+", default=[], help=f"validation {text}")
    add("--test-scenes", nargs="+", default=[], help=f"test {text}")
    add_layout(parser)
    add_remedies(parser)


def opened(args: argparse.Namespace) -> Recording:
    """The recording of the command line; says what was recognised.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If no layout fits, or an option is out of range.
    """
    remedies = from_args(Remedies, args)
    recording = open_recording(args.root_path, args.layout, remedies)
    count = len(recording.sequences())
    text = f"{args.root_path}: {recording.title}, {count} sequence{'s' * (count > 1)}"
    if recording.posed:
        scale = remedies.depth_scale or recording.depth_scale
        text += (
            f"; taken as {scale:g} units of depth per metre, poses "
            f"{remedies.poses or recording.poses}, {remedies.axes or recording.axes} "
            "axes"
        )
    print_log(text, logger="current")
    return recording


def run(args: argparse.Namespace) -> None:
    """Index recordings as the command line says."""
    options = index_options(args, "recording")
    chosen = tuple(args.val_scenes), tuple(args.test_scenes)
    build_index(RecordingSource(opened(args), *chosen), options)
