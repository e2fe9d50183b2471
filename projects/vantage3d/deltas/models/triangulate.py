"""Triangulation by learned matching along epipolar segments: `trinet`."""

import torch
from torch import Tensor, nn

from vantage3d.checks import check_positive
from vantage3d.deltas.models.interest import CELL
from vantage3d.deltas.models.matching import (
    Segments,
    correlate,
    describe_pixels,
    epipolar_segments,
    expected_position,
    to_cells,
)
from vantage3d.geometry import normalise_pixels, project, triangulate

_LEGACY_FLOOR = 0.001  # upstream's weight of a view that shows nothing
_LARGEST = 1000.0  # metres, where a point of the batch is infinite


class TriangulationNet(nn.Module):
    """Matches keypoints in the views and triangulates them.

    The names of its weights are those of the released checkpoints, of which only
    ``bn_match_convD`` is used: it is the softmax's temperature. Arguments are those of
    :class:`DELTAS`, with ``stride`` its ``descriptor_stride``.
    """

    def __init__(
        self,
        search_range: tuple[float, float],
        out_length: int,
        dist_orthogonal: int,
        legacy: bool,
        max_residual: float | None = None,
        min_matches: int = 1,
        max_chance: float | None = None,
        stride: int = CELL,
    ) -> None:
        super().__init__()
        check_positive("min_matches", min_matches)
        if max_chance is not None:
            check_positive("max_chance", max_chance)
            if max_residual is None:
                raise ValueError(
                    f"`max_chance` {max_chance} needs `max_residual`, within which "
                    "matches agree, got None. Give it pixels"
                )
        self.max_residual, self.min_matches = max_residual, min_matches
        self.max_chance = max_chance
        self.search_range = search_range
        self.samples, self.half_width = out_length, dist_orthogonal
        self.legacy, self.stride = legacy, stride
        self.bn_match_convD = nn.BatchNorm2d(1)
        # Released checkpoints have these two, no output depends on them.
        self.convD_confa = nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
        self.bnconvD_confa = nn.BatchNorm2d(1).requires_grad_(False)

    def forward(
        self,
        descriptors: Tensor,
        keypoints: Tensor,
        K: Tensor,
        ref2cam: Tensor,
        size: tuple[int, int],
    ) -> dict[str, Tensor]:
        """Matches and points; the names are those of the package's contract.

        Args:
            descriptors: (B, V, C, h, w), the anchor's first.
            keypoints: (B, N, 2) pixels of the anchor.
            K: (B, V, 3, 3).
            ref2cam: (B, V, 4, 4) from the anchor's camera to each, itself first.
            size: (H, W) of the images.
        """
        segments = epipolar_segments(
            keypoints, K, ref2cam[:, 1:], self.search_range, size, self.legacy
        )
        scores = self.compare(descriptors, keypoints, segments)
        matches = self.match(scores, segments)
        confidence = scores.flatten(3).amax(-1).sigmoid()
        floor = _LEGACY_FLOOR if self.legacy else 0.0
        confidence = confidence * (segments.valid + floor)
        confidence = with_anchor(confidence)
        pixels = torch.cat([keypoints[:, None], matches], 1)
        return {
            "segments": segments.ends,
            "range_kp": segments.valid,
            "matches": matches,
            "confidence": confidence.mT,
            **self.locate(
                pixels, K, ref2cam, confidence, segments.valid, segments.length
            ),
        }

    def compare(
        self, descriptors: Tensor, keypoints: Tensor, segments: Segments
    ) -> Tensor:
        """(B, V - 1, N, rows, columns) normalised likeness at the segments' samples."""
        views = descriptors.shape[1] - 1
        queries = describe_pixels(
            descriptors[:, 0], keypoints, self.legacy, self.stride
        )
        queries = queries.repeat_interleave(views, 0)
        maps = descriptors[:, 1:].flatten(0, 1)
        pixels = segments.grid(self.samples, self.half_width).flatten(0, 1)
        size = maps.shape[-2], maps.shape[-1]
        cells = to_cells(pixels, size, self.legacy, self.stride)
        likeness = correlate(queries, maps, cells)
        rows = 2 * self.half_width + 1
        likeness = likeness.view(*segments.valid.shape, rows, self.samples)
        return self._normalise(likeness, segments.valid).relu()

    def _normalise(self, likeness: Tensor, valid: Tensor) -> Tensor:
        norm = self.bn_match_convD
        if self.legacy or not norm.training:
            return norm(likeness.flatten(0, 2)[:, None]).view_as(likeness)
        if not valid.any():  # nothing to take statistics of
            return likeness * 0
        patches = norm(likeness[valid][:, None])[:, 0]
        return torch.zeros_like(likeness).index_put((valid,), patches)

    def match(self, scores: Tensor, segments: Segments) -> Tensor:
        """(B, V - 1, N, 2) pixels: the mean position; (0, 0) in no segment."""
        column, row = expected_position(scores).unbind(-1)
        along = column / (self.samples - 1) - 0.5
        # Upstream divides the offset by the number of rows, in the end halves it.
        divisor = max(2 * self.half_width, 1) if self.legacy else 1
        across = (row - self.half_width) / divisor
        matches = segments.at(torch.stack([along, across], -1))
        return torch.where(segments.valid[..., None], matches, 0)

    def locate(
        self,
        pixels: Tensor,
        K: Tensor,
        ref2cam: Tensor,
        confidence: Tensor,
        seen: Tensor,
        length: Tensor | None = None,
    ) -> dict[str, Tensor | dict[str, Tensor]]:
        """Points (B, N, 3) of pixels (B, V, N, 2), which are valid, and counts.

        ``length`` (B, V - 1, N), of the segments in pixels, decides what is chance.
        """
        agreed = seen
        if self.max_residual is not None:
            agreed = agreeing_matches(pixels, K, ref2cam, seen, self.max_residual)
            used = agreed | ~agreed.any(1, keepdim=True)
            confidence = confidence * with_anchor(used)
        points, posed, in_front = self._solve(pixels, K, ref2cam, confidence)
        shown = seen.sum(1) >= self.min_matches
        agree = agreed.sum(1) >= self.min_matches
        if self.max_chance is not None:
            assert self.max_residual is not None and length is not None
            chance = false_alarms(agreed, seen, length, self.max_residual)
            agree = agree & (chance <= self.max_chance)
        valid = shown & in_front & agree
        reasons = {
            "keypoints": torch.ones_like(valid),
            "triangulated": valid,
            "no_view": ~shown,
            "no_parallax": shown & ~posed,
            "behind": shown & posed & ~in_front,
            "disagree": shown & in_front & ~agree,
        }
        counts = {name: mask.sum(1) for name, mask in reasons.items()}
        return {"points_anchor": points, "point_valid": valid, "counts": counts}

    def _solve(
        self, pixels: Tensor, K: Tensor, ref2cam: Tensor, confidence: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Points, and whether there is one and it is in front of its cameras."""
        if self.legacy:
            points = triangulate_pixels(pixels, K, ref2cam, confidence)
            posed = torch.isfinite(points).all(-1)
            return points, posed, posed
        coords = normalise_pixels(pixels.double(), K.double())
        points, posed, in_front = triangulate(coords, ref2cam, confidence)
        points = torch.where(in_front[..., None], points, 0).to(pixels.dtype)
        return points, posed, in_front


def triangulate_pixels(
    pixels: Tensor, K: Tensor, ref2cam: Tensor, weights: Tensor
) -> Tensor:
    """(B, N, 3) points by homogeneous triangulation in pixels and single precision.

    Any finite point where the equations have no single solution.

    Args:
        pixels: (B, V, N, 2).
        K: (B, V, 3, 3).
        ref2cam: (B, V, 4, 4) from the frame of the points to each camera.
        weights: (B, V, N).
    """
    projection = (K @ ref2cam[..., :3, :])[:, :, None]
    rows = pixels[..., None] * projection[..., 2:, :] - projection[..., :2, :]
    rows = (rows * weights[..., None, None]).permute(0, 2, 1, 3, 4).flatten(2, 3)
    solution = torch.linalg.svd(rows, full_matrices=False).Vh[..., -1, :]
    points = solution[..., :3] / solution[..., 3:]
    if torch.isinf(points).any():
        points = points.clamp(-_LARGEST, _LARGEST)
    return points


@torch.no_grad()
def agreeing_matches(
    pixels: Tensor, K: Tensor, ref2cam: Tensor, seen: Tensor, max_residual: float
) -> Tensor:
    """The largest set of matches that one of them explains.

    Each match, with the anchor, gives a point; views whose own match lies where they
    see that point support it. The point with most support decides, of equal ones that
    with the smaller sum of residuals. All matches are tried, so nothing is drawn.

    A view that does not show a keypoint, because something is in front of it, still
    answers with some place along its segment. This is what leaves it out.

    Args:
        pixels: (B, V, N, 2) keypoints of the anchor and their matches.
        K: (B, V, 3, 3).
        ref2cam: (B, V, 4, 4) from the anchor's camera to each, itself first.
        seen: (B, V - 1, N) bool: there is a match.
        max_residual: Pixels between a match and the point as its view sees it.

    Returns:
        (B, V - 1, N) bool; none where no match has a point in front of the cameras.
    """
    views = seen.shape[1]
    alone = torch.eye(views, dtype=seen.dtype, device=seen.device)
    weights = alone[None, :, :, None] & seen[:, None]  # (B, tried, V - 1, N)
    weights = with_anchor(weights)
    coords = normalise_pixels(pixels.double(), K.double())
    shape = (-1, views, -1, -1, -1)
    points, _, in_front = triangulate(
        coords[:, None].expand(shape), ref2cam[:, None].expand(shape), weights.double()
    )
    found, depth = project(
        points[:, :, None], K[:, None, 1:].double(), ref2cam[:, None, 1:].double()
    )
    residual = (found - pixels[:, None, 1:]).norm(dim=-1)
    support = (residual <= max_residual) & (depth > 0) & seen[:, None]
    support &= in_front[:, :, None]
    # below 1 in all, so that it decides only between sets of one size
    spread = torch.where(support, residual, 0).sum(2) / (1 + views * max_residual)
    best = (support.sum(2) - spread).argmax(1)
    best = best[:, None, None].expand(-1, 1, views, -1)
    return support.gather(1, best)[:, 0]


@torch.no_grad()
def false_alarms(
    agreed: Tensor, seen: Tensor, length: Tensor, max_residual: float
) -> Tensor:
    """How many sets of matches that agree so well are to be expected by chance.

    A match that means nothing lies anywhere on its segment: one view agrees with a
    given point with probability p = 2 max_residual / length. Of n views, k agree with
    the match of one of them in n (n - 1 over k - 1) ways, each by the product of k - 1
    of their p. So two of two views are evidence, two of six are not, nor any number of
    views next to the anchor, whose segments are short. Desolneux, Moisan and Morel
    (2000) call it the number of false alarms.

    Args:
        agreed: (B, V - 1, N) bool matches that agree.
        seen: (B, V - 1, N) bool matches that there are.
        length: (B, V - 1, N) pixels of the searched segments.
        max_residual: Pixels within which matches agree.

    Returns:
        (B, N); the match that the others agree with is the one on the longest segment.
    """
    chance = (2 * max_residual / length.clamp(min=2 * max_residual)).log()
    chance = torch.where(agreed, chance, 0)
    n, k = seen.sum(1), agreed.sum(1).clamp(min=1)
    counts = torch.arange(1, seen.shape[1] + 1, device=n.device)

    def log_factorial(number: Tensor) -> Tensor:
        return (counts.log() * (counts <= number[..., None])).sum(-1)

    ways = log_factorial(n) - log_factorial(k - 1) - log_factorial(n - k)
    return (ways + chance.sum(1) - chance.amin(1)).exp()


def with_anchor(values: Tensor) -> Tensor:
    """(..., V, N) of the views' (..., V - 1, N): 1, or true, for the anchor."""
    return torch.cat([torch.ones_like(values[..., :1, :]), values], -2)
