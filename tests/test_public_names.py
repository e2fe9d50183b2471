"""What the four packages export, and what importing them costs."""

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("esam", "vggt_lora", "deltas", "evaluation")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_exists_and_is_told_in_the_docstring(package):
    module = import_module(f"vantage3d.{package}")
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name).__doc__
        assert f"``{name}``" in module.__doc__


def test_another_name_is_an_error_that_lists_the_public_ones():
    with pytest.raises(ImportError, match="Nowhere"):
        from vantage3d.deltas import Nowhere  # noqa: F401
    with pytest.raises(AttributeError, match=r"no 'Nowhere'\. It has: DELTAS, Deltas"):
        import_module("vantage3d.deltas").Nowhere  # noqa: B018


def test_importing_them_imports_nothing_heavy():
    code = f"import sys\nfor p in {PACKAGES}: __import__(f'vantage3d.{{p}}')\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
