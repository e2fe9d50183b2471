"""Depth of posed images: colour, intrinsics and poses are all that is read."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from vantage3d.deltas.keyframes import LEAST, Keyframes
from vantage3d.deltas.models.densify import depth_confidence
from vantage3d.deltas.models.estimator import LEAST_DEPTH
from vantage3d.deltas.models.interest import CELL, Pyramid
from vantage3d.engine.folding import fold_norms
from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.inference import Group, Inferencer, InputFrame
from vantage3d.results.prediction import FramePrediction
from vantage3d.views.batch import in_first_camera

VIEWS = 5
ENOUGH = 0.3  # usefulness of the last view with which an anchor does not wait for more
WAIT = 30  # frames that an anchor waits at most for views from elsewhere


class View(InputFrame):
    """A frame at the network's size, without depth, and what was seen in it.

    Attributes:
        of: The frame as it was given; None when it is predicted.
        maps: Features of the anchor, while they are needed.
        found: ``score_logits`` and ``descriptors``; empty until it is looked at.
    """

    of: InputFrame | None
    maps: Pyramid | None
    found: dict[str, Tensor]


class PosedDepth(Inferencer):
    """Depth of every frame of a recording with intrinsics and poses.

    The views of a frame are keyframes that show the same places from elsewhere. Each
    frame goes through the encoder once, however many others it is a view of. Where no
    other frame shows the same places, depth is a guess from one image: that is told.

    Example:
        >>> from vantage3d.deltas import PosedDepth
        >>> scene = PosedDepth("work_dirs/demo-deltas")("data/desk")  # doctest: +SKIP
        >>> scene.frames[0].depth.shape  # doctest: +SKIP
        (240, 320)

    Args:
        weights: As in :class:`Inferencer`.
        config: As in :class:`Inferencer`.
        device: As in :class:`Inferencer`.
        views: Most views of a frame, itself included.
    """

    system = "deltas"
    needs: ClassVar[dict[str, str]] = {
        "cam2world": "It triangulates between posed images: record poses, or predict "
        "them and depth with vggt",
        "K": "Put the 3x3 matrix into intrinsic.txt beside the images",
    }
    least_frames = 2
    changes: ClassVar[dict[str, Any]] = {
        "criterion": None,
        "pretrained": None,
        "encoder_weights": None,
    }

    def __init__(
        self,
        weights: str | Path | None = None,
        config: str | Path | None = None,
        device: str | None = None,
        views: int = VIEWS,
    ) -> None:
        if views < 2:
            raise ValueError(
                f"`views` must be at least 2, got {views}: deltas triangulates between "
                "a frame and others"
            )
        super().__init__(weights, config, device)
        self.views = views

    @cached_property
    def model(self) -> Any:
        model = super().model
        fold_norms(model, partial(_everything, model, self.device))
        return model

    @property
    def width(self) -> int:
        """Pixels of the width of images that the network saw in training."""
        return tuple(self.trained.dataset.get("size", (240, 320)))[1]

    @property
    def options(self) -> dict[str, Any]:
        return {"width": self.width, "views": self.views}

    def groups(self, frames: Iterable[InputFrame], batch_size: int) -> Iterator[Group]:
        """Each frame with its views; the first ones wait until the camera has moved."""
        near, far = self.trained.argument("search_range")
        keyframes = Keyframes(np.geomspace(near, far, 5)[1:-1].tolist())
        waiting: deque[View] = deque()
        alone: list[str] = []
        for frame in frames:
            view = self._view(frame)
            keyframes.add(view)
            waiting.append(view)
            while waiting and self._ready(waiting, keyframes):
                yield self._group(waiting, keyframes, alone)
        while waiting:
            yield self._group(waiting, keyframes, alone)
        if alone:
            text = (
                f"{len(alone)} frames show nothing that another keyframe shows from "
                f"elsewhere, the first is {alone[0]}: their depth is a guess from one "
                "image, of little confidence. Move the camera sideways"
            )
            print_log(text, logger="current", level=logging.WARNING)

    @torch.inference_mode()
    def predict(self, group: Group) -> list[FramePrediction]:
        anchor, *others = group.frames
        views = [view for view in (anchor, *others) if isinstance(view, View)]
        for view in views:
            self._look(view)
        own, frame = views[0], views[0].of
        assert own.maps is not None and frame is not None
        found = {
            "score_logits": own.found["score_logits"],
            "descriptors": torch.cat([view.found["descriptors"] for view in views], 1),
        }
        worlds = [invert_rigid(_array(view.cam2world)) for view in views]
        Ks = np.stack([_array(view.K) for view in views]).astype(np.float32)
        cameras = {"K": Ks, "cam2world": in_first_camera(worlds)}
        given = {k: torch.tensor(v, device=self.device) for k, v in cameras.items()}
        given = {name: value[None] for name, value in given.items()}
        size = own.color.shape[0], own.color.shape[1]
        outputs = self.model.solve(own.maps, found, given, size)
        z, depth = outputs["points_anchor"][..., 2], outputs["depth"]
        valid, keypoints = outputs["sparse_valid"], outputs["keypoints"]
        confidence = depth_confidence(keypoints, z, valid, depth)
        own.of = own.maps = None
        return [
            FramePrediction(
                frame.name,
                frame.color,
                _array(frame.K),
                depth[0].clamp(min=LEAST_DEPTH).cpu().numpy().astype(np.float32),
                confidence[0].cpu().numpy().astype(np.float32),
                frame.color2world,
                frame.timestamp,
            )
        ]

    def _view(self, frame: InputFrame) -> View:
        """A frame at the network's size."""
        H, W = frame.color.shape[:2]
        size = self.width, max(4, round(H * self.width / W / CELL)) * CELL
        K = scale_intrinsics(_array(frame.K), size[0] / W, size[1] / H)
        image = frame.image(size)
        view = View(frame.name, image, K, cam2world=frame.color2world)
        view.of, view.maps, view.found = frame, None, {}
        return view

    def _ready(self, waiting: deque[View], keyframes: Keyframes) -> bool:
        """Whether the first that waits has all its views, or has waited long enough."""
        if len(waiting) > WAIT:
            return True
        useful = keyframes.choose(waiting[0], self.views - 1, ()).useful
        return len(useful) == self.views - 1 and useful[-1] >= ENOUGH

    def _group(
        self, waiting: deque[View], keyframes: Keyframes, alone: list[str]
    ) -> Group:
        """The first that waits, with its views; in ``alone`` if none is useful."""
        anchor = waiting.popleft()
        views, useful = keyframes.choose(anchor, self.views - 1, waiting)
        if not views:
            raise ValueError(
                f"{anchor.name} is the only frame, and deltas triangulates: it needs "
                "at least two, taken from different places"
            )
        if useful[0] < LEAST:
            alone.append(anchor.name)
        return Group([anchor, *views], 1)

    def _look(self, view: View) -> None:
        """Encode a view, unless that has been done."""
        if view.found:
            return
        image = torch.tensor(view.color, device=self.device)
        image = image.permute(2, 0, 1)[None, None].float().div(255)
        view.maps, view.found = self.model.look(image, every_view=False)


def _everything(model: Any, device: str) -> Tensor:
    """All that is computed of one image, which folded norms must not change."""
    image = torch.linspace(0, 1, 3 * 64 * 64, device=device)
    maps, found = model.look(image.view(1, 1, 3, 64, 64), every_view=False)
    sparse = image[: 64 * 64].view(1, 1, 64, 64)
    values = [*found.values(), *model.depthnet(sparse, maps)]
    return torch.cat([value.flatten() for value in values])


def _array(matrix: Any) -> np.ndarray:
    return np.asarray(matrix, np.float64)
