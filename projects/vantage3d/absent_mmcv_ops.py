"""Stand-in for mmcv's compiled operators where only ``mmcv-lite`` is installed.

mmdetection imports dozens of ``mmcv.ops`` names that nothing here ever calls, and
mmcv-lite ships their Python halves without the compiled ones. The finder answers for
``mmcv.ops`` and ``mmcv._ext`` instead; where the compiled ones exist it is not put in.
Each name it hands out is a class that may be subclassed and registered, and raises when
it is used.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

PREFIXES = ("mmcv.ops", "mmcv._ext")


class AbsentOperator:
    """What a name of ``mmcv.ops`` is while mmcv is not compiled."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise ImportError(
            f"`{type(self).__module__}.{type(self).__name__}` needs mmcv's compiled "
            "operators, but only mmcv-lite is installed. Build them: `make mmcv-ops`."
        )


class _AbsentModule(ModuleType):
    """A module that has every public name."""

    def __getattr__(self, name: str) -> type[AbsentOperator]:
        if name.startswith("__"):
            raise AttributeError(name)
        operator = type(name, (AbsentOperator,), {"__module__": self.__name__})
        setattr(self, name, operator)
        return operator


class AbsentOperatorsFinder(MetaPathFinder, Loader):
    """Finds ``mmcv.ops``, ``mmcv._ext`` and what lies below them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        top = ".".join(fullname.split(".")[:2])
        return ModuleSpec(fullname, self, is_package=True) if top in PREFIXES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the names are made when they are asked for."""


def compiled_operators_exist() -> bool:
    """Whether mmcv's extension lies beside it; looks at files, imports nothing."""
    spec = find_spec("mmcv")
    folders = (spec.submodule_search_locations or []) if spec else []
    return any(next(Path(folder).glob("_ext.*"), None) for folder in folders)


def install() -> None:
    """Put the finder before all others, once, unless mmcv is compiled."""
    here = any(isinstance(finder, AbsentOperatorsFinder) for finder in sys.meta_path)
    if not here and not compiled_operators_exist():
        sys.meta_path.insert(0, AbsentOperatorsFinder())
