"""Memory of this process and machine, as Linux counts it."""

import os


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
