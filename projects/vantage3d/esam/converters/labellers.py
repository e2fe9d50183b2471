"""What makes labelled samples of a frame source: a choice of frames, and labels."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.source import FrameSource


class SampleName(NamedTuple):
    """One frame of one scene."""

    scene: str
    frame: str

    @property
    def idx(self) -> str:
        return f"{self.scene}_{self.frame}"


class Labeller(ABC):
    """Which frames of a source become samples, and what their points are.

    Instances travel to worker processes.

    Attributes:
        source: Where the frames are.
    """

    source: FrameSource

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
    def labels(
        self, name: SampleName, shape: tuple[int, ...], pixels: NDArray, xyz: NDArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Semantic and instance ids of points, (N,) each, 0 where there is none.

        Args:
            name: The sample.
            shape: H, W of its depth image.
            pixels: (N, 2) source pixels (x, y) of the depth image.
            xyz: (N, 3) points in the raw world frame, metres.

        Raises:
            ValueError: If the labels cannot belong to the frame.
            FileNotFoundError: If a file is missing.
        """

    def axis_align(self, scene: str) -> NDArray[np.float64]:
        """(4, 4) from the world to the gravity-aligned frame of a scene."""
        return np.eye(4)
