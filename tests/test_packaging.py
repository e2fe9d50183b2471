"""The wheel, and packages from outside beside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    flags = ["--no-deps", "--no-build-isolation", "--quiet", "-w", str(out)]
    command = [sys.executable, "-m", "pip", "wheel", *flags, str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_the_wheel_has_one_package_with_all_modules_and_configs(wheel):
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"vantage3d"}
    source = ROOT / "projects"
    kinds = ("*.py", "*.html", "*.toml")
    files = [path for kind in kinds for path in source.rglob(kind)]
    modules = {path.relative_to(source).as_posix() for path in files}
    configs = {p.relative_to(ROOT).as_posix() for p in (ROOT / "configs").rglob("*.py")}
    assert set(names) == modules | {f"vantage3d/{name}" for name in configs}


def test_the_wheel_brings_dependencies_and_the_command(wheel):
    info = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = wheel.read(info).decode()
    for needed in ("torch<2.15", "mmdet3d==1.4.0", "mmcv-lite==2.1.0"):
        assert f"Requires-Dist: {needed}" in metadata
    for extra in ("minkowski", "ops", "dev"):
        assert f"Provides-Extra: {extra}" in metadata
    scripts = wheel.read(info.replace("METADATA", "entry_points.txt")).decode()
    assert "vantage3d = vantage3d.cli:main" in scripts


def test_packages_from_outside_and_another_house_called_projects(tmp_path):
    """As mmdetection3d's checkout has: ``projects.NAME`` on the same path."""
    (tmp_path / "projects" / "extra").mkdir(parents=True)
    (tmp_path / "projects" / "__init__.py").touch()
    register = (
        "from vantage3d.registry import MODELS\n"
        "@MODELS.register_module()\nclass {}:\n    pass\n"
    )
    (tmp_path / "projects/extra/__init__.py").write_text(register.format("Extra"))
    (tmp_path / "outside.py").write_text(register.format("Outside"))
    (tmp_path / "config.py").write_text(
        'custom_imports = dict(imports=["outside", "projects.extra"])\n'
        'model = dict(type="Outside")\n'
    )
    code = (
        "from vantage3d.engine import load_config\n"
        "from vantage3d.registry import MODELS\n"
        'print(MODELS.build(load_config("config.py").model), MODELS.get("Extra"))'
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT / "projects")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert "outside.Outside" in done.stdout, done.stderr
    assert "projects.extra.Extra" in done.stdout
