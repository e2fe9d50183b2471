"""Samples, info files and reports of a labeller: parallel, resumable, reproducible."""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log
from threadpoolctl import threadpool_limits

from vantage3d.converters.index.report import refuse_skipped
from vantage3d.esam.converters.labellers import Labeller, SampleName
from vantage3d.esam.converters.pack_clip import ClipOptions, pack_clip
from vantage3d.esam.converters.samples import FOLDERS, SampleStore, make_sample
from vantage3d.esam.converters.segmenters import SegmenterOptions, build_segmenter
from vantage3d.io.atomic import atomic_write_bytes, remove_temporaries
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
        out_dir: Folder of the dataset.
        tag: Start of the info files' names.
        workers: Processes.
        seed: Seed of the point sampling; with the name of a sample it decides all.
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

    def info_path(self, split: str) -> Path:
        """The info file of a split."""
        return self.out_dir / f"{self.tag}_oneformer3d_infos_{split}.json"


class Result(NamedTuple):
    """What became of a sample: its marker, or why it was skipped."""

    name: SampleName
    marker: dict[str, Any] | None
    reason: str = ""


def convert(labeller: Labeller, options: ConvertOptions) -> None:
    """Write every sample of ``labeller``, the info files and the reports.

    Finished samples of an earlier run with the same options are kept.

    Raises:
        FileNotFoundError: If the root folder, a split file or the weights are missing.
        ValueError: If there are no frames, the splits overlap, the folder was made
            with other options, too many frames are bad, or image features are missing.
    """
    splits = labeller.samples()
    check_splits(splits)
    build_segmenter(options.segmenter)
    state_dir = options.out_dir / ".create_data" / options.tag
    if options.overwrite:
        for split in splits:
            options.info_path(split).unlink(missing_ok=True)
    made_with = {
        "format": FORMAT,
        "--root-path": str(labeller.source.root.resolve()),
        "--seed": options.seed,
        "--num-points": options.num_points,
        **labeller.options,
        **options.segmenter.used(),
    }
    manifest_hash = open_manifest(state_dir, made_with, options.overwrite)
    for folder in (*(options.out_dir / f for f in FOLDERS), state_dir / "done"):
        remove_temporaries(folder)
    store = SampleStore(options.out_dir, state_dir, manifest_hash)
    job = Job(labeller, options.segmenter, store, options.num_points, options.seed)
    names = [name for split in splits.values() for name in split]
    steps = track(run_jobs(job, names, options.workers), len(names), options.tag)
    results = {result.name: result for result in steps}
    written = _write_infos(labeller, splits, results, options)
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
    labeller: Labeller,
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
        outcomes.append((skipped, len(names), f" All are in {report}."))
        entries[split] = [marker["entry"] for marker in markers]
    for skipped, samples, place in outcomes:
        refuse_skipped("frames", skipped, samples, options.max_skipped, place)
    root = os.path.relpath(labeller.source.root.resolve(), options.out_dir.resolve())
    written = []
    for split, data_list in entries.items():
        if data_list:
            for entry in data_list:
                entry["img_path"] = os.path.normpath(f"{root}/{entry['img_path']}")
            path = options.info_path(split)
            save_info(path, {"info_version": "1.1", **labeller.metainfo}, data_list)
            print_log(f"{path}: {len(data_list)} samples", logger="current")
            written.append(path)
    return written


def write_report(
    path: Path, split: str, qualities: list[dict[str, float]], skipped: dict[str, str]
) -> None:
    """Print and write how a split went.

    Args:
        path: JSON file.
        split: ``train`` or ``val``.
        qualities: Numbers of the written samples, as ``segmentation_quality`` returns
            them.
        skipped: Reason of each skipped sample.
    """
    report = {
        "split": split,
        "samples": len(qualities) + len(skipped),
        "written": len(qualities),
        **_summary(qualities),
        "skipped": [
            {"sample_idx": idx, "reason": reason} for idx, reason in skipped.items()
        ],
    }
    atomic_write_bytes(path, (json.dumps(report, indent=1) + "\n").encode())
    numbers = ", ".join(f"{k} {v}" for k, v in report.items() if k != "skipped")
    print_log(f"{numbers}, skipped {len(skipped)} ({path})", logger="current")
    if qualities and not report["named_instances_mean"]:
        print_log(
            f"no sample of {split} has an instance of a class that counts: enough for "
            "prediction, nothing to train on or to evaluate",
            logger="current",
            level=logging.WARNING,
        )
    for idx, reason in skipped.items():
        print_log(f"skipped {idx}: {reason}", logger="current")


def _summary(qualities: list[dict[str, float]]) -> dict[str, float]:
    """Means over samples; superpoints are judged where there are instances."""

    def mean(key: str, of: list[dict[str, float]]) -> float:
        return round(sum(q[key] for q in of) / len(of), 4)

    if not qualities:
        return {}
    labelled = [q for q in qualities if q["instances"]]
    instances = sum(q["instances"] for q in labelled)
    summary = {
        "superpoints_mean": mean("superpoints", qualities),
        "instances_mean": round(instances / len(qualities), 2),
        "named_instances_mean": mean("named_instances", qualities),
    }
    if labelled:
        hits = sum(q["oracle_hits"] for q in labelled)
        summary["superpoint_purity"] = mean("purity", labelled)
        summary["superpoint_oracle_recall50"] = round(hits / instances, 4)
    return summary


@dataclass(frozen=True)
class Job:
    """What a process needs to make any sample."""

    labeller: Labeller
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
                self.labeller, name, segmenter, self.num_points, self.seed
            )
        except (FileNotFoundError, ValueError) as error:
            return Result(name, None, str(error))
        self.store.write(sample)
        return Result(name, self.store.read(name.idx))


def run_jobs(job: Job, names: list[SampleName], workers: int) -> Iterator[Result]:
    """Results in any order; frames of one scene stay together."""
    if workers <= 1:
        yield from job.run(names)
        return
    chunks: list[list[SampleName]] = []
    ordered = sorted(names, key=lambda name: name.scene)
    for _, group in groupby(ordered, key=lambda name: name.scene):
        frames = list(group)
        chunks += [frames[i : i + CHUNK] for i in range(0, len(frames), CHUNK)]
    for results in run_parallel(partial(_run_chunk, job), chunks, workers, __name__):
        yield from results


def _run_chunk(job: Job, names: list[SampleName]) -> list[Result]:
    return list(job.run(names))
