"""Whether every ``type`` of a config is registered and takes the arguments given."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import mmengine.registry as roots
from mmengine.registry import Registry

from vantage3d.engine.errors import ConfigError, closest
from vantage3d.registry import SCOPE

# Scopes in which a name without a prefix is looked up, in this order.
_SCOPES = (SCOPE, "mmdet3d", "mmengine")
# Arguments that a builder takes out before the class sees them.
_FOR_BUILDERS = {
    "_scope_": "",
    "priority": r"_hooks\b",
    "constructor": r"^optim_wrapper$",
    "paramwise_cfg": r"^optim_wrapper$",
    "convert_to_iter_based": r"^param_scheduler",
}
# Dictionaries whose `type` is no registered name.
_NO_REGISTRY = re.compile(r"(^|\.)clip_grad$")


def check_types(cfg: Any, locate: Callable[[str], str]) -> None:
    """Refuse unknown types and arguments that a type does not take.

    Args:
        cfg: The config.
        locate: Gives `` (file:line)`` of a word, for messages.

    Raises:
        ConfigError: Naming the place, what stands there and the closest valid names.
    """
    for path, node in _typed(cfg, ""):
        name = node["type"]
        target = find_type(name) if isinstance(name, str) else name
        if target is None:
            registries = _registries(_SCOPES, load=False)
            known = {known for registry in registries for known in registry.module_dict}
            raise ConfigError(
                f"`{path}.type` is {name!r}{locate(name)}, which is not registered"
                f"{closest(name, known)}"
            )
        accepted = accepted_arguments(target)
        for key in node:
            if key == "type" or accepted is None or key in accepted:
                continue
            if key in _FOR_BUILDERS and re.search(_FOR_BUILDERS[key], path):
                continue
            raise ConfigError(
                f"`{path}.{key}`{locate(str(key))}: {name} takes no argument {key!r}"
                f"{closest(str(key), accepted) or f'; it takes: {sorted(accepted)}'}"
            )


def find_type(name: str) -> Any:
    """What is registered under ``name`` (``scope.Name`` or ``Name``), or None.

    Modules of mmdet3d are imported only when the name is not found without them.
    """
    scope, _, bare = name.rpartition(".")
    scopes = (scope,) if scope in ("mmdet", *_SCOPES) else _SCOPES
    if scopes != (scope,):
        bare = name
    for load in (False, True):
        for registry in _registries(scopes, load):
            if bare in registry.module_dict:
                return registry.module_dict[bare]
    return None


def accepted_arguments(target: Any) -> set[str] | None:
    """Keyword arguments of a class or function; None if that cannot be known.

    ``**kwargs`` that a constructor hands to ``super().__init__`` are those of the next
    class in the method resolution order.
    """
    if not inspect.isclass(target):
        names, rest = _parameters(target)
        return names if rest == "nowhere" else None
    accepted: set[str] = set()
    for cls in target.__mro__:
        if "__init__" not in cls.__dict__:
            continue
        if cls is object:
            return accepted
        names, rest = _parameters(cls.__dict__["__init__"])
        accepted |= names
        if rest == "nowhere":
            return accepted
        if rest == "unknown":
            return None
    return None


def _parameters(function: Any) -> tuple[set[str], str]:
    """Names, and where more of them go: ``nowhere``, ``parent`` or ``unknown``."""
    try:
        parameters = inspect.signature(function).parameters.values()
        source = textwrap.dedent(inspect.getsource(function))
    except (TypeError, ValueError, OSError):
        return set(), "unknown"
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {p.name for p in parameters if p.kind in kinds and p.name != "self"}
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return names, _destination(source, parameter.name)
    return names, "nowhere"


def _destination(source: str, name: str) -> str:
    """``parent`` if ``**name`` is only ever handed to ``super().__init__``."""
    uses = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)]
    handed_up = [
        keyword.value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
        for keyword in call.keywords
        if keyword.arg is None
    ]
    number = sum(use.id == name for use in uses)
    passed = sum(isinstance(v, ast.Name) and v.id == name for v in handed_up)
    return "parent" if passed and passed == number else "unknown"


def _typed(node: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every dictionary with a ``type``, with its dotted place."""
    if isinstance(node, (list, tuple)):
        for index, item in enumerate(node):
            yield from _typed(item, f"{path}.{index}")
        return
    if not hasattr(node, "items"):
        return
    # A new string as `type` hides what a base said there; None switches it off.
    if node.get("type") is not None and not _NO_REGISTRY.search(path):
        yield path, node
    for key, value in node.items():
        if path or key != "custom_imports":
            yield from _typed(value, f"{path}.{key}".lstrip("."))


def _registries(scopes: tuple[str, ...], load: bool) -> Iterator[Registry]:
    """Registries of ``scopes``, in their order, with what they register imported."""
    found = [r for r in vars(roots).values() if isinstance(r, Registry)]
    for registry in found:
        found += [child for child in registry.children.values() if child not in found]
    for scope in scopes:
        for registry in found:
            if registry.scope != scope:
                continue
            if scope == SCOPE:
                registry.import_from_location()
            elif load:
                # mmdet3d names locations that it does not have.
                with suppress(ModuleNotFoundError):
                    registry.import_from_location()
            yield registry
