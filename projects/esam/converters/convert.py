"""Turn a source into samples and info files: parallel, resumable, reproducible."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log

from projects.common.io.atomic import remove_temporaries
from projects.common.io.infos import save_info
from projects.common.progress import track
from projects.esam.converters.manifest import open_manifest
from projects.esam.converters.report import check_skipped, write_report
from projects.esam.converters.samples import FOLDERS, SampleStore, make_sample
from projects.esam.converters.segmenters import SegmenterOptions, build_segmenter
from projects.esam.converters.sources import BadFrameError, SampleName, Source

CHUNK = 8  # Frames of one scene that one process takes at a time.


@dataclass(frozen=True)
class ConvertOptions:
    """Options that every converter has.

    Attributes:
        out_dir: Where the dataset goes.
        tag: Start of the info files' names.
        workers: Processes.
        seed: Of the point sampling; with the name of a sample it decides everything.
        num_points: Points per sample.
        max_skipped: Largest share of bad frames per split that is no error.
        overwrite: Make everything again.
        segmenter: Where superpoints come from.
    """

    out_dir: Path
    tag: str
    workers: int = 1
    seed: int = 0
    num_points: int = 20000
    max_skipped: float = 0.05
    overwrite: bool = False
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)


class Result(NamedTuple):
    """What became of a sample: its marker, or why it was skipped."""

    name: SampleName
    marker: dict[str, Any] | None
    reason: str = ""


def convert(source: Source, options: ConvertOptions) -> None:
    """Write every sample of ``source``, the info files and the reports.

    Finished samples of an earlier run with the same options are kept.

    Raises:
        FileNotFoundError: If the root folder, a split file or the weights are missing.
        ValueError: If there are no frames, the splits overlap, the folder was made
            with other options, or too many frames are bad.
    """
    splits = source.samples()
    check_splits(splits)
    build_segmenter(options.segmenter)
    state_dir = options.out_dir / ".create_data" / options.tag
    if options.overwrite:
        for split in splits:
            _info_path(options, split).unlink(missing_ok=True)
    manifest_hash = open_manifest(
        state_dir,
        {
            "--root-path": str(source.root.resolve()),
            "--seed": options.seed,
            "--num-points": options.num_points,
            **source.options,
            **options.segmenter.used(),
        },
        options.overwrite,
    )
    for folder in (*(options.out_dir / f for f in FOLDERS), state_dir / "done"):
        remove_temporaries(folder)
    store = SampleStore(options.out_dir, state_dir, manifest_hash)
    job = Job(source, options.segmenter, store, options.num_points, options.seed)
    results = {s: _convert_split(job, s, splits[s], options) for s in splits}
    for split, markers in results.items():
        _write_info(job.source, split, markers, options)


def check_splits(splits: dict[str, list[SampleName]]) -> None:
    """Raise a ValueError when there are no frames, or one is in both splits."""
    train, val = ({name.idx for name in splits[s]} for s in ("train", "val"))
    if not train | val:
        raise ValueError(
            "no frames found: 0 in train and 0 in val. Check --root-path and the split "
            "files against data/README.md"
        )
    if both := sorted(train & val):
        raise ValueError(
            f"{len(both)} samples are in train and in val, first {both[0]}. Remove "
            "them from one of the splits"
        )


def _convert_split(
    job: "Job", split: str, names: list[SampleName], options: ConvertOptions
) -> list[dict[str, Any]]:
    """Markers of the samples of a split, in order; its report is written."""
    results = {}
    steps = run_jobs(job, names, options.workers)
    for result in track(steps, len(names), f"{options.tag} {split}"):
        results[result.name] = result
    ordered = [results[name] for name in names]
    report = options.out_dir / f"report_{split}.json"
    skipped = {r.name.idx: r.reason for r in ordered if r.marker is None}
    markers = [r.marker for r in ordered if r.marker is not None]
    write_report(report, split, [m["quality"] for m in markers], skipped)
    check_skipped(skipped, len(names), options.max_skipped, report)
    return markers


def _info_path(options: ConvertOptions, split: str) -> Path:
    return options.out_dir / f"{options.tag}_oneformer3d_infos_{split}.json"


def _write_info(
    source: Source, split: str, markers: list[dict[str, Any]], options: ConvertOptions
) -> None:
    if not markers:
        return
    root = os.path.relpath(source.root.resolve(), options.out_dir.resolve())
    metainfo = {"info_version": "1.1", "img_root": root, **source.metainfo}
    path = _info_path(options, split)
    save_info(path, metainfo, [marker["entry"] for marker in markers])
    print_log(f"{path}: {len(markers)} samples", logger="current")


@dataclass(frozen=True)
class Job:
    """What a process needs to make any sample."""

    source: Source
    segmenter: SegmenterOptions
    store: SampleStore
    num_points: int
    seed: int

    def run(self, names: Iterable[SampleName]) -> Iterator[Result]:
        """Make the samples that are not done yet."""
        segmenter = build_segmenter(self.segmenter)
        for name in names:
            marker = self.store.read(name.idx)
            if marker is None:
                try:
                    sample = make_sample(
                        self.source, name, segmenter, self.num_points, self.seed
                    )
                except BadFrameError as error:
                    yield Result(name, None, str(error))
                    continue
                self.store.write(sample)
                marker = self.store.read(name.idx)
            yield Result(name, marker)


def run_jobs(job: Job, names: list[SampleName], workers: int) -> Iterator[Result]:
    """Results in any order; frames of one scene stay together."""
    if workers <= 1:
        yield from job.run(names)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker)
    try:
        futures = [pool.submit(_run_chunk, job, chunk) for chunk in _chunks(names)]
        for future in as_completed(futures):
            yield from future.result()
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"one of {workers} worker processes died, probably for want of memory. Run "
            "the same command again to go on where it stopped, with fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _chunks(names: list[SampleName]) -> Iterator[list[SampleName]]:
    ordered = sorted(names, key=lambda name: name.scene)
    for _, group in groupby(ordered, key=lambda name: name.scene):
        frames = list(group)
        for start in range(0, len(frames), CHUNK):
            yield frames[start : start + CHUNK]


def _run_chunk(job: Job, names: list[SampleName]) -> list[Result]:
    return list(job.run(names))


def _start_worker() -> None:
    """Ctrl-C is for the parent to handle; and without a parent there is no work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
