"""Does a config's way from images to points work? Forward passes, words, a picture."""

import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import set_random_seed
from torch import Tensor, nn

from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.esam.frame_camera import (
    MAX_PIXEL_ERROR,
    camera_points,
    color_camera,
    frame_camera,
    pixel_errors,
)
from vantage3d.esam.fusion_check.colors import ColorMatch, match_colors
from vantage3d.io.images import read_color, write_figure
from vantage3d.io.points import read_points
from vantage3d.process.spacing import evenly_spaced
from vantage3d.registry import DATASETS, MODELS

STAGES = ("image_features", "backbone", "fusion", "pool", "decoder")
MIN_VALID = 0.99  # a single view sees all of its points
MAX_DEPTH = 20.0  # metres
STRIDES = (1, 2, 4, 8, 16)
MAX_GRAY = 2.0  # mean difference of grey levels where a better place is a problem
OTHER_IMAGE = 10.0  # and where there is none


@dataclass
class Injected:
    """What one injection got and gave.

    ``channels`` are those of the upsampled voxels, of the image features and of what
    comes out, ``covered`` is the share of voxels with an image feature.
    """

    stride: int
    voxels: int
    channels: tuple[int, int, int]
    covered: float


@dataclass
class Trace:
    """Records of one forward pass.

    Attributes:
        seconds: Seconds by stage; a stage without a module is absent.
        peak_gb: Largest memory so far when a stage ended, 10^9 bytes: what torch took
            of the GPU where there is one, else the process's resident memory.
        coordinates: Number of voxels by stride.
        injected: What each injection got and gave, by the name of its layer.
        not_finite: Values that are NaN or infinite, by module.
        images: What ``image_features`` returned, None if it was not called.
    """

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    peak_gb: dict[str, float] = field(default_factory=dict)
    coordinates: dict[int, int] = field(default_factory=dict)
    injected: dict[str, Injected] = field(default_factory=dict)
    not_finite: dict[str, int] = field(default_factory=dict)
    images: Any = None


@contextmanager
def traced(model: nn.Module) -> Iterator[Trace]:
    """Record what ``model`` does inside the block."""
    trace, started = Trace(), []

    def start(module: nn.Module, inputs: Any) -> None:
        started.append(_now())

    def stop(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        trace.seconds[name] += _now() - started.pop()
        trace.peak_gb[name] = peak_gb()
        if name == "image_features":
            trace.images = output

    def look(name: str, module: nn.Module, inputs: tuple, output: Any) -> None:
        """Count what is not finite, look at voxels and injections."""
        bad = sum(int((~torch.isfinite(value)).sum()) for value in tensors(output))
        if bad:
            trace.not_finite[name or "model"] = bad
        if _is_sparse(output):
            trace.coordinates[output.stride] = len(output.coordinates)
        if len(inputs) == 3 and hasattr(inputs[2], "covered"):
            voxels, _, pyramid = inputs
            feats = (voxels.features, pyramid.images.cells, output.features)
            trace.injected[name] = Injected(
                voxels.stride,
                len(voxels.coordinates),
                tuple(values.shape[1] for values in feats),
                float(pyramid.covered(voxels).float().mean()),
            )

    with ExitStack() as stack:
        for name in STAGES:
            stage = getattr(model, name, None)
            if stage is not None:
                stack.callback(stage.register_forward_pre_hook(start).remove)
                hook = stage.register_forward_hook(partial(stop, name))
                stack.callback(hook.remove)
        for name, module in model.named_modules():
            hook = module.register_forward_hook(partial(look, name))
            stack.callback(hook.remove)
        yield trace


def tensors(value: Any) -> Iterator[Tensor]:
    """Floating point tensors anywhere in an output."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif _is_sparse(value):
        yield value.features
    else:
        parts: Any = ()
        if isinstance(value, dict):
            parts = value.values()
        elif isinstance(value, list | tuple):
            parts = value
        elif is_dataclass(value):
            parts = (getattr(value, entry.name) for entry in fields(value))
        for part in parts:
            yield from tensors(part)


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "coordinates") and hasattr(value, "stride")


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_gb() -> float:
    """Largest memory so far, 10^9 bytes: the GPU's where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


@dataclass
class SampleCheck:
    """What one sample showed.

    Attributes:
        name: Name of the sample.
        split: ``train`` (augmented) or ``test``.
        valid: Share of points with an image feature.
        pixel_error: Median distance in pixels of the depth image between where a point
            projects to and where it was measured.
        colors: Points' colours against the pixels of the colour image that their
            features come from.
        depth: Smallest, median and largest depth in metres.
        border: Share of points in the outer half of border cells, where the map is
            extended instead of interpolated.
        trace: What the modules did in the forward pass.
        load_s: Seconds to load and augment the sample.
        points_cam: (N, 3) metres, camera coordinates.
        meta: The sample's metainfo.
    """

    name: str
    split: str
    valid: float
    pixel_error: float
    colors: ColorMatch
    depth: tuple[float, float, float]
    border: float
    trace: Trace
    load_s: float
    points_cam: Tensor
    meta: dict[str, Any]

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty if nothing is."""
        found = []
        if self.valid < MIN_VALID:
            found.append(
                f"only {self.valid:.3f} of the points have an image feature, expected "
                f"at least {MIN_VALID}"
            )
        if not self.pixel_error <= MAX_PIXEL_ERROR:
            found.append(
                f"points project {self.pixel_error:.2f} px (median) from where they "
                f"were measured, expected at most {MAX_PIXEL_ERROR}"
            )
        gray, off, there = self.colors
        if gray > MAX_GRAY and off > MAX_PIXEL_ERROR:
            found.append(
                f"features are read {off:.1f} px (median) from where the image has the "
                f"colours of their points: grey levels differ by {gray:.1f} in the "
                f"mean, and by {there:.1f} there, expected at most {MAX_GRAY:g}. The "
                "colour camera of the info file is wrong: another focal length, "
                "principal point or place"
            )
        elif gray > OTHER_IMAGE:
            found.append(
                f"grey levels of points differ by {gray:.1f} in the mean from the "
                f"image that their features come from, expected at most {MAX_GRAY:g}: "
                "it is of another frame, or its colour camera is wrong"
            )
        if self.depth[0] <= 0 or self.depth[2] > MAX_DEPTH:
            found.append(
                f"depths of {self.depth[0]:.2f} to {self.depth[2]:.2f} m, expected "
                f"more than 0 and at most {MAX_DEPTH}"
            )
        found += [
            f"{count} values of {module} are not finite"
            for module, count in self.trace.not_finite.items()
        ]
        missing = [s for s in STRIDES if not self.trace.coordinates.get(s)]
        if missing:
            found.append(f"no voxels at strides {missing}")
        return [f"{self.split} {self.name}: {text}" for text in found]


@dataclass
class FusionCheck:
    """What the samples showed that ran, and ``split index: message`` of the others."""

    samples: list[SampleCheck]
    errors: list[str]

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong."""
        return self.errors + [text for s in self.samples for text in s.problems]


def check_fusion(cfg: Config, samples: int, checkpoint: str | None) -> FusionCheck:
    """Run samples of the train and the test set through a config's model.

    It runs on the GPU where there is one, as training would.

    Args:
        cfg: With ``model.image_features``, ``train_dataloader`` and
            ``test_dataloader``.
        samples: Number of samples of each set, evenly spread over it.
        checkpoint: Weights; None for the seeded initial ones.

    Raises:
        ValueError: If ``samples`` is not positive or the config uses no images.
    """
    if samples < 1:
        raise ValueError(f"`samples` must be at least 1, got {samples}.")
    if not cfg.model.get("image_features"):
        raise ValueError(
            f"config {cfg.filename} has no `model.image_features`: there is no fusion "
            "to check. Give one of the configs with image features"
        )
    set_random_seed(0)
    model = MODELS.build(cfg.model).eval()
    if checkpoint is not None:
        load_weights(model, read_checkpoint(checkpoint), checkpoint)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    result = FusionCheck([], [])
    # A model that images only taught is tested without them.
    taught = model.fusion is None and not model.injects
    for split in ("train",) if taught else ("train", "test"):
        dataset = DATASETS.build(cfg[f"{split}_dataloader"].dataset)
        for row in evenly_spaced(len(dataset), samples):
            try:
                start = time.perf_counter()
                item = dataset[row]
                load_s = time.perf_counter() - start
                if item is None:
                    raise ValueError("the dataset refused it")
                batch = model.data_preprocessor(pseudo_collate([item]), False)
                with torch.no_grad(), traced(model) as trace:
                    model(**batch, mode="tensor")
                    if trace.images is None:  # only the losses of this config read any
                        model.image_features(batch["inputs"], batch["data_samples"])
                result.samples.append(measure(batch, trace, split, load_s))
            except (ValueError, OSError) as error:
                result.errors.append(f"{split} sample {row}: {error}")
    return result


def measure(batch: dict, trace: Trace, split: str, load_s: float) -> SampleCheck:
    """Numbers of one frame: projections, depth, border, what the trace saw."""
    meta = batch["data_samples"][0].metainfo
    points = batch["inputs"]["points"][0][:, :3].cpu().double()
    points_cam = camera_points(points, meta)
    z = points_cam[:, 2]
    errors = pixel_errors(points_cam, frame_camera(meta).K, meta["pixels"])
    read, inner = read_pixels_of(trace.images)
    return SampleCheck(
        name=meta["sample_idx"],
        split=split,
        valid=float(trace.images.valid.float().mean()),
        pixel_error=float(errors.median()),
        colors=compare_colors(meta, read.numpy(), inner.numpy()),
        depth=(float(z.min()), float(z.median()), float(z.max())),
        border=float(1 - inner.double().mean()),
        trace=trace,
        load_s=load_s,
        points_cam=points_cam,
        meta=meta,
    )


def read_pixels_of(images: Any) -> tuple[Tensor, Tensor]:
    """Where the features of one frame's points are read.

    Args:
        images: ``ImageSamples`` of a batch of one.

    Returns:
        (N, 2) pixels (x, y) of the colour image as stored, and (N,) bool: the point has
        a feature, and not from beyond the centres of the outer cells, where the map is
        extended instead of interpolated.
    """
    (grid,), taps = images.grids, images.taps.cpu()
    width, height = grid.size
    cells = torch.stack([taps % width, taps // width], -1).double()
    at = (cells * images.weights.cpu().double()[..., None]).sum(1)
    used = torch.tensor(grid.input_size, dtype=torch.float64) / grid.patch
    last = torch.minimum(used, torch.tensor([width, height])) - 1
    inner = ((at > 0) & (at < last)).all(1) & images.valid.cpu()
    return (at + 0.5) / torch.tensor(grid.scale, dtype=torch.float64) - 0.5, inner


def compare_colors(meta: dict, pixels: np.ndarray, inner: np.ndarray) -> ColorMatch:
    """Colours of a sample's points, as stored, and the image where they are looked up.

    Args:
        meta: The sample's metainfo.
        pixels: (N, 2) pixels of its colour image.
        inner: (N,) which of them count.
    """
    image, (height, width) = read_color(meta["img_path"]), meta["img_shape"][:2]
    scale = np.array([width / image.shape[1], height / image.shape[0]])
    if image.shape[:2] != (height, width):  # as the converters took the colours
        size = width, height
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    colors = read_points(meta["lidar_path"])[:, 3:]
    match = match_colors(colors[inner], image, (pixels[inner] + 0.5) * scale - 0.5)
    return match._replace(pixels=float(match.pixels / scale.mean()))


def projected_pixels(points_cam: Tensor, meta: dict) -> Tensor:
    """(N, 2) pixels of the colour camera's image."""
    camera = color_camera(meta)
    found = camera.points(points_cam) @ camera.K.double().T
    return found[:, :2] / found[:, 2:]


PICTURED = 4


def report_text(check: FusionCheck) -> str:
    """The report: one line per sample, then stages and injections, then problems."""
    lines = []
    for sample in check.samples:
        low, middle, high = sample.depth
        voxels = "/".join(str(sample.trace.coordinates.get(s, 0)) for s in STRIDES)
        lines.append(
            f"{sample.split:5} {sample.name}: valid {sample.valid:.4f}, off "
            f"{sample.pixel_error:.4f} px, colours off {sample.colors.pixels:.1f} px "
            f"and {sample.colors.gray:.1f} grey levels, "
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
        width, height = color_camera(sample.meta).size
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)  # of the colour camera
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
    write_figure(path, figure)
