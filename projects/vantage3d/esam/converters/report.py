"""The closing report: what was written, what was skipped and why."""

import json
import logging
from pathlib import Path

from mmengine.logging import print_log

from vantage3d.io.atomic import atomic_write_bytes


def write_report(
    path: Path, split: str, qualities: list[dict[str, float]], skipped: dict[str, str]
) -> None:
    """Print and write how a split went.

    Args:
        path: JSON file.
        split: ``train`` or ``val``.
        qualities: Of the written samples, as ``segmentation_quality`` returns them.
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
    if not qualities:
        return {}
    labelled = [q for q in qualities if q["instances"]]
    instances = sum(q["instances"] for q in labelled)
    summary: dict[str, float] = {
        "superpoints_mean": _mean([q["superpoints"] for q in qualities]),
        "instances_mean": round(instances / len(qualities), 2),
        "named_instances_mean": _mean([q["named_instances"] for q in qualities]),
    }
    if labelled:
        hits = sum(q["oracle_hits"] for q in labelled)
        summary["superpoint_purity"] = _mean([q["purity"] for q in labelled])
        summary["superpoint_oracle_recall50"] = round(hits / instances, 4)
    return summary


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 4)


def check_skipped(
    skipped: dict[str, str], samples: int, allowed: float, report: Path
) -> None:
    """Raise a ValueError when too many samples are bad: all, or a share > allowed."""
    if len(skipped) > allowed * samples or len(skipped) == samples > 0:
        idx, reason = next(iter(skipped.items()))
        raise ValueError(
            f"{len(skipped)} of {samples} frames ({100 * len(skipped) / samples:.1f} "
            f"%) are bad, allowed are {100 * allowed:g} % (--max-skipped {allowed:g}). "
            f"First: {idx}: {reason}. All are in {report}. No info file was written"
        )
