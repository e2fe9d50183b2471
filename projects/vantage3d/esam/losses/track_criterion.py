"""What teaches queries which instance of earlier frames they are, and what is one."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.esam.losses.criterion import mean_or_zero
from vantage3d.esam.online.association import affinity_logits
from vantage3d.registry import MODELS


@MODELS.register_module()
class TrackCriterion:
    """The affinities that the rule ``tracking`` reads, against the truth.

    An instance of earlier frames is the mean of its queries' vectors so far, as a track
    is. A query inside an instance should choose it among all (cross-entropy over them)
    and know it (binary, each of them for itself: a query of one that is new knows
    none). Two queries of a frame should say whether they are of one instance (binary).
    Queries outside of all instances take no part.

    Args:
        track_weight: Factor of both terms of the first kind.
        part_weight: Factor of the second kind.
    """

    def __init__(self, track_weight: float = 1.0, part_weight: float = 1.0) -> None:
        self.track_weight, self.part_weight = track_weight, part_weight

    def __call__(
        self,
        vectors: Sequence[Sequence[tuple[Tensor, Tensor]]],
        inside: Sequence[Sequence[Tensor]],
    ) -> dict[str, Tensor]:
        """``track_loss`` and ``part_loss``, means over the frames that have them.

        Without any they are differentiable zeros.

        Args:
            vectors: By frame and scene the unit vectors (Q, D) for instances, and those
                for parts of a frame.
            inside: By frame and scene (G, Q) bool, whether a query lies in an instance;
                a row is the same instance in all frames of a scene.
        """
        tracks: list[Tensor] = []
        parts: list[Tensor] = []
        for scene, own in zip(zip(*vectors), zip(*inside), strict=True):
            sums = scene[0][0].new_zeros(len(own[0]), scene[0][0].shape[1])
            for (instances, pieces), rows in zip(scene, own, strict=True):
                of_one = rows.any(0)
                owner = rows[:, of_one].to(torch.uint8).argmax(0)
                known = sums.any(1).nonzero()[:, 0]
                if len(owner) and len(known):
                    cosines = instances[of_one] @ functional.normalize(sums[known]).T
                    tracks.append(track_loss(cosines, owner[:, None] == known))
                if len(owner) > 1:
                    parts.append(part_loss(pieces[of_one], owner))
                sums = sums + rows.to(sums.dtype) @ instances
        every = [own for frame in vectors for pair in frame for own in pair]
        return {
            "track_loss": self.track_weight * mean_or_zero(tracks, every),
            "part_loss": self.part_weight * mean_or_zero(parts, every),
        }


def track_loss(cosines: Tensor, same: Tensor) -> Tensor:
    """Cross-entropy plus binary cross-entropy of queries and instances so far.

    Args:
        cosines: (Q, T).
        same: (Q, T) bool, in each row one at most.
    """
    logits = affinity_logits(cosines)
    loss = functional.binary_cross_entropy_with_logits(logits, same.to(logits.dtype))
    rows = same.any(1)
    if rows.any():
        own = same[rows].to(torch.uint8).argmax(1)
        loss = loss + functional.cross_entropy(logits[rows], own)
    return loss


def part_loss(vectors: Tensor, owner: Tensor) -> Tensor:
    """Binary cross-entropy over the pairs of vectors (Q, D) of instances (Q,)."""
    a, b = torch.triu_indices(len(owner), len(owner), 1, device=owner.device)
    logits = affinity_logits((vectors @ vectors.T)[a, b])
    same = (owner[a] == owner[b]).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, same)
