"""What resumable converters share: options, their checks, and how work is spread."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from mmengine.logging import print_log
from threadpoolctl import threadpool_limits

from vantage3d.io.atomic import remove_temporaries
from vantage3d.io.manifest import open_manifest
from vantage3d.process.parallel import run_parallel
from vantage3d.process.shards import Shard, add_shard

CHUNK = 8  # Most items that one process takes at a time.
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of every resumable converter.

    Attributes:
        out_dir: Folder of the output.
        name: Name of the dataset, for messages, files and the folder of unfinished
            work.
        workers: Processes.
        max_skipped: Largest share of bad frames that is no error.
        overwrite: Make everything again.
        force: Go on with a recording that the preflight finds wrong.
        extra_roots: Folders beside the raw data in which files of it may lie.
        shard: The share of this process, if several work on one folder; the same
            command without a share then merges what they made.
    """

    out_dir: Path
    name: str
    workers: int = 1
    max_skipped: float = 0.05
    overwrite: bool = False
    force: bool = False
    extra_roots: tuple[Path, ...] = ()
    shard: Shard = field(default_factory=Shard)

    def __post_init__(self) -> None:
        if self.overwrite and not self.shard.is_all:
            raise ValueError(
                f"--overwrite with {self.shard.world_size} processes could delete what "
                f"the others write. Delete {self.out_dir} and call without it"
            )

    def say_share(self, items: int, of: int, what: str) -> None:
        """Tell that a share is finished, and how all are merged."""
        text = f"{self.shard}: {items} of {of} {what} are done here. When all shards "
        text += "are, the same command without --rank and --world-size merges them"
        print_log(text, logger="current")

    def declared(self, root: Path) -> tuple[str, ...]:
        """The extra roots, relative to ``root``, as what is written has them."""
        root = root.resolve()
        return tuple(os.path.relpath(r.resolve(), root) for r in self.extra_roots)

    def open(self, root: Path, made_with: dict[str, Any]) -> tuple[Path, str]:
        """Folder of unfinished work, and a hash of what its bytes depend on.

        Raises:
            ValueError: If the folder was made with other options.
        """
        state = self.out_dir / ".create_data" / self.name
        made_with = {"--root-path": str(root.resolve()), **made_with}
        key = open_manifest(state, made_with, self.overwrite)
        if self.shard.is_all:  # another shard's may be in the making
            remove_temporaries(state / "done")
        return state, key


@dataclass(frozen=True, kw_only=True)
class IndexOptions(RunOptions):
    """Options of every index converter.

    Attributes:
        check_every: Every so many-th frame of a sequence is read and checked.
        min_frames: Sequences with fewer usable frames are left out.
    """

    check_every: int = 1
    min_frames: int = 2


def add_folders(parser: argparse.ArgumentParser, out: str = "the dataset") -> None:
    """``--root-path``, ``--out-dir`` and ``--extra-root``."""
    add = parser.add_argument
    add("--root-path", type=Path, required=True, help="the raw data")
    add("--out-dir", type=Path, required=True, help=out)
    add_extra_roots(parser)


def add_extra_roots(parser: argparse.ArgumentParser) -> None:
    """``--extra-root``."""
    parser.add_argument(
        "--extra-root",
        dest="extra_roots",
        type=Path,
        nargs="+",
        default=(),
        metavar="FOLDER",
        help="further folders to which links and paths of the raw data may lead",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """How the work is spread, and which share of it may fail."""
    add = parser.add_argument
    add("--max-skipped", type=float, default=0.05, help="share of bad frames allowed")
    add("--workers", type=int, default=1, help="processes")
    add_shard(parser)
    add("--overwrite", action="store_true", help="make everything again")
    text = "go on with a recording that the preflight finds wrong"
    add("--force", action="store_true", help=text)


def check_run(args: argparse.Namespace, *counts: str) -> None:
    """Check what the two functions above were given.

    Args:
        args: The command line.
        counts: Other options that must be at least 1 where they are given.

    Raises:
        FileNotFoundError: If ``--root-path`` is no folder.
        ValueError: If a number is out of range.
    """
    # A recording may be one file, such as a .sens file; its layout is looked for later.
    may_be_file = "layout" in args and args.root_path.is_file()
    if not args.root_path.is_dir() and not may_be_file:
        raise FileNotFoundError(
            f"--root-path {args.root_path} is missing or no folder. data/README.md "
            "says what to download and where to put it"
        )
    for name in ("workers", *counts):
        if (value := getattr(args, name)) is not None and value < 1:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} must be at least 1, got {value}")
    if not 0 <= args.max_skipped <= 1:
        raise ValueError(
            f"--max-skipped is a share between 0 and 1, got {args.max_skipped}"
        )


def from_args(kind: Any, args: argparse.Namespace, **more: Any) -> Any:
    """A dataclass of options: ``more``, and what the command line has by its names."""
    names = [field.name for field in fields(kind) if hasattr(args, field.name)]
    return kind(**{**{name: getattr(args, name) for name in names}, **more})


def add_index_arguments(parser: argparse.ArgumentParser, min_frames: int = 2) -> None:
    """Folders and the options of :class:`IndexOptions`."""
    add_folders(parser, "the index, which training reads")
    text = "read and check every so many-th frame; statistics are of those"
    parser.add_argument("--check-every", type=int, default=1, help=text)
    text = "usable frames that a sequence needs"
    parser.add_argument("--min-frames", type=int, default=min_frames, help=text)
    add_run_options(parser)


def index_options(args: argparse.Namespace, name: str, *counts: str) -> IndexOptions:
    """The options of the command line, checked as :func:`check_run` does."""
    check_run(args, "check_every", "min_frames", *counts)
    return from_args(IndexOptions, args, name=name)


def run_chunks(
    task: Callable[[Item], Result],
    chunks: Sequence[Sequence[Item]],
    workers: int,
    preload: str,
) -> Iterator[Result]:
    """Results of ``task`` for every item, in any order; a chunk stays in one process.

    One thread per process: more would change the last bits of matrix products. The
    rest is as in :func:`run_parallel`.
    """
    if workers <= 1:
        with threadpool_limits(1):
            yield from map(task, chain.from_iterable(chunks))
        return
    for results in run_parallel(partial(_chunk, task), chunks, workers, preload):
        yield from results


def _chunk(task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    with threadpool_limits(1):
        return [task(item) for item in items]
