"""Notebooks are executed as a reader would: from nothing, each cell, top to bottom."""

import os
from pathlib import Path

import pytest

from tests.shared import ROOT

NEEDED = "`make extras` installs what notebooks need"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """One process for all, as imports take most of the time."""
    pytest.importorskip("nbclient", reason=NEEDED)
    pytest.importorskip("ipykernel", reason=NEEDED)
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    manager = AsyncKernelManager()
    folder, path = tmp_path_factory.mktemp("notebooks"), f"{ROOT / 'projects'}"
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join([path, os.environ.get("PYTHONPATH", "")])
    run_sync(manager.start_kernel)(cwd=str(folder), env=env)
    yield manager, folder
    run_sync(manager.shutdown_kernel)(now=True)


def test_there_is_one_per_system():
    assert [path.stem for path in NOTEBOOKS] == ["deltas", "esam", "vggt_lora"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_its_numbers_hold(path, kernel):
    """The last cell of each compares the result with the exact world."""
    import nbformat
    from nbclient import NotebookClient

    manager, folder = kernel
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "\nassert " in notebook.cells[-1].source
    forget = nbformat.v4.new_code_cell("%reset -f")
    notebook.cells.insert(0, forget)
    NotebookClient(notebook, timeout=900, km=manager).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    said = "".join(out.get("text", "") for out in outputs)
    assert "not a measure of" in said  # nothing was trained beforehand
    assert list(folder.glob("work_dirs/*/result/page.html"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_was_computed_is_committed(path):
    import json

    cells = json.loads(Path(path).read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] for cell in code)
    assert all(cell["execution_count"] is None for cell in code)
