"""Do neighbouring images agree where the predicted depth says they should?"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.evaluation.photometric import structural_similarity
from vantage3d.geometry import invert_rigid, project, sample_maps, unproject
from vantage3d.vggt_lora.losses.weighting import filtered_mean


class Views(NamedTuple):
    """Images with depth and camera, one each; leading dimensions agree.

    Attributes:
        depth: (..., H, W) positive, in the unit of the poses.
        images: (..., 3, H, W) in [0, 1].
        K: (..., 3, 3) intrinsics in pixels.
        world2cam: (..., 4, 4) rigid transforms, OpenCV axes.
    """

    depth: Tensor
    images: Tensor
    K: Tensor
    world2cam: Tensor

    def frames(self, first: int, last: int) -> "Views":
        """Frames first..last-1 of (B, S, ...) views, as (N, ...)."""
        return Views(*(field[:, first:last].flatten(0, 1) for field in self))


@dataclass(frozen=True)
class PhotometricLoss:
    """Each frame against the one before and the one after, warped by predicted depth.

    Depth and poses are in one unit, that of the normalised scene, so a wrong baseline
    cannot hide. Things that move break the assumption: weigh them low.

    Attributes:
        weight: Factor of the term in the total loss.
        ssim: Share of (1 - SSIM) / 2 in the error; the rest is the mean absolute
            difference of the colours.
        occlusion: How much farther, relatively, a point may be than the surface that
            the other frame sees there.
        valid_range: Share of errors kept, the smallest; not positive keeps all.
        min_valid: Valid pixels that a sample needs: its unit comes from them.
    """

    weight: float = 1.0
    ssim: float = 0.85
    occlusion: float = 0.05
    valid_range: float = 0.98
    min_valid: int = 100

    def __call__(self, views: Views, weights: Tensor) -> Tensor:
        """The loss without ``weight``; 0 in the graph if nothing is seen twice.

        Args:
            views: (B, S, ...) predicted depth, images and true cameras.
            weights: (B, S, H, W) non-negative; a pixel of weight 0 is out, but for
                the 3x3 neighbourhoods of others.
        """
        last = views.depth.shape[1]
        before, after = views.frames(0, last - 1), views.frames(1, last)
        pairs = [
            (before, after, weights[:, :-1].flatten(0, 1)),
            (after, before, weights[:, 1:].flatten(0, 1)),
        ]
        errors, shares = [], []
        for here, there, share in pairs:
            pixels, visible = reproject(here, there, self.occlusion)
            visible = visible & (share > 0)
            warped = sample_maps(there.images, pixels).movedim(-1, 1)
            similar = structural_similarity(here.images, warped, _blur).mean(1)
            structure = (1 - similar) / 2
            difference = (here.images - warped).abs().mean(1)
            error = self.ssim * structure + (1 - self.ssim) * difference
            errors.append(error[visible])
            shares.append(share[visible])
        return filtered_mean(torch.cat(errors), torch.cat(shares), self.valid_range)


def reproject(here: Views, there: Views, occlusion: float) -> tuple[Tensor, Tensor]:
    """Where the pixels of one view lie in another.

    Args:
        here: (N, ...) views whose depth places the pixels in space.
        there: (N, ...) views that may see them.
        occlusion: Largest relative distance behind the surface that ``there`` sees.

    Returns:
        (N, H, W, 2) pixels (x, y) of ``there``, differentiable by the depth of
        ``here``, and (N, H, W) bool: in front, inside the image, not occluded.
    """
    count, height, width = here.depth.shape
    points = unproject(here.depth, here.K, invert_rigid(here.world2cam))
    flat, z = project(points.flatten(1, 2), there.K, there.world2cam)
    pixels, z = flat.view(count, height, width, 2), z.view(count, height, width)
    x, y = pixels.detach().unbind(-1)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    surface = sample_maps(there.depth[:, None], pixels)[..., 0]
    seen = z <= surface * (1 + occlusion)
    return pixels, ((z > 0) & inside & seen).detach()


def _blur(images: Tensor) -> Tensor:
    return functional.avg_pool2d(images, 3, 1, padding=1, count_include_pad=False)
