"""The training objective of VGGT: cameras, depth and points in normalised units."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vantage3d.geometry import invert_rigid, unproject
from vantage3d.geometry.pose_encoding import encode_pose
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.losses.building_recipe import FacadeCurriculum
from vantage3d.vggt_lora.losses.camera_loss import CameraLoss
from vantage3d.vggt_lora.losses.dense_loss import DenseLoss, SparsePointLoss
from vantage3d.vggt_lora.losses.photometric_loss import PhotometricLoss, Views
from vantage3d.vggt_lora.losses.scene_scale import NormalizedScene, normalize_scene
from vantage3d.vggt_lora.losses.weighting import supervised_frames

Losses = dict[str, Tensor]


class Truth(NamedTuple):
    """What the terms compare with.

    Attributes:
        batch: Collated samples in metres.
        scene: Samples in the units of the network.
        weights: (B, S, H, W) pixel weights, curriculum included.
    """

    batch: Mapping[str, Tensor]
    scene: NormalizedScene
    weights: Tensor


@MODELS.register_module()
class MultiTaskLoss(nn.Module):
    """Weighted sum of the terms that are given; it has no parameters.

    Every per-pixel term is a mean weighted by ``batch["pixel_weights"]``: a pixel of
    weight 0 is out, and only ratios matter.

    Args:
        camera: Arguments of :class:`CameraLoss`.
        depth: Arguments of :class:`DenseLoss` for the depth.
        point: Arguments of :class:`DenseLoss` for the world points.
        photometric: Arguments of :class:`PhotometricLoss`.
        sparse_points: Arguments of :class:`SparsePointLoss`, in place of ``depth`` for
            data whose depth is scattered points.
        scale_statistic: "mean" or "median", see :func:`normalize_scene`.
        curriculum: Arguments of :class:`FacadeCurriculum`; None for none.

    Raises:
        ValueError: If there is no term.
    """

    def __init__(
        self,
        camera: dict | None = None,
        depth: dict | None = None,
        point: dict | None = None,
        photometric: dict | None = None,
        sparse_points: dict | None = None,
        scale_statistic: str = "mean",
        curriculum: dict | None = None,
    ) -> None:
        super().__init__()
        self.camera = _build(CameraLoss, camera)
        self.depth = _build(DenseLoss, depth)
        self.point = _build(DenseLoss, point)
        self.photometric = _build(PhotometricLoss, photometric)
        self.sparse_points = _build(SparsePointLoss, sparse_points)
        self.scale_statistic = scale_statistic
        self.curriculum = _build(FacadeCurriculum, curriculum)
        terms = (camera, depth, point, photometric, sparse_points)
        if all(term is None for term in terms):
            raise ValueError(
                "every term of MultiTaskLoss is None, so there is nothing to train. "
                "Give the arguments of at least one."
            )

    def forward(
        self,
        predictions: Mapping[str, Any],
        batch: Mapping[str, Tensor],
        progress: float = 0.0,
    ) -> Losses:
        """Losses of a batch; those with "loss" in their key make up the objective.

        Everything is computed in float32, under autocast too: half precision would
        round the truth to centimetres.

        Args:
            predictions: What the network returned: ``pose_enc_list``, ``depth`` and
                ``depth_conf``, ``world_points`` and ``world_points_conf``.
            batch: The contract of :mod:`vantage3d.views.batch`; pixels without
                ``pixel_weights`` count 1, a curriculum needs ``semantics``.
            progress: Share of training that is done, 0 to 1.

        Returns:
            Scalars, every loss connected to the graph also where nothing is valid.

        Raises:
            KeyError: If the network lacks the output of a term.
            ValueError: If ``progress`` is outside [0, 1].
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"`progress` must be in [0, 1], got {progress}.")
        with torch.autocast(batch["depth"].device.type, enabled=False):
            return self._losses(predictions, self._truth(batch, progress))

    def _truth(self, batch: Mapping[str, Tensor], progress: float) -> Truth:
        depth, cam2world = batch["depth"], batch["cam2world"]
        scene = normalize_scene(
            invert_rigid(cam2world),
            depth,
            unproject(depth, batch["K"], cam2world),
            batch["valid"],
            self.scale_statistic,
        )
        weights = batch.get("pixel_weights", torch.ones_like(depth))
        if self.curriculum is not None:
            weights = self.curriculum(weights, batch["semantics"], progress)
        return Truth(batch, scene, weights)

    def _losses(self, predictions: Mapping[str, Any], truth: Truth) -> Losses:
        losses: Losses = {}
        if self.camera is not None:
            losses |= _camera_losses(self.camera, predictions, truth)
        if self.depth is not None:
            outputs = _outputs(predictions, "depth", "depth_conf")
            target = truth.scene.depths[..., None]
            losses |= _dense_losses("depth", self.depth, outputs, target, truth)
        if self.point is not None:
            outputs = _outputs(predictions, "world_points", "world_points_conf")
            target = truth.scene.world_points
            losses |= _dense_losses("point", self.point, outputs, target, truth)
        if self.photometric is not None:
            losses |= _photometric_losses(self.photometric, predictions, truth)
        if self.sparse_points is not None:
            losses |= _sparse_losses(self.sparse_points, predictions, truth)
        return losses


def _camera_losses(term: CameraLoss, predictions: Mapping, truth: Truth) -> Losses:
    (stages,) = _outputs(predictions, "pose_enc_list")
    valid = truth.batch["valid"]
    height, width = valid.shape[-2:]
    target = encode_pose(truth.scene.world2cam, truth.batch["K"], (height, width))
    parts = term(stages, target, supervised_frames(valid, term.min_valid))
    total = term.weight * parts.pop("camera")
    logs = {f"camera_{key}": value.detach() for key, value in parts.items()}
    return {"loss_camera": total, **logs}


def _dense_losses(
    name: str, term: DenseLoss, outputs: list, target: Tensor, truth: Truth
) -> Losses:
    pred, conf = outputs
    mask = truth.batch["valid"] & (truth.weights > 0)
    mask = mask & supervised_frames(mask, term.min_valid)[..., None, None]
    parts = term(pred, target, conf, mask, truth.weights)
    return {f"loss_{key}_{name}": term.weight * part for key, part in parts.items()}


def _photometric_losses(
    term: PhotometricLoss, predictions: Mapping, truth: Truth
) -> Losses:
    (depth,) = _outputs(predictions, "depth")
    enough = truth.batch["valid"].flatten(1).sum(1) >= term.min_valid
    weights = truth.weights * enough[:, None, None, None]
    views = Views(
        depth[..., 0], truth.batch["images"], truth.batch["K"], truth.scene.world2cam
    )
    return {"loss_photometric": term.weight * term(views, weights)}


def _sparse_losses(term: SparsePointLoss, predictions: Mapping, truth: Truth) -> Losses:
    (depth,) = _outputs(predictions, "depth")
    mask = truth.batch["valid"] & (truth.weights > 0)
    loss = term(depth[..., 0], truth.batch["depth"], mask, truth.weights)
    return {"loss_sparse_points": term.weight * loss}


def _build(term: type, arguments: dict | None) -> Any:
    return None if arguments is None else term(**arguments)


def _outputs(predictions: Mapping, *keys: str) -> list:
    """Outputs of the network by name, in float32."""
    missing = [key for key in keys if key not in predictions]
    if missing:
        raise KeyError(
            f"the network returned no {missing[0]!r}, only {sorted(predictions)}. "
            "Enable its head, or drop the term from the criterion"
        )
    found = (predictions[key] for key in keys)
    return [
        x.float() if isinstance(x, Tensor) else [stage.float() for stage in x]
        for x in found
    ]
