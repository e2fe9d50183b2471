"""The set-up installs everything that is imported anywhere, also inside functions."""

import ast
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages

import vantage3d

ROOT = Path(__file__).resolve().parents[1]
OURS = {
    "vantage3d",
    "tools",
    "tests",
    "benchmark",
    "benchmarks",
    "absent_here",
    "export_deltas",
}
OPTIONAL = {
    "MinkowskiCommon",
    "MinkowskiEngine",
    "MinkowskiEngineBackend",
    "segment_anything",
    "spconv",
    "lzfse",
    "onnxscript",
    "pyrealsense2",
    "ultralytics",
}


def test_every_module_can_be_imported():
    for module in walk_packages(vantage3d.__path__, "vantage3d."):
        if module.name != "vantage3d.sparse.minkowski":  # needs `make minkowski`
            import_module(module.name)


def test_every_library_that_is_named_is_installed():
    named = {}
    for folder in ("projects", "tools", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    named |= {alias.name: path for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    named[node.module] = path
    tops = {name.partition(".")[0]: path for name, path in named.items()}
    extras = (ROOT / "constraints.txt").read_text().partition("# -- extras")[2]
    pinned = {line.partition("==")[0] for line in extras.splitlines()}
    known = OURS | OPTIONAL | pinned | sys.stdlib_module_names
    missing = {top: tops[top] for top in tops.keys() - known if find_spec(top) is None}
    assert not missing, f"add them to constraints.txt: {missing}"
