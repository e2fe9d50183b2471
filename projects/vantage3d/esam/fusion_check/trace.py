"""What happens inside a model with image features during one forward pass."""

import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

STAGES = ("image_features", "backbone", "fusion", "pool", "decoder")


@dataclass
class Injected:
    """What one injection got and gave.

    Attributes:
        stride: Stride of its voxels.
        voxels: Number of its voxels.
        channels: Channels of the upsampled voxels, of the image features and of what
            comes out.
        covered: Share of voxels with an image feature.
    """

    stride: int
    voxels: int
    channels: tuple[int, int, int]
    covered: float


@dataclass
class Trace:
    """Records of one forward pass.

    Attributes:
        seconds: Seconds by stage; a stage without a module is absent.
        peak_gb: Largest memory so far when a stage ended, 10^9 bytes: what torch took
            of the GPU where there is one, else the process's resident memory.
        coordinates: Number of voxels by stride.
        injected: What each injection got and gave, by the name of its layer.
        not_finite: Values that are NaN or infinite, by module.
        images: What ``image_features`` returned, None if it was not called.
    """

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    peak_gb: dict[str, float] = field(default_factory=dict)
    coordinates: dict[int, int] = field(default_factory=dict)
    injected: dict[str, Injected] = field(default_factory=dict)
    not_finite: dict[str, int] = field(default_factory=dict)
    images: Any = None


@contextmanager
def traced(model: nn.Module) -> Iterator[Trace]:
    """Record what ``model`` does inside the block."""
    trace = Trace()
    with ExitStack() as stack:
        for name in STAGES:
            stage = getattr(model, name, None)
            if stage is not None:
                for handle in _time(stage, name, trace):
                    stack.callback(handle.remove)
        for name, module in model.named_modules():
            stack.callback(module.register_forward_hook(_watch(name, trace)).remove)
        yield trace


def _time(stage: nn.Module, name: str, trace: Trace) -> Iterator[Any]:
    started: list[float] = []

    def before(module: nn.Module, inputs: Any) -> None:
        started.append(_now())

    def after(module: nn.Module, inputs: Any, output: Any) -> None:
        trace.seconds[name] += _now() - started.pop()
        trace.peak_gb[name] = peak_gb()
        if name == "image_features":
            trace.images = output

    yield stage.register_forward_pre_hook(before)
    yield stage.register_forward_hook(after)


def _watch(name: str, trace: Trace) -> Any:
    """A hook that counts what is not finite, and looks at voxels and injections."""

    def after(module: nn.Module, inputs: tuple, output: Any) -> None:
        bad = sum(int((~torch.isfinite(value)).sum()) for value in tensors(output))
        if bad:
            trace.not_finite[name or "model"] = bad
        if _is_sparse(output):
            trace.coordinates[output.stride] = len(output.coordinates)
        if len(inputs) == 3 and hasattr(inputs[2], "covered"):
            trace.injected[name] = _injected(inputs, output)

    return after


def _injected(inputs: tuple, output: Any) -> Injected:
    voxels, _, pyramid = inputs
    channels = (
        voxels.features.shape[1],
        pyramid.images.cells.shape[1],
        output.features.shape[1],
    )
    covered = float(pyramid.covered(voxels).float().mean())
    return Injected(voxels.stride, len(voxels.coordinates), channels, covered)


def tensors(value: Any) -> Iterator[Tensor]:
    """Floating point tensors anywhere in an output."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif _is_sparse(value):
        yield value.features
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)
    elif is_dataclass(value):
        for entry in fields(value):
            yield from tensors(getattr(value, entry.name))


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "coordinates") and hasattr(value, "stride")


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_gb() -> float:
    """Largest memory so far, 10^9 bytes: the GPU's where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
