"""Depth, intrinsics and poses of images alone."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.inference import Group, Inferencer, InputFrame
from vantage3d.results.prediction import FramePrediction


class DepthAndPoses(Inferencer):
    """Depth, intrinsics and poses of all images of a recording at once.

    The world is the camera of the first image, lengths are in the network's unit.

    Example:
        >>> from vantage3d.vggt_lora import DepthAndPoses
        >>> scene = DepthAndPoses("work_dirs/demo-depth")("tour.mp4")  # doctest: +SKIP
        >>> scene.frames[0].depth.shape  # doctest: +SKIP
        (392, 518)
    """

    system = "vggt"
    changes: ClassVar[dict[str, Any]] = {"criterion": None, "predict_base": False}

    @property
    def width(self) -> int:
        """Pixels of the width of images that the network saw in training."""
        return self.trained.dataset.get("image_size", 518)

    @property
    def options(self) -> dict[str, Any]:
        return {"width": self.width}

    def groups(self, frames: Iterable[InputFrame], batch_size: int) -> Iterator[Group]:
        whole = list(frames)
        yield Group(whole, len(whole))

    @torch.no_grad()
    def predict(self, group: Group) -> list[FramePrediction]:
        size = self._size(group.frames[0].color)
        images = np.stack([frame.image(size) for frame in group.frames])
        inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255)
        outputs = self.model({"images": inputs[None].to(self.device)}, mode="predict")
        found = {
            key: value.float().cpu().numpy().astype(np.float64)
            for key, value in outputs[0].items()
        }
        predictions = []
        for place, frame in enumerate(group.frames):
            (H, W), (w, h) = frame.color.shape[:2], size
            K = scale_intrinsics(found["pred_K"][place], W / w, H / h)
            predictions.append(
                FramePrediction(
                    frame.name,
                    frame.color,
                    K,
                    found["pred_depth"][place].astype(np.float32),
                    found["pred_depth_conf"][place].astype(np.float32),
                    invert_rigid(_homogeneous(found["pred_world2cam"][place])),
                    frame.timestamp,
                    metric=False,
                )
            )
        return predictions

    def _size(self, color: NDArray[np.uint8]) -> tuple[int, int]:
        """(w, h) in whole patches: the whole image, its proportions to half a patch."""
        patch, (height, width) = self.model.patch_size, color.shape[:2]
        rows = max(1, round(height * self.width / width / patch))
        return self.width, rows * patch


def _homogeneous(world2cam: NDArray[np.float64]) -> NDArray[np.float64]:
    """With a rotation that is one in float64."""
    left, _, right = np.linalg.svd(world2cam[:3, :3])
    world2cam[:3, :3] = left @ right
    return world2cam
