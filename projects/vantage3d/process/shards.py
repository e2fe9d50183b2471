"""A work that several processes share: each takes every so many-th item.

They may run on several machines that share a folder.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
# torchrun's variables, and those that srun gives to its tasks; a batch script around
# them has SLURM_PROCID too, but no step.
_LAUNCHERS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"))


@dataclass(frozen=True)
class Shard:
    """The share of one process: every ``world_size``-th item from ``rank`` on."""

    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"--rank must be in 0..{self.world_size - 1} for --world-size "
                f"{self.world_size}, got {self.rank}"
            )

    @property
    def is_all(self) -> bool:
        """Whether nobody else has a share."""
        return self.world_size == 1

    def of(self, items: Sequence[T]) -> list[T]:
        """This process's items."""
        return list(items[self.rank :: self.world_size])

    def __str__(self) -> str:
        return f"shard {self.rank} of {self.world_size}"


def add_shard(parser: argparse.ArgumentParser) -> None:
    """``--rank`` and ``--world-size``."""
    add, default = parser.add_argument, "; default: torchrun's or srun's variables"
    add("--rank", type=int, help=f"share of this process, from 0{default}")
    add("--world-size", type=int, help=f"processes that share the work{default}")


def read_shard(
    rank: int | None, world_size: int | None, env: Mapping[str, str] = os.environ
) -> Shard:
    """The shard that options name, else the one of torchrun or srun, else all.

    Raises:
        ValueError: If only one of them is given, or the rank is out of range.
    """
    if (rank is None) != (world_size is None):
        raise ValueError(
            f"--rank and --world-size go together, got --rank {rank} --world-size "
            f"{world_size}. Give both or none"
        )
    if rank is not None and world_size is not None:
        return Shard(rank, world_size)
    for place, count in _LAUNCHERS:
        if place in env and count in env:
            return Shard(int(env[place]), int(env[count]))
    return Shard()
