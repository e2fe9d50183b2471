"""``tools/create_data.py sun3d``: an index of SUN3D sequences."""

import argparse
from dataclasses import dataclass
from typing import Any

from vantage3d.converters.index.build import build_index
from vantage3d.converters.recordings import RecordingSource
from vantage3d.converters.runs import add_index_arguments, from_args, index_options
from vantage3d.recordings.layouts.sun3d import MAX_APART_MS, Sun3d
from vantage3d.recordings.options import Remedies, add_remedies
from vantage3d.views.index import split_scenes


@dataclass(frozen=True)
class Sun3dSource(RecordingSource):
    """Sequences of SUN3D, all for testing but those that are named.

    Attributes:
        train_scenes: Patterns of sequences to train on.
    """

    recording: Sun3d
    train_scenes: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        return {
            "--train-scenes": list(self.train_scenes),
            "--val-scenes": list(self.val_scenes),
            "--max-apart-ms": self.recording.max_apart_ms,
            **self.said,
        }

    def splits(self) -> dict[str, list[str]]:
        chosen = {"train": self.train_scenes, "val": self.val_scenes}
        return split_scenes(sorted(self.recording.sequences()), chosen, "test")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    add, text = parser.add_argument, "sequences, * is a wildcard; all others are test"
    add("--train-scenes", nargs="+", default=[], help=f"training {text}")
    add("--val-scenes", nargs="+", default=[], help=f"validation {text}")
    text = "largest distance in time between an image and its depth"
    add("--max-apart-ms", type=float, default=MAX_APART_MS, help=text)
    add_remedies(parser)


def run(args: argparse.Namespace) -> None:
    """Index SUN3D as the command line says."""
    options, remedies = index_options(args, "sun3d"), from_args(Remedies, args)
    recording = Sun3d(args.root_path, remedies, max_apart_ms=args.max_apart_ms)
    chosen = tuple(args.val_scenes), (), tuple(args.train_scenes)
    build_index(Sun3dSource(recording, *chosen), options)
