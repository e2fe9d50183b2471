"""The table of ``tools/doctor.py``: packages, files, and probes of what really works.

Only the standard library is imported, so that it always runs; probes are processes of
their own, because a wrong binary may crash.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from vantage3d.io.released_weights import FOLDER, RELEASED

NEEDED = (
    "torch", "torchvision", "numpy", "mmengine", "mmdet", "mmdet3d", "timm", "peft",
    "scikit-image", "safetensors", "rerun-sdk", "pycolmap",
)  # fmt: skip
OPTIONAL = {
    "MinkowskiEngine": "make minkowski (optional second sparse engine)",
    "mmcv": "make mmcv-ops (optional: nothing here uses its operators)",
    "segment-anything": "pip install segment-anything (optional)",
    "ultralytics": "pip install ultralytics (optional)",
}
DATASETS = {
    "data/synthetic": "make demo renders it",
    "data/scannet200-sv": "data/README.md, scannet200_sv (ScanNet terms of use)",
    "data/scannet-sv": "data/README.md, scannet_sv (ScanNet terms of use)",
}
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
IMPORTS = "import vantage3d.registry, mmdet3d.structures; print('imported')"
CPU = """
import os, torch
print(f"{torch.get_num_threads()} threads of {os.cpu_count()} cores")
"""


class Row(NamedTuple):
    """A finding: ``state`` is ``ok``, ``absent`` (optional) or ``broken`` (needed)."""

    subject: str
    state: str
    found: str
    remedy: str = ""


def diagnose(root: Path, write: Callable[[str], None]) -> bool:
    """Writes the table row by row, because the probes take seconds each.

    Args:
        root: The checkout: its constraints, weights and data are looked at.
        write: Takes one line of text.

    Returns:
        Whether everything that is needed works.
    """
    broken = []
    write(line(Row("what", "state", "found", "what to do")))
    for row in rows(root):
        write(line(row))
        if row.state == "broken":
            broken.append(row.subject)
    write(f"\nNeeded but broken: {', '.join(broken)}." if broken else "\nReady to use.")
    return not broken


def rows(root: Path) -> Iterator[Row]:
    """Every finding, cheap ones first."""
    python = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 11)
    yield Row("python", *(("ok", python) if right else ("broken", python, "use 3.11")))
    constraints = root / "constraints.txt"  # a wheel has none
    pins = pinned_versions(constraints.read_text() if constraints.exists() else "")
    for name in (*NEEDED, *OPTIONAL):
        yield package_row(name, pins.get(name.lower()), OPTIONAL.get(name))
    yield from file_rows(root)
    yield run_probe("cpu", CPU, True, "make setup")
    yield run_probe("cuda", CUDA, False, "README, section GPU (optional)")
    yield run_probe("mmdet3d", IMPORTS, True, "make setup")
    for backend, remedy in (("torch", ""), ("minkowski", "make minkowski (optional)")):
        for device in ("cpu", "cuda"):
            code = SPARSE.format(backend=backend, device=device)
            needed = (backend, device) == ("torch", "cpu")
            yield run_probe(f"sparse {backend}, {device}", code, needed, remedy)


def pinned_versions(constraints: str) -> dict[str, str]:
    """Lower-case names in the text of a constraints file and their versions."""
    pins = (line.partition("==") for line in constraints.splitlines())
    return {name.strip().lower(): pin.strip() for name, equals, pin in pins if equals}


def package_row(name: str, pin: str | None, optional: str | None = None) -> Row:
    """What is installed of a distribution beside ``pin``, the version that was tried.

    ``optional`` is how to get it, if it is not needed.
    """
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        state = "absent" if optional else "broken"
        return Row(name, state, "not installed", optional or "make setup")
    if pin and version.split("+")[0] != pin:
        found = f"{version}, tried with {pin}"
        return Row(name, "broken", found, optional or "make setup")
    return Row(name, "ok", version)


def file_rows(root: Path) -> Iterator[Row]:
    """A row per weight file, image network and dataset: its size, or what to do."""
    for released in RELEASED.values():
        file = released.local_file(root / FOLDER)
        found = "" if file is None else f"{file.name}, {_size(file)}"
        yield _file_row(
            f"weights {released.name}",
            found,
            "not found",
            f"vantage3d weights {released.name}",
        )
    for relative, source in DATASETS.items():
        infos = sorted((root / relative).glob("*_infos_*.json"))
        found = ", ".join(path.name for path in infos)
        yield _file_row(f"dataset {relative}", found, "no info file", source)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.0f} MiB" if path.exists() else ""


def _file_row(subject: str, found: str, without: str, source: str) -> Row:
    return Row(subject, *(("ok", found) if found else ("absent", without, source)))


def run_probe(subject: str, code: str, needed: bool, remedy: str) -> Row:
    """Runs ``code``; the last line it wrote is what the row shows."""
    failed = "broken" if needed else "absent"
    command = [sys.executable, "-W", "ignore", "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return Row(subject, failed, "no answer in 120 s", remedy)
    if done.returncode == 0:
        return Row(subject, "ok", done.stdout.strip().splitlines()[-1])
    words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return Row(subject, failed, words[-1], remedy)


def line(row: Row) -> str:
    """One row in columns; what is too long for its column is cut."""
    found = row.found
    if len(found) > 50:
        found = found[:49] + "\N{HORIZONTAL ELLIPSIS}"
    return f"{row.subject:<51}{row.state:<8}{found:<52}{row.remedy}".rstrip()
