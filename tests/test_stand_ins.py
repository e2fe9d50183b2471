"""The stand-ins for mmcv's operators and for mmdet3d's numba functions."""

import subprocess
import sys
from types import ModuleType

import pytest

from vantage3d import stand_ins
from vantage3d.stand_ins import (
    UNUSED,
    QuickFinder,
    StandInFinder,
    absent_modules,
    install,
)


@pytest.fixture
def absent(monkeypatch) -> ModuleType:
    """A package of which ``absent_here.ops`` stands in."""
    package = ModuleType("absent_here")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "absent_here", package)
    finder = StandInFinder({"absent_here.ops": "a compiler: `make ops`"})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    yield package
    for name in [name for name in sys.modules if name.startswith("absent_here.")]:
        del sys.modules[name]


def test_its_names_may_be_imported_subclassed_and_registered(absent):
    from absent_here.ops import Conv, nms
    from absent_here.ops.deeper import Other

    class Mine(Conv):
        pass

    assert issubclass(Mine, Conv) and Conv is not nms and Other.__name__ == "Other"
    assert Conv is sys.modules["absent_here.ops"].Conv
    with pytest.raises(ImportError, match=r"Mine` needs a compiler: `make ops`\."):
        Mine()


def test_use_says_what_to_install(absent):
    from absent_here.ops import nms

    with pytest.raises(ImportError, match=r"`absent_here\.ops\.nms` needs .*make ops"):
        nms([], 0.5)
    assert not hasattr(sys.modules["absent_here.ops"], "__all__")
    import absent_here.ops.roi  # a function of this name hides behind its module

    with pytest.raises(ImportError, match=r"`absent_here\.ops\.roi` needs .*make ops"):
        absent_here.ops.roi([], 0.5)
    with pytest.raises(ModuleNotFoundError, match=r"absent_here\.opsi"):
        import absent_here.opsi


def test_nothing_stands_in_where_the_real_ones_exist(monkeypatch, tmp_path):
    (tmp_path / "mmcv").mkdir()
    (tmp_path / "mmcv" / "__init__.py").touch()
    (tmp_path / "numba.py").touch()
    for name in ("mmcv", "numba"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert absent_modules().keys() == {"mmcv.ops", "mmcv._ext"}
    (tmp_path / "mmcv" / "_ext.cpython-311-x86_64-linux-gnu.so").touch()
    assert absent_modules() == {}
    others = [
        one for one in sys.meta_path if type(one).__module__ != "vantage3d.stand_ins"
    ]
    monkeypatch.setattr(sys, "meta_path", list(others))
    install()
    assert [type(one) for one in sys.meta_path[:2]] == [QuickFinder, StandInFinder]
    assert sys.meta_path[1].absent == UNUSED and sys.meta_path[2:] == others


def test_the_finders_are_put_in_once(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setattr(stand_ins, "absent_modules", lambda: {"mmcv.ops": "x"})
    install()
    install()
    assert [type(f) for f in sys.meta_path] == [
        QuickFinder,
        StandInFinder,
    ]


def test_mmdet3d_is_imported_without_operators_and_mmengine_without_transformers():
    code = (
        "import vantage3d, mmdet3d.structures; from mmcv.ops import nms\n"
        "try: nms()\nexcept (ImportError, TypeError) as error: print(error)\n"
        "import sys; from mmengine.optim import OPTIMIZERS\n"
        "assert 'TorchAdafactor' in OPTIMIZERS.module_dict\n"
        "assert not {'transformers', 'matplotlib'} & set(sys.modules)\n"
        "from transformers import AutoConfig"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "make mmcv-ops" in done.stdout or "mmcv.ops" not in absent_modules()
