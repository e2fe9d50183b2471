"""Depth of posed images: colour, intrinsics and poses are all that is read."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
import torch

from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.inference import Group, Inferencer, InputFrame
from vantage3d.results.prediction import FramePrediction
from vantage3d.views.batch import in_first_camera

CELL = 8  # pixels of a cell of the detector
VIEWS = 3


class PosedDepth(Inferencer):
    """Depth of every frame of a recording with intrinsics and poses.

    Example:
        >>> from vantage3d.deltas import PosedDepth
        >>> scene = PosedDepth("work_dirs/demo-deltas")("data/desk")  # doctest: +SKIP
        >>> scene.frames[0].depth.shape  # doctest: +SKIP
        (240, 320)
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

    @property
    def width(self) -> int:
        """Pixels of the width of images that the network saw in training."""
        return tuple(self.trained.dataset.get("size", (240, 320)))[1]

    @property
    def options(self) -> dict[str, Any]:
        return {"width": self.width, "views": VIEWS}

    def groups(self, frames: Iterable[InputFrame], batch_size: int) -> Iterator[Group]:
        """Each frame with the ones before it; the first ones with those behind."""
        seen: deque[InputFrame] = deque(maxlen=VIEWS)
        for count, frame in enumerate(frames, 1):
            seen.append(frame)
            if count == VIEWS:
                for place in range(VIEWS):
                    others = [f for i, f in enumerate(seen) if i != place]
                    yield Group([seen[place], *others], 1)
            elif count > VIEWS:
                yield Group([*seen][::-1], 1)
        if len(seen) < VIEWS:
            for place in range(len(seen)):
                others = [f for i, f in enumerate(seen) if i != place]
                yield Group([seen[place], *others], 1)

    @torch.no_grad()
    def predict(self, group: Group) -> list[FramePrediction]:
        (H, W), frame = group.frames[0].color.shape[:2], group.frames[0]
        size = self.width, max(4, round(H * self.width / W / CELL)) * CELL
        images = np.stack([f.image(size) for f in group.frames])
        Ks = [
            scale_intrinsics(
                f.K, size[0] / f.color.shape[1], size[1] / f.color.shape[0]
            )
            for f in group.frames
            if f.K is not None
        ]
        poses = in_first_camera(
            [
                invert_rigid(f.color2world)
                for f in group.frames
                if f.color2world is not None
            ]
        )
        inputs = {
            "images": torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255),
            "K": torch.from_numpy(np.stack(Ks).astype(np.float32)),
            "cam2world": torch.from_numpy(poses),
        }
        batch = {key: value[None].to(self.device) for key, value in inputs.items()}
        found = self.model(batch, mode="predict")[0]
        return [
            FramePrediction(
                frame.name,
                frame.color,
                np.asarray(frame.K, np.float64),
                found["pred_depth"].cpu().numpy().astype(np.float32),
                cam2world=frame.color2world,
                timestamp=frame.timestamp,
            )
        ]
