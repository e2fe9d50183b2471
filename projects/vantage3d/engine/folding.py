"""Batch norms folded into the convolutions before them, for prediction.

In evaluation a norm is a scale and a shift per channel. The scale goes into the kernel,
the shift becomes the bias: of torch's layers and of both sparse engines'.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

OUTPUT_AXIS = {  # of the weight; grouped kernels too, but for transposed ones
    nn.Linear: 0, nn.Conv1d: 0, nn.Conv2d: 0, nn.Conv3d: 0,
    nn.ConvTranspose1d: 1, nn.ConvTranspose2d: 1, nn.ConvTranspose3d: 1,
}  # fmt: skip
TOLERANCE = 1e-3  # of the largest value; a wrong fold is off by about 1


@torch.no_grad()
def fold_norms(network: nn.Module, run: Callable[[], Tensor]) -> int:
    """Fold the batch norms that take a convolution's result, and nothing else.

    What takes what is seen in one pass; a second one proves that the network computes
    the same. It is for prediction afterwards: neither trained further nor saved.

    Args:
        network: In evaluation mode; it is changed.
        run: One pass through the network, at every call of the same input. Its result
            should be continuous: features or logits, not chosen instances.

    Returns:
        How many norms are gone.

    Raises:
        ValueError: If the network is in training mode, or its result would change
            because something else takes a convolution's result too; it is as before.
    """
    if network.training:
        raise ValueError(
            f"{type(network).__name__} is in training mode, where norms cannot be "
            "folded. Call .eval() first"
        )
    pairs, before = _watch(network, run)
    kernels = [(conv, _kernel(conv).clone(), conv.bias) for conv, _ in pairs]
    for conv, norm in pairs:
        _fold(conv, getattr(norm, "bn", norm))
    gone = {norm for _, norm in pairs}
    places = [
        (module, name, child)
        for module in network.modules()
        for name, child in module.named_children()
        if child in gone
    ]
    for module, name, child in places:
        # timm's norms hold the activation that follows
        setattr(module, name, getattr(child, "act", nn.Identity()))
    largest = before.abs().max()
    error = float((run() - before).abs().max() / largest) if pairs else 0.0
    if error <= TOLERANCE:
        return len(pairs)
    for conv, kernel, bias in kernels:
        _kernel(conv).copy_(kernel)
        conv.bias = bias
    for module, name, child in places:
        setattr(module, name, child)
    raise ValueError(
        f"{type(network).__name__} differs by {error:.2g} of its largest value after "
        f"folding {len(pairs)} batch norms, at most {TOLERANCE:g} is rounding: "
        "something besides a norm takes a convolution's result. It is as it was: "
        "predict with it so"
    )


def _watch(
    network: nn.Module, run: Callable[[], Tensor]
) -> tuple[list[tuple[nn.Module, nn.Module]], Tensor]:
    """(Convolution, norm) that only ever follow each other, and what ``run`` gives."""
    made: dict[int, tuple[nn.Module, object]] = {}  # by the result, which is kept alive
    calls: Counter[nn.Module] = Counter()
    follow: Counter[tuple[nn.Module, nn.Module]] = Counter()

    def after_conv(conv: nn.Module, _: object, result: object) -> None:
        calls[conv] += 1
        made[id(result)] = conv, result

    def before_norm(norm: nn.Module, inputs: tuple) -> None:
        calls[norm] += 1
        if id(inputs[0]) in made:
            follow[made[id(inputs[0])][0], norm] += 1

    hooks = []
    for module in network.modules():
        if _axis(module) is not None:
            hooks.append(module.register_forward_hook(after_conv))
        elif _is_norm(module):
            hooks.append(module.register_forward_pre_hook(before_norm))
    try:
        result = run()
    finally:
        for hook in hooks:
            hook.remove()
    pairs = [
        pair for pair, n in follow.items() if calls[pair[0]] == calls[pair[1]] == n
    ]
    return pairs, result


def _is_norm(module: nn.Module) -> bool:
    """A batch norm with statistics, or a sparse engine's, which holds one as ``bn``."""
    children = list(module.children())
    inner = children[0] if children == [getattr(module, "bn", None)] else module
    return isinstance(inner, _BatchNorm) and inner.running_var is not None


def _axis(module: Any) -> int | None:
    """Axis of the output channels in the kernel; None if it is no convolution."""
    if isinstance(getattr(module, "kernel", None), Tensor):  # of a sparse engine
        return -1
    if isinstance(module, nn.modules.conv._ConvTransposeNd) and module.groups > 1:
        return None
    kinds = (axis for kind, axis in OUTPUT_AXIS.items() if isinstance(module, kind))
    return next(kinds, None)


def _fold(conv: Any, norm: Any) -> None:
    """Scale the kernel and make the shift its bias, computed in double precision."""
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    scale, shift = torch.rsqrt(variance + norm.eps), -mean
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    if conv.bias is not None:
        shift = shift + conv.bias.double().flatten()
    shift = shift * scale
    if norm.bias is not None:
        shift = shift + norm.bias.double()
    kernel = _kernel(conv)
    axis = _axis(conv) or 0
    kernel.copy_((kernel.double().transpose(axis, -1) * scale).transpose(axis, -1))
    conv.bias = nn.Parameter(shift.to(kernel.dtype), requires_grad=False)


def _kernel(conv: Any) -> Tensor:
    return conv.kernel if hasattr(conv, "kernel") else conv.weight
