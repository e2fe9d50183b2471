"""Public names of a package that are imported when they are first asked for."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def public_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``, so that importing the package costs nothing.

    Args:
        package: Its dotted name.
        modules: Public name -> the module that has it, relative to the package; dots
            in front lead to the rooms above it.

    Returns:
        A function of a name that raises AttributeError for any other.
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(
                f"`{package}` has no {name!r}. It has: {', '.join(sorted(modules))}."
            )
        value = getattr(import_module(f".{modules[name]}", package), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
