"""What is written down when a loss is not finite."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.structures import BaseDataElement

from vantage3d.io.atomic import atomic_write_bytes

_LONGEST = 16


def describe_batch(batch: Any) -> list[dict[str, Any]]:
    """Names and numbers that tell which samples ``batch`` holds.

    Args:
        batch: What the data loader yields: ``data_samples`` with metainfo or that
            are dictionaries, or lists of strings and numbers per sample.

    Returns:
        One dictionary per sample, ready for JSON.
    """
    if not isinstance(batch, Mapping):
        return []
    samples: list[dict[str, Any]] = []
    for key, values in batch.items():
        if not isinstance(values, Sequence) or isinstance(values, str):
            continue
        if values and isinstance(values[0], list):  # by frame of sequences
            values = [value for frame in values for value in frame]
        samples += [{} for _ in range(len(values) - len(samples))]
        for sample, value in zip(samples, values):
            if isinstance(value, BaseDataElement):
                value = value.metainfo
            if isinstance(value, Mapping):
                plain = {
                    k: v.tolist()
                    if isinstance(v, torch.Tensor) and v.numel() <= _LONGEST
                    else v
                    for k, v in value.items()
                }
                sample.update({k: v for k, v in plain.items() if _is_readable(v)})
            elif _is_readable(value):
                sample[key] = value
    return samples


def write_report(
    work_dir: str, iteration: int, rank: int, report: Mapping[str, Any]
) -> Path:
    """Write ``report`` to ``<work_dir>/nonfinite/iter_<n>_rank_<r>.json``.

    Numbers that are not finite, which JSON lacks, become "nan", "inf", "-inf".
    """
    path = Path(work_dir) / "nonfinite" / f"iter_{iteration}_rank_{rank}.json"
    text = json.dumps(_standard(report), indent=2, default=str, allow_nan=False)
    atomic_write_bytes(path, text.encode())
    return path


def sample_names(samples: Sequence[Mapping[str, Any]]) -> str:
    """The shortest telling name of each sample, for a message."""
    names = []
    for sample in samples:
        everything = ", ".join(f"{key}={value}" for key, value in sample.items())
        telling = ("sample_idx", "lidar_path", "img_path", "name")
        known = (str(sample[key]) for key in telling if key in sample)
        names.append(next(known, everything or "unnamed"))
    return "; ".join(names) or "unknown"


def loss_terms(losses: Any) -> dict[str, float]:
    """Mean of each entry of a loss dictionary."""
    if not isinstance(losses, Mapping):
        return {}
    terms = {}
    for name, value in losses.items():
        tensors = value if isinstance(value, Sequence) else [value]
        if tensors and all(isinstance(t, torch.Tensor) for t in tensors):
            terms[name] = float(torch.stack([t.detach().mean() for t in tensors]).sum())
    return terms


def _standard(value: Any) -> Any:
    """``value`` with non-finite numbers as strings."""
    if isinstance(value, Mapping):
        return {key: _standard(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_standard(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _is_readable(value: Any) -> bool:
    items = value if isinstance(value, (list, tuple)) else [value]
    plain = all(isinstance(item, (str, int, float)) for item in items)
    return plain and len(items) <= _LONGEST
