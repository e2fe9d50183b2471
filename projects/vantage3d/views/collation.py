"""From samples to the batch of the contract in :mod:`vantage3d.deltas.models`."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.registry import FUNCTIONS

STACKED = ("K", "cam2world", "depth")
NAMED = ("name", "native_depth")


@FUNCTIONS.register_module()
def collate_sequences(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack samples of one size.

    Args:
        samples: Of :class:`SequenceDataset`.

    Returns:
        ``inputs``, with ``images`` (B, V, 3, H, W) float32 in [0, 1] and the other
        tensors of the contract, and ``data_samples``, B dictionaries with ``name``.
    """
    images = torch.stack([sample["images"] for sample in samples]).float() / 255
    inputs: dict[str, Any] = {"images": images}
    for key in STACKED:
        if key in samples[0]:
            inputs[key] = torch.stack([sample[key] for sample in samples])
    inputs["names"] = [sample["name"] for sample in samples]
    named = [{k: s[k] for k in NAMED if k in s} for s in samples]
    return {"inputs": inputs, "data_samples": named}
