"""What numbers depend on beside data and weights: libraries, device, threads."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
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


def chosen_device(name: str | None) -> str:
    """The device that is named, else a GPU where there is one, else the CPU.

    Raises:
        ValueError: If torch has no such device.
    """
    import torch

    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or bool(colon) != number.isdigit():
        raise ValueError(f"--device must be cpu, cuda or cuda:N, got {name!r}")
    count = torch.cuda.device_count()
    if kind == "cuda" and int(number or 0) >= count:
        raise ValueError(
            f"--device {name} does not exist: torch sees {count} GPUs. Use --device "
            "cpu, or see tools/doctor.py"
        )
    return name


def device_facts(device: str) -> dict[str, Any]:
    """Name and memory of the device that networks run on, and threads of torch."""
    import torch

    threads = {"threads": torch.get_num_threads()}
    if device.startswith("cuda"):
        facts = torch.cuda.get_device_properties(torch.device(device))
        memory = facts.total_memory / 2**20
        return {"type": "cuda", "name": facts.name, "memory_mb": memory, **threads}
    memory = total_memory_mb()
    return {"type": "cpu", "name": processor(), "memory_mb": memory, **threads}


def processor() -> str:
    """Number and name of the cores."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return f"{len(names)} x {names[0]}" if names else platform.machine()
