"""Result folders as ``tools/evaluate_depth.py`` writes them, of invented numbers.

Every metric of a frame is its value at the baseline, moved by what training gained up
to the checkpoint and by noise that the models share: there are hard and easy frames.
"""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Value of the baseline and what training adds to it in the end.
DEPTH = {
    "abs_rel": (0.62, -0.38), "sq_rel": (1.9, -1.0), "rmse": (7.5, -3.0),
    "rmse_log": (0.6, -0.25), "si_log": (0.5, -0.2), "mae": (4.9, -2.1),
    "delta1": (0.41, 0.22), "delta2": (0.66, 0.16), "delta3": (0.8, 0.1),
}  # fmt: skip
REGIONS = {"full": 0.6, "building": 1.0, "non_building": 0.5}
CLASSES = {"building": 1.0, "road": 0.3, "vegetation": 0.8, "car": 0.7, "fence": 1.3}
NORMALS = {
    "angular_mean": (48.0, -14.0), "angular_median": (41.0, -15.0),
    "inlier_11_25": (0.11, 0.12), "inlier_22_5": (0.27, 0.19),
    "inlier_30": (0.36, 0.22),
}  # fmt: skip
PLANARITY = {
    "inlier_ratio": (0.21, 0.15),
    "residual_mean": (0.061, -0.02),
    "residual_median": (0.04, -0.015),
}
POSES = {
    "ate_trans": (0.42, -0.12), "ate_rot_deg": (2.1, -0.6), "rpe_trans": (0.11, -0.03),
    "rpe_rot_deg": (0.7, -0.2), "rra_15": (0.93, 0.04), "rta_15": (0.71, 0.1),
    "auc_3": (0.2, 0.1), "auc_5": (0.34, 0.1), "auc_15": (0.6, 0.1),
    "auc_30": (0.74, 0.07),
}  # fmt: skip
THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
ALIGNMENTS = {
    "none": 2.4, "scale": 1.2, "median": 1.0, "log_median": 0.98, "scale_shift": 0.7,
    "robust": 0.9,
}  # fmt: skip
PERFORMANCE = {
    "latency_p50_ms": 420.0, "latency_p95_ms": 470.0, "latency_sec": 0.43, "fps": 9.1,
    "vram_mb": 10120.0, "ram_mb": 3100.0, "eval_seconds": 310.0,
}  # fmt: skip
SEQUENCES = ("street_0000", "street_0003", "street_0007")
BUCKETS = ("rich", "mixed", "road")
FRAMES = 4  # per window
HEIGHT, WIDTH = 42, 130


def write_folder(
    folder: Path,
    checkpoints: int = 6,
    *,
    baseline: bool = True,
    merged: bool = False,
    without: Sequence[str] = (),
    windows: int = 12,
    seed: int = 0,
) -> Path:
    """A folder with a baseline, ``checkpoint_1`` ... and ``merged_checkpoint_<last>``.

    Args:
        without: Metrics that begin with one of these are left out.
        seed: Of the noise and of the gain.
    """
    names = ["baseline"] * baseline
    names += [f"checkpoint_{step}" for step in range(1, checkpoints + 1)]
    names += [f"merged_checkpoint_{checkpoints}"] * merged
    means = {}
    for name in names:
        step = 0 if name == "baseline" else int(name.rpartition("_")[2])
        rng = np.random.default_rng([seed, step])
        progress = 1 - math.exp(-step / (0.25 * checkpoints + 1))
        progress += step and 0.04 * rng.normal()
        own = np.random.default_rng([seed, step, 1])
        means[name] = write_model(
            folder / "models" / name, progress, own, windows, without
        )
        write_examples(folder / "models" / name, progress, seed)
    write_overall(folder / "metrics_overall.csv", means)
    write_json(folder / "metadata.json", metadata(names, seed))
    return folder


def write_model(
    folder: Path,
    progress: float,
    own: np.random.Generator,
    windows: int,
    without: Sequence[str],
) -> dict[str, dict[str, float]]:
    """Tables and ``metrics.json`` of one model; returns its statistics."""
    folder.mkdir(parents=True)
    frames = {
        name: series(name, base, gain * progress, windows * FRAMES, own)
        for name, (base, gain) in frame_metrics().items()
        if not name.startswith(tuple(without))
    }
    frames |= constant_counts(windows * FRAMES)
    whole = {
        name: series(name, base, gain * progress, windows, own)
        for name, (base, gain) in window_metrics().items()
        if not name.startswith(tuple(without))
    }
    ids = [f"w{number:03d}" for number in range(windows)]
    places = [(SEQUENCES[i % 3], BUCKETS[(i // 3) % 3]) for i in range(windows)]
    write_csv(
        folder / "frames.csv",
        {
            "window": np.repeat(ids, FRAMES),
            "sequence": np.repeat([place[0] for place in places], FRAMES),
            "frame": [f"{number:06d}" for number in range(windows * FRAMES)],
            **frames,
        },
    )
    averages = {n: v.reshape(windows, FRAMES).mean(1) for n, v in frames.items()}
    write_csv(
        folder / "windows.csv",
        {
            "id": ids,
            "sequence": [place[0] for place in places],
            "bucket": [place[1] for place in places],
            "frames": ["0 1 2 3"] * windows,
            **whole,
            **averages,
        },
    )
    stats = {name: statistics(values) for name, values in {**frames, **whole}.items()}
    for name in stats:
        if name.startswith("count."):
            stats[name]["sum"] = float(frames[name].sum())
    for name, value in PERFORMANCE.items():
        if not f"performance.{name}".startswith(tuple(without)):
            noisy = value * (1 + 0.01 * own.normal())
            stats[f"performance.{name}"] = statistics(np.array([noisy]))
    write_json(folder / "metrics.json", stats)
    return stats


def frame_metrics() -> dict[str, tuple[float, float]]:
    found = {}
    for region, hardness in REGIONS.items():
        for name, (base, gain) in DEPTH.items():
            if "delta" in name:
                base, gain = 1 - (1 - base) * hardness, gain * hardness
            else:
                base, gain = base * hardness, gain * hardness
            found[f"depth.{region}.{name}"] = (base, gain)
    for kind, hardness in CLASSES.items():
        found[f"depth.class.{kind}.abs_rel"] = (0.5 * hardness, -0.2 * hardness)
        found[f"depth.class.{kind}.delta1"] = (1 - 0.45 * hardness, 0.15 * hardness)
    for region in ("building", "full"):
        found |= {f"normals.{region}.{name}": v for name, v in NORMALS.items()}
    found |= {f"planarity.building.{name}": v for name, v in PLANARITY.items()}
    for name, factor in ALIGNMENTS.items():
        for region, hardness in (("full", 0.6), ("building", 1.0)):
            error, gain = 0.62 * hardness * factor, -0.38 * hardness * factor
            found[f"ablation.{name}.{region}.abs_rel"] = (error, gain)
            found[f"ablation.{name}.{region}.delta1"] = (0.6 / (1 + error), 0.15)
    return found


def window_metrics() -> dict[str, tuple[float, float]]:
    found = {f"pose.{name}": value for name, value in POSES.items()}
    for threshold in THRESHOLDS:
        share = 1 - math.exp(-threshold / 0.07)
        name = f"photometric.building.inlier_at.{threshold:g}"
        found[name] = (share, 0.1 * share)
        if threshold == 0.05:
            found["photometric.building.inlier_ratio"] = found[name]
        bound = 1 - math.exp(-threshold / 0.03)
        found[f"photometric_truth.building.inlier_at.{threshold:g}"] = (bound, 0)
    found["photometric.building.error"] = (0.09, -0.01)
    return dict(sorted(found.items()))


def constant_counts(frames: int) -> dict[str, np.ndarray]:
    sizes = {"full": 5000.0, "building": 2100.0, "non_building": 2900.0}
    counts = {f"count.{n}.pixels": np.full(frames, v) for n, v in sizes.items()}
    return {**counts, "count.nan_pixels": np.zeros(frames)}


def series(
    name: str, base: float, change: float, length: int, own: np.random.Generator
) -> np.ndarray:
    """Values of frames or windows: errors are skewed, shares stay within 0 and 1."""
    curve = name.rpartition(".inlier")[0]  # its points are made of the same pixels
    shared = np.random.default_rng(sum(map(ord, curve or name)))
    noise = shared.normal(size=length)
    noise += (0.0 if curve else 0.3) * own.normal(size=length)
    value = base + change
    if is_share(name):
        return np.clip(value + 0.08 * noise, 0.01, 0.995)
    return max(value, 0.02) * np.exp(0.35 * noise)


def is_share(name: str) -> bool:
    return any(part in name for part in ("delta", "inlier", "rra", "rta", "auc"))


def statistics(values: np.ndarray) -> dict[str, float]:
    half = 1.96 * values.std() / math.sqrt(len(values))
    mean = float(values.mean())
    return {
        "mean": mean, "std": float(values.std()), "median": float(np.median(values)),
        "min": float(values.min()), "max": float(values.max()), "count": len(values),
        "ci_low": mean - half, "ci_high": mean + half,
        "ci_clusters": 3, "ci_frames": len(values),
    }  # fmt: skip


def write_examples(folder: Path, progress: float, seed: int, count: int = 2) -> None:
    """Facades that recede to the right, their normals wrong in patches."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    depth = np.stack([6 + 0.15 * x + 2 * (y < 8) + i for i in range(count)])
    images = rng.random((count, HEIGHT, WIDTH, 3)) * 0.2 + depth[..., None] / 40
    wrong = rng.random((count, HEIGHT // 6, WIDTH // 10)).repeat(6, 1).repeat(10, 2)
    error = 90 * wrong * (1 - 0.6 * progress)
    error[:, :6] = np.nan
    np.savez(
        folder / "examples.npz",
        images=(255 * images.clip(0, 1)).astype(np.uint8),
        depth_gt=np.where(y < 4, 0, depth).astype(np.float32),
        depth_pred=(depth * (1.3 - 0.3 * progress)).astype(np.float32),
        normal_error_deg=error.astype(np.float32),
        semantics=np.full((count, HEIGHT, WIDTH), 11, np.int16),
        names=np.array([f"street_0000/{i:06d}" for i in range(count)]),
    )


def write_overall(path: Path, means: dict[str, dict[str, dict[str, float]]]) -> None:
    columns: dict[str, list] = {"checkpoint": list(means)}
    metrics = list(next(iter(means.values())))
    for metric in sorted(metrics):
        count = metric.startswith("count.")
        column, key = (metric, "sum") if count else (f"{metric}.mean", "mean")
        columns[column] = [stats[metric][key] for stats in means.values()]
    write_csv(path, columns)


def metadata(names: Sequence[str], seed: int) -> dict:
    models = {n: {"kind": "adapter", "rank": 16, "alpha": 16.0} for n in names}
    return {
        "split": "val", "windows": 12, "align": "median", "per": "window", "seed": seed,
        "sampling_ratios": [0.5, 0.3, 0.2], "device": "cpu", "models": models,
    }  # fmt: skip


def write_csv(path: Path, columns: dict[str, Sequence]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))


def write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def edit_overall(folder: Path, change) -> None:
    """Rewrite the CSV of all models: ``change`` gets its rows, header first."""
    path = folder / "metrics_overall.csv"
    with open(path, newline="", encoding="utf-8") as file:
        rows = change(list(csv.reader(file)))
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
