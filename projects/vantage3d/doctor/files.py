"""Weights and datasets: where they are looked for and how to get them."""

from pathlib import Path

from vantage3d.doctor.rows import Row
from vantage3d.io.released_weights import BACKBONES, FOLDER, RELEASED, ReleasedBackbone

DATASETS = (
    ("data/synthetic", "make demo renders it"),
    ("data/scannet200-sv", "data/README.md, scannet200_sv (ScanNet terms of use)"),
    ("data/scannet-sv", "data/README.md, scannet_sv (ScanNet terms of use)"),
)


def file_rows(root: Path) -> list[Row]:
    """A row per weight file, image network and dataset: its size, or what to do."""
    rows = []
    for name, source in RELEASED.items():
        relative = f"{FOLDER}/{name}"
        path = root / relative
        found = _size(path) if path.exists() else "not found"
        rows.append(_row(f"weights {relative}", path.exists(), found, source))
    rows += [_network_row(root / FOLDER, released) for released in BACKBONES.values()]
    for relative, source in DATASETS:
        infos = sorted((root / relative).glob("*_infos_*.json"))
        found = ", ".join(path.name for path in infos) or "no info file"
        rows.append(_row(f"dataset {relative}", bool(infos), found, source))
    return rows


def _network_row(folder: Path, released: ReleasedBackbone) -> Row:
    """An image network: what of its files is in ``folder``."""
    path = released.local_file(folder)
    found = "not found" if path is None else f"{path.name}, {_size(path)}"
    source = (
        f"the hub, at first use; offline: {released.repo}/model.safetensors as "
        f"{FOLDER}/{released.files[0]}"
    )
    return _row(f"image network {released.name}", path is not None, found, source)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.0f} MiB"


def _row(subject: str, exists: bool, found: str, source: str) -> Row:
    return Row(subject, "ok" if exists else "absent", found, "" if exists else source)
