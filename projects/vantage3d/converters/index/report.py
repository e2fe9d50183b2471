"""What an index holds, in numbers, pictures and points, and what was left out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.converters.index.sequence import SequenceResult
from vantage3d.geometry import invert_rigid, unproject
from vantage3d.geometry.rasters import z_buffer
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import write_figure
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.index import FrameIndex
from vantage3d.views.reading import read_indexed
from vantage3d.views.selection import Cut
from vantage3d.views.transform import nearest, visible

LOW_COVERAGE, LOW_VALID = 0.10, 2000
LOW_AGREEMENT = 0.05
LISTED = 100  # poor frames in a report
PRINTED = 10  # reasons of skipped frames
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
    ones; views disagree where less than 5 % of the points that another view sees lie
    on its surface. ``short`` are the sequences that --min-frames left out of ``index``.
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


def say_skipped(skipped: Mapping[str, str], report: Path) -> None:
    """Print the reasons of the first few that were left out; a report lists all."""
    for name, reason in list(skipped.items())[:PRINTED]:
        print_log(f"skipped {name}: {reason}", logger="current")
    if len(skipped) > PRINTED:
        more = len(skipped) - PRINTED
        print_log(f"skipped {more} others: see {report}", logger="current")


def _say(path: Path, report: dict[str, Any]) -> None:
    skipped: dict[str, str] = report["skipped"]
    covered = report["coverage"].get("mean")
    depth = "" if covered is None else f"depth covers {covered:.1%}, "
    print_log(
        f"{report['frames']} frames of {report['sequences']} sequences, {depth}"
        f"{report['low_quality_count']} poor frames, skipped {len(skipped)} ({path})",
        logger="current",
    )
    say_skipped(skipped, path)
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


SHOWN = 5  # sequences, evenly over the split
FUSED = 6  # frames per point cloud
POINTS = 40_000  # per point cloud
WIDTH = 480  # pixels of a panel
SHADES = (2, 98)  # percentiles of depth between which colours change
PANEL_IN, BAR_IN, TITLE_IN = 3.5, 0.7, 0.3
COLOURS = "turbo_r"
TITLES = ("image", "depth in metres", "depth of the next view, reprojected")


def write_overview(folder: Path, split: str, index: FrameIndex, root: Path) -> None:
    """Write ``<split>.png`` and a point cloud per shown sequence.

    A row of the picture is an image, its depth, and the depth of the next frame moved
    here by both poses and painted over the image: edges must lie on edges. Paths of
    ``index`` are relative to ``root``. A split without sequences has neither.
    """
    last = len(index.sequences) - 1
    steps = np.linspace(0, last, min(SHOWN, last + 1)).round().astype(int)
    rows = []
    for name in (index.sequences[step] for step in steps):
        views = []
        for entry in list(index.frames(name))[:FUSED]:
            # Not every frame was read when it was indexed.
            with suppress(BadSampleError):
                views.append(read_indexed(root, index.facts, entry))
        if len(views) > 1:
            rows.append((name, views[0], views[1]))
            path = folder / f"{split}_{quote(name, safe='')}.ply"
            write_points(path, views)
    if rows:
        write_figure(folder / f"{split}.png", _draw(rows), dpi=80)


def write_points(path: Path, views: list[Frame]) -> None:
    """Write the coloured world points of some views as binary PLY.

    The origin is the first camera, as in samples: recordings far from their own origin
    would lose their decimals in the file's float32.
    """
    points, colors = [], []
    origin = invert_rigid(views[0].world2cam)[:3, 3]
    for view in views:
        rows, columns = np.nonzero(view.depth)
        step = max(1, len(rows) * len(views) // POINTS)
        rows, columns = rows[::step], columns[::step]
        depth = view.depth.astype(np.float64)
        world = unproject(depth, view.K, invert_rigid(view.world2cam))
        points.append(world[rows, columns] - origin)
        colors.append(view.image[rows, columns])
    vertices = np.empty(sum(map(len, points)), [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    vertices["xyz"], vertices["rgb"] = np.concatenate(points), np.concatenate(colors)
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"element vertex {len(vertices)}"]
    header += [f"property float {axis}" for axis in "xyz"]
    header += [f"property uchar {name}" for name in ("red", "green", "blue")]
    text = "\n".join([*header, "end_header", ""])
    atomic_write_bytes(path, text.encode() + vertices.tobytes())


def reprojected(frame: Frame, other: Frame) -> NDArray[np.float32]:
    """(H, W) depth of ``other`` seen from ``frame``, 0 = nothing; nearest wins."""
    cam2world, size = invert_rigid(other.world2cam), frame.depth.shape[::-1]
    points = unproject(other.depth.astype(np.float64), other.K, cam2world)
    points, ahead = points[other.depth > 0], (np.finfo(float).tiny, np.inf)
    _, depth, pixels = visible(points, frame.K, frame.world2cam, size, ahead)
    return z_buffer(depth, pixels, size)


def _draw(rows: list[tuple[str, Frame, Frame]]) -> Figure:
    """Panels stand where they are put: to lay them out takes three times as long."""
    heights = [PANEL_IN * f.depth.shape[0] / f.depth.shape[1] for _, f, _ in rows]
    width = len(TITLES) * (PANEL_IN + BAR_IN)
    height = sum(heights) + len(rows) * TITLE_IN + 0.1
    figure, top = Figure((width, height)), height
    for (name, frame, other), panel_in in zip(rows, heights):
        top -= TITLE_IN + panel_in
        near, far = np.percentile(frame.depth[frame.depth > 0], SHADES)
        norm = LogNorm(near, max(far, 1.01 * near), clip=True)
        moved = reprojected(frame, other)
        for column, depth in enumerate((None, frame.depth, moved)):
            left, bottom = column * (PANEL_IN + BAR_IN) / width, top / height
            place = left, bottom, PANEL_IN / width, panel_in / height
            axes = figure.add_axes(place)
            title = TITLES[column] if column else f"{name}: {TITLES[0]}"
            axes.set_title(title, fontsize=8)
            _show(axes, frame.image, depth, norm)
            if depth is None:
                continue
            left += (PANEL_IN + 0.05) / width
            bar = figure.add_axes((left, bottom, 0.12 / width, panel_in / height))
            colours = ScalarMappable(norm, COLOURS)
            ticks = np.geomspace(norm.vmin, norm.vmax, 5)
            figure.colorbar(colours, bar, ticks=ticks).minorticks_off()
            bar.set_yticklabels([f"{tick:.3g}" for tick in ticks], fontsize=7)
    return figure


def _show(
    axes: Axes, image: NDArray, depth: NDArray[np.float32] | None, norm: LogNorm
) -> None:
    """An image; with ``depth``, grey below its colours."""
    axes.set_axis_off()
    height, width = image.shape[:2]
    size = WIDTH, max(1, round(WIDTH * height / width))
    shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA) / 255
    if depth is not None:
        shown[:] = 0.64 * shown.mean(axis=2, keepdims=True)
        depth = nearest(depth, size[1], size[0])
        colours = colormaps[COLOURS](norm(depth))[..., :3]
        known = depth > 0
        shown[known] += 0.65 * (colours[known] - shown[known])
    axes.imshow(shown)
