"""What numbers depend on beside data and weights: libraries, device, threads."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from vantage3d.process.memory import total_memory_mb

LIBRARIES = ("vantage3d", "numpy", "scipy")


@cache
def versions(*more: str) -> dict[str, str]:
    """Of Python and the libraries of all numbers, and of others by distribution."""
    found = {"python": platform.python_version()}
    if "torch" in more:  # its own word for the build too: +cpu, +cu130
        import torch

        found["torch"] = torch.__version__
    for name in sorted({*LIBRARIES, *more} - {"torch"}):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def device_facts(device: str) -> dict[str, Any]:
    """Name and memory of the device that networks run on, and threads of torch."""
    import torch

    threads = {"threads": torch.get_num_threads()}
    if device.startswith("cuda"):
        facts = torch.cuda.get_device_properties(torch.device(device))
        memory = facts.total_memory / 2**20
        return {"type": "cuda", "name": facts.name, "memory_mb": memory, **threads}
    name = platform.processor() or platform.machine()
    return {"type": "cpu", "name": name, "memory_mb": total_memory_mb(), **threads}
