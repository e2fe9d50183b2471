"""Stand-ins for parts of libraries that the set-up leaves out.

mmdetection imports dozens of ``mmcv.ops`` names that nothing here ever calls, and
mmcv-lite ships their Python halves without the compiled ones; mmdetection3d compiles
one module of box functions with numba (180 MB) that nothing here calls either. The
finder answers for these modules where what they need is absent. Each name it hands out
is a class that may be subclassed and registered, and raises when it is used.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

COMPILED = "mmcv's compiled operators, but only mmcv-lite is installed: `make mmcv-ops`"
NUMBA = "numba, which the set-up leaves out: `pip install numba`"


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
    """Put the finder before all others, once, unless nothing is absent."""
    if not any(isinstance(finder, StandInFinder) for finder in sys.meta_path):
        absent = absent_modules()
        if absent:
            sys.meta_path.insert(0, StandInFinder(absent))
