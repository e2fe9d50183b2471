"""A fusion check in words and as a picture."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vantage3d.esam.fusion_check.check import (
    STAGES,
    STRIDES,
    FusionCheck,
    projected_pixels,
)
from vantage3d.io.atomic import atomic_write
from vantage3d.io.images import read_color

PICTURED = 4


def report_text(check: FusionCheck) -> str:
    """The report: one line per sample, then stages and injections, then problems."""
    lines = []
    for sample in check.samples:
        low, middle, high = sample.depth
        voxels = "/".join(str(sample.trace.coordinates.get(s, 0)) for s in STRIDES)
        lines.append(
            f"{sample.split:5} {sample.name}: valid {sample.valid:.4f}, off "
            f"{sample.pixel_error:.4f} px, "
            f"depth {low:.2f}..{middle:.2f}..{high:.2f} m, "
            f"border {sample.border:.3f}, voxels at strides 1/2/4/8/16 {voxels}"
        )
    if check.samples:
        lines += [
            f"{name} at stride {item.stride}: {item.voxels} voxels, channels "
            f"{item.channels[0]} + {item.channels[1]} of the image -> "
            f"{item.channels[2]}, covered {item.covered:.3f}"
            for name, item in check.samples[-1].trace.injected.items()
        ]
        load_s = np.median([sample.load_s for sample in check.samples])
        lines.append(f"load: {load_s * 1000:.0f} ms")
    for name in STAGES:
        traces = [s.trace for s in check.samples if name in s.trace.seconds]
        if traces:
            middle = np.median([trace.seconds[name] for trace in traces])
            peak = max(trace.peak_gb[name] for trace in traces)
            lines.append(f"{name}: {middle * 1000:.0f} ms, {peak:.2f} GB so far")
    lines += [f"PROBLEM {text}" for text in check.problems]
    lines.append(
        f"{len(check.samples)} samples, {len(check.problems)} problems"
        + ("" if check.problems else ": the fusion works")
    )
    return "\n".join(lines)


def write_projection_picture(path: Path, check: FusionCheck) -> None:
    """Points of a few samples on their images, coloured by depth."""
    step = max(1, len(check.samples) // PICTURED)
    chosen = check.samples[::step][:PICTURED]
    figure = Figure(figsize=(6.4, 2.6 * len(chosen)), layout="constrained", dpi=110)
    grid = figure.subplots(len(chosen), 2, squeeze=False)
    for (left, right), sample in zip(grid, chosen):
        image = read_color(sample.meta["img_path"])
        height, width = sample.meta["img_shape"][:2]
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)  # of the depth image
        pixels = projected_pixels(sample.points_cam, sample.meta).numpy()
        for axes in (left, right):
            axes.imshow(image, extent=extent)
            axes.set_axis_off()
        depth = sample.points_cam[:, 2].numpy()
        right.scatter(*pixels.T, c=depth, s=0.4, cmap="turbo")
        right.set_xlim(extent[:2])
        right.set_ylim(extent[2:])
        left.set_title(f"{sample.split} {sample.name}", fontsize=8)
        right.set_title(f"valid {sample.valid:.4f}, colour is depth", fontsize=8)
    atomic_write(path, lambda file: figure.savefig(file, format="png"))
