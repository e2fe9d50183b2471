"""How processes of a run find each other, also after torchrun started them again."""

import os
from typing import Any

import torch
from mmengine.dist import init_dist
from torch.distributed import PrefixStore, init_process_group
from torch.distributed.rendezvous import rendezvous


def join_processes(**options: Any) -> None:
    """Make the group of all processes that torchrun started.

    torchrun keeps one store for all its restarts (torch 2.11), so the addresses of
    processes that died are still in it. Who reads one of them is refused by an address
    that is gone, or waits half an hour for a call; each restart has its own names here.
    Nodes count their restarts for themselves, so this is left out where there are
    several: set ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1`` for torchrun there.

    Args:
        options: ``env_cfg.dist_cfg`` of a config, for MMEngine, whose launcher wants
            GPUs; processes on a CPU talk by gloo.
    """
    store, rank, world_size = next(rendezvous("env://"))
    if os.environ.get("GROUP_WORLD_SIZE", "1") == "1":
        restart = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = PrefixStore(f"restart {restart}", store)
    found = {"store": store, "rank": rank, "world_size": world_size}
    if torch.cuda.is_available():
        init_dist("pytorch", **options, **found)
    else:
        init_process_group("gloo", **found)
