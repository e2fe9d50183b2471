"""What an index converter reads: sequences of frames with cameras."""

import argparse
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from vantage3d.views.index import IndexedFrame


class Unusable(NamedTuple):
    """A frame that cannot be indexed."""

    number: int
    reason: str


class FrameSource(ABC):
    """Raw data of one layout. Instances travel to worker processes.

    Attributes:
        root: Folder that the paths of frames are relative to.
        reader: Name in ``reading.READERS``.
        depth_scale: Units of a depth map per metre.
    """

    root: Path
    reader: str
    depth_scale: float = 1.0

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]:
        """What the index depends on: options, and hashes of small input files."""

    @abstractmethod
    def splits(self) -> dict[str, list[str]]:
        """Names of the sequences of every split; sequences of one file together."""

    @abstractmethod
    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        """Frames of a sequence in order of their numbers, otherwise unchecked.

        Raises:
            ValueError: If the sequence cannot be used at all.
            FileNotFoundError: If its files are missing.
        """


@dataclass(frozen=True)
class IndexOptions:
    """Options that all index converters have.

    Attributes:
        out_dir: Where the index goes.
        name: Of the dataset, for messages.
        check_every: Every so many-th frame of a sequence is read and checked.
        min_frames: Sequences with fewer usable frames are left out.
        max_skipped: Largest share of bad frames that is no error.
        workers: Processes.
        overwrite: Make everything again.
    """

    out_dir: Path
    name: str
    check_every: int = 1
    min_frames: int = 2
    max_skipped: float = 0.05
    workers: int = 1
    overwrite: bool = False


def add_index_arguments(parser: argparse.ArgumentParser, min_frames: int = 2) -> None:
    """Folders and the options of :class:`IndexOptions`."""
    add = parser.add_argument
    add("--root-path", type=Path, required=True, help="the raw data")
    add("--out-dir", type=Path, required=True, help="the index, which training reads")
    text = "read and check every so many-th frame; statistics are of those"
    add("--check-every", type=int, default=1, help=text)
    text = "usable frames that a sequence needs"
    add("--min-frames", type=int, default=min_frames, help=text)
    add("--max-skipped", type=float, default=0.05, help="share of bad frames allowed")
    add("--workers", type=int, default=1, help="processes")
    add("--overwrite", action="store_true", help="make everything again")


def index_options(args: argparse.Namespace, name: str) -> IndexOptions:
    """The options of the command line.

    Raises:
        FileNotFoundError: If ``--root-path`` is no folder.
        ValueError: If a number is not positive.
    """
    if not args.root_path.is_dir():
        raise FileNotFoundError(f"--root-path {args.root_path} is missing or no folder")
    for option in ("check_every", "min_frames", "workers"):
        value = getattr(args, option)
        if value < 1:
            raise ValueError(
                f"--{option.replace('_', '-')} must be above 0, got {value}"
            )
    return IndexOptions(
        args.out_dir,
        name,
        args.check_every,
        args.min_frames,
        args.max_skipped,
        args.workers,
        args.overwrite,
    )
