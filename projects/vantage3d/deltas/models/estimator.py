"""DELTAS as the Runner trains it: three networks, losses, predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from vantage3d.checks import check_finite, check_shape
from vantage3d.deltas.models.checkpoint import joined, load_image_encoder, load_three
from vantage3d.deltas.models.densify import SparseToDenseNet, sparse_depth
from vantage3d.deltas.models.interest import (
    CELL,
    InterestNet,
    KeypointSelector,
    Pyramid,
)
from vantage3d.deltas.models.triangulate import TriangulationNet, with_anchor
from vantage3d.geometry import invert_rigid
from vantage3d.registry import MODELS

Range = tuple[float, float]
LEAST_DEPTH = 1e-3  # metres, of a prediction
_OF_PREDICTIONS = (
    "keypoints", "segments", "range_kp", "points_anchor", "point_valid", "sparse_valid",
)  # fmt: skip
LEAST_SIZE = 32  # pixels, the stride of the deepest features
LEGACY_MULTIPLE = 8


@MODELS.register_module()
class DELTAS(BaseModel):
    """Depth from learned triangulation and densification.

    ``supernet`` finds interest points and describes them, ``trinet`` matches them along
    epipolar segments and triangulates, ``depthnet`` fills the gaps. See the package for
    batch and outputs.

    Args:
        width: Channels of the first convolution of the image's encoder, a multiple of
            4; every other number of channels scales with it.
        blocks: Bottlenecks of each stage of both encoders.
        descriptor_dim: Channels of the descriptors.
        descriptor_stride: Pixels per descriptor, both ways: 8, as published, 4 or 2. A
            match of theirs is off by a part of it.
        keypoints: Arguments of :class:`KeypointSelector`.
        search_range: Least and greatest depth of triangulated points, metres, in the
            anchor's camera.
        sparse_range: Depths of points that ``depthnet`` sees; ``search_range`` if not
            given.
        out_length: Samples along an epipolar segment.
        dist_orthogonal: Rows of samples on either side of it, one pixel apart.
        max_residual: Pixels within which the matches of a keypoint agree; those that do
            not are left out. None, as published: all count.
        min_matches: Matches that a point needs; 1, as published, has no second opinion.
        max_chance: Points that may be expected by chance where their matches agree:
            with many views some always do. None, as published, does not ask.
        legacy: The numerics of the released implementation, for its weights: images
            normalised twice, stretched sampling of descriptors, half the orthogonal
            offset, segments dropped unless wholly inside, homogeneous triangulation in
            pixels, upsampling that depends on the image size.
        pretrained: Checkpoint with ``state_dict``, ``state_dict_tri`` and
            ``state_dict_depth``; every key must fit.
        encoder_weights: torchvision's ResNet-50, for the image's encoder alone.
        seed: Seed of the random keypoints of predictions, the same for all samples. In
            training they are drawn with torch's own generator.
        criterion: Config of the losses; None for inference.

    Raises:
        CheckpointError: If a file does not fit.
        ValueError: If an argument makes no sense.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        descriptor_dim: int = 128,
        descriptor_stride: int = CELL,
        keypoints: Mapping[str, Any] | None = None,
        search_range: Range = (0.5, 10.0),
        sparse_range: Range | None = None,
        out_length: int = 100,
        dist_orthogonal: int = 1,
        max_residual: float | None = None,
        min_matches: int = 1,
        max_chance: float | None = None,
        legacy: bool = False,
        pretrained: str | None = None,
        encoder_weights: str | None = None,
        seed: int = 0,
        criterion: Mapping[str, Any] | None = None,
        data_preprocessor: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor)
        if width < 4 or width % 4:
            raise ValueError(
                f"`width` must be a positive multiple of 4, got {width}: the encoder "
                "of sparse depth has a quarter of it."
            )
        if len(blocks) != 4 or min(blocks) < 1:
            raise ValueError(
                f"`blocks` must be four positive numbers, got {tuple(blocks)}."
            )
        self.legacy, self.seed = legacy, seed
        self.sparse_range = sparse_range or search_range
        self.select = KeypointSelector(**(keypoints or {}))
        self.supernet = InterestNet(
            width, blocks, descriptor_dim, descriptor_stride, legacy
        )
        self.trinet = TriangulationNet(
            search_range,
            out_length,
            dist_orthogonal,
            legacy,
            max_residual,
            min_matches,
            max_chance,
            descriptor_stride,
        )
        self.depthnet = SparseToDenseNet(width, blocks, legacy)
        self.criterion = None if criterion is None else MODELS.build(dict(criterion))
        if encoder_weights is not None:
            load_image_encoder(self.supernet, encoder_weights)
        if pretrained is not None:
            load_three(self, pretrained)

    def init_weights(self) -> None:
        """Nothing: MMEngine calls this after the constructor has loaded the weights."""

    def import_checkpoint(self, checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the Runner loads of a file: three-key checkpoints are joined."""
        return joined(checkpoint)

    def forward(  # type: ignore[override]
        self,
        inputs: Mapping[str, Any],
        data_samples: Sequence[Mapping] | None = None,
        mode: str = "tensor",
    ) -> Any:
        """Losses, predictions or outputs; the package documents all three.

        Raises:
            ValueError: If the batch breaks the contract.
        """
        check_batch(inputs, self.legacy)
        outputs = self.estimate(inputs, every_view=mode == "loss")
        if mode == "tensor":
            return outputs
        if mode == "loss":
            assert self.criterion is not None
            return self.criterion(outputs, inputs)
        with torch.autocast(inputs["K"].device.type, enabled=False):
            chance = self.by_chance(outputs, inputs)
        return predictions(outputs, chance)

    def estimate(
        self,
        batch: Mapping[str, Tensor],
        every_view: bool = False,
        keypoints: Tensor | None = None,
    ) -> dict[str, Any]:
        """The outputs of the package's contract.

        Args:
            batch: ``images``, ``K`` and ``cam2world``; depth is never read.
            every_view: Detect in all views, not only in the anchor.
            keypoints: (B, N, 2) pixels to take instead of the detector's.
        """
        images = batch["images"]
        maps, found = self.look(images, every_view)
        size = (images.shape[-2], images.shape[-1])
        return self.solve(maps, found, batch, size, keypoints)

    def solve(
        self,
        maps: Pyramid,
        found: Mapping[str, Tensor],
        cameras: Mapping[str, Tensor],
        size: tuple[int, int],
        keypoints: Tensor | None = None,
    ) -> dict[str, Any]:
        """The outputs of the package's contract, from what :meth:`look` has seen.

        Args:
            maps: Features of the anchors.
            found: ``score_logits`` of the anchors, ``descriptors`` of all views.
            cameras: ``K`` and ``cam2world``.
            size: (H, W) of the images.
            keypoints: (B, N, 2) pixels to take instead of the detector's.
        """
        scores = None
        if keypoints is None:
            # the same at every prediction, new in training
            seed = int(torch.randint(2**31, ())) if self.training else self.seed
            generator = torch.Generator().manual_seed(seed)
            logits = found["score_logits"][:, 0].detach().float()
            keypoints, scores = self.select(logits, size, generator)
        ref2cam = relative_poses(cameras["cam2world"])
        with torch.autocast(ref2cam.device.type, enabled=False):
            descriptors = found["descriptors"].to(ref2cam.dtype)
            matched = self.trinet(descriptors, keypoints, cameras["K"], ref2cam, size)
        return {
            **found,
            "keypoints": keypoints,
            "keypoint_scores": scores,
            **matched,
            **self.densify(keypoints, matched, maps, size),
        }

    def by_chance(
        self, outputs: Mapping[str, Any], cameras: Mapping[str, Tensor]
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """What triangulation makes of matches that nobody has looked for.

        Args:
            outputs: With ``keypoints``, ``segments`` and ``range_kp``.
            cameras: ``K`` and ``cam2world``.

        Returns:
            Points (B, N, 3) and valid (B, N) by the place on the segments that was
            taken for every match: ``centre``, or one drawn at ``random``.
        """
        (start, end), seen = outputs["segments"].unbind(-2), outputs["range_kp"]
        length = (end - start).norm(dim=-1) * seen
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.rand(seen.shape, generator=generator).to(start)
        ref2cam = relative_poses(cameras["cam2world"])
        chance = {}
        for name, share in {
            "centre": torch.full_like(drawn, 0.5),
            "random": drawn,
        }.items():
            matches = torch.where(seen[..., None], start.lerp(end, share[..., None]), 0)
            pixels = torch.cat([outputs["keypoints"][:, None], matches], 1)
            found = self.trinet.locate(
                pixels,
                cameras["K"],
                ref2cam,
                with_anchor(seen.to(start.dtype)),
                seen,
                length,
            )
            chance[name] = found["points_anchor"], found["point_valid"]
        return chance

    def look(
        self, images: Tensor, every_view: bool
    ) -> tuple[Pyramid, dict[str, Tensor]]:
        """Features of the anchors, and ``score_logits`` and ``descriptors``."""
        samples, views = images.shape[:2]
        net = self.supernet
        maps = net.encode(net.normalise(images.flatten(0, 1)))
        anchors = Pyramid(*(m.unflatten(0, (samples, views))[:, 0] for m in maps))
        logits = net.detect(maps if every_view else anchors)
        found = {"score_logits": logits, "descriptors": net.describe(maps)}
        return anchors, {
            name: values.unflatten(0, (samples, -1)) for name, values in found.items()
        }

    def densify(
        self,
        keypoints: Tensor,
        matched: Mapping[str, Any],
        maps: Pyramid,
        size: tuple[int, int],
    ) -> dict[str, Any]:
        """``depth_pyramid``, ``depth``, ``sparse_valid`` and its count."""
        z, (least, greatest) = matched["points_anchor"][..., 2], self.sparse_range
        valid = matched["point_valid"] & (z > least) & (z < greatest)
        sparse = sparse_depth(keypoints, z, valid, size, self.legacy)
        pyramid = self.depthnet(sparse, maps)
        return {
            "sparse_valid": valid,
            "counts": {**matched["counts"], "used": valid.sum(1)},
            "depth_pyramid": pyramid,
            "depth": pyramid[-1][:, 0],
        }


def relative_poses(cam2world: Tensor) -> Tensor:
    """(B, V, 4, 4) from the first camera to each, of (B, V, 4, 4).

    In float64, so that a scene far from the origin loses nothing; the first is exactly
    the identity.
    """
    exact = cam2world.double()
    relative = (invert_rigid(exact) @ exact[:, :1]).to(cam2world.dtype)
    eye = torch.eye(4, dtype=relative.dtype, device=relative.device)
    return torch.cat([eye.expand_as(relative[:, :1]), relative[:, 1:]], 1)


def predictions(
    outputs: Mapping[str, Any], chance: Mapping[str, tuple[Tensor, Tensor]]
) -> list[dict[str, Any]]:
    """What metrics and pictures read of each of B samples."""
    counts = outputs["counts"]
    share = counts["triangulated"] / counts["keypoints"]
    found = {"pred_depth": outputs["depth"].clamp(min=LEAST_DEPTH)}
    found |= {key: outputs[key] for key in _OF_PREDICTIONS}
    return [
        {
            **{key: values[i] for key, values in found.items()},
            "share_triangulated": float(share[i]),
            "counts": {name: int(values[i]) for name, values in counts.items()},
            "chance": {
                name: (xyz[i], valid[i]) for name, (xyz, valid) in chance.items()
            },
        }
        for i in range(len(share))
    ]


def check_batch(batch: Mapping[str, Any], legacy: bool) -> None:
    """Raise unless images, intrinsics and poses are there and fit together.

    Raises:
        ValueError: Naming the samples where the batch has ``names``.
    """
    absent = sorted({"images", "K", "cam2world"} - set(batch))
    if absent:
        raise ValueError(f"batch has no {absent}, only {sorted(batch)}.")
    names = f"Samples {list(batch['names'])}." if "names" in batch else ""
    dims = check_shape("images", batch["images"], "B V 3 H W", fix=names)
    check_shape("K", batch["K"], "B V 3 3", dims=dims, fix=names)
    check_shape("cam2world", batch["cam2world"], "B V 4 4", dims=dims, fix=names)
    if dims["V"] < 2:
        raise ValueError(
            f"`images` must have an anchor and at least one other view, got "
            f"{dims['V']} views. {names}".rstrip()
        )
    height, width = dims["H"], dims["W"]
    if min(height, width) < LEAST_SIZE:
        raise ValueError(
            f"`images` must be at least {LEAST_SIZE} pixels high and wide, got "
            f"{width}x{height}. Resize the images and `K` alike."
        )
    if legacy and (height % LEGACY_MULTIPLE or width % LEGACY_MULTIPLE):
        raise ValueError(
            f"with `legacy=True` the sides of `images` must be multiples of "
            f"{LEGACY_MULTIPLE}, got {width}x{height}. Resize the images and `K`, or "
            "take legacy=False, which has no such rule."
        )
    for key in ("K", "cam2world"):
        check_finite(key, batch[key], fix=names)
    focal = batch["K"].diagonal(dim1=-2, dim2=-1)[..., :2]
    if bool((focal <= 0).any()):
        at = [int(i) for i in (focal <= 0).nonzero()[0]]
        raise ValueError(
            f"`K` must have positive focal lengths, got {focal[tuple(at)].item():g} in "
            f"sample {at[0]}, view {at[1]}. {names}".rstrip()
        )
