"""A pretended GPU: what runs on it behaves as on CUDA, on a machine without one.

Inside :func:`emulated_gpu` a tensor can be moved to "cuda". It is then of a subclass
that says ``cuda:0`` and keeps its data on the CPU, so that the project's branches on
``device.type == "cuda"`` run. Three things are checked of every operation:

- Tensors of both devices in one operation are an error, as on CUDA.
- So are the operations that CUDA refuses under ``use_deterministic_algorithms(True)``,
  which the configs set.
- What makes the processor wait for the GPU (``.item()``, ``.tolist()``, ``nonzero``) is
  counted by function, in :data:`WAITS`.

The wrapper is a CPU tensor to C++, which otherwise would ask a driver. So a dispatch
mode unwraps, computes and wraps again, and a function mode makes transfers of ``.to``,
``.cuda``, ``.cpu``, ``tensor(..., device=)``, in which C++ would see nothing to do.
Limits: tensors that C++ makes during the backward pass are plain, so mixing is not
checked there; ``autocast("cuda")`` does nothing; speed, memory and rounding are the
processor's.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

import vantage3d

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
aten = torch.ops.aten
# The calls of alertNotDeterministic in torch 2.11.0+cu130's libtorch_cuda.so, those of
# the documentation that are elsewhere (put_, cumsum), and nothing else.
REFUSED = {
    aten.adaptive_max_pool2d_backward,
    aten.adaptive_max_pool3d_backward,
    aten._adaptive_avg_pool2d_backward,
    aten._adaptive_avg_pool3d_backward,
    aten.avg_pool3d_backward,
    aten.fractional_max_pool2d_backward,
    aten.fractional_max_pool3d_backward,
    aten.grid_sampler_2d_backward,
    aten.grid_sampler_3d_backward,
    aten._ctc_loss_backward,
    aten.histc,
    aten.index_reduce,
    aten.index_reduce_,
    aten.max_pool3d_with_indices_backward,
    aten.max_unpool2d,
    aten.max_unpool3d,
    aten.put_,
    aten.reflection_pad1d_backward,
    aten.reflection_pad2d_backward,
    aten.reflection_pad3d_backward,
    aten.replication_pad1d_backward,
    aten.replication_pad2d_backward,
    aten.replication_pad3d_backward,
    aten.upsample_linear1d_backward,
    aten.upsample_bilinear2d_backward,
    aten._upsample_bilinear2d_aa_backward,
    aten.upsample_bicubic2d_backward,
    aten._upsample_bicubic2d_aa_backward,
    aten.upsample_trilinear3d_backward,
}
# Refused with some arguments only.
REFUSED_IF = {
    aten.bincount: lambda ids, weights=None, *rest: weights is not None,
    aten.cumsum: lambda x, *rest, **more: x.is_floating_point(),
    aten.median: lambda x, *dim, **more: bool(dim or more),
    aten.nll_loss2d_forward: lambda x, y, weight, reduction, ignored: reduction != 0,
    aten.scatter_reduce: lambda x, d, i, src, way, **more: way == "prod",
}
WAIT = {
    aten._local_scalar_dense: "item",
    aten.nonzero: "nonzero",
    aten._unique2: "unique",
    aten.unique_dim: "unique",
    aten.unique_consecutive: "unique",
    aten.masked_select: "masked_select",
    aten.bincount: "bincount",
}
TRANSFERS = {aten.copy_, aten._to_copy, aten._local_scalar_dense}
INDEXING = {aten.index, aten.index_put_, aten.index_put, aten._index_put_impl_}
PACKAGE = f"{Path(vantage3d.__file__).parent}/"  # not any folder of this name
WAITS: Counter[tuple[str, str]] = Counter()
"""Number of waits by kind and function of the project; "backward" where none is."""


class EmulatedTensor(Tensor):
    """A tensor on the pretended GPU; ``_raw`` holds its data on the CPU."""

    @staticmethod
    def __new__(cls, raw: Tensor) -> "EmulatedTensor":
        made = Tensor._make_wrapper_subclass(
            cls,
            raw.size(),
            strides=raw.stride(),
            storage_offset=raw.storage_offset(),
            dtype=raw.dtype,
            layout=raw.layout,
            device=CPU,
            requires_grad=raw.requires_grad,
        )
        made._raw = raw.detach()
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: CUDA)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)

    @property
    def grad(self) -> Tensor | None:
        """On the GPU, also where C++ made it in the backward pass."""
        found = Tensor.grad.__get__(self)
        if found is not None and not isinstance(found, EmulatedTensor):
            self.grad = found = EmulatedTensor(found)
        return found

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        Tensor.grad.__set__(self, value)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})

    def __repr__(self, **unused: Any) -> str:
        return f"EmulatedTensor({self._raw})"

    def get_device(self) -> int:
        return 0

    def data_ptr(self) -> int:
        return self._raw.data_ptr()

    def tolist(self) -> Any:
        count("tolist")
        return self._raw.tolist()

    def cpu(self, *unused: Any, **more: Any) -> Tensor:
        return aten._to_copy.default(self, device=CPU)

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        return transfer(self, "to", args, kwargs)

    def type_as(self, other: Tensor) -> Tensor:
        return transfer(self, "to", (other,), {})

    def new_tensor(self, *args: Any, **kwargs: Any) -> Tensor:
        return uploaded(torch.tensor, args, {"dtype": self.dtype, **kwargs})

    def numpy(self, *unused: Any, **more: Any) -> None:
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first."
        )

    __array__ = numpy


def run(func: Any, args: tuple, kwargs: dict) -> Any:
    """One operation, as either mode or the subclass sees it."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    on_gpu = [x for x in tensors if isinstance(x, EmulatedTensor)]
    on_cpu = [x for x in tensors if not isinstance(x, EmulatedTensor) and x.dim()]
    op = func.overloadpacket
    backward = torch._C._current_graph_task_id() != -1
    if on_gpu and op in INDEXING:
        if not isinstance(args[0], EmulatedTensor):  # made by C++ in backward
            args = (EmulatedTensor(args[0]), *args[1:])
        on_cpu = [x for x in on_cpu if x.is_floating_point() and x is not args[0]._raw]
    if on_gpu and on_cpu and op not in TRANSFERS and not backward:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {func} got cpu "
            f"{tuple(on_cpu[0].shape)} beside cuda {tuple(on_gpu[0].shape)}"
        )
    if on_gpu:
        refuse(op, args, kwargs)
        if op in WAIT:
            count(WAIT[op])
        elif op in INDEXING and any(x.dtype == torch.bool for x in on_gpu[1:]):
            count("mask")
    asked = kwargs.get("device")
    target = None if asked is None else torch.device(asked).type == "cuda"
    if op is aten.copy_:
        target = isinstance(args[0], EmulatedTensor)
    if on_gpu and op is aten._to_copy and target is False:
        count("cpu")
    raw_args, raw_kwargs = tree_map(_raw, (args, kwargs))
    if asked is not None:
        raw_kwargs["device"] = CPU
    if raw_kwargs.get("pin_memory"):
        raw_kwargs["pin_memory"] = False
    out = func(*raw_args, **raw_kwargs)
    if op is aten._local_scalar_dense:
        return out
    if not (bool(on_gpu) if target is None else target):
        return args[0] if op is aten.copy_ else out
    wrapped = tree_map(_wrapped, out)
    if on_gpu and asked is None:
        return return_and_correct_aliasing(func, args, kwargs, wrapped)
    return wrapped


def refuse(op: Any, args: tuple, kwargs: dict) -> None:
    """Raise as CUDA does where an operation has no deterministic form."""
    if not torch.are_deterministic_algorithms_enabled():
        return
    if op in REFUSED or (op in REFUSED_IF and REFUSED_IF[op](*args, **kwargs)):
        raise RuntimeError(
            f"{op} does not have a deterministic implementation, but you set "
            "'torch.use_deterministic_algorithms(True)'"
        )


def count(kind: str) -> None:
    """Note a wait under the innermost function of the project on the stack."""
    frame = sys._getframe()
    while frame and not frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    where = "backward"
    if frame:
        module = frame.f_code.co_filename.removeprefix(PACKAGE)
        where = f"{module} {frame.f_code.co_qualname}".replace(".<locals>", "")
    WAITS[kind, where] += 1


def _raw(value: Any) -> Any:
    return value._raw if isinstance(value, EmulatedTensor) else value


def _wrapped(value: Any) -> Any:
    plain = isinstance(value, Tensor) and not isinstance(value, EmulatedTensor)
    return EmulatedTensor(value) if plain else value


def uploaded(func: Any, args: tuple, kwargs: dict) -> Tensor:
    """What ``func`` makes on the CPU, moved to the pretended GPU."""
    kwargs = {key: value for key, value in kwargs.items() if key != "device"}
    grad = kwargs.pop("requires_grad", False)
    made = aten._to_copy.default(func(*args, **kwargs), device=CUDA)
    return made.requires_grad_(grad)


def transfer(x: Tensor, name: str, args: tuple, kwargs: dict) -> Tensor:
    """``.to``, ``.cuda``, ``.cpu`` and ``.type_as``."""
    target, dtype = kwargs.get("device"), kwargs.get("dtype")
    if name in ("cuda", "cpu"):
        target, args = name, ()
    for value in [*args, kwargs.get("other")]:
        if isinstance(value, Tensor):
            target, dtype = value.device, value.dtype
        elif isinstance(value, str | torch.device):
            target = value
        elif isinstance(value, int) and not isinstance(value, bool):
            target = "cuda"
        elif isinstance(value, torch.dtype):
            dtype = value
    target = numbered(x.device if target is None else torch.device(target))
    same = target.type == x.device.type and dtype in (None, x.dtype)
    if same and not kwargs.get("copy"):
        return x
    cast = {} if dtype is None else {"dtype": dtype}
    return aten._to_copy.default(x, device=target, **cast)


def numbered(device: Any) -> Any:
    """The device with its number: C++ would ask the driver for a missing one."""
    if device == "cuda" or getattr(device, "type", None) == "cuda":
        return CUDA
    return device


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})


class _Function(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if kwargs.get("device") is not None:
            kwargs["device"] = numbered(kwargs["device"])
        name = getattr(func, "__name__", "")
        first = args[0] if args else None
        if isinstance(first, EmulatedTensor) and name in ("tolist", "new_tensor"):
            return getattr(first, name)(*args[1:], **kwargs)
        if name in ("to", "cuda", "cpu", "type_as") and isinstance(first, Tensor):
            return transfer(first, name, args[1:], kwargs)
        made = name in ("tensor", "as_tensor", "scalar_tensor")
        if made and kwargs.get("device") == CUDA and type(first) is not EmulatedTensor:
            return uploaded(func, args, kwargs)
        return func(*args, **kwargs)


# What takes the place of torch.cuda's functions that ask the driver.
ANSWERS: dict[Any, tuple[str, ...]] = {
    None: ("_lazy_init", "synchronize", "empty_cache", "set_device", "manual_seed",
           "manual_seed_all", "set_rng_state", "set_rng_state_all",
           "reset_peak_memory_stats"),
    True: ("is_available", "is_bf16_supported", "is_initialized"),
    0: ("current_device", "memory_allocated", "max_memory_allocated"),
    "emulated": ("get_device_name",),
    (9, 0): ("get_device_capability",),
}  # fmt: skip


def _answers() -> dict[str, Any]:
    """Functions of torch.cuda by name."""
    # one function each: torch keeps tables of them by identity
    answers: dict[str, Any] = {
        name: (lambda *a, _value=value, **k: _value)
        for value, names in ANSWERS.items()
        for name in names
    }
    answers["device_count"] = lambda: 1
    answers["is_current_stream_capturing"] = lambda: False
    state = torch.zeros(16, dtype=torch.uint8)
    answers["get_rng_state"] = lambda *a, **k: state.clone()
    answers["get_rng_state_all"] = lambda: [state.clone()]
    return answers


def _no_gradients(mode: bool = True) -> Any:
    """In place of ``torch.inference_mode``."""
    return torch.no_grad() if mode else nullcontext()


@contextmanager
def emulated_gpu() -> Iterator[None]:
    """A pretended GPU for the block, with ``use_deterministic_algorithms(True)``."""
    before = torch.are_deterministic_algorithms_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    swap = torch.__future__.get_swap_module_params_on_conversion()
    with ExitStack() as stack:
        stack.enter_context(patch.multiple(torch.cuda, **_answers()))
        capturing = patch.object(
            torch.cuda.graphs, "is_current_stream_capturing", lambda: False
        )
        stack.enter_context(capturing)
        # inference tensors have no version, which a subclass must have
        stack.enter_context(patch.object(torch, "inference_mode", _no_gradients))
        stack.callback(torch.use_deterministic_algorithms, before)
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            with _Function(), _Dispatch():
                yield
        finally:
            torch.utils.deterministic.fill_uninitialized_memory = fill
            torch.__future__.set_swap_module_params_on_conversion(swap)
