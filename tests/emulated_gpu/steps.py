"""One training step and one prediction on the pretended GPU, and what waits for it."""

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from tests.emulated_gpu.device import WAITS, EmulatedTensor

SEEN: dict[tuple[str, str], Counter] = {}
"""Waits of a (system, phase), by (kind, function): the most of all branches."""


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
    WAITS.clear()
    losses = model(**model.data_preprocessor(data, True), mode="loss")
    assert all(isinstance(x, EmulatedTensor) for x in losses.values() if x.dim())
    sum(value for name, value in losses.items() if "loss" in name).backward()
    note(model, "training step")
    graded = [p for p in model.parameters() if p.grad is not None]
    assert graded and all(bool(p.grad.isfinite().all()) for p in graded)
    torch.optim.AdamW(graded).step()
    return losses


def predict(model: nn.Module, data: dict) -> Any:
    """What the model predicts of a batch."""
    model.to("cuda").eval()
    WAITS.clear()
    with torch.no_grad():
        found = model(**model.data_preprocessor(data, False), mode="predict")
    note(model, "prediction")
    return found


def note(model: nn.Module, phase: str) -> None:
    """Remember what has waited."""
    place = type(model).__module__.split(".")[1], phase
    SEEN[place] = SEEN.get(place, Counter()) | WAITS


def waits_table() -> str:
    """Markdown: what makes the processor wait for the GPU, how often per batch."""
    lines = ["| system, phase | function | kind | times |", "| --- | --- | --- | --- |"]
    for (system, phase), counts in sorted(SEEN.items()):
        for (kind, where), times in sorted(counts.items(), key=lambda x: x[0][::-1]):
            lines.append(f"| {system}, {phase} | {where} | {kind} | {times} |")
    return "\n".join(lines)
