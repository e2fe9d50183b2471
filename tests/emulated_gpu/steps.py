"""One training step and one prediction on the pretended GPU."""

from typing import Any

import torch
from torch import Tensor, nn

from tests.emulated_gpu.device import EmulatedTensor


def uploaded(value: Any) -> Any:
    """Tensors anywhere in lists and dictionaries, moved to the GPU."""
    if isinstance(value, Tensor):
        return value.cuda()
    if isinstance(value, dict):
        return {key: uploaded(item) for key, item in value.items()}
    return [uploaded(item) for item in value] if isinstance(value, list) else value


def train_step(model: nn.Module, data: dict) -> dict[str, Tensor]:
    """Losses of one step, after their gradients were found on the GPU and finite."""
    model.to("cuda").train()
    data = model.data_preprocessor(data, True)
    losses = model(**data, mode="loss")
    assert all(isinstance(x, EmulatedTensor) for x in losses.values() if x.dim())
    sum(value for name, value in losses.items() if "loss" in name).backward()
    graded = [p for p in model.parameters() if p.grad is not None]
    assert graded and all(bool(p.grad.isfinite().all()) for p in graded)
    torch.optim.AdamW(graded).step()
    return losses


@torch.no_grad()
def predict(model: nn.Module, data: dict) -> Any:
    """What the model predicts of a batch."""
    model.to("cuda").eval()
    return model(**model.data_preprocessor(data, False), mode="predict")
