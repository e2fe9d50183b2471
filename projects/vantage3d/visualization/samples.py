"""Samples of a dataset as its pipeline gives them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config

from vantage3d.checks import check_positive
from vantage3d.evaluation.windows.contracts import numpy
from vantage3d.io.images import write_figure
from vantage3d.process.seeding import seeded
from vantage3d.process.spacing import evenly_spaced
from vantage3d.registry import DATASETS
from vantage3d.visualization.instances import distinct_colours


def draw_samples(cfg: Config, split: str, count: int, folder: Path) -> Iterator[Path]:
    """Draw evenly spaced samples into ``<folder>/<split>_<number>.png``.

    Raises:
        ValueError: If the config has no such split, ``count`` is below 1, or nothing is
            known of the kind of its samples.
    """
    check_positive("samples", count)
    loader = cfg.get(f"{split}_dataloader")
    if loader is None:
        raise ValueError(f"config {cfg.filename} has no {split}_dataloader")
    dataset = DATASETS.build(loader.dataset)
    for number in evenly_spaced(len(dataset), count):
        with seeded(number):
            sample = dataset[number]
        path = folder / f"{split}_{number}.png"
        write_figure(path, _picture(sample, f"{split} {number}"))
        yield path


def _picture(sample: Mapping[str, Any], title: str) -> Figure:
    inputs = sample.get("inputs", sample)
    if "points" in inputs:
        return _frame(inputs, sample["data_samples"], title)
    if "images" in inputs:
        return _views(inputs, title)
    raise ValueError(
        f"samples with {sorted(inputs)} cannot be drawn: expected `points` or `images`"
    )


def _frame(inputs: Mapping[str, Any], sample: Any, title: str) -> Figure:
    """Points from above by colour, instance and superpoint."""
    points, labels = numpy(inputs["points"]), sample.gt_pts_seg
    color = points[:, 3:6]
    color = (color - color.min(0)) / np.maximum(np.ptp(color, axis=0), 1e-6)
    panels = {"colour": color}
    for name, key in (("instance", "pts_instance_mask"), ("superpoint", "sp_pts_mask")):
        if key in labels:
            panels[name] = _by_id(numpy(labels[key]))
    figure = Figure(figsize=(5 * len(panels), 5), layout="constrained", dpi=100)
    for axes, (name, colors) in zip(figure.subplots(1, len(panels)), panels.items()):
        order = np.argsort(points[:, 2])  # what is higher hides what is lower
        axes.scatter(*points[order, :2].T, c=colors[order], s=1, linewidths=0)
        axes.set(title=name, xlabel="x, m", ylabel="y, m", aspect="equal")
    figure.suptitle(f"{title}: {sample.metainfo.get('sample_idx', '')}")
    return figure


def _by_id(ids: np.ndarray) -> np.ndarray:
    """(N, 3) a colour per id, grey below 0."""
    palette = distinct_colours(max(int(ids.max()) + 1, 0)) / 255
    grey = np.full((1, 3), 0.8)
    return np.concatenate([palette, grey])[np.where(ids < 0, -1, ids)]


def _views(inputs: Mapping[str, Any], title: str) -> Figure:
    """Images above their depth."""
    images, depth = numpy(inputs["images"]), numpy(inputs["depth"])
    figure = Figure(figsize=(3 * len(images), 5), layout="constrained", dpi=100)
    rows = figure.subplots(2, len(images), squeeze=False)
    far = float(depth.max()) or 1.0
    for view, (image, z) in enumerate(zip(images, depth)):
        rows[0, view].imshow(np.clip(image.transpose(1, 2, 0), 0, 1))
        shown = rows[1, view].imshow(np.where(z > 0, z, np.nan), vmin=0, vmax=far)
    for axes in rows.flat:
        axes.axis("off")
    figure.colorbar(shown, ax=rows[1], label="depth, m")
    figure.suptitle(title)
    return figure
