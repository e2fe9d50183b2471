"""What the U-Net's encoder saw in earlier frames, mixed into the current one (ESAM).

At each of the four coarser levels the memory keeps the largest feature of every voxel
of the world. The part of it around the current frame goes through two convolutions, a
narrow and a wide one; their results and the part's mean correct the current voxels::

    x <- relu(x + convert([conv_d1(part), conv_d3(part), mean(part)]))

In prediction only the mean needs the whole part: ``convert`` works voxel by voxel, so
all the rest is computed at the current voxels alone. In training the norms take their
statistics from the whole part, as released.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vantage3d.esam.models.geo_aware_pool import segment_mean
from vantage3d.esam.models.voxel_blocks import VoxelBlocks
from vantage3d.registry import MODELS
from vantage3d.sparse import (
    SparseTensor,
    features_at,
    get_backend,
    maximum,
    part_of,
)


@MODELS.register_module()
class MultilevelMemory(nn.Module):
    """Memory of voxels; it grows with the space that was seen, up to a budget.

    Untrained it changes nothing: the last scale before the sum starts at zero.

    Attributes:
        known: By level the voxels of earlier frames, None before the first one.
        times: With ``queue`` by level the same voxels, sorted by key, and the frame
            (N, 1) that showed each last; else None.

    Args:
        in_channels: Channels of the levels, from fine to coarse.
        scale: Size of the part that is looked at, in sizes of the current frame along
            each axis.
        budget: Voxels that a level keeps, of all scenes; those farthest from their
            current frame go first. None for all.
        queue: Frames that the memory spans, the current one included: what none of them
            shows is forgotten. None for all.

    Raises:
        ValueError: If ``scale`` or ``budget`` is below 1 or ``queue`` below 2, or both
            of the latter are given.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (32, 64, 128, 256),
        scale: float = 2.5,
        budget: int | None = None,
        queue: int | None = None,
    ) -> None:
        super().__init__()
        options = ("scale", scale, 1), ("budget", budget, 1), ("queue", queue, 2)
        for name, value, least in options:
            if value is not None and value < least:
                raise ValueError(f"`{name}` must be at least {least}, got {value}")
        if budget is not None and queue is not None:
            raise ValueError(
                f"`budget` {budget} and `queue` {queue} both bound the memory: give one"
            )
        engine = get_backend("torch")
        self.scale, self.budget, self.queue = scale, budget, queue
        self.in_channels = tuple(in_channels)

        def layers(inplanes: int, planes: int, size: int, step: int) -> nn.Sequential:
            conv = engine.Conv(inplanes, planes, size, dilation=step)
            return nn.Sequential(conv, engine.BatchNorm(planes))

        # Parameter names are those of the released checkpoints.
        self.conv_d1 = nn.ModuleList(layers(c, c, 3, 1) for c in in_channels)
        self.conv_d3 = nn.ModuleList(layers(c, c, 3, 3) for c in in_channels)
        self.conv_convert = nn.ModuleList(layers(3 * c, c, 1, 1) for c in in_channels)
        for _, norm in self.conv_convert:
            nn.init.zeros_(norm.bn.weight)
        self.reset()

    def reset(self) -> None:
        """Forget everything: other scenes follow."""
        self.known: list[VoxelBlocks | None] = [None] * len(self.in_channels)
        self.times: list[SparseTensor | None] = [None] * len(self.in_channels)

    def forward(self, levels: Sequence[SparseTensor]) -> list[SparseTensor]:
        """The levels of the next frame of every scene, with what is remembered.

        Args:
            levels: From fine to coarse; the batch index is that of the scene. Voxels
                are those of the world: (0, 0, 0) is one place in all frames.
        """
        return [self._level(i, x) for i, x in enumerate(levels)]

    def _level(self, i: int, x: SparseTensor) -> SparseTensor:
        known, box = self.known[i], surroundings(x.coordinates, self.scale)
        seen = x if known is None else maximum(known.around(*box), x)
        part = part_of(seen, distance(seen.coordinates, *box) == 0)
        out = x.with_rows((x.rows + self._correction(i, part, x)).relu())
        if known is None:  # as released: the corrected features, later the raw ones
            self.known[i] = known = VoxelBlocks(out)
        else:
            known.update(seen, x)
        if self.budget is not None and len(known) > self.budget:
            far = distance(known.coordinates, *box)
            kept = torch.zeros_like(far, dtype=torch.bool)
            kept[far.argsort(stable=True)[: self.budget]] = True
            self.known[i] = known.part(kept)
        if self.queue is not None:
            self.known[i] = known.part(self._recent(i, x))
        return out

    def _recent(self, i: int, x: SparseTensor) -> Tensor:
        """(N,) bool what is kept for the next frame of the voxels that are known.

        As released, the oldest go at full span.
        """
        before = self.times[i]
        now = 0.0 if before is None else float(before.rows.max()) + 1
        times = x.with_rows(torch.full((len(x.rows), 1), now, device=x.rows.device))
        if before is not None:
            times = maximum(before, times)
        last, at = times.rows[:, 0], times.level.sorted_coordinates
        kept = (last > last.min()) | (now - last.min() < self.queue - 1)
        self.times[i] = SparseTensor(times.rows[kept], at[kept], x.stride)
        return kept

    def _correction(self, i: int, part: SparseTensor, x: SparseTensor) -> Tensor:
        """(N, C) rows of ``x`` in stored order."""
        at = part if self.training else x
        columns = []
        for conv, norm in (self.conv_d1[i], self.conv_d3[i]):
            columns.append(norm(conv(part, at)).rows.relu())
        scenes = part.level.sorted_coordinates[:, 0].long()
        means = segment_mean(part.rows, scenes, int(scenes.max()) + 1)
        columns.append(means[at.level.sorted_coordinates[:, 0].long()])
        corrections = self.conv_convert[i](at.with_rows(torch.cat(columns, dim=1)))
        return features_at(corrections, x.level.sorted_coordinates)


def surroundings(current: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Corners of the enlarged boxes of voxels, (S, 3) float64 by scene.

    Args:
        current: (M, 4) [scene, x, y, z].
        scale: Size of the box in sizes of the voxels' own along each axis, about its
            middle.

    Returns:
        The smallest ones, and the largest ones; inf and -inf of scenes without voxels.
    """
    scenes, at = current[:, 0].long(), current[:, 1:].double()
    index = scenes[:, None].expand_as(at)
    empty = at.new_full((int(scenes.max()) + 1, 3), torch.inf)
    low = empty.scatter_reduce(0, index, at, "amin")
    high = (-empty).scatter_reduce(0, index, at, "amax")
    margin = ((scale - 1) / 2 * (high - low)).clamp(min=0)
    return low - margin, high + margin


def distance(coordinates: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(N,) how far voxels are from the box of their scene.

    Along the axis where it is most; 0 inside and on the sides, inf of scenes that have
    none.

    Args:
        coordinates: (N, 4) [scene, x, y, z].
        low: (S, 3) smallest corners, as :func:`surroundings` gives them.
        high: (S, 3) largest ones.
    """
    scenes, at = coordinates[:, 0].long(), coordinates[:, 1:].double()
    known = scenes < len(low)
    scenes = scenes.clamp(max=len(low) - 1)
    outside = torch.maximum(low[scenes] - at, at - high[scenes])
    outside = outside.amax(1).clamp(min=0)
    return torch.where(known, outside, torch.inf)
