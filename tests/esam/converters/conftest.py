"""A small synthetic ScanNet export and a way to run the tool on it."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tools.create_data import main
from vantage3d.synthetic import write_scannet

FRAMES = (0, 20, 40)


@pytest.fixture(scope="session")
def pristine_scannet(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "scannet"
    list(write_scannet(root, 2, 1, FRAMES, size=(160, 120), seed=3))
    return root


@pytest.fixture
def scannet(pristine_scannet, tmp_path) -> Path:
    """A copy that a test may damage: scenes 0 and 1 in train, 2 in val."""
    return Path(shutil.copytree(pristine_scannet, tmp_path / "scannet"))


@pytest.fixture
def create_data():
    """Run tools/create_data.py in this process: dataset, root, out, then options."""

    def run(dataset: str, root: Path, out: Path, *options: str | int | float) -> None:
        folders = ["--root-path", str(root), "--out-dir", str(out)]
        main([dataset, *folders, *map(str, options)])

    return run


@pytest.fixture
def hashes():
    """Hash of every file below a folder, the converter's own state included."""

    def run(folder: Path) -> dict[str, str]:
        return {
            path.relative_to(folder).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return run
