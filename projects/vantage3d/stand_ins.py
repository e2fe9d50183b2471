"""Stand-ins for parts of libraries that the set-up leaves out.

mmdetection imports dozens of ``mmcv.ops`` names that nothing here ever calls, and
mmcv-lite ships their Python halves without the compiled ones; mmdetection3d compiles
one module of box functions with numba (180 MB) that nothing here calls either. The
finder answers for these modules where what they need is absent. Each name it hands out
is a class that may be subclassed and registered, and raises when it is used.

mmengine and mmdetection import transformers, half of the time in which a command
starts, for one optimizer that torch has too (``TorchAdafactor``) and for language
models, which nothing here uses. Unless it was imported before, they do not find it.
mmdetection also imports matplotlib's windows for one picture of tracking errors.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

COMPILED = "mmcv's compiled operators, but only mmcv-lite is installed: `make mmcv-ops`"
NUMBA = "numba, which the set-up leaves out: `pip install numba`"
# Never missing, only slow to import.
UNUSED = {"mmdet.utils.mot_error_visualize": "to be imported before vantage3d"}
WITHOUT_TRANSFORMERS = (
    "mmengine.optim.optimizer.builder",
    "mmdet.datasets.transforms.text_transformers",
    "mmdet.models.language_models.bert",
    "mmdet.models.utils.vlfuse_helper",
    "mmdet.models.dense_heads.atss_vlfusion_head",
)


class AbsentOperator:
    """What a name of a stand-in is."""

    remedy = ""

    def __init__(self, *args: object, **kwargs: object) -> None:
        name = f"{type(self).__module__}.{type(self).__name__}"
        raise ImportError(f"`{name}` needs {self.remedy}.")


class _AbsentModule(ModuleType):
    """A module that has every public name."""

    def __init__(self, name: str, remedy: str) -> None:
        super().__init__(name, f"Stand-in; it needs {remedy}.")
        self.__remedy = remedy

    def __getattr__(self, name: str) -> type[AbsentOperator]:
        if name.startswith("_"):
            raise AttributeError(name)
        members = {"__module__": self.__name__, "remedy": self.__remedy}
        operator = type(name, (AbsentOperator,), members)
        setattr(self, name, operator)
        return operator

    def __call__(self, *args: object, **kwargs: object) -> None:
        """``mmcv.ops.nms`` is a function, and a module once that was imported."""
        raise ImportError(f"`{self.__name__}` needs {self.__remedy}.")


class StandInFinder(MetaPathFinder, Loader):
    """Finds the absent modules and what lies below them.

    Args:
        absent: Dotted name of a module -> what it needs and how to get it.
    """

    def __init__(self, absent: Mapping[str, str]) -> None:
        self.absent = dict(absent)

    def remedy(self, fullname: str) -> str | None:
        """What the module ``fullname`` needs; None where it is not absent."""
        tops = (top for top in self.absent if f"{fullname}.".startswith(f"{top}."))
        return next((self.absent[top] for top in tops), None)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        here = self.remedy(fullname) is not None
        return ModuleSpec(fullname, self, is_package=True) if here else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _AbsentModule(spec.name, self.remedy(spec.name) or "")

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the names are made when they are asked for."""


class QuickFinder(MetaPathFinder):
    """Finds the modules that are loaded as if there were no transformers."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        if fullname not in WITHOUT_TRANSFORMERS:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _WithoutTransformers(fullname, spec.origin)
        return spec


class _WithoutTransformers(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        if "transformers" in sys.modules:
            return super().exec_module(module)
        sys.modules["transformers"] = None  # type: ignore[assignment]
        try:
            super().exec_module(module)
        finally:
            del sys.modules["transformers"]


def absent_modules() -> dict[str, str]:
    """Modules that cannot be imported here; looks at files, imports nothing."""
    spec = find_spec("mmcv")
    folders = (spec.submodule_search_locations or []) if spec else []
    absent: dict[str, str] = {}
    if not any(next(Path(folder).glob("_ext.*"), None) for folder in folders):
        absent |= {"mmcv.ops": COMPILED, "mmcv._ext": COMPILED}
    if find_spec("numba") is None:
        absent["mmdet3d.structures.ops.box_np_ops"] = NUMBA
    return absent


def install() -> None:
    """Put the finders before all others, once; the stand-ins' unless all is there."""
    if not any(isinstance(finder, QuickFinder) for finder in sys.meta_path):
        sys.meta_path[:0] = [QuickFinder(), StandInFinder(UNUSED | absent_modules())]
