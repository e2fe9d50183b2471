"""``tools/create_data.py sevenscenes``: an index of 7-Scenes recordings."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vantage3d.converters.index.build import build_index
from vantage3d.converters.recordings import RecordingSource
from vantage3d.converters.runs import add_index_arguments, from_args, index_options
from vantage3d.io.text import read_list
from vantage3d.recordings.layouts.sevenscenes import SevenScenes
from vantage3d.recordings.options import Remedies, add_remedies

TRAINING = "TrainSplit.txt"


@dataclass(frozen=True)
class SevenScenesSource(RecordingSource):
    """Sequences of 7-Scenes.

    ``<scene>/TrainSplit.txt`` names the training sequences (``sequence1`` is the folder
    ``seq-01``); everything else is for testing.
    """

    recording: SevenScenes

    @property
    def options(self) -> dict[str, Any]:
        return self.said

    def splits(self) -> dict[str, list[str]]:
        splits: dict[str, list[str]] = {"train": [], "test": []}
        for name, folder in self.recording.folders().items():
            train = folder.name in _listed(folder.parent / TRAINING)
            splits["train" if train else "test"].append(name)
        return splits


def _listed(path: Path) -> set[str]:
    """Folders of a split file with lines like ``sequence1``."""
    if not path.is_file():
        return set()
    return {f"seq-{int(n.removeprefix('sequence')):02d}" for n in read_list(path)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    add_remedies(parser)


def run(args: argparse.Namespace) -> None:
    """Index 7-Scenes as the command line says."""
    options, remedies = index_options(args, "sevenscenes"), from_args(Remedies, args)
    build_index(SevenScenesSource(SevenScenes(args.root_path, remedies)), options)
