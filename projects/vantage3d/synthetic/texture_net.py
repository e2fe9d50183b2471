"""A small image network: what it learns from flush rooms, and features on disk.

It has 0.12 M parameters, for experiments that must run anywhere.
"""

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.logging import print_log
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from vantage3d.backbones2d.files import FOLDER, FeatureFolder
from vantage3d.checks import check_shape
from vantage3d.io.features import FeatureSource, write_features
from vantage3d.io.images import read_color
from vantage3d.io.sidecars import read_hashed, write_hashed_bytes
from vantage3d.process.progress import track
from vantage3d.synthetic.layouts.dataset import MANIFEST, SEEDS_PER_DATASET
from vantage3d.synthetic.rooms.filming import Job, film
from vantage3d.synthetic.rooms.flush import TEXTURES, texture_ids

NAME = "small_image_net"
PATCH, CHANNELS = 8, 64
CLASSES = 1 + len(TEXTURES)
BATCH = 6
PEAK_LR = 3e-3


class SmallImageNet(nn.Module):
    """Six convolutions to stride 8; the last gives the features.

    Args:
        classes: Of the linear classifier that it is trained with.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        widths = [(3, 16, 1), (16, 32, 2), (32, 48, 2), (48, 64, 2), (64, 64, 1)]
        self.trunk = nn.Sequential(*(_block(*width) for width in widths))
        self.last = nn.Conv2d(64, CHANNELS, 3, padding=1)
        self.norm = nn.BatchNorm2d(CHANNELS, affine=False)
        self.classifier = nn.Conv2d(CHANNELS, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 64, h, w) features of (B, 3, H, W) RGB in 0..1, one per 8 x 8 pixels.

        Images are padded at the right and the bottom to whole patches. Over the
        training images every channel has mean 0 and variance 1.
        """
        check_shape("images", images, "B 3 H W", fix="Give RGB, channels first.")
        height, width = images.shape[-2:]
        images = pad(images - 0.5, (0, -width % PATCH, 0, -height % PATCH))
        return self.norm(self.last(self.trunk(images)))

    def logits(self, images: Tensor) -> Tensor:
        """(B, K, h, w) scores of the classes it is trained with."""
        return self.classifier(self(images))


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def feature_source(weights: str, size: tuple[int, int]) -> FeatureSource:
    """What made features of images of ``size`` (W, H), which are not resized."""
    return FeatureSource(NAME, weights, (6,), size, size, PATCH, CHANNELS)


def save_small_image_net(path: str | Path, model: SmallImageNet) -> str:
    """Write the weights as safetensors; return their sha256."""
    data = save({k: v.contiguous() for k, v in model.state_dict().items()})
    write_hashed_bytes(Path(path), data)
    return hashlib.sha256(data).hexdigest()


def load_small_image_net(path: str | Path) -> tuple[SmallImageNet, str]:
    """The trained network, for prediction, and the sha256 of its file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it holds another network.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights {path} are missing. Train them with tools/train_small_features.py"
        )
    data = read_hashed(path, f"weights {path}", "Train them again")
    state = load(data)
    if "classifier.weight" not in state:
        raise ValueError(
            f"{path} holds {sorted(state)[:4]}, expected the keys of {NAME} "
            "(tools/train_small_features.py)"
        )
    model = SmallImageNet(len(state["classifier.weight"]))
    model.load_state_dict(state)
    digest = hashlib.sha256(data).hexdigest()
    return model.eval().requires_grad_(False), digest


@torch.no_grad()
def image_features(model: SmallImageNet, image: Tensor) -> Tensor:
    """(64, h, w) features of one (H, W, 3) uint8 RGB image."""
    return model(image.permute(2, 0, 1)[None].float() / 255)[0]


class TextureFrames(NamedTuple):
    """Training data of the small image network."""

    images: Tensor  # (F, 3, H, W) uint8 RGB, as stored
    shares: Tensor  # (F, K, h, w) share of each texture class in each patch


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
    masks = [(labels == number).astype(np.float32) for number in range(CLASSES)]
    resize = partial(cv2.resize, dsize=(width, height), interpolation=cv2.INTER_AREA)
    return np.stack([resize(mask) for mask in masks])


def train_small_features(
    root: str | Path, weights: str | Path, epochs: int = 12, seed: int = 0
) -> float:
    """Train on the images of the training rooms; write the weights.

    The task is the share of each texture in each patch, by cross-entropy; images are
    relit and their colour channels permuted, so that colour tells nothing.

    Args:
        root: Folder of ``tools/make_synthetic.py scannet --theme flush``.
        weights: The safetensors file to write.
        epochs: Passes over the images.
        seed: Of weights, order and colours.

    Returns:
        Share of patches of the last epoch whose most frequent texture was found.
    """
    frames = training_frames(root, PATCH)
    torch.manual_seed(seed)
    model = SmallImageNet(CLASSES).train()
    steps = epochs * -(-len(frames.images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_LR, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LR, steps)
    right = 0.0
    for epoch in range(epochs):
        found = []
        for rows in torch.randperm(len(frames.images)).split(BATCH):
            logits = model.logits(recolored(frames.images[rows]))
            loss = cross_entropy(logits, frames.shares[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            found.append(agreement(logits, frames.shares[rows]))
        right = sum(found) / len(found)
        text = f"epoch {epoch + 1}/{epochs}: loss {loss.item():.3f}, right {right:.3f}"
        print_log(text, logger="current")
    digest = save_small_image_net(weights, model.eval())
    print_log(f"weights {weights}, sha256 {digest}", logger="current")
    return right


def recolored(images: Tensor) -> Tensor:
    """(B, 3, H, W) floats in 0..1: channels permuted, light and contrast varied."""
    out = images.float() / 255
    for image in out:
        image[:] = image[torch.randperm(3)]
        gain, light = 0.7 + 0.6 * torch.rand(2)
        image.sub_(0.5).mul_(gain).add_(0.5 * light)
    return out.clamp(0, 1)


def agreement(logits: Tensor, shares: Tensor) -> float:
    """Share of patches whose highest score is the most frequent class."""
    return float((logits.argmax(1) == shares.argmax(1)).float().mean())


def write_small_features(
    root: str | Path, weights: str | Path, form: str = "safetensors"
) -> int:
    """Write ``clip_feat/<scene>/<frame>.<form>`` of every frame of all splits.

    Args:
        root: A ScanNet export or an RGB-D folder.
        weights: What :func:`train_small_features` wrote.
        form: ``safetensors`` or ``pt``.

    Returns:
        Number of files.

    Raises:
        FileNotFoundError: If there are no images or no weights.
    """
    root, (model, digest) = Path(root), load_small_image_net(weights)
    facts = vars(feature_source(digest, (1, 1)))
    keys = ("model", "weights", "layers", "patch", "channels")
    made_by = {key: facts[key] for key in keys} | {"input_size": None}
    images = sorted(root.glob("2D/*/color/*.jpg")) or sorted(root.glob("*/color/*.*"))
    if not images:
        raise FileNotFoundError(
            f"{root} has no images 2D/<scene>/color/<frame>.jpg, nor "
            "<scene>/color/<frame>.*. Make rooms with tools/make_synthetic.py"
        )
    FeatureFolder(root / FOLDER, form).open(made_by, overwrite=True)
    for path in track(images, len(images), "small features"):
        image = torch.from_numpy(read_color(path).copy())
        scene, frame = path.parts[-3], path.stem
        source = feature_source(digest, (image.shape[1], image.shape[0]))
        target = root / "clip_feat" / scene / f"{frame}.{form}"
        write_features(target, image_features(model, image), source, f"{scene}_{frame}")
    return len(images)
