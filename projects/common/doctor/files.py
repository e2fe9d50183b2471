"""Weights and datasets: where they are looked for and how to get them."""

from pathlib import Path

from projects.common.doctor.rows import Row
from projects.common.released_weights import FOLDER, RELEASED

DATASETS = (
    ("data/synthetic", "make demo renders it"),
    ("data/scannet200-sv", "data/README.md, scannet200_sv (ScanNet terms of use)"),
    ("data/scannet-sv", "data/README.md, scannet_sv (ScanNet terms of use)"),
)


def file_rows(root: Path) -> list[Row]:
    """A row per weight file and dataset, with its size or what to do."""
    rows = []
    for name, source in RELEASED.items():
        relative = f"{FOLDER}/{name}"
        path = root / relative
        found = (
            f"{path.stat().st_size / 2**20:.0f} MiB" if path.exists() else "not found"
        )
        rows.append(_row(f"weights {relative}", path.exists(), found, source))
    for relative, source in DATASETS:
        infos = sorted((root / relative).glob("*_infos_*.json"))
        found = ", ".join(path.name for path in infos) or "no info file"
        rows.append(_row(f"dataset {relative}", bool(infos), found, source))
    return rows


def _row(subject: str, exists: bool, found: str, source: str) -> Row:
    return Row(subject, "ok" if exists else "absent", found, "" if exists else source)
