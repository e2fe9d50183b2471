"""Choosing an engine."""

import builtins
import sys

import pytest

from vantage3d.sparse import get_backend


def test_torch_is_there():
    assert get_backend("torch").name == "torch"


def test_unknown_name():
    with pytest.raises(
        ValueError, match=r"one of \['minkowski', 'torch'\], got 'cuda'"
    ):
        get_backend("cuda")


def test_missing_package_says_how_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "MinkowskiEngine":
            raise ImportError("No module named 'MinkowskiEngine'")
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "vantage3d.sparse.minkowski", raising=False)
    monkeypatch.delattr("vantage3d.sparse.minkowski", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"No module named .* `make minkowski`"):
        get_backend("minkowski")
