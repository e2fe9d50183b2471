"""Pages of the site: the repository's own documents, and one of every room's modules.

Documents keep their places, so links between them, and to files beside them, hold on
the site as they do in a checkout.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "projects" / "vantage3d"
DOCUMENTS = ("*.md", "data/README.md", "docs/*.md")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Documents, what they link to, and the API."""
    linked = set()
    for pattern in DOCUMENTS:
        for path in sorted(ROOT.glob(pattern)):
            linked.add(path)
            for target in LINK.findall(path.read_text()):
                linked.add((path.parent / target).resolve())
    for path in sorted(linked):
        if path.is_file():
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    for room in sorted(PACKAGE.glob("*/__init__.py")):
        page = api_page(room.parent)
        files.append(File.generated(config, f"api/{room.parent.name}.md", content=page))
    return files


def api_page(room: Path) -> str:
    """Every module of a room, as its docstrings tell it."""
    modules = [room / "__init__.py", *sorted(room.rglob("[!_]*.py"))]
    names = [
        ".".join(module.relative_to(PACKAGE.parent).with_suffix("").parts)
        for module in modules
    ]
    blocks = [f"::: {name.removesuffix('.__init__')}" for name in names]
    return "\n\n".join([f"# {room.name}", *blocks, ""])
