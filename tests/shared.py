"""Where tests find the reference data that is never part of the project."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("VANTAGE3D_SHARED", ROOT.parent / "shared"))


def need(relative: str) -> Path:
    """Path of ``relative`` below the shared folder, or a visible skip."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"{path} is absent; set VANTAGE3D_SHARED to the shared folder")
    return path
