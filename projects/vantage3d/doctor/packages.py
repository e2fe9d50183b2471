"""Installed versions against the pinned ones."""

import sys
from importlib import metadata
from pathlib import Path

from vantage3d.doctor.rows import Row

NEEDED = (
    "torch", "torchvision", "numpy", "mmengine", "mmcv", "mmdet", "mmdet3d", "timm",
    "peft", "scikit-image", "safetensors", "rerun-sdk", "pycolmap", "evo",
)  # fmt: skip
OPTIONAL = ("MinkowskiEngine", "segment-anything", "ultralytics")


def pinned_versions(constraints: Path) -> dict[str, str]:
    """Lower-case names of ``constraints`` and their versions."""
    pins = {}
    for line in constraints.read_text().splitlines():
        name, separator, version = line.partition("==")
        if separator:
            pins[name.strip().lower()] = version.strip()
    return pins


def package_rows(constraints: Path) -> list[Row]:
    """A row per package the project needs or can use, Python first."""
    pins = pinned_versions(constraints)
    python = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 11)
    rows = [
        Row("python", "ok" if right else "broken", python, "" if right else "use 3.11")
    ]
    for name in (*NEEDED, *OPTIONAL):
        rows.append(
            package_row(name, pins.get(name.lower()), optional=name in OPTIONAL)
        )
    return rows


def package_row(name: str, pin: str | None, optional: bool) -> Row:
    """What is installed of ``name`` beside the version it was tried in."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        state = "absent" if optional else "broken"
        return Row(name, state, "not installed", remedy(name, optional))
    if pin and version.split("+")[0] != pin:
        return Row(name, "broken", f"{version}, tried with {pin}", "make setup")
    return Row(name, "ok", version)


def remedy(name: str, optional: bool) -> str:
    """The command that installs ``name``."""
    if name == "MinkowskiEngine":
        return "make minkowski (optional second sparse engine)"
    return f"pip install {name} (optional)" if optional else "make setup"
