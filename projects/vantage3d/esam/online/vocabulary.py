"""Names of a user's choice for instances: vectors of texts against CLIP's image."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vantage3d.backbones2d import FeatureExtractor
from vantage3d.backbones2d.build import build_clip_text
from vantage3d.checks import check_finite, check_shape
from vantage3d.io.arrays import load_arrays

SCALE = 100.0  # of cosines before the softmax: what CLIP was trained to
WHAT, REMEDY = "text features", "docs/streams.md#names-of-your-own has lines to make it"
TOLERANCE = 1e-3  # of lengths, which half precision leaves


class Vocabulary:
    """Texts, and a frozen image network whose features lie in their space.

    Example:
        >>> from vantage3d.esam import StreamSegmenter, Vocabulary
        >>> own = Vocabulary.of("names.npz")  # doctest: +SKIP
        >>> stream = StreamSegmenter("weights", vocabulary=own)  # doctest: +SKIP

    Args:
        names: T texts, two at least.
        vectors: (T, D) of length 1, of the text network that belongs to ``network``.
        network: Images to (B, D, h, w) features.

    Raises:
        ValueError: If names repeat, or vectors are not such.
    """

    def __init__(
        self,
        names: Sequence[str],
        vectors: NDArray[np.floating],
        network: FeatureExtractor,
    ) -> None:
        self.names, self.network = tuple(map(str, names)), network
        if len(self.names) < 2:
            raise ValueError(
                f"`names` must be two at least, got {list(self.names)}: a name says "
                'something beside others alone. Add what else there is, such as "wall"'
            )
        if again := {name for name in self.names if self.names.count(name) > 1}:
            raise ValueError(
                f"`names` must differ, got {sorted(again)} more than once. Keep one of "
                "each; the mean of several texts' vectors, of length 1, is one vector"
            )
        check_shape("vectors", vectors, "T D", dims={"T": len(self.names)}, fix=REMEDY)
        check_finite("vectors", vectors, fix=REMEDY)
        if vectors.shape[1] != network.channels:
            raise ValueError(
                f"`vectors` must have {network.channels} numbers each, as features of "
                f"{network.name}, got {vectors.shape[1]}. Take the text network that "
                f"was trained with it; {REMEDY}"
            )
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        worst = int(np.abs(lengths - 1).argmax())
        if abs(lengths[worst] - 1) > TOLERANCE:
            raise ValueError(
                f"`vectors` must be of length 1, got {lengths[worst]:.4g} for "
                f'"{self.names[worst]}". Divide each by its length'
            )
        self.vectors = vectors.astype(np.float32)

    @classmethod
    def of(cls, path: str | Path, weights: str | Path | None = None) -> "Vocabulary":
        """Texts of a file, and CLIP's ResNet-50.

        Args:
            path: ``.npz`` with ``names`` (T,) and ``vectors`` (T, 1024).
            weights: Of the image network; None looks into ``work_dirs/pretrained``,
                then asks the hub.

        Raises:
            FileNotFoundError: If a file is missing; it says how to get it.
            ValueError: If the file is damaged or its arrays are not such.
        """
        arrays = load_arrays(path, WHAT, REMEDY, ("names", "vectors"))
        names = arrays["names"].ravel().tolist()
        return cls(names, arrays["vectors"], build_clip_text(weights))

    @property
    def key(self) -> str:
        """What names depend on."""
        text = "\n".join(self.names).encode() + self.vectors.tobytes()
        texts = hashlib.sha256(text).hexdigest()
        return f"{self.network.name} {self.network.weights:.12}, texts {texts:.12}"

    @torch.no_grad()
    def shares(
        self,
        image: NDArray[np.uint8],
        pixels: NDArray[np.integer],
        masks: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """(I, T) probability of each name for instances of a frame.

        The features of the cells that points of an instance lie in, of length 1, are
        averaged; the softmax of its cosines with the texts follows.

        Args:
            image: (H, W, 3) RGB.
            pixels: (N, 2) of the points.
            masks: (I, N) over these.
        """
        size = image.shape[1], image.shape[0]
        images = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
        found = self.network(images.to(self.network.mean.device)).float()
        cells = functional.normalize(found[0].flatten(1), dim=0).T.cpu().numpy()
        grid = self.network.source(size).grid
        x, y = ((pixels + 0.5) * grid.scale).astype(np.int64).T
        place, point = masks.nonzero()
        weights = np.zeros((len(masks), len(cells)), np.float32)
        np.add.at(weights, (place, (y * grid.size[0] + x)[point]), 1)
        means = torch.from_numpy(weights @ cells)
        cosines = functional.normalize(means, dim=1) @ torch.from_numpy(self.vectors).T
        return (SCALE * cosines).double().softmax(1).numpy()
