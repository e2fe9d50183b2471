"""Masks as COCO's run lengths, in JSON that its loader and evaluator take."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import seal
from vantage3d.results.prediction import FramePrediction, ScenePrediction


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``masks.json``: every mask of every frame in pixels of its image, and its score.

    Raises:
        ValueError: If no frame has instances.
    """
    names: dict[str, int] = {}  # numbers of classes, from 1
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, frame in enumerate(scene.frames, 1):
        size = dict(zip(("height", "width"), frame.color.shape))
        images.append({"id": number, "file_name": f"{frame.name}.jpg"} | size)
        found = _annotations(frame, names)
        for row, annotation in enumerate(found, len(annotations) + 1):
            annotations.append({"id": row, "image_id": number} | annotation)
    if all(frame.instances is None for frame in scene.frames):
        raise ValueError(
            f"scene {scene.name} has no instances, and masks are theirs. Segment it, "
            "or leave coco out of what is saved"
        )
    categories = [{"id": number, "name": name} for name, number in names.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    atomic_write_bytes(path := folder / "masks.json", seal(json.dumps(content)))
    return [path]


def _annotations(frame: FramePrediction, names: dict[str, int]) -> list[dict[str, Any]]:
    """Masks of a frame; classes that are new are added to ``names``."""
    if frame.instances is None:
        return []
    found, rows = frame.instances, []
    for name in found.classes:
        names.setdefault(name, len(names) + 1)
    masks = _enlarged(found.masks, frame.color.shape[:2])
    runs = coco.encode(np.asfortranarray(masks.transpose(1, 2, 0), np.uint8))
    for run, score, label in zip(runs, found.scores.tolist(), found.labels):
        size, counts = run["size"], run["counts"].decode()
        rows.append(
            {
                "category_id": names[found.classes[label]],
                "segmentation": {"size": size, "counts": counts},
                "area": int(coco.area(run)),
                "bbox": coco.toBbox(run).tolist(),
                "iscrowd": 0,
                "score": score,
            }
        )
    return rows


def _enlarged(masks: NDArray[np.bool_], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """(M, H, W) of (M, h, w) masks: pixels of ``size`` (H, W) as the nearest ones."""
    rows, columns = (
        ((np.arange(many) + 0.5) * few / many).astype(np.intp)
        for many, few in zip(size, masks.shape[1:])
    )
    return masks[:, rows][:, :, columns]
