"""Turn a source into samples and info files: parallel, resumable, reproducible."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log
from threadpoolctl import threadpool_limits

from vantage3d.esam.converters.pack_clip import ClipOptions, pack_clip
from vantage3d.esam.converters.report import check_skipped, write_report
from vantage3d.esam.converters.samples import FOLDERS, SampleStore, make_sample
from vantage3d.esam.converters.segmenters import SegmenterOptions, build_segmenter
from vantage3d.esam.converters.sources import BadFrameError, SampleName, Source
from vantage3d.io.atomic import remove_temporaries
from vantage3d.io.infos import save_info
from vantage3d.io.manifest import open_manifest
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track

FORMAT = 2  # Raise it when the bytes of a sample change for the same options.
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
        clip: Where image features lie, None for none.
    """

    out_dir: Path
    tag: str
    workers: int = 1
    seed: int = 0
    num_points: int = 20000
    max_skipped: float = 0.05
    overwrite: bool = False
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)
    clip: ClipOptions | None = None


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
            with other options, too many frames are bad, or image features are missing.
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
            "format": FORMAT,
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
    names = [name for split in splits.values() for name in split]
    steps = track(run_jobs(job, names, options.workers), len(names), options.tag)
    results = {result.name: result for result in steps}
    written = _write_infos(source, splits, results, options)
    if options.clip:
        pack_clip(written, options.out_dir, options.clip)


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


def _write_infos(
    source: Source,
    splits: dict[str, list[SampleName]],
    results: dict[SampleName, Result],
    options: ConvertOptions,
) -> list[Path]:
    """Reports of all splits first, then the info files if no report says stop."""
    entries, outcomes = {}, []
    for split, names in splits.items():
        markers = [marker for n in names if (marker := results[n].marker) is not None]
        skipped = {n.idx: r.reason for n in names if not (r := results[n]).marker}
        report = options.out_dir / f"report_{split}.json"
        write_report(report, split, [marker["quality"] for marker in markers], skipped)
        outcomes.append((skipped, len(names), options.max_skipped, report))
        entries[split] = [marker["entry"] for marker in markers]
    for outcome in outcomes:
        check_skipped(*outcome)
    root = os.path.relpath(source.root.resolve(), options.out_dir.resolve())
    written = []
    for split, data_list in entries.items():
        if data_list:
            for entry in data_list:
                entry["img_path"] = os.path.normpath(f"{root}/{entry['img_path']}")
            path = _info_path(options, split)
            save_info(path, {"info_version": "1.1", **source.metainfo}, data_list)
            print_log(f"{path}: {len(data_list)} samples", logger="current")
            written.append(path)
    return written


def _info_path(options: ConvertOptions, split: str) -> Path:
    return options.out_dir / f"{options.tag}_oneformer3d_infos_{split}.json"


@dataclass(frozen=True)
class Job:
    """What a process needs to make any sample."""

    source: Source
    segmenter: SegmenterOptions
    store: SampleStore
    num_points: int
    seed: int

    def run(self, names: Iterable[SampleName]) -> Iterator[Result]:
        """Make the samples that are not done yet.

        One thread per process: more would change the last bits of matrix products.
        """
        with threadpool_limits(1):
            for name in names:
                yield self._run(name)

    def _run(self, name: SampleName) -> Result:
        if marker := self.store.read(name.idx):
            return Result(name, marker)
        segmenter = build_segmenter(self.segmenter)
        try:
            sample = make_sample(
                self.source, name, segmenter, self.num_points, self.seed
            )
        except BadFrameError as error:
            return Result(name, None, str(error))
        self.store.write(sample)
        return Result(name, self.store.read(name.idx))


def run_jobs(job: Job, names: list[SampleName], workers: int) -> Iterator[Result]:
    """Results in any order; frames of one scene stay together."""
    if workers <= 1:
        yield from job.run(names)
        return
    chunks = list(_chunks(names))
    for results in run_parallel(partial(_run_chunk, job), chunks, workers, __name__):
        yield from results


def _chunks(names: list[SampleName]) -> Iterator[list[SampleName]]:
    ordered = sorted(names, key=lambda name: name.scene)
    for _, group in groupby(ordered, key=lambda name: name.scene):
        frames = list(group)
        for start in range(0, len(frames), CHUNK):
            yield frames[start : start + CHUNK]


def _run_chunk(job: Job, names: list[SampleName]) -> list[Result]:
    return list(job.run(names))
