"""The three stages of DELTAS as ONNX files, for machines without torch.

    images  --look-->  detections, descriptors, features
    descriptors, keypoints, K, ref2cam  --triangulate-->  points, valid, matches
    sparse, features of the anchor  --densify-->  depth

Between them stays what is chosen: keypoints among the detections, and a map of the
depths of valid points. Numbers of views and keypoints and the image's size are free,
but that its sides are multiples of 8.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vantage3d.deltas.models.estimator import DELTAS
from vantage3d.deltas.models.interest import Pyramid
from vantage3d.io.atomic import atomic_write_bytes

OPSET = 18
FEATURES = Pyramid._fields
# Axes of inputs that may have another length; the image's of those that are not here.
FREE = {
    "images": (0, 2, 3),
    "descriptors": (0, 2, 3),
    "keypoints": (0,),
    "K": (0,),
    "ref2cam": (0,),
}
VIEWS, SIZE = 3, (96, 160)  # of the example that is traced
aten = torch.ops.aten


class Look(nn.Module):
    """``supernet``: (V, H, W) detections, descriptors and features of V images."""

    def __init__(self, network: DELTAS) -> None:
        super().__init__()
        self.net, self.select = network.supernet, network.select

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Of (V, 3, H, W) RGB in [0, 1]."""
        maps = self.net.encode(self.net.normalise(images))
        size = images.shape[-2], images.shape[-1]
        detections = self.select.detections(self.net.detect(maps), size)
        return (detections, self.net.describe(maps), *maps)


class Triangulate(nn.Module):
    """``trinet``: points of an anchor's keypoints, their validity and matches."""

    def __init__(self, network: DELTAS) -> None:
        super().__init__()
        self.net = network.trinet

    def forward(
        self, descriptors: Tensor, keypoints: Tensor, K: Tensor, ref2cam: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of (V, C, h, w), (N, 2), (V, 3, 3) and (V, 4, 4), the anchor's first."""
        height, width = (n * self.net.stride for n in descriptors.shape[-2:])
        given = (one[None] for one in (descriptors, keypoints, K, ref2cam))
        found = self.net(*given, (height, width))
        names = "points_anchor", "point_valid", "matches"
        points, valid, matches = (found[name][0] for name in names)
        return points, valid, matches


class Densify(nn.Module):
    """``depthnet``: (1, 1, H, W) depth, not clamped."""

    def __init__(self, network: DELTAS) -> None:
        super().__init__()
        self.net = network.depthnet

    def forward(self, sparse: Tensor, *features: Tensor) -> Tensor:
        """Of (1, 1, H, W) metres, 0 where there is no point, and an anchor's maps."""
        return self.net(sparse, Pyramid(*features))[-1]


class Stage(NamedTuple):
    """A file: its network, an example, and the names of inputs and outputs."""

    module: nn.Module
    example: tuple[Tensor, ...]
    inputs: Sequence[str]
    outputs: Sequence[str]


def stages(network: DELTAS) -> dict[str, Stage]:
    """The three, by the name of their files."""
    height, width = SIZE
    images = torch.rand(VIEWS, 3, height, width)
    look = Look(network)
    with torch.no_grad():
        _, descriptors, *maps = look(images)
    keypoints = torch.rand(40, 2) * torch.tensor([width - 1.0, height - 1])
    K = torch.tensor([[100.0, 0, width / 2], [0, 100, height / 2], [0, 0, 1]])
    poses = torch.eye(4).repeat(VIEWS, 1, 1)
    poses[:, 0, 3] = torch.arange(VIEWS) * -0.1
    seen = (descriptors, keypoints, K.repeat(VIEWS, 1, 1), poses)
    sparse = torch.rand(1, 1, height, width)
    anchor = (one[:1] for one in maps)
    return {
        "look": Stage(
            look, (images,), ["images"], ["detections", "descriptors", *FEATURES]
        ),
        "triangulate": Stage(
            Triangulate(network),
            seen,
            ["descriptors", "keypoints", "K", "ref2cam"],
            ["points", "valid", "matches"],
        ),
        "densify": Stage(
            Densify(network), (sparse, *anchor), ["sparse", *FEATURES], ["depth"]
        ),
    }


@torch.no_grad()
def export(network: DELTAS, folder: Path) -> list[Path]:
    """Write ``look.onnx``, ``triangulate.onnx`` and ``densify.onnx``.

    Args:
        network: In evaluation mode.
        folder: Where they go.

    Raises:
        ImportError: If onnx or onnxscript is not installed.
        ValueError: If the network is a legacy one: its triangulation is a singular
            value decomposition, which ONNX has not.
    """
    if network.legacy:
        raise ValueError(
            "a network with legacy=True cannot be exported: ONNX has no singular value "
            "decomposition, by which it triangulates. Export it with legacy=False"
        )
    try:
        import onnxscript  # noqa: F401  torch asks for it
    except ImportError as error:
        raise ImportError(
            "onnxscript is not installed and the export needs it: pip install "
            "'vantage3d[onnx]'"
        ) from error
    written = []
    for name, stage in stages(network).items():
        shapes = tuple(
            dict.fromkeys(FREE.get(one, (2, 3)), torch.export.Dim.DYNAMIC)
            for one in stage.inputs
        )
        if name == "densify":  # its features are one argument
            shapes = (shapes[0], shapes[1:])
        program = torch.export.export(
            stage.module, stage.example, dynamic_shapes=shapes, strict=False
        )
        table = {**torch.export.default_decompositions(), **DECOMPOSED}
        program = program.run_decompositions(table)
        model: Any = torch.onnx.export(
            program,
            input_names=list(stage.inputs),
            output_names=list(stage.outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        path = folder / f"{name}.onnx"
        atomic_write_bytes(path, model.model_proto.SerializeToString())
        written.append(path)
    return written


def _cross(a: Tensor, b: Tensor) -> Tensor:
    ahead, behind = (a.roll(-1, -1), b.roll(-1, -1)), (a.roll(1, -1), b.roll(1, -1))
    return ahead[0] * behind[1] - behind[0] * ahead[1]


def _determinant(matrix: Tensor) -> Tensor:
    """Of (..., 3, 3); ONNX Runtime has that of float32 alone."""
    first, second, third = matrix.unbind(-2)
    return (first * _cross(second, third)).sum(-1)


def _solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """Solution of (..., 3, 3) x = (..., 3) by Cramer's rule."""
    a, b, c = matrix.unbind(-2)
    columns = torch.stack([_cross(b, c), _cross(c, a), _cross(a, b)], -1)
    return (columns * vector[..., None, :]).sum(-1) / _determinant(matrix)[..., None]


def _bags_of_four(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale: bool,
    mode: int,
    sparse: bool,
    shares: Tensor,
    *rest: Any,
) -> tuple[Tensor, ...]:
    """Weighted sums of four rows each, as bilinear samples are."""
    rows = weight[indices] * shares[:, None]
    sums = rows.view(-1, 4, weight.shape[1]).sum(1)
    return sums, offsets, offsets, offsets


DECOMPOSED = {
    aten.linalg_det.default: _determinant,
    aten.linalg_solve.default: _solve,
    aten.embedding_bag.padding_idx: _bags_of_four,
}
