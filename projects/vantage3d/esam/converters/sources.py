"""What every converter reads: posed RGB-D frames and the labels of their points."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class BadFrameError(ValueError):
    """A frame that cannot be used; it is skipped, counted and named."""


class SampleName(NamedTuple):
    """One frame of one scene."""

    scene: str
    frame: str

    @property
    def idx(self) -> str:
        return f"{self.scene}_{self.frame}"


@dataclass
class Frame:
    """A frame on the pixel grid of its depth image.

    Attributes:
        color: (H, W, 3) uint8 RGB, registered to ``depth``.
        depth: (H, W) float32 z-depth in metres, 0 where missing.
        K: (3, 3) intrinsics in pixels of ``depth``.
        cam2world: (4, 4) rigid transform, OpenCV axes.
        axis_align: (4, 4) from the world to the gravity-aligned frame of the scene.
        img_path: Colour file, relative to the root of the raw data.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    K: NDArray[np.float64]
    cam2world: NDArray[np.float64]
    axis_align: NDArray[np.float64]
    img_path: str


class Source(ABC):
    """Raw data of one layout below ``root``. Instances travel to worker processes."""

    root: Path

    @property
    @abstractmethod
    def metainfo(self) -> dict[str, Any]:
        """``dataset`` and ``categories`` of the info file."""

    @property
    @abstractmethod
    def thing_ids(self) -> frozenset[int]:
        """Semantic ids of the classes that have instances."""

    @property
    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Command line options that change the bytes of a sample."""

    @abstractmethod
    def samples(self) -> dict[str, list[SampleName]]:
        """Samples of the splits ``train`` and ``val``, in order."""

    @abstractmethod
    def frame(self, name: SampleName) -> Frame:
        """Read a frame.

        Raises:
            ValueError: If anything about the frame is wrong.
            FileNotFoundError: If one of its files is missing.
        """

    @abstractmethod
    def labels(
        self, name: SampleName, frame: Frame, pixels: NDArray, xyz: NDArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Semantic and instance ids of points, (N,) each, 0 where there is none.

        Args:
            name: The sample.
            frame: What :meth:`frame` returned for it.
            pixels: (N, 2) source pixels (x, y) of the depth image.
            xyz: (N, 3) points in the raw world frame, metres.
        """
