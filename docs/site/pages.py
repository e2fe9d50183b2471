"""Pages of the site: the repository's own documents, notebooks, and a room's modules.

Documents keep their places, so links between them, and to files beside them, hold on
the site as they do in a checkout. ``mkdocs.yml`` says where they stand in the
navigation; the API follows them.
"""

import ast
import json
import logging
import re
from collections import Counter
from functools import cache
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "projects" / "vantage3d"
DOCUMENTS = ("*.md", "data/README.md", "docs/*.md")
START = """Most people need three classes:
[RGBDSegmenter][vantage3d.esam.inference.RGBDSegmenter],
[DepthAndPoses][vantage3d.vggt_lora.inference.DepthAndPoses] and
[PosedDepth][vantage3d.deltas.inference.PosedDepth], which share the calls of
[Inferencer][vantage3d.inference.inferencer.Inferencer]; and what they return,
[ScenePrediction][vantage3d.results.prediction.ScenePrediction]."""
# What ``:class:`Name``` of a docstring becomes in Markdown.
ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):<code>~?([^<]+)</code>")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# GitHub begins a list in the middle of a paragraph, Python-Markdown does not.
JOINED = re.compile(r"^(?!\d+\. )[^\s#|>*-].*\n(?:[*-]|\d+\.) .*", re.MULTILINE)
TO_NOTEBOOK = re.compile(r"(\]\([^):]*notebooks/\w+)\.ipynb\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Documents, what they link to, notebooks, and the API."""
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
    rooms = [path.parent for path in sorted(PACKAGE.glob("*/__init__.py"))]
    pages = {f"api/{room.name}.md": api_page(room) for room in rooms}
    pages = {"api/index.md": api_index(rooms), **pages}
    notebooks = (ROOT / "notebooks").glob("*.ipynb")
    read = {f"notebooks/{path.stem}.md": notebook_page(path) for path in notebooks}
    for place, content in (pages | read).items():
        files.append(File.generated(config, place, content=content))
    assert config.nav is not None
    config.nav = [*config.nav, {"API": list(pages)}]
    return files


def api_index(rooms: list[Path]) -> str:
    """What each room is for, by the first line of its docstring."""
    rows = []
    for room in rooms:
        doc = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        said = doc.partition("\n\n")[0].replace("\n", " ")
        rows.append(f"| [{room.name}]({room.name}.md) | {said} |")
    table = "\n".join(["| `vantage3d.` | |", "|---|---|", *rows])
    return f"# API by room\n\n{START}\n\n{table}\n"


def api_page(room: Path) -> str:
    """Every module of a room, as its docstrings tell it."""
    modules = [room / "__init__.py", *sorted(room.rglob("[!_]*.py"))]
    blocks = [f"::: {_dotted(module)}" for module in modules]
    return "\n\n".join([f"# {room.name}", *blocks, ""])


def notebook_page(path: Path) -> str:
    """A notebook to read: its text and its code."""
    blocks = []
    for cell in json.loads(path.read_text())["cells"]:
        code, source = cell["cell_type"] == "code", "".join(cell["source"])
        blocks.append(f"```python\n{source}\n```" if code else source)
    ran = f"[{path.name}]({path.name}) is this page to run; CI does, with every change."
    return "\n\n".join([blocks[0], ran, *blocks[1:], ""])


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Links to notebooks lead to their pages; home has no list of one beside it.

    A list that would run into the paragraph above is a warning, which fails the build.
    """
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    if joined := JOINED.search(CODE.sub("", markdown)):
        place = f"{page.file.src_uri}: no empty line before a list"
        logging.getLogger("mkdocs.hooks.pages").warning(f"{place}: {joined[0]!r}")
    return TO_NOTEBOOK.sub(r"\1.md)", markdown)


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Names in docstrings link to where they are documented."""

    def link(role: re.Match[str]) -> str:
        name = role[1]
        place = name if name.startswith("vantage3d.") else definitions().get(name)
        if place is None:
            return f"<code>{name}</code>"
        return f'<autoref optional identifier="{place}"><code>{name}</code></autoref>'

    return ROLE.sub(link, html)


@cache
def definitions() -> dict[str, str]:
    """Dotted path of every class and function that has a name of its own."""
    found = [
        (node.name, f"{_dotted(path)}.{node.name}")
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    count = Counter(name for name, _ in found)
    return {name: place for name, place in found if count[name] == 1}


def _dotted(path: Path) -> str:
    """``vantage3d.io.ply`` of its file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")
