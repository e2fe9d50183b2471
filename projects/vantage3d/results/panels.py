"""Pictures of a frame: what was found, drawn over its image, and its depth in colour.

Instances have the colours of the scene, the same in every picture, cloud and page.
"""

from typing import NamedTuple

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vantage3d.io.images import resized
from vantage3d.process.spacing import evenly_spaced
from vantage3d.results.cloud import SAMPLED, Cloud
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.results.scene_instances import LEAST_SCORE
from vantage3d.visualization.depth_picture import COLOURS
from vantage3d.visualization.instance_picture import outline
from vantage3d.visualization.instances import distinct_colours

Image8 = NDArray[np.uint8]
TINT = 0.55  # of an instance's colour over the image
MISSING = (38, 38, 42)  # RGB where there is no depth
UNNUMBERED = (150, 150, 150)  # RGB of an instance without points
READABLE = 400  # pixels of width, from which names are written
ANONYMOUS = "object"  # the class of networks that tell none apart


class DepthRange(NamedTuple):
    """Depth that is drawn in the first and in the last colour."""

    near: float
    far: float


def depth_range(scene: ScenePrediction) -> DepthRange:
    """The nearest and farthest surfaces of some frames, but for two percent each."""
    places = evenly_spaced(len(scene.frames), SAMPLED)
    maps = (scene.frames[place].depth for place in places)
    known = [depth[depth > 0] for depth in maps if depth is not None]
    values = np.concatenate(known) if known else np.zeros(0)
    if not len(values):
        return DepthRange(1.0, 2.0)
    near, far = np.percentile(values, (2, 98))
    return DepthRange(float(near), float(max(far, 1.01 * near)))


def depth_panel(depth: NDArray[np.floating], between: DepthRange) -> Image8:
    """(h, w, 3) depth in colours, on a logarithmic scale, near in red."""
    known = np.maximum(depth, 1e-9)
    share = np.log(known / between.near) / np.log(between.far / between.near)
    colors = colormaps[COLOURS](np.clip(share, 0, 1))[..., :3]
    panel = np.round(255 * colors).astype(np.uint8)
    panel[depth <= 0] = MISSING
    return panel


def instance_colors(cloud: Cloud) -> Image8:
    """(M + 1, 3) RGB of the scene's instances; the last of those without a number."""
    colors = distinct_colours(len(cloud.table))
    return np.concatenate([colors, np.array([UNNUMBERED], np.uint8)])


def instance_panel(
    frame: FramePrediction, colors: NDArray[np.uint8], width: int | None = None
) -> Image8:
    """(H, W, 3) image with its instances tinted, outlined and, with classes, named.

    Args:
        frame: A frame with instances.
        colors: (M, 3) RGB of its instances.
        width: Of the panel; that of the image if not given.
    """
    assert frame.instances is not None
    base = scaled(frame.color, width or frame.color.shape[1])
    size, found = base.shape[1::-1], frame.instances
    ids = cv2.resize(
        found.ids(LEAST_SCORE).astype(np.int16), size, interpolation=cv2.INTER_NEAREST
    )
    inside = ids >= 0
    painted = base.astype(np.float32)
    painted[inside] = (1 - TINT) * painted[inside] + TINT * colors[ids[inside]]
    edge = outline(ids)
    painted[edge & inside] = 0.15 * painted[edge & inside] + 0.85 * 255
    panel = Image.fromarray(painted.round().astype(np.uint8))
    for place in np.unique(ids[inside]) if panel.width >= READABLE else ():
        if (name := found.classes[found.labels[place]]) != ANONYMOUS:
            _name(panel, ids == place, name)
    return np.asarray(panel)


def panels(
    frame: FramePrediction,
    colors: NDArray[np.uint8],
    between: DepthRange,
    width: int,
) -> dict[str, Image8]:
    """Pictures of one size: ``color``, ``mask`` and ``depth``, as far as there are.

    Args:
        frame: A frame.
        colors: (M, 3) RGB of its instances.
        between: What the first and the last colour of depth mean.
        width: Of each picture.
    """
    found = {"color": scaled(frame.color, width)}
    if frame.instances is not None:
        found["mask"] = instance_panel(frame, colors, width)
    if frame.depth is not None:
        height = len(found["color"])
        found["depth"] = scaled(depth_panel(frame.depth, between), width, height)
    return found


def superpoint_panel(
    frame: FramePrediction, width: int, height: int | None = None
) -> Image8:
    """(H, W, 3) superpoints, of which masks are made, in their mean colours, outlined.

    Args:
        frame: A frame with superpoints.
        width: Of the panel.
        height: Of the panel; what keeps the shape if not given.
    """
    assert frame.instances is not None and frame.instances.superpoints is not None
    ids, colors = frame.instances.superpoints, frame.colors()
    rows = np.unique(ids + 1, return_inverse=True)[1].ravel()
    sizes = np.bincount(rows)
    means = [np.bincount(rows, of.ravel()) / sizes for of in colors.transpose(2, 0, 1)]
    panel = np.stack(means, 1)[rows].reshape(colors.shape)
    panel[ids < 0] = MISSING
    panel[outline(ids)] = 255
    return scaled(panel.round().astype(np.uint8), width, height)


def scaled(image: Image8, width: int, height: int | None = None) -> Image8:
    """An image of another width, and of the height that keeps its shape, or another."""
    height = height or max(1, round(image.shape[0] * width / image.shape[1]))
    return resized(image, (width, height))


def _name(panel: Image.Image, mask: NDArray[np.bool_], name: str) -> None:
    """Write a name in the middle of a mask that has room for it."""
    font = ImageFont.load_default(max(9, panel.width / 50))
    draw = ImageDraw.Draw(panel, "RGBA")
    rows, columns = np.nonzero(mask)
    box = draw.textbbox((0, 0), name, font)
    if np.ptp(columns) < box[2] or np.ptp(rows) < box[3]:
        return
    # Of the mask's pixels the one nearest to its mean, as a mean may lie outside.
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    place = int(columns[middle]), int(rows[middle])
    box = draw.textbbox(place, name, font, anchor="mm")
    draw.rounded_rectangle(
        (box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), 3, fill=(0, 0, 0, 150)
    )
    draw.text(place, name, (255, 255, 255), font, anchor="mm")
