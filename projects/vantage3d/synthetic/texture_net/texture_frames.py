"""Images of flush rooms with the texture of every patch, from the training rooms."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from vantage3d.io.images import read_color
from vantage3d.process.progress import track
from vantage3d.synthetic.layouts.dataset import MANIFEST, SEEDS_PER_DATASET
from vantage3d.synthetic.rooms.filming import Job, film
from vantage3d.synthetic.rooms.flush import texture_ids
from vantage3d.synthetic.rooms.furniture.panels import TEXTURES

CLASSES = 1 + len(TEXTURES)


class TextureFrames(NamedTuple):
    """Training data of the small image network.

    Attributes:
        images: (F, 3, H, W) uint8 RGB, as stored.
        shares: (F, K, h, w) share of each texture class in each patch.
    """

    images: Tensor
    shares: Tensor


def training_frames(root: str | Path, patch: int) -> TextureFrames:
    """All frames of the rooms of the ``train`` split, never of ``val``.

    The images are those on disk; the labels are rendered again from the seeds in
    ``synthetic.json``. Instance ids serve to look up textures only.

    Args:
        root: Folder of ``tools/make_synthetic.py scannet --theme flush``.
        patch: Side of a patch in pixels; must divide the image.

    Raises:
        FileNotFoundError: If ``root`` was not made by that tool.
        ValueError: If it has another theme or layout, or ``patch`` does not fit.
    """
    root, manifest = Path(root), _manifest(Path(root))
    width, height = manifest["size"]
    if width % patch or height % patch:
        raise ValueError(
            f"`patch` must divide the images of {width}x{height}, got {patch}."
        )
    rooms = range(manifest["train_rooms"])
    frames = [
        frame
        for number in track(rooms, len(rooms), "labels of training rooms")
        for frame in _room_frames(root, manifest, number, patch)
    ]
    images, shares = zip(*frames)
    return TextureFrames(torch.stack(images), torch.stack(shares))


def _manifest(root: Path) -> dict:
    path = root / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing. Make the rooms with tools/make_synthetic.py scannet "
            "--theme flush"
        )
    manifest = json.loads(path.read_text())
    found = manifest["layout"], manifest.get("theme", "home")
    if found != ("scannet", "flush"):
        raise ValueError(
            f"{root} has layout and theme {found}, expected ('scannet', 'flush')"
        )
    return manifest


def _room_frames(
    root: Path, manifest: dict, number: int, patch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    seed = manifest["seed"] * SEEDS_PER_DATASET + number
    size = manifest["size"][0], manifest["size"][1]
    job = Job(seed, tuple(manifest["frames"]), size, "flush")
    folder = root / "2D" / f"scene{number:04d}_00" / "color"
    room, views = film(job)
    classes = texture_ids(room)
    for view in views:
        image = read_color(folder / f"{view.number}.jpg")
        shares = patch_shares(classes[view.frame.instance], patch)
        yield torch.from_numpy(image.copy()).permute(2, 0, 1), torch.from_numpy(shares)


def patch_shares(labels: np.ndarray, patch: int) -> np.ndarray:
    """(K, h, w) float32 share of every class in patches of (H, W) labels."""
    height, width = labels.shape[0] // patch, labels.shape[1] // patch
    return np.stack(
        [
            cv2.resize(
                (labels == number).astype(np.float32),
                (width, height),
                interpolation=cv2.INTER_AREA,
            )
            for number in range(CLASSES)
        ]
    )
