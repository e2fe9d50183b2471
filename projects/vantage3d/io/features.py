"""Feature maps of image networks on disk: whole and of the expected kind, or refused.

``.safetensors`` files say which network made them from what; of bare ``.pt`` tensors
(half precision, nothing else) the folder does (:mod:`vantage3d.io.feature_identity`).
Both have checksums inside.
"""

import json
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vantage3d.geometry import FeatureGrid
from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.bounds import check_archive
from vantage3d.io.checksums import (
    check_crc32,
    check_zip,
    crc32,
    seal,
    unseal,
    warn_unchecked,
)
from vantage3d.io.feature_identity import REMAKE, check_facts
from vantage3d.io.files import DAMAGED

UNREADABLE: tuple[type[Exception], ...] = (*DAMAGED, SafetensorError)
FORMS = ("pt", "safetensors")
_TUPLES = ("layers", "image_size", "input_size")


@dataclass(frozen=True)
class FeatureSource:
    """What feature maps were made by, and from what.

    Attributes:
        model: Name of the network.
        weights: sha256 of its weights file, ``"random-seed-0"`` for random ones; when
            reading, ``"*"`` for any but random ones.
        layers: Numbers of the layers whose outputs are joined along the channels; when
            reading, empty for any.
        image_size: (W, H) pixels of the image as stored.
        input_size: (W, H) pixels that the network saw, without padding.
        patch: Pixels of the network's input per cell.
        channels: C, of all layers together.
    """

    model: str
    weights: str
    layers: tuple[int, ...]
    image_size: tuple[int, int]
    input_size: tuple[int, int]
    patch: int
    channels: int

    @property
    def grid(self) -> FeatureGrid:
        """Where the cells lie in the image; ValueError if that cannot be."""
        return FeatureGrid(self.image_size, self.input_size, self.patch)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, h, w) of a feature map."""
        width, height = self.grid.size
        return self.channels, height, width


def write_features(
    path: str | Path, feats: Tensor, source: FeatureSource, frame: str | None = None
) -> None:
    """Write a feature map in half precision; the file appears whole or not at all.

    Args:
        path: Ends in ``.safetensors`` or ``.pt``, which is the form of the file.
        feats: (C, h, w) feature map.
        source: What made it.
        frame: Name of the frame, ``<scene>_<frame>``; ``.safetensors`` files keep it.

    Raises:
        ValueError: If the suffix is another, the shape is not that of ``source``, or a
            value is not finite in half precision.
    """
    form = _form(Path(path))
    _check_shape(f"feature map for {path}", tuple(feats.shape), source)
    # A copy: a part of a batch would take the whole batch with it into the file.
    half = feats.detach().to("cpu", torch.float16).contiguous().clone()
    _check_finite(f"feature map for {path}", half)
    if form == "pt":
        atomic_write(path, lambda file: torch.save(half, file))
    else:
        metadata = _metadata(source, frame, half)
        atomic_write_bytes(path, save({"feats": half}, metadata))


def read_features(
    path: str | Path, expected: FeatureSource, frame: str | None = None
) -> Tensor:
    """A feature map, refused unless it is what ``expected`` says.

    Args:
        path: ``.safetensors`` or ``.pt`` file.
        expected: What shall have made it. A ``.pt`` file itself only shows the shape.
        frame: Name of the frame it shall be of, compared where the file names one.

    Returns:
        (C, h, w) as stored.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, holds anything else, has another shape, was made
            by another network or from another frame, or a value is not finite.
    """
    path = Path(path)
    form = _form(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"feature file {path} is missing. Extract the features of this frame with "
            "tools/extract_*.py, or pack without it: tools/create_data.py ... "
            "--pack-clip --on-missing skip"
        )
    bare = form == "pt"
    feats = _read_bare(path) if bare else _read_named(path, expected, frame)
    _check_shape(f"feature file {path}", tuple(feats.shape), expected)
    _check_finite(f"feature file {path}", feats)
    return feats


def _form(path: Path) -> str:
    form = path.suffix.removeprefix(".")
    if form not in FORMS:
        raise ValueError(
            f"feature file {path} ends in {path.suffix!r}, expected .pt or .safetensors"
        )
    return form


def _read_bare(path: Path) -> Tensor:
    try:
        check_archive(path)
        file = BytesIO(path.read_bytes())
        if not check_zip(file, "it", REMAKE):
            warn_unchecked(f"feature files like {path.parent}/*.pt", "checksums")
        file.seek(0)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        raise _damaged(path, error) from error
    if not isinstance(content, Tensor) or not content.is_floating_point():
        kind = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"feature file {path} holds {kind}, expected a bare floating point tensor "
            f"(C, h, w). {REMAKE}"
        )
    return content


def _read_named(path: Path, expected: FeatureSource, frame: str | None) -> Tensor:
    """The features of a file that must say that ``expected`` made it of ``frame``."""
    try:
        with safe_open(path, "pt") as file:
            if "feats" not in file.keys():  # noqa: SIM118 (no mapping)
                raise ValueError(f"it holds {sorted(file.keys())}, expected 'feats'")
            feats, metadata = file.get_tensor("feats"), file.metadata() or {}
    except UNREADABLE as error:
        raise _damaged(path, error) from error
    try:
        facts = unseal(metadata["source"].encode(), _folder(path), REMAKE)
        if "feats" in facts:
            check_crc32(_bytes(feats), facts["feats"], f"feature file {path}", REMAKE)
        facts |= {key: tuple(facts[key]) for key in _TUPLES}
        FeatureSource(
            **{field.name: facts[field.name] for field in fields(FeatureSource)}
        )
    except DAMAGED as error:
        raise ValueError(
            f"feature file {path} does not say what made it ({error!r}), its metadata "
            f"is {metadata!r:.100}. {REMAKE}"
        ) from None
    wanted = asdict(expected)
    if frame is not None and "frame" in facts:
        wanted["frame"] = frame
    check_facts(f"feature file {path}", facts, wanted)
    return feats


def _folder(path: Path) -> str:
    return f"metadata of feature files like {path.parent}/*{path.suffix}"


def _bytes(feats: Tensor) -> Any:
    return feats.contiguous().view(-1).view(torch.uint8).numpy()


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = str(error).partition("\n")[0] or type(error).__name__
    return ValueError(
        f"feature file {path} ({path.stat().st_size} bytes) is truncated or damaged "
        f"({reason:.100}). Delete it and extract the features again"
    )


def _metadata(
    source: FeatureSource, frame: str | None, feats: Tensor
) -> dict[str, str]:
    """``source`` as JSON, with what follows from it for other readers and checksums."""
    (width, height), (w, h) = source.grid.size, source.input_size
    facts: dict[str, Any] = asdict(source)
    facts["scale"] = source.grid.scale  # cells per image pixel
    facts["padding"] = (width * source.patch - w, height * source.patch - h)
    if frame:
        facts["frame"] = frame
    # One entry, because the library writes several in random order.
    facts["feats"] = crc32(_bytes(feats))
    return {"source": seal(json.dumps(facts)).decode()}


def _check_shape(what: str, shape: tuple[int, ...], expected: FeatureSource) -> None:
    if shape != expected.shape:
        (w, h), patch = expected.input_size, expected.patch
        raise ValueError(
            f"{what} has shape {shape}, expected {expected.shape} (C, h, w): "
            f"{expected.channels} channels of {expected.model} on the grid of a "
            f"{w}x{h} input with patches of {patch}. {REMAKE}"
        )


def _check_finite(what: str, feats: Tensor) -> None:
    bad = int((~torch.isfinite(feats)).sum())
    if bad:
        raise ValueError(
            f"{what} has {bad} of {feats.numel()} values that are not finite in "
            f"{feats.dtype}. {REMAKE}"
        )
