"""What an index holds: coverage, depth, baselines, poor frames, and what was left."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from vantage3d.converters.index.sequence import SequenceResult
from vantage3d.geometry import invert_rigid
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.views.index import FrameIndex
from vantage3d.views.selection import Cut

LOW_COVERAGE, LOW_VALID = 0.10, 2000
LOW_AGREEMENT = 0.05
LISTED = 100
KINDS = ("holes", "jumps")  # of cuts
PERCENTILES = (5, 25, 50, 75, 95)


def write_report(
    path: Path,
    split: str,
    results: Sequence[SequenceResult],
    short: Sequence[str],
    index: FrameIndex,
) -> None:
    """Write and print the statistics of a split.

    A frame is poor with less than 10 % of its pixels covered, or less than 2000 valid
    ones; views disagree where less than 5 % of a view's points land on the surface of
    the next. ``short`` are the sequences that --min-frames left out of ``index``.
    """
    read = [(r.name, frame) for r in results if r.record for frame in r.record["read"]]
    poor = [
        f"{name}/{frame['frame']}"
        for name, frame in read
        if frame["coverage"] < LOW_COVERAGE or frame["valid"] < LOW_VALID
    ]
    good = [result for result in results if result.record]
    disagree = [r.name for r in good if r.record["agreement"] < LOW_AGREEMENT]
    report: dict[str, Any] = {
        "split": split,
        "sequences": len(results),
        "frames": sum(len(result.frames) for result in results),
        "read": len(read),
        "coverage": spread([frame["coverage"] for _, frame in read]),
        "valid": spread([frame["valid"] for _, frame in read]),
        "median_depth": spread([frame["depth"][1] for _, frame in read]),
        "far_depth": spread([frame["depth"][2] for _, frame in read]),
        "step": spread([result.record["step"] for result in good]),
        "agreement": spread([result.record["agreement"] for result in good]),
        "low_quality_count": len(poor),
        "low_quality_frames": poor[:LISTED],
        "views_disagree": disagree,
        "too_short": list(short),
        "cuts": found_cuts(index),
        "skipped": skipped_frames(results),
    }
    atomic_write_bytes(path, (json.dumps(report, indent=1) + "\n").encode())
    _say(path, report)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Mean, deviation, extremes and percentiles of the finite values; empty if none."""
    array = np.array([value for value in values if np.isfinite(value)])
    if not array.size:
        return {}
    found = {"mean": array.mean(), "std": array.std()}
    found |= {"min": array.min(), "max": array.max()}
    found |= {f"p{p}": np.percentile(array, p) for p in PERCENTILES}
    return {name: round(float(value), 4) for name, value in found.items()}


def found_cuts(index: FrameIndex) -> dict[str, dict[str, list[int]]]:
    """Where training cuts the sequences of an index unless it is told otherwise.

    Returns:
        By sequence the frame numbers at which a new piece begins, behind ``holes`` in
        the numbers and ``jumps`` of the camera; only sequences that have some.
    """
    cuts, centers = {}, invert_rigid(index.world2cam)[:, :3, 3]
    for name, (start, end) in index.spans.items():
        numbers = index.numbers[start:end]
        places = Cut().places(numbers, centers[start:end])
        found = [numbers[place].tolist() for place in places]
        if any(found):
            cuts[name] = dict(zip(KINDS, found))
    return cuts


def skipped_frames(results: Sequence[SequenceResult]) -> dict[str, str]:
    """Reason of every skipped ``<sequence>/<frame>`` or whole ``<sequence>``."""
    return {
        f"{result.name}/{frame}".rstrip("/"): reason
        for result in results
        for frame, reason in result.skipped.items()
    }


def check_skipped(
    results: Sequence[SequenceResult], allowed: float, report: Path
) -> None:
    """Raise a ValueError when too many frames or sequences are bad.

    A sequence that is bad as a whole counts as a share of the sequences, a bad frame as
    a share of the frames.
    """
    whole = [result for result in results if "" in result.skipped]
    parts = [result for result in results if "" not in result.skipped]
    total = sum(len(r.frames) + len(r.skipped) for r in parts)
    place = f" All are in {report}."
    refuse_skipped("sequences", skipped_frames(whole), len(results), allowed, place)
    refuse_skipped("frames", skipped_frames(parts), total, allowed, place)


def refuse_skipped(
    kind: str, bad: Mapping[str, str], total: int, allowed: float, place: str = ""
) -> None:
    """Raise a ValueError when too much is bad.

    Args:
        kind: What is counted, for the message.
        bad: Reason of each.
        total: How many there are, good and bad.
        allowed: Share that may be bad; never all.
        place: Where the others are listed, for the message.
    """
    if len(bad) > allowed * total or (bad and len(bad) == total):
        name, reason = next(iter(bad.items()))
        raise ValueError(
            f"{len(bad)} of {total} {kind} ({100 * len(bad) / total:.1f} %) are bad, "
            f"allowed are {100 * allowed:g} % (--max-skipped {allowed:g}). First: "
            f"{name}: {reason.rstrip('. ')}.{place} No index or info file was "
            "written"
        )


def _say(path: Path, report: dict[str, Any]) -> None:
    skipped: dict[str, str] = report["skipped"]
    covered = report["coverage"].get("mean", float("nan"))
    print_log(
        f"{report['frames']} frames of {report['sequences']} sequences, depth covers "
        f"{covered:.1%}, {report['low_quality_count']} poor frames, skipped "
        f"{len(skipped)} ({path})",
        logger="current",
    )
    for name, reason in list(skipped.items())[:LISTED]:
        print_log(f"skipped {name}: {reason}", logger="current")
    if cuts := report["cuts"]:
        holes, jumps = (sum(len(c[k]) for c in cuts.values()) for k in KINDS)
        print_log(
            f"{holes} holes and {jumps} jumps cut {len(cuts)} sequences, first "
            f"{next(iter(cuts))}",
            logger="current",
        )
    if report["views_disagree"]:
        print_log(
            f"in {len(report['views_disagree'])} sequences, first "
            f"{report['views_disagree'][0]}, depth and poses do not fit or views do "
            "not overlap; look at the overview",
            logger="current",
        )
