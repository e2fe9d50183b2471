"""The rules of the house, read from the syntax trees."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = ("esam", "vggt_lora", "deltas")
# A layer may import itself, what stands below it, and projects.registry.
LAYERS = [
    {"checks", "command", "evenly", "process_memory", "released_weights"},
    {"geometry", "sparse", "progress", "parallel"},
    {"io", "structures"},
    {"synthetic", "doctor", "frame_index"},
    {"engine", "datasets", "evaluation", "visualization", "backbones2d"},
    {"comparison"},
]
PURE = ("geometry", "sparse", "checks")
PURE_LIBRARIES = {"torch", "numpy", "scipy"}
ONE_FILE_ONLY = (
    "MinkowskiEngine", "rerun", "segment_anything", "ultralytics", "pycolmap", "evo",
    "h5py", "transformers",
)  # fmt: skip
STANDARD = __import__("sys").stdlib_module_names


def modules() -> list[Path]:
    return sorted((ROOT / "projects").rglob("*.py"))


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
    package = path.relative_to(ROOT).parts[: -node.level]
    return ".".join([*package, node.module or ""]).rstrip(".")


def common_layer(name: str) -> int | None:
    for level, layer in enumerate(LAYERS):
        if name in layer:
            return level
    return None


def own_package(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT / "projects").with_suffix("").parts


def test_systems_never_import_each_other():
    for path in modules():
        own = own_package(path)[0]
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "projects" or len(parts) < 2 or parts[1] not in SYSTEMS:
                continue
            assert own == parts[1], f"{path} imports {name}; move it to common"


def test_common_imports_run_one_way():
    for path in modules():
        own = own_package(path)
        if own[0] != "common" or len(own) < 2 or own[1] == "__init__":
            continue
        level = common_layer(own[1])
        assert level is not None, f"{path}: add `{own[1]}` to LAYERS"
        for name in imports(path):
            parts = name.split(".")
            if parts[:2] != ["projects", "common"]:
                continue
            other = common_layer(parts[2])
            assert other is not None and other <= level, f"{path} imports {name}"


@pytest.mark.parametrize("package", PURE)
def test_pure_packages_import_only_numerics(package):
    for path in sorted((ROOT / "projects/common" / package).glob("*.py")):
        if path.name in {"minkowski.py", "bench.py"}:
            continue
        for name in imports(path):
            top = name.split(".")[0]
            allowed = {"projects", *PURE_LIBRARIES, *STANDARD}
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
    for path in (ROOT / "projects").rglob("*"):
        assert path.stem not in {"utils", "misc", "helpers"}, path


def test_no_print_and_no_long_module():
    for path in modules():
        text = path.read_text()
        assert text.count("\n") <= 500, f"{path}: {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            is_print = (
                isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
            )
            assert not is_print, f"{path}:{node.lineno} prints; use a logger"


def test_every_public_function_of_common_says_what_it_does():
    for path in sorted((ROOT / "projects/common").rglob("*.py")):
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
