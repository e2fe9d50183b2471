"""Frame indexes from a source: parallel, resumable, versioned, with statistics."""

import json
import logging
import os
from collections import Counter
from functools import partial
from itertools import chain
from pathlib import Path
from urllib.parse import quote

from mmengine.logging import print_log

from vantage3d.converters.index.preflight import refuse_wrong
from vantage3d.converters.index.report import (
    check_skipped,
    write_overview,
    write_report,
)
from vantage3d.converters.index.sequence import (
    Checks,
    SequenceResult,
    check_sequence,
    index_sequence,
)
from vantage3d.converters.index.source import FrameSource
from vantage3d.converters.runs import CHUNK, IndexOptions, run_chunks
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal
from vantage3d.process.progress import track
from vantage3d.views.index import Facts, FrameIndex

REPEATED = "The sequence is checked again"
FORMAT = 2  # Raise it when an index changes for the same options.


def build_index(source: FrameSource, options: IndexOptions) -> None:
    """Write ``<split>.npz``, ``report_<split>.json`` and overviews of every split.

    Sequences that an earlier run with the same options finished are kept. Without
    sequences a split is left out.

    Raises:
        ValueError: If there is no sequence, one is in two splits, too many frames are
            bad, or the folder was made with other options.
    """
    splits = {split: names for split, names in source.splits().items() if names}
    if not splits:
        raise ValueError(
            f"no sequence found in {source.root}. Check --root-path against "
            "data/README.md"
        )
    counts = Counter(chain.from_iterable(splits.values()))
    for name in counts:
        check_sequence(name)
    if twice := sorted(name for name, count in counts.items() if count > 1):
        raise ValueError(
            f"{len(twice)} sequences are in two splits or twice in one, first "
            f"{twice[0]}. Remove them from one of the splits"
        )
    agreements = refuse_wrong(source, options.force)
    made_with = {"format": FORMAT, "--check-every": options.check_every}
    state, key = options.open(source.root, {**made_with, **source.options})
    root = os.path.relpath(source.root.resolve(), options.out_dir.resolve())
    facts = source.facts(root, key)
    facts = facts._replace(extra_roots=options.declared(source.root))
    checks = Checks(options.check_every, options.force, agreements)
    task = partial(_sequence, source, facts, state / "done", checks)
    mine = set(options.shard.of(list(chain.from_iterable(splits.values()))))
    for split, of_all in splits.items():
        names = [name for name in of_all if name in mine]
        size = min(CHUNK, max(1, len(names) // (4 * options.workers)))
        chunks = [names[i : i + size] for i in range(0, len(names), size)]
        steps = run_chunks(task, chunks, options.workers, __name__)
        title = f"{options.name} {split}"
        found = {result.name: result for result in track(steps, len(names), title)}
        if options.shard.is_all:
            results = [found[name] for name in names]
            _write_split(source, facts, options, split, results)
        else:
            options.say_share(len(names), len(of_all), f"sequences of {split}")


def _write_split(
    source: FrameSource,
    facts: Facts,
    options: IndexOptions,
    split: str,
    results: list[SequenceResult],
) -> None:
    """The report first, then the index if that does not say stop."""
    short = [r.name for r in results if 0 < len(r.frames) < options.min_frames]
    kept = {r.name: r.frames for r in results if len(r.frames) >= options.min_frames}
    report = options.out_dir / f"report_{split}.json"
    index = FrameIndex.build(facts, kept)
    write_report(report, split, results, short, index)
    check_skipped(results, options.max_skipped, report)
    if not kept:
        raise ValueError(
            f"all {len(results)} sequences of {split} have less than "
            f"{options.min_frames} usable frames. Lower --min-frames"
        )
    path = options.out_dir / f"{split}.npz"
    index.save(path)
    write_overview(options.out_dir / "overview", split, index, source.root)
    text = f"{path}: {len(index.numbers)} frames of {len(kept)} sequences"
    print_log(f"{text}, {len(short)} too short (--min-frames)", logger="current")


def _sequence(
    source: FrameSource,
    facts: Facts,
    done: Path,
    checks: Checks,
    name: str,
) -> SequenceResult:
    """What an earlier run finished is read; bad sequences are tried again, and those
    whose record is damaged."""
    stem = done / quote(name, safe="")
    index, record = Path(f"{stem}.npz"), Path(f"{stem}.json")
    if record.is_file():
        try:
            found = read_sealed(record, "record", REPEATED, sealed=True)
            frames = list(FrameIndex.load(index).frames(name))
            return SequenceResult(name, frames, **found)
        except (FileNotFoundError, ValueError, KeyError) as error:
            print_log(f"{error}. {REPEATED}", "current", logging.WARNING)
    result = index_sequence(source, facts, name, checks)
    if result.frames:
        FrameIndex.build(facts, {name: result.frames}).save(index)
        content = {"record": result.record, "skipped": result.skipped}
        atomic_write_bytes(record, seal(json.dumps(content)))
    return result
