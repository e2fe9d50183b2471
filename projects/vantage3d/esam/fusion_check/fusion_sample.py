"""What one sample shows of the way from its image to its points."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vantage3d.esam.frame_camera import (
    MAX_PIXEL_ERROR,
    camera_points,
    frame_camera,
    pixel_errors,
)
from vantage3d.esam.fusion_check.fusion_stages import Trace

MIN_VALID = 0.99  # a single view sees all of its points
MAX_DEPTH = 20.0  # metres
STRIDES = (1, 2, 4, 8, 16)


@dataclass
class SampleCheck:
    """What one sample showed.

    Attributes:
        name: Of the sample.
        split: ``train`` (augmented) or ``test``.
        valid: Share of points with an image feature.
        pixel_error: Median distance in pixels between where a point projects to and
            where it was measured.
        depth: Smallest, median and largest depth in metres.
        border: Share of points in the outer half of border cells, where the map is
            extended instead of interpolated.
        trace: Of the forward pass.
        load_s: Seconds to load and augment.
        points_cam: (N, 3) metres, camera coordinates.
        meta: The sample's metainfo.
    """

    name: str
    split: str
    valid: float
    pixel_error: float
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


def measure(batch: dict, trace: Trace, split: str, load_s: float) -> SampleCheck:
    """Numbers of one frame: projections, depth, border, what the trace saw."""
    meta = batch["data_samples"][0].metainfo
    points = batch["inputs"]["points"][0][:, :3].cpu().double()
    points_cam = camera_points(points, meta)
    z = points_cam[:, 2]
    errors = pixel_errors(points_cam, frame_camera(meta).K, meta["pixels"])
    return SampleCheck(
        name=meta["sample_idx"],
        split=split,
        valid=float(trace.images.valid.float().mean()),
        pixel_error=float(errors.median()),
        depth=(float(z.min()), float(z.median()), float(z.max())),
        border=_border_share(points_cam, meta),
        trace=trace,
        load_s=load_s,
        points_cam=points_cam,
        meta=meta,
    )


def projected_pixels(points_cam: Tensor, meta: dict) -> Tensor:
    """(N, 2) pixels of the depth image."""
    found = points_cam @ frame_camera(meta).K.double().T
    return found[:, :2] / found[:, 2:]


def _border_share(points_cam: Tensor, meta: dict) -> float:
    """Share of points beyond the centres of the outer cells of the feature map."""
    grid = meta.get("feat_grid")
    if grid is None:
        return float("nan")
    height, width = meta["img_shape"][:2]
    cells = torch.tensor(
        [side / grid["patch"] for side in grid["input_size"]], dtype=torch.float64
    )
    scale = cells / torch.tensor([width, height])
    at = (projected_pixels(points_cam, meta) + 0.5) * scale - 0.5
    return float(((at < 0) | (at > cells - 1)).any(dim=1).double().mean())
