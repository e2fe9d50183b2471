"""Keypoints of the anchor: the detector's best, and random pixels beside them."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import pixel_shuffle

from vantage3d.checks import check_positive
from vantage3d.deltas.maxima import dilate
from vantage3d.deltas.models.interest import CELL

_NMS_ROUNDS = 2  # in which neighbours of suppressed pixels get another chance


@dataclass(frozen=True)
class KeypointSelector:
    """Chooses N different pixels of each anchor.

    Attributes:
        num_kps: N.
        frac_superpoint: Largest share of them that comes from the detector; the others
            are drawn uniformly from the remaining pixels.
        detection_threshold: Smallest score of a detection.
        nms_radius: Pixels between detections, more than this in x or y.
        remove_borders: Pixels at each border without detections.

    Raises:
        ValueError: If a number makes no sense.
    """

    num_kps: int = 512
    frac_superpoint: float = 0.5
    detection_threshold: float = 0.0005
    nms_radius: int = 9
    remove_borders: int = 4

    def __post_init__(self) -> None:
        check_positive("num_kps", self.num_kps)
        if not 0 <= self.frac_superpoint <= 1:
            raise ValueError(
                f"`frac_superpoint` must be in [0, 1], got {self.frac_superpoint}."
            )

    def __call__(
        self, logits: Tensor, size: tuple[int, int], generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Keypoints of B anchors.

        Every sample gets the same draws, so its points do not depend on its batch.

        Args:
            logits: (B, 65, h, w) of the detector.
            size: (H, W) of the images, at most 8 h and 8 w.
            generator: On the CPU, for the random pixels.

        Returns:
            (B, N, 2) whole pixels (x, y), no two alike, and (B, N) scores, 0 where
            drawn.

        Raises:
            ValueError: If the image has fewer than N pixels.
        """
        height, width = size
        if self.num_kps > height * width:
            raise ValueError(
                f"`num_kps` must be at most the {height * width} pixels of a "
                f"{width}x{height} image, got {self.num_kps}."
            )
        scores = self.detections(logits, size).flatten(1)
        best = int(self.frac_superpoint * self.num_kps)
        found, place = scores.topk(best, dim=1)
        drawn = torch.rand(height * width, generator=generator).to(scores.device)
        # a draw is below 1, a detection above
        rank = drawn.expand_as(scores).scatter(
            1, place, torch.where(found > 0, 1 + found, drawn[place])
        )
        chosen = rank.topk(self.num_kps, dim=1).indices
        detected = rank.gather(1, chosen) > 1
        kept = torch.where(detected, scores.gather(1, chosen), 0)
        pixels = torch.stack([chosen % width, chosen // width], -1)
        return pixels.to(scores.dtype), kept

    def detections(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, H, W) scores of detections, 0 elsewhere."""
        height, width = size
        heat = pixel_shuffle(logits.softmax(1)[:, : CELL * CELL], CELL)
        heat = heat[..., :height, :width]
        strong = heat > self.detection_threshold
        # local maxima, none closer than the radius to a higher one
        radius = self.nms_radius
        peaks = heat == dilate(heat, radius)
        for _ in range(_NMS_ROUNDS):
            near = dilate(peaks.to(heat.dtype), radius) > 0
            rest = torch.where(near, torch.zeros_like(heat), heat)
            peaks = peaks | ((rest == dilate(rest, radius)) & ~near)
        kept = heat * (peaks & strong)
        inside = torch.zeros_like(kept)
        border = self.remove_borders
        inside[..., border : height - border, border : width - border] = 1
        return (kept * inside)[:, 0]
