"""What a KITTI-360 cache holds: statistics, poor frames, an overview to look at."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vantage3d.converters.index.report import spread
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import KITTI_SCALE
from vantage3d.io.images import read_color, read_depth
from vantage3d.views.kitti360.buckets import building_ratio, make_buckets
from vantage3d.views.kitti360.layout import Kitti360Layout

Record = Mapping[str, Any]
LOW_COVERAGE, LOW_VALID = 0.10, 2000
SHOWN = 6


def write_skipped(out_dir: Path, skipped: Mapping[str, str]) -> Path:
    """Write what was skipped, for the case that it is too much for a report."""
    path = out_dir / "report.json"
    atomic_write_bytes(path, (json.dumps({"skipped": dict(skipped)}) + "\n").encode())
    return path


def write_report(
    out_dir: Path,
    layout: Kitti360Layout,
    records: Mapping[str, Sequence[Record]],
    skipped: Mapping[str, str],
) -> None:
    """Write ``report.json`` and ``overview.html`` with pictures inside.

    Args:
        out_dir: The cache.
        layout: Of the raw data.
        records: Index entries by split.
        skipped: Reason by frame.
    """
    report = {
        "splits": {split: summary(entries) for split, entries in records.items()},
        "skipped": dict(skipped),
    }
    text = json.dumps(report, indent=1) + "\n"
    atomic_write_bytes(out_dir / "report.json", text.encode())
    every = [entry for entries in records.values() for entry in entries]
    steps = np.unique(np.linspace(0, len(every) - 1, SHOWN).astype(int))
    chosen = [every[step] for step in steps]
    pictures = [_histograms(records), *(_overlay(out_dir, layout, e) for e in chosen)]
    atomic_write_bytes(out_dir / "overview.html", _page(report, pictures).encode())


def summary(entries: Sequence[Record]) -> dict[str, Any]:
    """Statistics of one split's depth maps and buckets.

    A frame is poor with less than 10 % of its pixels covered, or less than 2000 valid
    pixels in the network's view.
    """
    poor = [
        f"{e['sequence']}/{e['frame']}"
        for e in entries
        if e["coverage"] < LOW_COVERAGE or e["view_valid"] < LOW_VALID
    ]
    ratios = [building_ratio(entry) for entry in entries]
    buckets = make_buckets(ratios)
    return {
        "frames": len(entries),
        "sequences": len({entry["sequence"] for entry in entries}),
        "coverage": spread([entry["coverage"] for entry in entries]),
        "view_valid": spread([entry["view_valid"] for entry in entries]),
        "buckets": {name: len(where) for name, where in buckets.items()},
        "without_labels": sum(ratio is None for ratio in ratios),
        "low_quality_frames": poor,
    }


def _histograms(records: Mapping[str, Sequence[Record]]) -> Figure:
    """Coverage, and building ratio in the network's view."""
    figure = Figure(figsize=(11, 2.8), layout="constrained")
    first, second = figure.subplots(1, 2)
    for split, entries in records.items():
        first.hist([e["coverage"] for e in entries], 40, alpha=0.6, label=split)
        ratios = [building_ratio(entry) for entry in entries]
        known = [ratio for ratio in ratios if ratio is not None]
        second.hist(known, 40, (0, 1), alpha=0.6, label=split)
    first.axvline(LOW_COVERAGE, color="grey", ls=":")
    first.set(xlabel="share of pixels with depth", ylabel="frames")
    for limit in (0.1, 0.3):
        second.axvline(limit, color="grey", ls=":")
    second.set(xlabel="share of building in the view: road | mixed | rich")
    first.legend()
    return figure


def _overlay(out_dir: Path, layout: Kitti360Layout, entry: Record) -> Figure:
    """Depth painted over its image: edges must lie on edges."""
    sequence, frame = entry["sequence"], entry["frame"]
    image = read_color(layout.image(sequence, frame))
    depth = read_depth(out_dir / entry["depth"], KITTI_SCALE)
    rows, columns = np.nonzero(depth)
    height, width = depth.shape
    figure = Figure(figsize=(11, 11 * height / width + 0.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(image.mean(axis=2), cmap="gray", vmin=0, vmax=400)
    near = np.log(depth[rows, columns])
    size = (500 / width) ** 2
    axes.scatter(columns, rows, size, near, cmap="turbo_r", marker="s", linewidths=0)
    ratio = building_ratio(entry)
    named = "no labels" if ratio is None else f"building {ratio:.0%} of the view"
    title = f"{sequence}/{frame}: {entry['coverage']:.1%} covered, {named}"
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
    return figure


def _page(report: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    rows = "".join(
        f"<tr><td>{split}</td><td>{found['frames']}</td><td>{found['sequences']}</td>"
        f"<td>{found['coverage']['mean']:.1%}</td><td>{found['view_valid']['p50']:.0f}"
        f"</td><td>{found['buckets']}</td><td>{len(found['low_quality_frames'])}</td>"
        "</tr>"
        for split, found in report["splits"].items()
    )
    images = "".join(
        f'<p><img src="data:image/png;base64,{_png(f)}"></p>' for f in figures
    )
    return (
        "<!doctype html><meta charset=utf-8><title>KITTI-360 cache</title>"
        "<style>body{font:14px sans-serif;margin:2em}td,th{padding:2px 10px}</style>"
        "<h1>KITTI-360 cache</h1><table><tr><th>split<th>frames<th>drives<th>covered"
        f"<th>valid in view<th>buckets<th>poor</tr>{rows}</table>"
        f"<p>skipped: {len(report['skipped'])}</p>{images}"
    )


def _png(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return b64encode(buffer.getvalue()).decode()
