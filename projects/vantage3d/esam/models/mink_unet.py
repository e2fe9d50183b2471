"""Res16UNet34C, the sparse residual U-Net (Choy et al. 2019, as used by Mask3D).

    stem --- stride 1 ------------------------------------- cat - block8 --> out
      conv1/block1 --- stride 2 ------------------- cat - block7 /
        conv2/block2 --- stride 4 --------- cat - block6 /
          conv3/block3 --- stride 8 - cat - block5 /
            conv4/block4 - stride 16 /

Parameter names and kernel layouts are those of the released checkpoints. With
``injection`` image features join where a cat is (``injection.py``).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from vantage3d.esam.models.fusion.image_sampling import ImagePyramid
from vantage3d.esam.models.fusion.injection import build_injections
from vantage3d.registry import MODELS
from vantage3d.sparse import Backend, get_backend

DEFAULT_CONFIG = {"conv1_kernel_size": 5, "bn_momentum": 0.02}


class BasicBlock(nn.Module):
    """Two 3x3x3 convolutions with a residual.

    ``bn_momentum`` is that of the shortcut's norm; the others keep 0.1, as released.
    """

    def __init__(
        self, engine: Backend, inplanes: int, planes: int, bn_momentum: float
    ) -> None:
        super().__init__()
        self.conv1 = engine.Conv(inplanes, planes, kernel_size=3)
        self.norm1 = engine.BatchNorm(planes, inplace=True)
        self.conv2 = engine.Conv(planes, planes, kernel_size=3)
        self.norm2 = engine.BatchNorm(planes, inplace=True)
        self.relu = engine.ReLU(inplace=True)
        self.chain = engine.norm_relu_conv
        self.downsample = None
        if inplanes != planes:
            self.downsample = nn.Sequential(
                engine.Conv(inplanes, planes, kernel_size=1),
                engine.BatchNorm(planes, momentum=bn_momentum, inplace=True),
            )

    def forward(self, x: Any) -> Any:
        """Sparse tensor with ``planes`` channels on the same voxels."""
        out = self.chain(self.norm1, self.relu, self.conv2, self.conv1(x))
        out = self.norm2(out)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


@MODELS.register_module()
class Res16UNet34C(nn.Module):
    """Features of every voxel, with four strided stages down and four up.

    Args:
        in_channels: Channels of the input voxels.
        out_channels: Channels of the result; must equal the last of ``planes``.
        config: ``conv1_kernel_size`` of the stem and ``bn_momentum`` of the norms
            outside the blocks.
        planes: Channels of the 4 stages down and the 4 up.
        layers: Blocks of each of these stages.
        init_dim: Channels of the stem.
        backend: Sparse engine, "torch" or "minkowski".
        injection: Options of :func:`build_injections`, or None for points alone.

    Raises:
        ValueError: If ``config`` or ``injection`` has an unknown key, ``planes`` or
            ``layers`` are not 8 values, or ``out_channels`` is not what the network
            gives.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        config: dict | None = None,
        planes: Sequence[int] = (32, 64, 128, 256, 256, 128, 96, 96),
        layers: Sequence[int] = (2, 3, 4, 6, 2, 2, 2, 2),
        init_dim: int = 32,
        backend: str = "torch",
        injection: dict | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("planes", planes), ("layers", layers)):
            if len(value) != 8:
                raise ValueError(f"`{name}` must have 8 values, got {list(value)}")
        if out_channels != planes[-1]:
            raise ValueError(
                f"`out_channels` must equal the last of `planes`, {planes[-1]}, "
                f"got {out_channels}"
            )
        unknown = sorted(set(config or {}) - set(DEFAULT_CONFIG))
        if unknown:
            known = sorted(DEFAULT_CONFIG)
            raise ValueError(f"`config` has unknown keys {unknown}; known are {known}")
        config = {**DEFAULT_CONFIG, **(config or {})}
        self.engine = engine = get_backend(backend)
        self.out_channels = out_channels
        self.level_channels = tuple(planes[:4])
        momentum = config["bn_momentum"]

        def norm(channels: int) -> nn.Module:
            return engine.BatchNorm(channels, momentum=momentum, inplace=True)

        def stage(inplanes: int, index: int) -> nn.Sequential:
            widths = [inplanes] + [planes[index]] * layers[index]
            return nn.Sequential(
                *(BasicBlock(engine, a, b, momentum) for a, b in pairwise(widths))
            )

        d, p = init_dim, planes
        self.relu = engine.ReLU(inplace=True)
        self.conv0p1s1 = engine.Conv(in_channels, d, config["conv1_kernel_size"])
        self.bn0 = norm(d)
        self.conv1p1s2 = engine.Conv(d, d, kernel_size=2, stride=2)
        self.bn1 = norm(d)
        self.block1 = stage(d, 0)
        self.conv2p2s2 = engine.Conv(p[0], p[0], kernel_size=2, stride=2)
        self.bn2 = norm(p[0])
        self.block2 = stage(p[0], 1)
        self.conv3p4s2 = engine.Conv(p[1], p[1], kernel_size=2, stride=2)
        self.bn3 = norm(p[1])
        self.block3 = stage(p[1], 2)
        self.conv4p8s2 = engine.Conv(p[2], p[2], kernel_size=2, stride=2)
        self.bn4 = norm(p[2])
        self.block4 = stage(p[2], 3)

        self.convtr4p16s2 = engine.ConvTranspose(p[3], p[4], kernel_size=2, stride=2)
        self.bntr4 = norm(p[4])
        self.block5 = stage(p[4] + p[2], 4)
        self.convtr5p8s2 = engine.ConvTranspose(p[4], p[5], kernel_size=2, stride=2)
        self.bntr5 = norm(p[5])
        self.block6 = stage(p[5] + p[1], 5)
        self.convtr6p4s2 = engine.ConvTranspose(p[5], p[6], kernel_size=2, stride=2)
        self.bntr6 = norm(p[6])
        self.block7 = stage(p[6] + p[0], 6)
        self.convtr7p2s2 = engine.ConvTranspose(p[6], p[7], kernel_size=2, stride=2)
        self.bntr7 = norm(p[7])
        self.block8 = stage(p[7] + d, 7)

        # Made last: the other weights are those of the same seed without injection.
        self._joins: dict[int, str] = {}
        self.image_channels = injection and injection.get("channels")
        if injection is not None:
            widths = [(p[4], p[2]), (p[5], p[1]), (p[6], p[0]), (p[7], d)]
            for name, layer in build_injections(engine, injection, widths).items():
                self.add_module(name, layer)
                self._joins[int(name.rpartition("_")[2])] = name

    @property
    def injects(self) -> bool:
        """Whether the network takes image features."""
        return bool(self._joins)

    def forward(
        self,
        x: Any,
        injection: ImagePyramid | None = None,
        memory: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
        stem: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Run the network.

        Args:
            x: Sparse tensor of the chosen backend, ``in_channels`` channels, stride 1.
            injection: Image features of the points that ``x`` was made from; given
                exactly if the network was made with ``injection``.
            memory: What is done to the levels of strides 2, 4, 8 and 16, of
                ``level_channels``, before the way up: MultilevelMemory.
            stem: What is done to the voxels of the stem, of ``init_dim`` channels.

        Returns:
            Sparse tensor on the same voxels, rows in the same order, with
            ``out_channels`` channels.

        Raises:
            ValueError: If image features are missing, or given in vain.
        """
        if (injection is not None) != self.injects:
            raise ValueError(
                f"`injection` must {'' if self.injects else 'not '}be given to a "
                f"backbone made with{'' if self.injects else 'out'} it, got "
                f"{type(injection).__name__}"
            )
        p1 = self.relu(self.bn0(self.conv0p1s1(x)))
        if stem is not None:
            p1 = stem(p1)
        p2 = self.block1(self.relu(self.bn1(self.conv1p1s2(p1))))
        p4 = self.block2(self.relu(self.bn2(self.conv2p2s2(p2))))
        p8 = self.block3(self.relu(self.bn3(self.conv3p4s2(p4))))
        out = self.block4(self.relu(self.bn4(self.conv4p8s2(p8))))
        if memory is not None:
            p2, p4, p8, out = memory([p2, p4, p8, out])

        out = self.relu(self.bntr4(self.convtr4p16s2(out, p8)))
        out = self.block5(self._join(out, p8, injection))
        out = self.relu(self.bntr5(self.convtr5p8s2(out, p4)))
        out = self.block6(self._join(out, p4, injection))
        out = self.relu(self.bntr6(self.convtr6p4s2(out, p2)))
        out = self.block7(self._join(out, p2, injection))
        out = self.relu(self.bntr7(self.convtr7p2s2(out, p1)))
        return self.block8(self._join(out, p1, injection))

    def _join(self, out: Any, skip: Any, injection: ImagePyramid | None) -> Any:
        """Upsampled voxels beside those of the skip connection, with image features."""
        if injection is None:
            return self.engine.cat(out, skip)
        return getattr(self, self._joins[out.stride])(out, skip, injection)
