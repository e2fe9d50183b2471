"""Frame indexes from a source: parallel, resumable, versioned, with statistics."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from mmengine.logging import print_log
from threadpoolctl import threadpool_limits

from vantage3d.converters.index.overview import write_overview
from vantage3d.converters.index.report import check_skipped, write_report
from vantage3d.converters.index.sequence import SequenceResult, index_sequence
from vantage3d.converters.index.source import FrameSource, IndexOptions
from vantage3d.io.atomic import atomic_write_bytes, remove_temporaries
from vantage3d.io.manifest import open_manifest
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track
from vantage3d.views.index import Facts, FrameIndex

FORMAT = 1  # Raise it when an index changes for the same options.
CHUNK = 8  # Most sequences that one process takes at a time.


def build_index(source: FrameSource, options: IndexOptions) -> None:
    """Write ``<split>.npz``, ``report_<split>.json`` and overviews of every split.

    Sequences that an earlier run with the same options finished are kept. Without
    sequences a split is left out.

    Raises:
        ValueError: If there is no sequence, too many frames are bad, or the folder was
            made with other options.
    """
    splits = {split: names for split, names in source.splits().items() if names}
    if not splits:
        raise ValueError(
            f"no sequence found in {source.root}. Check --root-path against "
            "data/README.md"
        )
    _check_disjoint(splits)
    state = options.out_dir / ".create_data" / options.name
    made_with = {
        "format": FORMAT,
        "--root-path": str(source.root.resolve()),
        "--check-every": options.check_every,
        **source.options,
    }
    key = open_manifest(state, made_with, options.overwrite)
    remove_temporaries(state / "done")
    root = os.path.relpath(source.root.resolve(), options.out_dir.resolve())
    facts = Facts(source.reader, root, source.depth_scale, key)
    worker = Worker(source, facts, state / "done", options.check_every)
    for split, names in splits.items():
        _write_split(worker, options, split, names)


def _check_disjoint(splits: dict[str, list[str]]) -> None:
    """Refuse a sequence that is in two splits, or twice in one."""
    names = [name for found in splits.values() for name in found]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(
            f"{len(twice)} sequences are in two splits or twice in one, first "
            f"{twice[0]}. Remove them from one of the splits"
        )


def _write_split(
    worker: "Worker", options: IndexOptions, split: str, names: Sequence[str]
) -> None:
    steps = _run(worker, names, options.workers)
    title = f"{options.name} {split}"
    found = {result.name: result for result in track(steps, len(names), title)}
    results = [found[name] for name in names]
    short = [r.name for r in results if 0 < len(r.frames) < options.min_frames]
    kept = {r.name: r.frames for r in results if len(r.frames) >= options.min_frames}
    report = options.out_dir / f"report_{split}.json"
    write_report(report, split, results, short)
    check_skipped(results, options.max_skipped, report)
    if not kept:
        raise ValueError(
            f"all {len(names)} sequences of {split} have less than "
            f"{options.min_frames} usable frames. Lower --min-frames"
        )
    index = FrameIndex.build(worker.facts, kept)
    path = options.out_dir / f"{split}.npz"
    index.save(path)
    write_overview(options.out_dir / "overview", split, index, worker.source.root)
    text = f"{path}: {len(index.numbers)} frames of {len(kept)} sequences"
    print_log(f"{text}, {len(short)} too short (--min-frames)", logger="current")


@dataclass(frozen=True)
class Worker:
    """What a process needs to index any sequence."""

    source: FrameSource
    facts: Facts
    done: Path
    check_every: int

    def run(self, names: Sequence[str]) -> list[SequenceResult]:
        """Results of sequences, from an earlier run where there are any.

        One thread per process: more would change the last bits of matrix products.
        """
        with threadpool_limits(1):
            return [self._load(name) or self._make(name) for name in names]

    def _make(self, name: str) -> SequenceResult:
        result = index_sequence(self.source, self.facts, name, self.check_every)
        if result.frames:
            stem = self.done / quote(name, safe="")
            FrameIndex.build(self.facts, {name: result.frames}).save(f"{stem}.npz")
            content = {"record": result.record, "skipped": result.skipped}
            atomic_write_bytes(Path(f"{stem}.json"), json.dumps(content).encode())
        return result

    def _load(self, name: str) -> SequenceResult | None:
        """The result of a finished sequence. Bad ones are tried again."""
        stem = self.done / quote(name, safe="")
        if not Path(f"{stem}.json").is_file():
            return None
        content = json.loads(Path(f"{stem}.json").read_bytes())
        frames = list(FrameIndex.load(f"{stem}.npz").frames(name))
        return SequenceResult(name, frames, content["record"], content["skipped"])


def _run(
    worker: Worker, names: Sequence[str], workers: int
) -> Iterator[SequenceResult]:
    chunk = min(CHUNK, max(1, len(names) // (4 * workers)))
    chunks = [names[i : i + chunk] for i in range(0, len(names), chunk)]
    for results in run_parallel(partial(Worker.run, worker), chunks, workers, __name__):
        yield from results
