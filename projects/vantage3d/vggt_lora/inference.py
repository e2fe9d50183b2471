"""Depth, intrinsics and poses of images alone, however many there are."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.checks import check_choice
from vantage3d.geometry import (
    invert_rigid,
    pixel_grid,
    project,
    scale_intrinsics,
    unproject,
    unproject_pixels,
)
from vantage3d.inference import Group, Inferencer, InputFrame
from vantage3d.inference.bank import FrameBank
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.results.prediction import FramePrediction
from vantage3d.results.store import StoredFrames
from vantage3d.stitching.chunks import Chunk
from vantage3d.stitching.loops import SiftMatcher, depth_at
from vantage3d.stitching.metric_scale import (
    MetricScale,
    from_poses,
    of_depth,
    robust,
)
from vantage3d.stitching.stitch import Stitched, StitchedFrame, stitch
from vantage3d.vggt_lora.models.adapters import base_alone

METRIC = ("auto", "depth", "poses", "none")
LOOKED_AT = 60  # frames whose known depth is compared
DIFFERS = 1.2  # a ratio of two scales that is worth a warning
UNSURE = 0.5  # and a spread of the values of one
SCALE = "scale.json"


class KnownLength(NamedTuple):
    """Two pixels of a frame whose points are known to be so far apart.

    Attributes:
        frame: Name of the frame.
        first: (x, y) in pixels of the image.
        second: (x, y) of the other end.
        metres: Distance.
    """

    frame: str
    first: tuple[float, float]
    second: tuple[float, float]
    metres: float

    def check(self, bank: FrameBank) -> None:
        """Raise a ValueError if none of these frames is meant, or it is no length."""
        names, ends = bank.names, np.array([self.first, self.second])
        if self.frame not in names:
            raise ValueError(
                f"`length`: {self.frame!r} is none of the {len(names)} frames, from "
                f"{names[0]!r} to {names[-1]!r}"
            )
        height, width = bank[names.index(self.frame)].color.shape[:2]
        inside = (ends >= -0.5) & (ends < (width - 0.5, height - 0.5))
        apart = self.first != self.second
        if not (inside.all() and apart and 0 < self.metres < np.inf):
            raise ValueError(
                f"`length` must be a positive number of metres between two pixels of "
                f"{width}x{height}, got {self.metres} between {self.first} and "
                f"{self.second}"
            )


class DepthAndPoses(Inferencer):
    """Depth, intrinsics and poses of all images of a recording, in one world.

    The network sees ``chunk`` frames at once. Longer recordings are predicted in chunks
    that share frames, and put into one world (:mod:`vantage3d.stitching`). The world is
    the camera of the first image. Lengths are metres where known depth, known poses or
    a known length tell the scale, else the network's unit.

    Example:
        >>> from vantage3d.vggt_lora import DepthAndPoses
        >>> scene = DepthAndPoses("work_dirs/demo-depth")("tour.mp4")  # doctest: +SKIP
        >>> scene.frames[0].depth.shape  # doctest: +SKIP
        (392, 518)

    Args:
        weights: As in :class:`Inferencer`.
        config: As in :class:`Inferencer`.
        device: As in :class:`Inferencer`.
        chunk: Most frames at once; ``vantage3d plan`` says how many fit into memory.
        overlap: Frames that neighbouring chunks share; a third if not given.
        loops: Look for places that are seen again.
        metric_from: Where the scale comes from: "depth", "poses", "auto" for whichever
            there is, depth first, or "none".
        length: A known length, in place of ``metric_from``.
        adapters: False predicts without the adapters of the weights.

    Attributes:
        scale: What the scale of the last recording came from; None where it has none.
        stitched: How the chunks of the last recording were put together.

    Raises:
        ValueError: If an argument makes no sense.
    """

    system = "vggt"
    changes: ClassVar[dict[str, Any]] = {"criterion": None, "predict_base": False}

    def __init__(
        self,
        weights: str | Path | None = None,
        config: str | Path | None = None,
        device: str | None = None,
        chunk: int = 24,
        overlap: int | None = None,
        loops: bool = True,
        metric_from: str = "auto",
        length: KnownLength | None = None,
        adapters: bool = True,
    ) -> None:
        check_choice("metric_from", metric_from, METRIC)
        if chunk < 2:
            raise ValueError(
                f"`chunk` must be at least 2, got {chunk}: chunks share frames"
            )
        overlap = max(1, chunk // 3) if overlap is None else overlap
        if not 0 < overlap < chunk:
            raise ValueError(
                f"`overlap` must be between 1 and `chunk` - 1 = {chunk - 1}, got "
                f"{overlap}"
            )
        super().__init__(weights, config, device)
        self.chunk, self.overlap, self.loops = chunk, overlap, loops
        self.metric_from, self.length, self.adapters = metric_from, length, adapters
        if not adapters and self.trained.argument("lora") is None:
            raise ValueError(
                "`adapters` is False, and the weights have none: leave it out"
            )
        self.scale: MetricScale | None = None
        self.stitched: Stitched | None = None

    def model_changes(self) -> Mapping[str, Any]:
        """Weights of a base matter where the checkpoint has adapters alone."""
        whole = self.trained.checkpoint and self.trained.argument("lora") is None
        return {**self.changes, "base_weights": None} if whole else self.changes

    @property
    def width(self) -> int:
        """Pixels of the width of images that the network saw in training."""
        return self.trained.dataset.get("image_size", 518)

    @property
    def precision(self) -> str:
        return self.trained.argument("precision")

    @property
    def options(self) -> dict[str, Any]:
        names = ("width", "chunk", "overlap", "loops", "metric_from", "length")
        return {name: getattr(self, name) for name in (*names, "adapters")}

    def groups(self, frames: Iterable[InputFrame], batch_size: int) -> Iterator[Group]:
        whole = list(frames)
        yield Group(whole, len(whole))

    def predict(self, group: Group) -> list[FramePrediction]:
        return list(self.stream(group.frames))[: group.answers]

    def stream(
        self,
        frames: Iterable[InputFrame],
        batch_size: int = 1,
        store: StoredFrames | None = None,
    ) -> Iterator[FramePrediction]:
        """Predictions in order of the frames, once all chunks are put together.

        Args:
            frames: All of them; those of a :class:`Footage` are not held in memory.
            batch_size: Not used: a chunk is what goes through at once.
            store: Where predictions are kept; chunks lie beside its folder.
        """
        bank = FrameBank(frames, self.check_frame)
        if store is not None:
            yield from self._predicted(bank, store.folder.parent / ".predict", store)
            return
        with TemporaryDirectory() as folder:
            yield from self._predicted(bank, Path(folder), None)

    def _predicted(
        self, bank: FrameBank, folder: Path, store: StoredFrames | None
    ) -> Iterator[FramePrediction]:
        if self.length is not None:
            self.length.check(bank)
        size = self._size(bank[0].color)
        matcher = SiftMatcher(lambda n: bank[n].image(size), size)
        identity = hashlib.sha256(f"{self.key} {bank.digest}".encode()).hexdigest()
        found = stitch(
            lambda numbers: self._chunk([bank[n] for n in numbers], size),
            len(bank),
            folder / "chunks",
            identity,
            matcher if self.loops else None,
            self.chunk,
            self.overlap,
        )
        self.stitched, self.scale = found, self._scale(bank, found)
        told = "no scale is known: lengths have the network's unit"
        print_log(str(self.scale or told), logger="current")
        if store is not None:
            facts = None if self.scale is None else asdict(self.scale)
            text = json.dumps({"scale": facts, "reliable": found.reliable.tolist()})
            atomic_write_bytes(store.folder.parent / SCALE, text.encode())
        for one in found.frames():
            frame = bank[one.number]
            done = store.finished(frame.name, identity) if store else None
            prediction = done or self._prediction(frame, one)
            if store is not None and done is None:
                store.write(prediction, identity)
            yield prediction

    @torch.no_grad()
    def _chunk(self, frames: Sequence[InputFrame], size: tuple[int, int]) -> Chunk:
        """What the network says of frames that it sees at once."""
        images = np.stack([frame.image(size) for frame in frames])
        inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255)
        looks: list[torch.Tensor] = []
        hook = self.model.aggregator.patch_embed.register_forward_hook(
            lambda module, given, tokens: looks.append(tokens.float().mean(1))
        )
        try:
            with nullcontext() if self.adapters else base_alone(self.model):
                batch = {"images": inputs[None].to(self.device)}
                (outputs,) = self.model(batch, mode="predict")
        finally:
            hook.remove()
        depth, conf, world2cam, K = (
            outputs[f"pred_{name}"].float().cpu().numpy().astype(np.float64)
            for name in ("depth", "depth_conf", "world2cam", "K")
        )
        left, _, right = np.linalg.svd(world2cam[:, :3, :3])
        world2cam[:, :3, :3] = left @ right  # a rotation in float64
        features = torch.cat(looks).cpu().numpy()
        return Chunk(depth, conf, K, invert_rigid(world2cam), features)

    def _size(self, color: NDArray[np.uint8]) -> tuple[int, int]:
        """(w, h) in whole patches: the whole image, its proportions to half a patch."""
        (height, width), patch = color.shape[:2], self.trained.argument("patch_size")
        rows = max(1, round(height * self.width / width / patch))
        return self.width, rows * patch

    def _prediction(self, frame: InputFrame, found: StitchedFrame) -> FramePrediction:
        (H, W), (h, w) = frame.color.shape[:2], found.depth.shape
        metres = 1.0 if self.scale is None else self.scale.value
        pose = found.cam2world.copy()
        pose[:3, 3] *= metres
        return FramePrediction(
            frame.name,
            frame.color,
            scale_intrinsics(found.K, W / w, H / h),
            (found.depth * metres).astype(np.float32),
            found.conf.astype(np.float32),
            pose,
            frame.timestamp,
            metric=self.scale is not None,
        )

    def _scale(self, bank: FrameBank, found: Stitched) -> MetricScale | None:
        """Metres per unit, if anything tells it.

        Raises:
            ValueError: If what was asked for does not tell it.
        """
        if self.length is not None:
            return self._of_length(self.length, bank, found)
        posed = np.isfinite(bank.cam2world).all((1, 2))
        held = posed & found.reliable
        ways = {
            "depth": partial(_of_depths, bank, found),
            "poses": partial(from_poses, found.cam2world[held], bank.cam2world[held]),
        }
        scales: dict[str, MetricScale] = {}
        for source, find in ways.items():
            asked = self.metric_from in ("auto", source)
            if asked and (scale := find()) is not None:
                scales[source] = scale
        if self.metric_from not in ("auto", "none", *scales):
            raise ValueError(
                f"no scale comes from {self.metric_from}: {int(bank.with_depth.sum())} "
                f"of {len(bank)} frames have depth, {int(posed.sum())} have poses, and "
                "cameras must move. Give --metric-from none, or a known length"
            )
        if len(scales) == 2:
            one, other = scales["depth"], scales["poses"]
            if not 1 / DIFFERS < one.value / other.value < DIFFERS:
                print_log(
                    f"two scales do not agree: {one}, but {other}; the first is taken. "
                    "Check units of depth and poses with check_recording",
                    logger="current",
                    level=logging.WARNING,
                )
        chosen = next(iter(scales.values()), None)
        if chosen is not None and chosen.spread > UNSURE:
            print_log(
                f"{chosen}: these values do not agree, so lengths may be wrong by as "
                "much. Give --known-length, or depth of a few frames",
                logger="current",
                level=logging.WARNING,
            )
        return chosen

    def _of_length(
        self, length: KnownLength, bank: FrameBank, found: Stitched
    ) -> MetricScale:
        number = bank.names.index(length.frame)
        (one,) = found.frames([number])
        (H, W), (h, w) = bank[number].color.shape[:2], one.depth.shape
        ends = (np.array([length.first, length.second]) + 0.5) * (w / W, h / H) - 0.5
        depth = depth_at(one.depth.astype(np.float64), ends)
        if not (depth > 0).all():
            raise ValueError(
                f"no depth is known at an end of the length in frame {length.frame}, "
                f"{length.first} and {length.second}: choose pixels inside surfaces"
            )
        ends = unproject_pixels(ends, depth, one.K, np.eye(4))
        units = float(np.linalg.norm(ends[0] - ends[1]))
        return MetricScale(length.metres / units, float("nan"), "length", 1)


def _of_depths(bank: FrameBank, found: Stitched) -> MetricScale | None:
    """The scale that known depth of some frames tells."""
    having = np.flatnonzero(bank.with_depth & found.reliable)
    if not len(having):
        return None
    chosen = having[np.linspace(0, len(having) - 1, LOOKED_AT).astype(int)]
    ratios = []
    for one in found.frames(np.unique(chosen).tolist()):
        known, pixels = _known_depth(bank[one.number], one.depth.shape)
        ratios.append(of_depth(depth_at(one.depth.astype(np.float64), pixels), known))
    return robust(np.array(ratios), "depth")


def _known_depth(
    frame: InputFrame, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(M,) known depth as the colour camera sees it, and its (M, 2) pixels.

    Pixels are those of the image at ``shape`` (h, w).
    """
    assert frame.depth is not None
    depth, of_depth_ = frame.depth.astype(np.float64), frame.of_depth
    at, size = pixel_grid(*depth.shape, depth), depth.shape
    z = depth.ravel()
    pixels = at.reshape(-1, 2)
    if frame.K is not None and of_depth_ is not None:
        world2color = np.eye(4) if frame.depth2color is None else frame.depth2color
        points = unproject(depth, of_depth_, np.eye(4)).reshape(-1, 3)
        pixels, z = project(points, frame.K, world2color)
        size = frame.color.shape[:2]
    seen = depth.ravel() > 0
    scale = np.array([shape[1] / size[1], shape[0] / size[0]])
    return z[seen], (pixels[seen] + 0.5) * scale - 0.5
