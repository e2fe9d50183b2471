"""A page that lists predicted scenes below a folder: a picture, and links to files."""

from base64 import b64encode
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import numpy as np

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.folders import natural_order
from vantage3d.io.images import encode_jpeg
from vantage3d.io.prediction_files import FRAMES
from vantage3d.results.panels import Image8, depth_range, panels
from vantage3d.results.prediction import ScenePrediction
from vantage3d.results.store import StoredFrames
from vantage3d.visualization.instances import distinct_colours

PANEL = 420  # pixels of width
LINKS = {  # what outputs leave, and what people call it; the first is what to open
    "page.html": "look around",
    "overlay.mp4": "video",
    "mesh.ply": "mesh",
    "cloud.ply": "points",
    "instances": "points of instances",
    "scene.rrd": "rerun",
    "colmap": "COLMAP",
    "transforms/transforms.json": "transforms.json",
    "depth": "depth maps",
    "masks.json": "COCO masks",
}
FIGURES = {  # what evaluations leave
    "scene_ap.png": "AP of scenes so far, ids, best overlaps",
    "instances.png": "true and predicted instances",
}


def write_index(root: Path) -> Path:
    """``index.html`` in ``root``, with links that hold when the folder is moved.

    Figures of evaluations come first, then scenes with a page, then the others.

    Raises:
        FileNotFoundError: If no folder below holds predicted frames.
    """
    folders = (
        path.parent
        for path in root.rglob(FRAMES)
        if any(path.glob("*.npz")) and not _hidden(path.relative_to(root))
    )
    scenes = sorted(
        folders,
        key=lambda path: (
            not (path / "page.html").is_file(),
            natural_order(str(path)),
        ),
    )
    if not scenes:
        raise FileNotFoundError(
            f"{root} has no scene: a folder {FRAMES} with .npz files, which "
            "tools/predict.py makes. Predict first, or name the folder that --out named"
        )
    figures = sorted(path for name in FIGURES for path in root.rglob(name))
    cards = [_figure(root, path) for path in figures]
    cards += [_card(root, scene) for scene in scenes]
    said = f"{len(scenes)} scene{'s' * (len(scenes) > 1)}"
    page = files("vantage3d.results").joinpath("index.html").read_text("utf-8")
    page = page.replace("/*SAID*/", said, 1).replace("/*CARDS*/", "\n".join(cards), 1)
    atomic_write_bytes(path := root / "index.html", page.encode())
    return path


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _name(root: Path, folder: Path) -> str:
    own = folder.relative_to(root).as_posix()
    return escape(own if own != "." else root.name)


def _figure(root: Path, path: Path) -> str:
    """What the page shows of an evaluation."""
    address = quote(path.relative_to(root).as_posix())
    return (
        f'<article><a href="{address}"><img src="{address}" alt=""></a>'
        f'<div class="said"><h2>{_name(root, path.parent)}</h2>'
        f"<p>{FIGURES[path.name]}</p></div></article>"
    )


def _card(root: Path, folder: Path) -> str:
    """What the page shows of a scene."""
    scene = ScenePrediction("scene", StoredFrames(folder / FRAMES))
    links = list(_links(root, folder))
    items = [
        f'<li{" class=first" * (not place)}><a href="{href}">{text} '
        f"<small>{size}</small></a></li>"
        for place, (href, text, size) in enumerate(links)
    ]
    picture = b64encode(encode_jpeg(_picture(scene), 85)).decode()
    first = links[0][0] if links else quote(folder.relative_to(root).as_posix()) + "/"
    return (
        f'<article><a href="{first}"><img src="data:image/jpeg;base64,{picture}" '
        f'alt=""></a><div class="said"><h2>{_name(root, folder)}'
        f"</h2><p>{len(scene.frames)} frames</p><ul>{''.join(items)}</ul></div>"
        "</article>"
    )


def _links(root: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Address, name and size of what was made of a scene."""
    for name, text in LINKS.items():
        path = folder / name
        if path.is_file():
            size = f"{max(path.stat().st_size / 1e6, 0.1):.1f} MB"
            yield quote(path.relative_to(root).as_posix()), text, size
        elif path.is_dir():
            count = sum(1 for one in path.rglob("*") if one.suffix != ".sha256")
            yield quote(path.relative_to(root).as_posix()) + "/", text, f"{count} files"


def _picture(scene: ScenePrediction) -> Image8:
    """The frame in the middle: image, instances and depth side by side."""
    frame = scene.frames[len(scene.frames) // 2]
    count = 0 if frame.instances is None else len(frame.instances.scores)
    shown = panels(frame, distinct_colours(count), depth_range(scene), PANEL)
    return np.concatenate(list(shown.values()), axis=1)
