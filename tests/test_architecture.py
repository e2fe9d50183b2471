"""The rules of the house, read from the syntax trees."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "projects" / "vantage3d"
SYSTEMS = {"esam", "vggt_lora", "deltas"}
# A room may import its own layer and what stands below it; everyone the registry.
LAYERS = (
    {"checks", "absent_mmcv_ops"},
    {"geometry", "sparse", "process"},
    {"io"},
    {"evaluation"},
    {"engine", "views", "backbones2d", "visualization"},
    {"converters", "comparison"},
    SYSTEMS,
    {"synthetic", "doctor"},
)
PURE = ("geometry", "sparse", "checks")
PURE_LIBRARIES = {"torch", "numpy", "scipy"}
ONE_FILE_ONLY = (
    "MinkowskiEngine", "rerun", "segment_anything", "ultralytics", "pycolmap", "evo",
    "h5py", "transformers",
)  # fmt: skip
STANDARD = __import__("sys").stdlib_module_names


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> list[str]:
    """Every module that ``path`` imports, dotted."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(absolute(node, path))
    return names


def absolute(node: ast.ImportFrom, path: Path) -> str:
    """The dotted name of a from-import, relative ones resolved."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(PACKAGE.parent).parts[: -node.level]
    return ".".join([*package, node.module or ""]).rstrip(".")


def rooms_of(path: Path) -> list[str]:
    """Other rooms of the package that ``path`` imports."""
    own = room(path)
    parts = [name.split(".") for name in imports(path)]
    rooms = {p[1] for p in parts if p[0] == "vantage3d" and len(p) > 1}
    return sorted(rooms - {own, "registry"})


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def layer(name: str) -> int:
    """The height of a room in the house."""
    found = [level for level, rooms in enumerate(LAYERS) if name in rooms]
    assert found, f"add `{name}` to LAYERS"
    return found[0]


def test_systems_never_import_each_other():
    for path in modules():
        if room(path) in SYSTEMS:
            others = SYSTEMS & set(rooms_of(path))
            assert not others, f"{path} imports {others}; move it down"


def test_imports_run_one_way():
    for path in modules():
        if room(path) in {"__init__", "registry"}:
            continue
        for other in rooms_of(path):
            assert layer(other) <= layer(room(path)), f"{path} imports {other}"


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_import_only_numerics(package):
    for path in sorted((PACKAGE / package).glob("*.py")):
        if path.name in {"minkowski.py", "bench.py"}:
            continue
        for name in imports(path):
            top = name.split(".")[0]
            allowed = {"vantage3d", *PURE_LIBRARIES, *STANDARD}
            assert top in allowed, f"{path} imports {name}"


def test_optional_libraries_are_imported_in_one_file_each():
    for library in ONE_FILE_ONLY:
        users = [
            p for p in modules() if any(n.split(".")[0] == library for n in imports(p))
        ]
        assert len(users) <= 1, f"{library} is imported in {users}"


def test_only_the_registry_file_touches_mmdet3d_registries():
    for path in modules():
        if path.name != "registry.py":
            assert "mmdet3d.registry" not in imports(path), path


def test_no_package_without_a_subject():
    for path in PACKAGE.rglob("*"):
        assert path.stem not in {"utils", "misc", "helpers", "common"}, path


def test_no_print_and_no_long_module():
    for path in modules():
        text = path.read_text()
        assert text.count("\n") <= 500, f"{path}: {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            is_print = (
                isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
            )
            assert not is_print, f"{path}:{node.lineno} prints; use a logger"


def test_every_public_function_says_what_it_does():
    for path in modules():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
                assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"


def test_no_machine_path_is_committed():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    needle = "/wo" + "rk/"
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".txt", ".yaml", ".json", ""}
            and path.is_file()
        ):
            assert needle not in path.read_text(errors="ignore"), name
