"""Memory of this process and machine, as Linux counts it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 2**60  # what the first version of control groups says for none


def memory_mb(key: str) -> float:
    """VmRSS (now) or VmHWM (peak) of this process, in 2^20 bytes."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith(key))
    return int(line.split()[1]) / 1024


def reset_peak() -> None:
    """Let VmHWM start again from the present size."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def total_memory_mb() -> float:
    """Memory of the machine, in 2^20 bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20


def oom_kills() -> int | None:
    """Processes that the kernel has killed for want of memory; None if unknown.

    Of this process's control group where there is one, else of the machine.
    """
    for folder in _control_groups():
        for name in ("memory.events", "memory.oom_control"):
            if (found := _number(folder / name, "oom_kill")) is not None:
                return found
    return _number(Path("/proc/vmstat"), "oom_kill")


def memory_limit_mb() -> float:
    """Memory that this process may have: the machine's, or a control group's limit."""
    limits = [total_memory_mb()]
    for folder in _control_groups():
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _number(folder / name)
            limits += [limit / 2**20] if limit is not None and limit < _NO_LIMIT else []
    return min(limits)


def _control_groups() -> Iterator[Path]:
    """Folders of this process's control groups of memory, of either version."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds in ("", "memory"):
            # Within a container its own group is the root of what it sees.
            yield _CGROUPS / kinds / path.lstrip("/")
            yield _CGROUPS / kinds


def _number(path: Path, key: str = "") -> int | None:
    """The number behind ``key`` in a file, if there is one."""
    try:
        found = re.search(rf"^{key} ?(\d+)$", path.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
