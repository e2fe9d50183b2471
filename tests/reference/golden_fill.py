"""The two rules by which the golden files' weights are made from their names."""

import zlib

import numpy as np
import torch
from torch import nn


def random_fill(module: nn.Module) -> nn.Module:
    """Fill by the rule of golden/README.md, for the .npz files; returns ``module``."""
    state = module.state_dict()
    for name, tensor in state.items():
        tensor.copy_(torch.as_tensor(_random_value(name, tuple(tensor.shape))))
    return module.eval()


def _random_value(name: str, shape: tuple[int, ...]) -> np.ndarray | float:
    leaf = name.rsplit(".", 1)[-1]
    if not shape or leaf == "num_batches_tracked":
        return 0.0
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    x = generator.standard_normal(shape).astype(np.float32)
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(x)
    if leaf == "gamma":
        return 0.5 + 0.1 * x
    if len(shape) == 1:
        return 1 + 0.1 * x if leaf == "weight" else 0.1 * x
    fan = x.size / (shape[-1] if leaf == "kernel" else shape[0])
    return x / np.float32(np.sqrt(fan))


def det(shape: tuple[int, ...], a: float = 0.7, b: float = 0.3) -> torch.Tensor:
    """sin(a i + b) over the flat index i."""
    index = np.arange(int(np.prod(shape)), dtype=np.float64)
    return torch.from_numpy(np.sin(a * index + b).reshape(shape).astype(np.float32))


def sine_fill(module: nn.Module) -> nn.Module:
    """Fill by the rule of the golden values; returns ``module``."""
    for name, tensor in module.state_dict().items():
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "num_batches_tracked":
            continue
        if leaf in ("running_mean", "running_var"):
            tensor.fill_(float(leaf == "running_var"))
            continue
        x = 0.05 * det(tuple(tensor.shape), 0.37, 0.11 * len(name))
        is_norm = tensor.dim() == 1 and tensor.numel() > 1 and leaf == "weight"
        tensor.copy_(x + 1 if ".bn.weight" in name or is_norm else x)
    return module.eval()
