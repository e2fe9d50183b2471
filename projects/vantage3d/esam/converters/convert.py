"""Samples, info files and reports of a labeller: parallel, resumable, reproducible."""

import argparse
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from vantage3d.converters.index.preflight import refuse_wrong
from vantage3d.converters.index.report import refuse_skipped, say_skipped
from vantage3d.converters.runs import (
    CHUNK,
    RunOptions,
    add_folders,
    add_run_options,
    check_run,
    from_args,
    run_chunks,
)
from vantage3d.esam.converters.samples import (
    FOLDERS,
    Arrays,
    Entry,
    Labeller,
    Quality,
    SampleName,
    SampleStore,
    make_sample,
)
from vantage3d.esam.converters.segmenters import (
    SEGMENTERS,
    SegmenterOptions,
    build_segmenter,
)
from vantage3d.esam.converters.sequences import (
    cloud_of_frames,
    frame_with_folders,
    write_cloud,
)
from vantage3d.esam.scene_entries import (
    SCENE,
    frame_entries,
    scene_entry,
    scene_name,
)
from vantage3d.io.atomic import atomic_write_bytes, remove_temporaries
from vantage3d.io.feature_identity import read_made_by
from vantage3d.io.features import FORMS
from vantage3d.io.infos import load_info, save_info
from vantage3d.io.names import check_unique, public_name
from vantage3d.process.progress import track

ON_MISSING = ("error", "skip")
Result = dict[str, Any] | str  # marker of a sample, or why it was skipped
FORMAT = 3  # Raise it when the bytes of a sample change for the same options.


@dataclass(frozen=True)
class ClipOptions:
    """Where feature files lie, and what to do about frames that have none.

    Attributes:
        feature_root: Folder that holds ``<scene>/<frame>.<form>``; ``clip_feat`` in the
            folder of the info files if None.
        feature_form: ``pt`` or ``safetensors``.
        on_missing: ``error``, or ``skip`` to leave such frames out.
        clip_suffix: What is added to the name of an info file.
    """

    feature_root: Path | None = None
    feature_form: str = "pt"
    on_missing: str = "error"
    clip_suffix: str = "_clip"

    def __post_init__(self) -> None:
        if not self.clip_suffix or "/" in self.clip_suffix:
            raise ValueError(
                f"--clip-suffix {self.clip_suffix!r} would write over the info file or "
                "into another folder, expected something like _clip"
            )


def pack_clip(infos: list[Path], out_dir: Path, options: ClipOptions) -> None:
    """Write ``<info><suffix>.json`` beside each info file, or none of them.

    Every entry gets ``clip_feat_path``, relative to ``out_dir``. The metadata get
    ``features``: which network made bare tensors, as their folder says.

    Raises:
        ValueError: If feature files are missing and may not be, an info file would be
            left without samples, or nothing says what made bare tensors.
    """
    root, packed = options.feature_root or out_dir / "clip_feat", []
    made_by = {}
    for path in infos:
        info = load_info(path)
        entries: list[dict[str, Any]] = []
        missing: dict[str, Path] = {}
        frames = 0
        for entry in info["data_list"]:
            of_scene = SCENE in entry
            own = frame_entries(entry, str(path)) if of_scene else [entry]
            kept = []
            for frame in own:
                feature = feature_file(root, frame, options.feature_form)
                if feature.is_file():
                    relative = os.path.relpath(feature.resolve(), out_dir.resolve())
                    kept.append({**frame, "clip_feat_path": relative})
                else:
                    missing[frame["sample_idx"]] = feature
            frames += len(own)
            if of_scene and kept:
                kept = [{**entry, **scene_entry(scene_name(entry), kept)}]
            entries += kept
        target = path.with_name(f"{path.stem}{options.clip_suffix}{path.suffix}")
        if missing and (options.on_missing != "skip" or not entries):
            idx, feature = next(iter(missing.items()))
            advice = "give their folder with --feature-root"
            if entries:
                advice = "leave such frames out with --on-missing skip"
            raise ValueError(
                f"{len(missing)} of {frames} samples for {target} have "
                f"no feature file, first {idx}: {feature} is missing. Extract features "
                f"with tools/extract_*.py, or {advice}. No {options.clip_suffix} file "
                "was written"
            )
        metainfo = {**info["metainfo"]}
        if options.feature_root:
            outside = os.path.relpath(root.resolve(), out_dir.resolve())
            metainfo["roots"] = [*metainfo.get("roots", []), outside]
        packed.append((target, metainfo, entries, missing))
    if options.feature_form == "pt":
        made_by["features"] = read_made_by(root)
    for target, metainfo, entries, missing in packed:
        save_info(target, {**metainfo, **made_by}, entries)
        print_log(
            f"{target}: {len(entries)} samples with features, {len(missing)} skipped",
            logger="current",
        )
        for idx, feature in missing.items():
            print_log(f"skipped {idx}: {feature} is missing", logger="current")


def feature_file(root: Path, entry: dict[str, Any], form: str) -> Path:
    """``<root>/<scene>/<frame>.<form>`` of an entry, whose id is ``<scene>_<frame>``.

    Both may have underscores; as ids are unique, at most one such file is there.
    """
    idx, frame = entry["sample_idx"], public_name(Path(entry["img_path"]).stem)
    ends = [i for i, letter in enumerate(idx) if letter == "_"]
    ends.sort(key=lambda i: (idx[i + 1 :] != frame, -i))  # usually the image's name
    files = [root / idx[:i] / f"{idx[i + 1 :]}.{form}" for i in ends]
    return next(filter(Path.is_file, files), files[0])


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(RunOptions):
    """Options of every converter that writes samples; the name starts info files.

    Attributes:
        seed: Seed of the point sampling; with the name of a sample it decides all.
        num_points: Points per sample.
        segmenter: Where superpoints come from.
        clip: Where image features lie, None for none.
        of_sequences: Whether an entry of an info file is a scene with all its frames,
            in one world, instead of a frame.
    """

    seed: int = 0
    num_points: int = 20000
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)
    clip: ClipOptions | None = None
    of_sequences: bool = False

    def info_path(self, split: str) -> Path:
        """The info file of a split."""
        return self.out_dir / f"{self.name}_oneformer3d_infos_{split}.json"


def add_places(parser: argparse.ArgumentParser) -> None:
    """Where samples come from and go to, and how the work is done."""
    add_folders(parser)
    add_run_options(parser)
    text = "start of the info files' names; the dataset's by default"
    parser.add_argument("--extra-tag", help=text)


def add_sample_options(parser: argparse.ArgumentParser) -> None:
    """Options of converters that write samples."""
    add_places(parser)
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of the point sampling")
    add("--num-points", type=int, default=20000, help="points per sample")

    add = parser.add_argument_group("superpoints").add_argument
    defaults = SegmenterOptions()
    add("--segmenter", choices=sorted(SEGMENTERS), default=defaults.name)
    add("--graph-scale", type=float, default=defaults.scale, help="larger, fewer")
    add("--graph-min-size", type=float, default=defaults.min_size, help="of the image")
    add("--geometry-cell", type=float, default=defaults.cell, help="of the width")
    add("--mask-dir", type=Path, help="of --segmenter masks: <scene>_<frame>.png")
    add("--weights", type=Path, help="of --segmenter sam and fastsam")
    add("--device", default=defaults.device, help="of --segmenter sam and fastsam")

    add = parser.add_argument_group("image features").add_argument
    text = "also write <info file>_clip.json, which names the feature file of each "
    add("--pack-clip", action="store_true", help=text + "frame (tools/extract_*.py)")
    add("--feature-root", type=Path, help="<scene>/<frame>.pt; OUT/clip_feat if absent")
    add("--feature-form", choices=FORMS, help="suffix of the files; pt if absent")
    add("--on-missing", choices=ON_MISSING, help="frames without file; error if absent")
    add("--clip-suffix", help="behind the info files' names; _clip if absent")


def convert_options(
    args: argparse.Namespace, dataset: str, *counts: str, of_sequences: bool = False
) -> ConvertOptions:
    """What :func:`add_sample_options` was given, and a check of other ``counts``.

    Raises:
        FileNotFoundError: If ``--root-path`` is no folder.
        ValueError: If a number is out of range, or an option has no effect.
    """
    check_run(args, "num_points", *counts)
    names = ("feature_root", "feature_form", "on_missing", "clip_suffix")
    given = {name: v for name in names if (v := getattr(args, name)) is not None}
    if given and not args.pack_clip:
        name, value = next(iter(given.items()))
        option = f"--{name.replace('_', '-')}"
        raise ValueError(f"{option} {value} does nothing without --pack-clip")
    renamed = {"name": args.segmenter, "cell": args.geometry_cell}
    renamed |= {"scale": args.graph_scale, "min_size": args.graph_min_size}
    return from_args(
        ConvertOptions,
        args,
        name=args.extra_tag or dataset,
        segmenter=from_args(SegmenterOptions, args, **renamed),
        clip=ClipOptions(**given) if args.pack_clip else None,
        of_sequences=of_sequences,
    )


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
    refuse_wrong(labeller.source, options.force)
    made_with = {
        "format": FORMAT,
        "--seed": options.seed,
        "--num-points": options.num_points,
        **labeller.options,
        **options.segmenter.used(),
        **({"of_sequences": True} if options.of_sequences else {}),
    }
    make = partial(_frame, labeller, options)
    written = make_all(labeller, splits, options, made_with, make)
    if options.clip and written:
        pack_clip(written, options.out_dir, options.clip)


def make_all(
    labeller: Labeller,
    splits: dict[str, list[SampleName]],
    options: ConvertOptions,
    made_with: dict[str, Any],
    make: Callable[[SampleName], tuple[Arrays, Entry, Quality]],
    kind: str = "frames",
) -> list[Path]:
    """Make this process's share of the samples; with all of them, the info files.

    Args:
        labeller: What they are of.
        splits: Their names.
        options: How the work is done.
        made_with: What the bytes of a sample depend on.
        make: Picklable; the files, the entry and the quality of a sample.
        kind: What samples are, for messages.

    Returns:
        The info files that were written.

    Raises:
        ValueError: If the folder was made with other options, or too many are bad.
    """
    if options.overwrite:
        for split in splits:
            options.info_path(split).unlink(missing_ok=True)
    state, manifest_hash = options.open(labeller.source.root, made_with)
    if options.shard.is_all:
        for folder in (options.out_dir / name for name in FOLDERS):
            for place in (folder, *folder.glob("*/")):
                remove_temporaries(place)
    store = SampleStore(options.out_dir, state, manifest_hash)
    names = list(chain.from_iterable(splits.values()))
    scene = attrgetter("scene")
    frames = [list(group) for _, group in groupby(sorted(names, key=scene), scene)]
    chunks = [f[i : i + CHUNK] for f in frames for i in range(0, len(f), CHUNK)]
    chunks = options.shard.of(chunks)
    steps = run_chunks(partial(_sample, make, store), chunks, options.workers, __name__)
    mine = sum(map(len, chunks))
    steps = track(steps, mine, options.name)
    if not options.shard.is_all:
        done = sum(not isinstance(result, str) for _, result in steps)
        options.say_share(done, len(names), "samples")
        return []
    return _write_infos(labeller, splits, dict(steps), options, kind)


def _frame(
    labeller: Labeller, options: ConvertOptions, name: SampleName
) -> tuple[Arrays, Entry, Quality]:
    segmenter = build_segmenter(options.segmenter)
    points = options.num_points, options.seed, options.of_sequences
    return make_sample(labeller, name, segmenter, *points)


def _sample(
    make: Callable[[SampleName], tuple[Arrays, Entry, Quality]],
    store: SampleStore,
    name: SampleName,
) -> tuple[SampleName, Result]:
    """A sample that an earlier run finished is kept."""
    if marker := store.read(name.idx):
        return name, marker
    try:
        sample = make(name)
    except (FileNotFoundError, ValueError) as error:
        return name, str(error)
    return name, store.write(*sample)


def check_splits(splits: dict[str, list[SampleName]]) -> None:
    """Raise a ValueError when there are no frames, one is in both splits, or two have
    one public id."""
    names = dict.fromkeys(chain.from_iterable(splits.values()))
    check_unique((n.idx, f"frame {n.frame!r} of {n.scene!r}") for n in names)
    train, val = ({name.idx for name in splits[s]} for s in ("train", "val"))
    if not train | val:
        raise ValueError(
            "nothing found: 0 in train and 0 in val. Check --root-path and the split "
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
    kind: str,
) -> list[Path]:
    """Reports of all splits first, then the info files if no report says stop."""
    entries, outcomes = {}, []
    for split, names in splits.items():
        found = {name.idx: results[name] for name in names}
        markers = [r for r in found.values() if not isinstance(r, str)]
        skipped = {idx: r for idx, r in found.items() if isinstance(r, str)}
        report = options.out_dir / f"report_{split}.json"
        write_report(report, split, [marker["quality"] for marker in markers], skipped)
        outcomes.append((skipped, len(names), f" All are in {report}."))
        entries[split] = [marker["entry"] for marker in markers]
    for skipped, samples, place in outcomes:
        refuse_skipped(kind, skipped, samples, options.max_skipped, place)
    root = os.path.relpath(labeller.source.root.resolve(), options.out_dir.resolve())
    roots = [root, *options.declared(options.out_dir)]
    written = []
    for split, data_list in entries.items():
        if data_list:
            for entry in (e for e in data_list if "img_path" in e):
                entry["img_path"] = os.path.normpath(f"{root}/{entry['img_path']}")
            if options.of_sequences:
                known = {name.idx: name.scene for name in splits[split]}
                data_list = _scenes(labeller, data_list, known, options)
            path = options.info_path(split)
            metainfo = {"info_version": "1.1", "roots": roots, **labeller.metainfo}
            save_info(path, metainfo, data_list)
            print_log(f"{path}: {len(data_list)} samples", logger="current")
            written.append(path)
    return written


def _scenes(
    labeller: Labeller,
    frames: list[Entry],
    scene_of: dict[str, str],
    options: RunOptions,
) -> list[Entry]:
    """Entries of scenes, of the entries of their frames."""
    grouped: dict[str, list[Entry]] = {}
    for frame in frames:
        grouped.setdefault(scene_of[frame["sample_idx"]], []).append(frame)
    task, chunks = (
        partial(_scene, labeller, options),
        [[own] for own in grouped.items()],
    )
    made = dict(run_chunks(task, chunks, options.workers, __name__))
    return [made[scene] for scene in grouped]


def _scene(
    labeller: Labeller, options: RunOptions, own: tuple[str, list[Entry]]
) -> tuple[str, Entry]:
    """A scene, and its entry; its cloud is written."""
    (scene, frames), out_dir = own, options.out_dir
    cloud, public = labeller.cloud(scene), public_name(scene)
    if cloud is None:
        cloud = cloud_of_frames(out_dir, frames)
    entry = scene_entry(public, list(map(frame_with_folders, frames)))
    return scene, {**entry, "cloud": write_cloud(out_dir, public, cloud)}


def write_report(
    path: Path, split: str, qualities: list[dict[str, float]], skipped: dict[str, str]
) -> None:
    """Print and write how a split went.

    ``qualities`` are those of the written samples, as ``segmentation_quality`` returns
    them; ``skipped`` has the reason of each of the others.
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
    say_skipped(skipped, path)


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
