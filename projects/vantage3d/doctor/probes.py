"""Small computations, each in its own process, because a wrong binary may crash."""

import subprocess
import sys

from vantage3d.doctor.rows import Row

SPARSE = """
import torch
from vantage3d.sparse import get_backend
engine = get_backend({backend!r})
cells = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [0, -3, 2, 1]], dtype=torch.int32)
cloud = engine.tensor(torch.ones(3, 4, device={device!r}), cells.to({device!r}))
out = engine.Conv(4, 8, 3).to({device!r})(cloud)
out = out.features if hasattr(out, "features") else out.F
assert out.shape == (3, 8) and out.isfinite().all()
print("3x3x3 convolution ran")
"""
CUDA = """
import torch
assert torch.cuda.is_available(), "no CUDA device"
assert (torch.ones(8, 8, device="cuda") @ torch.ones(8, 8, device="cuda")).sum() == 512
properties = torch.cuda.get_device_properties(0)
print(f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, bf16 "
      f"{torch.cuda.is_bf16_supported()}")
"""
MMCV = """
import torch
from mmcv.ops import nms
_, keep = nms(torch.tensor([[0., 0, 9, 9], [0, 0, 9, 8]]), torch.tensor([.9, .8]), .5)
assert keep.tolist() == [0]
print("non-maximum suppression ran")
"""
CPU = """
import os, torch
print(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores")
"""
MINKOWSKI = "make minkowski (optional)"
PROBES = (
    # subject, code, needed, remedy
    ("cpu", CPU, True, "make setup"),
    ("cuda", CUDA, False, "README, section GPU (optional)"),
    ("mmcv operators", MMCV, True, "remove mmcv from the environment, make setup"),
    ("sparse torch, cpu", SPARSE.format(backend="torch", device="cpu"), True, ""),
    ("sparse torch, cuda", SPARSE.format(backend="torch", device="cuda"), False, ""),
    (
        "sparse minkowski, cpu",
        SPARSE.format(backend="minkowski", device="cpu"),
        False,
        MINKOWSKI,
    ),
    (
        "sparse minkowski, cuda",
        SPARSE.format(backend="minkowski", device="cuda"),
        False,
        MINKOWSKI,
    ),
)


def run_probe(subject: str, code: str, needed: bool, remedy: str) -> Row:
    """Runs ``code``; the last line it wrote is what the row shows."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return Row(
            subject, "broken" if needed else "absent", "no answer in 120 s", remedy
        )
    if done.returncode == 0:
        return Row(subject, "ok", done.stdout.strip().splitlines()[-1])
    words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return Row(subject, "broken" if needed else "absent", words[-1], remedy)
