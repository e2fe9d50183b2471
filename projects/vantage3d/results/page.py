"""One HTML file that shows a scene in three dimensions, in any browser, offline.

``page.html`` is the page; facts, pictures and points are put into it. The points become
fewer until the whole is below :data:`LARGEST`.
"""

import json
from base64 import b64encode
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import encode_jpeg
from vantage3d.process.spacing import evenly_spaced
from vantage3d.results.cloud import Cloud, scene_cloud
from vantage3d.results.panels import depth_range, instance_colors, panels
from vantage3d.results.prediction import ScenePrediction

LARGEST = 20_000_000  # bytes
MOST_POINTS = 600_000
MOST_FRAMES = 120  # with pictures; points are those of all
MOST_INSTANCES = 3000  # in the table, those of most points
PICTURES = {"color": "image", "mask": "instances", "depth": "depth"}
THUMBNAIL = 320  # pixels of the longer side
QUALITY = 78
WIDEST = 16  # voxels that a point fills, where its camera saw it from afar
SURE_FROM = 0.08  # of confidence: what is shown at first, without the sky
SURE = "plasma"  # colours of confidence, which page.html's scale has too


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``page.html``, which opens by a double click.

    Raises:
        ValueError: If no frame has depth.
    """
    cloud = scene_cloud(scene).fewer(MOST_POINTS)
    frames = _frames(scene, cloud, evenly_spaced(len(scene.frames), MOST_FRAMES))
    while len(json.dumps(frames)) > LARGEST / 2 and len(frames) > 1:
        frames = frames[::2]
    page = _page(scene, cloud, frames)
    while len(page) > LARGEST:
        cloud = cloud.fewer(len(cloud.points) - 1)
        page = _page(scene, cloud, frames)
    atomic_write_bytes(path := folder / "page.html", page)
    return [path]


def _page(scene: ScenePrediction, cloud: Cloud, frames: list[dict[str, Any]]) -> bytes:
    """The page's file."""
    counts = np.bincount(cloud.instances + 1, minlength=len(cloud.table) + 1)[1:]
    listed = np.sort(np.argsort(-counts, kind="stable")[:MOST_INSTANCES])
    low = cloud.points.min(0)
    span = np.maximum(np.ptp(cloud.points, axis=0), 1e-6)
    known = cloud.confidence[~np.isnan(cloud.confidence)]
    sure = _sureness(cloud, *_bounds(known))
    owners = np.zeros(len(cloud.table) + 1, np.intp)  # the last is that of no instance
    owners[listed] = np.arange(len(listed)) + 1
    wide = np.maximum(1, cloud.spacing / cloud.voxel_size)
    shown = np.searchsorted([f["place"] for f in frames], cloud.frames, "right") - 1
    arrays = {  # in this order one behind the other
        "place": np.round((cloud.points - low) / span * 65535).astype("<u2"),
        "owner": owners[cloud.instances].astype("<u2"),
        "from": shown.astype("<u2"),
        "normal": np.round(127 * cloud.normals).astype(np.int8),
        "rgb": cloud.colors,
        "sure": np.round(255 * sure).astype(np.uint8),
        "wide": np.clip(wide * 255 / WIDEST, 1, 255).astype(np.uint8),
    }
    ends = np.cumsum([array.nbytes for array in arrays.values()]).tolist()
    colors = instance_colors(cloud)
    facts = _said(scene, cloud, sure) | {
        "begins": dict(zip(arrays, [0, *ends])),
        "low": low.tolist(),
        "span": span.tolist(),
        "sure": [f"{v:.3g}" for v in _bounds(known)] if len(known) else None,
        "frames": frames,
        "instances": [
            cloud.table[row]._asdict()
            | {"points": int(counts[row]), "color": colors[row].tolist()}
            for row in listed
        ],
        "modes": [("color", "colour")]
        + [("instances", "instances")] * bool(cloud.table)
        + [("confidence", "confidence")] * bool(len(known)),
        "pictures": [
            (key, name)
            for key, name in PICTURES.items()
            if any(key in frame for frame in frames)
        ],
    }
    points = b"".join(array.tobytes() for array in arrays.values())
    text = json.dumps(facts).replace("<", "\\u003c")  # no tag ends inside of it
    page = files("vantage3d.results").joinpath("page.html").read_text("utf-8")
    page = page.replace("/*POINTS*/", b64encode(points).decode(), 1)
    return page.replace("/*FACTS*/", text, 1).encode()


def _said(scene: ScenePrediction, cloud: Cloud, sure: NDArray) -> dict[str, Any]:
    """What is written above, and from where to look."""
    middle, spread = _middle(cloud.points[sure >= SURE_FROM])
    count, side = len(scene.frames), f"{1000 * cloud.voxel_size:.3g} mm"
    if not scene.frames[0].metric:
        side = f"{cloud.voxel_size:.3g} of the network's unit"
    return {
        "title": scene.name,
        "said": f"{count} frame{'s' * (count > 1)}, {len(cloud.points):,} points, one "
        f"per {side}",
        "count": len(cloud.points),
        "middle": middle.tolist(),
        "range": 1.15 * spread,
        "frustum": 0.05 * spread,
        "voxel": cloud.voxel_size,
        "up": cloud.up.tolist(),
        "posed": cloud.posed,
        "sureFrom": SURE_FROM,
        "ramp": colormaps[SURE](np.linspace(0, 1, 256), bytes=True).ravel().tolist(),
    }


def _frames(
    scene: ScenePrediction, cloud: Cloud, shown: list[int]
) -> list[dict[str, Any]]:
    """What the page knows of frames, with small pictures."""
    between, colors = depth_range(scene), instance_colors(cloud)
    found = []
    for place in shown:
        frame = scene.frames[place]
        height, width = frame.color.shape[:2]
        pose = frame.cam2world
        if pose is None and not cloud.posed:
            pose = np.eye(4)
        K = frame.K
        known = np.zeros(0) if frame.depth is None else frame.depth[frame.depth > 0]
        entry: dict[str, Any] = {
            "place": place,
            "name": frame.name,
            "size": [width, height],
            "K": [K[0, 0], K[1, 1], K[0, 2], K[1, 2]],
            "cam2world": None if pose is None else pose.ravel().tolist(),
            "ahead": float(np.median(known)) if len(known) else 1.0,
        }
        own = colors[cloud.numbers[place]] if place in cloud.numbers else colors
        small = max(1, round(width * min(1, THUMBNAIL / max(width, height))))
        for name, picture in panels(frame, own, between, small).items():
            entry[name] = b64encode(encode_jpeg(picture, QUALITY)).decode()
        found.append(entry)
    return found


def _bounds(values: NDArray[np.floating]) -> tuple[float, float]:
    """The smallest and largest of most values."""
    if not len(values):
        return 0.0, 1.0
    low, high = np.percentile(values, (2, 98))
    return float(low), float(high)


def _sureness(cloud: Cloud, least: float, most: float) -> NDArray[np.float64]:
    """(N,) confidence between 0 and 1, 1 for points of frames without."""
    share = np.clip((cloud.confidence - least) / max(most - least, 1e-12), 0, 1)
    return np.where(np.isnan(share), 1.0, share)


def _middle(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Where to look, and how large the scene is, some far points aside."""
    low, high = np.percentile(points, (3, 97), axis=0)
    return (low + high) / 2, float(np.linalg.norm(high - low))
