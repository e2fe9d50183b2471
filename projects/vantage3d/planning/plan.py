"""The table of ``vantage3d plan``: memory of training and prediction, and what fits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from vantage3d.checks import check_positive
from vantage3d.engine.errors import ConfigError
from vantage3d.planning.subjects import SUBJECTS, Size, Subject
from vantage3d.registry import MODELS

# Copies of the trained weights that an optimizer keeps.
STATES = {"Adam": 2, "AdamW": 2, "NAdam": 2, "RAdam": 2, "SGD": 1, "RMSprop": 1}
USABLE = 0.9  # of a device: the context, libraries and fragmentation have the rest
TRIES = 4  # of the largest number, each closer
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Weights:
    """A network's parameters, in numbers and bytes.

    Attributes:
        parameters: How many there are.
        trained: How many of them are trained.
        size: Bytes of all, buffers included.
        gradients: Bytes of the gradients.
        states: Bytes that the optimizer keeps.
    """

    parameters: int
    trained: int
    size: int
    gradients: int
    states: int


@dataclass(frozen=True)
class Way:
    """One use of a network and its memory in bytes.

    Attributes:
        name: What is done.
        standing: Weights, and in training what the optimizer keeps.
        kept: Alive after the forward pass, beside the weights.
        peak: Most at once, all included.
        most: Largest N that fits; None if nothing was asked.
    """

    name: str
    standing: int
    kept: int
    peak: int
    most: int | None = None


@dataclass(frozen=True)
class Plan:
    """All of it.

    Attributes:
        weights: Of the network.
        ways: Training and prediction.
        unit: What N counts.
        sampled: Whether it was counted on a typical sample.
        batch: Samples of a batch in training, of which one is counted here.
    """

    weights: Weights
    ways: list[Way]
    unit: str
    sampled: bool
    batch: int = 1


def make_plan(
    cfg: Mapping[str, Any], count: int, size: Size, device: int | None = None
) -> Plan:
    """Count what a config needs.

    Args:
        cfg: The config.
        count: N, frames of a sample (VGGT, DELTAS) or samples of a batch (ESAM).
        size: (H, W) pixels.
        device: Bytes of the device, for the largest N that fits.

    Raises:
        ConfigError: If the model or the optimizer is not known.
        ValueError: If the network does not take such images.
    """
    check_positive("--frames", count)
    model = dict(cfg["model"])
    kind = model["type"]
    if kind not in SUBJECTS:
        raise ConfigError(
            f"the planner knows {', '.join(SUBJECTS)}, and the config has {kind!r}"
        )
    subject = SUBJECTS[kind]
    for key in ("base_weights", "pretrained", "encoder_weights"):
        if key in model:
            model[key] = None
    weights = count_weights(model, cfg)
    held = weights.gradients if _accumulates(cfg) else 0
    ways = []
    for name, changes, training in _ways(model):
        planned = {**model, **changes}
        of = partial(_way, subject, planned, name, size, training, weights, held)
        ways.append(_with_most(of, count, subject, device))
    loader = {} if subject.sampled else cfg.get("train_dataloader") or {}
    batch = loader.get("batch_size", 1)
    return Plan(weights, ways, subject.unit, subject.sampled, batch)


def _ways(model: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Names, changes of the model, and whether it is training."""
    if model.get("criterion") is not None:
        if model["type"] == "VGGTEstimator":
            yield "training", {"checkpointing": False}, True
            yield "training, checkpointing", {"checkpointing": True}, True
        else:
            yield "training", {}, True
    extra = {"predict_base": False} if model["type"] == "VGGTEstimator" else {}
    yield "prediction", extra, False


def _way(
    subject: Subject,
    model: Mapping[str, Any],
    name: str,
    size: Size,
    training: bool,
    weights: Weights,
    held: int,
    count: int,
) -> Way:
    found = subject.count(model, count, size, training)
    if not training:
        return Way(name, weights.size, found.kept, weights.size + found.peak)
    standing = weights.size + weights.states
    # a step of the optimizer has a temporary of each weight beside the gradients
    stepping = standing + 2 * weights.gradients
    peak = max(standing + held + found.peak, stepping)
    return Way(name, standing, found.kept, peak)


def _with_most(of: Any, count: int, subject: Subject, device: int | None) -> Way:
    """A way with the largest N that fits: along a line, then counted again."""
    here = of(count)
    if device is None:
        return here
    limit = USABLE * device
    slope = max((of(2 * count).peak - here.peak) / count, 1.0)
    most = int(count + (limit - here.peak) / slope)
    for _ in range(0 if subject.sampled else TRIES):
        if most < 1 or most in (count, 2 * count):
            break
        over = of(most).peak - limit
        if over <= 0:
            break
        most -= max(1, int(over / slope))
    return Way(here.name, here.standing, here.kept, here.peak, max(most, 0))


def _accumulates(cfg: Mapping[str, Any]) -> bool:
    """Whether gradients of earlier batches are there during a forward pass."""
    return (cfg.get("optim_wrapper") or {}).get("accumulative_counts", 1) > 1


def count_weights(model: Mapping[str, Any], cfg: Mapping[str, Any]) -> Weights:
    """Parameters of a network, without making any.

    Raises:
        ConfigError: If the optimizer is not known.
    """
    with torch.device("meta"):
        net = MODELS.build({**model, "criterion": None} if "lora" in model else model)
    parameters = list(net.parameters())
    trained = [p for p in parameters if p.requires_grad]
    gradients = sum(p.nbytes for p in trained)
    wrapper = cfg.get("optim_wrapper") or {}
    optimizer = wrapper.get("optimizer") or {"type": "AdamW"}
    if optimizer["type"] not in STATES:
        raise ConfigError(
            f"the planner knows the states of {', '.join(STATES)}, and the config has "
            f"the optimizer {optimizer['type']!r}"
        )
    copies = STATES[optimizer["type"]]
    if optimizer["type"] == "SGD" and not optimizer.get("momentum"):
        copies = 0
    return Weights(
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in trained),
        sum(t.nbytes for t in (*parameters, *net.buffers())),
        gradients,
        copies * gradients,
    )


def memory_size(text: str) -> int:
    """Bytes of ``24G``, ``24GB``, ``24GiB`` or ``512M``; powers of 1024.

    Raises:
        ValueError: If it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    if found is None or float(found[1]) == 0:
        raise ValueError(f"memory must look like 24G or 512M, got {text!r}")
    return int(float(found[1]) * UNITS[found[2].upper()])


def plan_text(plan: Plan, count: int, size: Size, device: int | None) -> str:
    """The plan for a terminal."""
    weights = plan.weights
    lines = [
        f"{weights.parameters:,} parameters, {weights.trained:,} trained; "
        f"{count} {plan.unit} of {size[0]} x {size[1]} pixels (H x W)",
        "",
    ]
    titles = ["", "weights", "optimizer", "kept", "peak"]
    titles += [f"most {plan.unit}"] if device else []
    rows: list[list[Any]] = [titles]
    for way in plan.ways:
        row = [way.name, weights.size, way.standing - weights.size, way.kept, way.peak]
        cells = [_gib(x) if isinstance(x, int) else x for x in row]
        rows.append([*cells, *([str(way.most or "none")] if device else [])])
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines += [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        for row in rows
    ]
    lines += [
        "",
        "kept: alive after the forward pass; peak: most at once, all included.",
    ]
    if device:
        lines.append(
            f"most: fits into {USABLE:.0%} of {_gib(device)}; the rest is for the CUDA "
            "context, libraries and fragmentation."
        )
    if plan.batch > 1:
        lines.append(
            f"Of one sample. A batch of the config has up to {plan.batch}: in training "
            "all but weights and optimizer counts so many times."
        )
    if plan.sampled:
        lines.append(
            "Counted on a typical sample, frames of synthetic rooms: how many voxels "
            "there are depends on the scene. N is extrapolated from two counts."
        )
    return "\n".join(lines)


def _gib(size: int) -> str:
    if size < 2**30 / 10:
        return f"{size / 2**20:.1f} MiB"
    return f"{size / 2**30:.2f} GiB"
