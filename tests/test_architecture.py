"""The rules of the house, read from the syntax trees; each file is parsed once."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "projects" / "vantage3d"
SYSTEMS = {"esam", "vggt_lora", "deltas"}
# A room may import its own layer and what stands below it; everyone the registry.
LAYERS = (
    {"checks", "stand_ins", "public_names"},
    {"geometry", "sparse", "process"},
    {"io"},
    {"evaluation"},
    {
        "engine",
        "views",
        "recordings",
        "backbones2d",
        "visualization",
        "results",
        "stitching",
    },
    {"converters", "comparison", "inference", "referee"},
    SYSTEMS,
    {"synthetic", "doctor", "planning"},
    {"cli"},
)
# Rooms of a system, or beside the systems, and what none of their files imports.
APART = {
    "models": {"datasets", "converters", "evaluation"},
    "losses": {"models", "datasets", "converters", "evaluation"},
    "datasets": {"converters", "evaluation"},
    "converters": {"datasets", "models", "losses", "evaluation"},
}
PURE = ("geometry", "sparse", "checks")
PURE_LIBRARIES = {"torch", "numpy", "scipy"}
ONE_FILE_ONLY = (
    "MinkowskiEngine", "rerun", "segment_anything", "ultralytics", "pycolmap", "evo",
    "h5py", "transformers", "lzfse", "huggingface_hub", "onnxscript", "rosbags",
    "pyrealsense2",
)  # fmt: skip


@dataclass(frozen=True)
class Module:
    """A file of the package.

    Attributes:
        path: Where it is.
        name: Dotted, ``vantage3d.`` included; a package's is that of its folder.
        text: Its source.
        top: Its statements at module level.
        imports: Dotted names that it imports, anywhere and for type checkers too: of a
            module and of each name taken from it.
        prints: Lines on which it calls ``print``.
    """

    path: Path
    name: str
    text: str
    top: list[ast.stmt]
    imports: frozenset[str]
    prints: list[int]

    @property
    def room(self) -> str:
        """The part of the package it is in."""
        return self.name.split(".")[1] if "." in self.name else "__init__"

    @property
    def rooms_imported(self) -> set[str]:
        """Other rooms that it imports."""
        parts = [name.split(".") for name in self.imports]
        rooms = {p[1] for p in parts if p[0] == "vantage3d" and len(p) > 1}
        return {one for one in rooms if (PACKAGE / one).is_dir() or is_file(one)} - {
            self.room,
            "registry",
        }


def is_file(name: str) -> bool:
    return (PACKAGE / f"{name}.py").is_file()


@cache
def modules() -> dict[str, Module]:
    """The package's files by dotted name."""
    found = (read(path) for path in sorted(PACKAGE.rglob("*.py")))
    return {module.name: module for module in found}


def read(path: Path) -> Module:
    text = path.read_text()
    tree = ast.parse(text)
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    imports: set[str] = set()
    prints = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, path)
            imports |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            prints.append(node.lineno)
    return Module(path, ".".join(parts), text, tree.body, frozenset(imports), prints)


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """The dotted name of a from-import, relative ones resolved."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(PACKAGE.parent).parts[: -node.level]
    return ".".join([*package, node.module or ""]).rstrip(".")


def layer(name: str) -> int:
    """The height of a room in the house."""
    found = [level for level, rooms in enumerate(LAYERS) if name in rooms]
    assert found, f"add `{name}` to LAYERS"
    return found[0]


def edges(module: Module) -> Iterator[str]:
    """Modules of the package that one imports; of a package only what it names.

    ``from package import name`` is an import of ``package.name`` where that is a
    module, and of the package's own file otherwise.
    """
    for name in module.imports & modules().keys() - {module.name}:
        taken = {one for one in module.imports if one.rpartition(".")[0] == name}
        if not taken or any(other not in modules() for other in taken):
            yield name


def test_systems_never_import_each_other():
    for module in modules().values():
        if module.room in SYSTEMS:
            others = SYSTEMS & module.rooms_imported
            assert not others, f"{module.path} imports {others}; move it down"


def test_imports_run_one_way():
    for module in modules().values():
        if module.room not in {"__init__", "registry"}:
            for other in module.rooms_imported:
                assert layer(other) <= layer(module.room), (
                    f"{module.path} imports {other}"
                )


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_rooms_of_a_system_keep_apart(system):
    """Models import no datasets, losses no models, data and converters not each other.

    Losses and models meet in the registry.
    """
    prefix = f"vantage3d.{system}."
    for module in modules().values():
        if not module.name.startswith(prefix):
            continue
        room = module.name.removeprefix(prefix).split(".")[0]
        others = {
            name.removeprefix(prefix).split(".")[0]
            for name in module.imports
            if name.startswith(prefix)
        }
        wrong = others & APART.get(room, set())
        assert not wrong, f"{module.path} imports {wrong} of its system"


def test_no_import_cycle():
    """Not even one through imports in functions or for type checkers."""
    graph = {name: set(edges(module)) for name, module in modules().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("imports in a circle: " + " <- ".join(error.args[1]))


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_import_only_numerics(package):
    allowed = {"vantage3d", *PURE_LIBRARIES, *sys.stdlib_module_names}
    for module in modules().values():
        if module.room == package and module.path.name not in {
            "minkowski.py",
            "bench.py",
        }:
            tops = {name.split(".")[0] for name in module.imports}
            assert tops <= allowed, f"{module.path} imports {tops - allowed}"


@pytest.mark.parametrize("library", ONE_FILE_ONLY)
def test_optional_libraries_are_imported_in_one_file_each(library):
    users = [
        str(module.path)
        for module in modules().values()
        if any(name.split(".")[0] == library for name in module.imports)
    ]
    assert len(users) <= 1, f"{library} is imported in {users}"


def test_only_the_registry_file_touches_mmdet3d_registries():
    for module in modules().values():
        if module.path.name != "registry.py":
            assert "mmdet3d.registry" not in module.imports, module.path


def test_no_package_without_a_subject():
    for path in PACKAGE.rglob("*"):
        assert path.stem not in {"utils", "misc", "helpers", "common"}, path


def test_no_print_and_no_long_module():
    for module in modules().values():
        lines = module.text.count("\n")
        assert lines <= 500, f"{module.path}: {lines} lines"
        if module.room == "cli":  # what a command prints is its result
            continue
        assert not module.prints, f"{module.path}:{module.prints} prints; use a logger"


def test_every_public_function_says_what_it_does():
    for module in modules().values():
        for node in module.top:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                place = f"{module.path}:{node.lineno} {node.name}"
                assert ast.get_docstring(node), place


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Name and content of the committed files that people read."""
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    suffixes = {".py", ".md", ".toml", ".txt", ".yaml", ".json", ""}
    for name in listing.stdout.splitlines():
        path = ROOT / name
        if path.suffix in suffixes and path.is_file():
            yield name, path.read_text(errors="ignore")


def test_no_machine_path_is_committed():
    needle = "/wo" + "rk/"
    for name, text in tracked_texts():
        assert needle not in text, name


def test_documents_outside_the_repository_are_not_cited():
    """Say the fact, or cite the paper: nobody else has those files."""
    outside = re.compile(r"\b[Ss]pecs?[ /](\d|\w+\.md)|\b(vggt|esam|deltas)\.md \d")
    for name, text in tracked_texts():
        found = outside.search(text)
        assert found is None, f"{name}: {found.group()}"
