"""The training objective of VGGT: cameras, depth and points in normalised units."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vantage3d.geometry import invert_rigid, unproject
from vantage3d.geometry.pose_encoding import encode_pose
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.losses.camera_loss import CameraLoss
from vantage3d.vggt_lora.losses.dense_loss import DenseLoss, SparsePointLoss
from vantage3d.vggt_lora.losses.photometric_loss import PhotometricLoss, Views
from vantage3d.vggt_lora.losses.scene_scale import normalize_scene
from vantage3d.vggt_lora.losses.surface_loss import SurfaceLoss
from vantage3d.vggt_lora.losses.weighting import FacadeCurriculum, supervised_frames

Losses = dict[str, Tensor]


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
        surface: Arguments of :class:`SurfaceLoss`, beside ``depth``.
        sparse_points: Arguments of :class:`SparsePointLoss`, in place of ``depth`` for
            data whose depth is scattered points.
        scale_statistic: "mean" or "median", see :func:`normalize_scene`.
        curriculum: Arguments of :class:`FacadeCurriculum`; None for none.

    Raises:
        ValueError: If there is no term, or ``surface`` without ``depth``.
    """

    def __init__(
        self,
        camera: dict | None = None,
        depth: dict | None = None,
        point: dict | None = None,
        photometric: dict | None = None,
        surface: dict | None = None,
        sparse_points: dict | None = None,
        scale_statistic: str = "mean",
        curriculum: dict | None = None,
    ) -> None:
        super().__init__()

        def build(term: type, arguments: dict | None) -> Any:
            return None if arguments is None else term(**arguments)

        self.camera = build(CameraLoss, camera)
        self.depth = build(DenseLoss, depth)
        self.point = build(DenseLoss, point)
        self.photometric = build(PhotometricLoss, photometric)
        self.surface = build(SurfaceLoss, surface)
        self.sparse_points = build(SparsePointLoss, sparse_points)
        self.scale_statistic = scale_statistic
        self.curriculum = build(FacadeCurriculum, curriculum)
        terms = (camera, depth, point, photometric, sparse_points)
        if all(term is None for term in terms):
            raise ValueError(
                "every term of MultiTaskLoss is None, so there is nothing to train. "
                "Give the arguments of at least one."
            )
        if surface is not None and depth is None:
            raise ValueError(
                "`surface` needs the term `depth`, by whose residual it is capped, got "
                "depth=None. Give `depth`, or take `surface` out with None"
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
            return self._losses(predictions, batch, progress)

    def _losses(
        self, predictions: Mapping[str, Any], batch: Mapping, progress: float
    ) -> Losses:
        depth, valid, K = batch["depth"], batch["valid"], batch["K"]
        scene = normalize_scene(
            invert_rigid(batch["cam2world"]),
            depth,
            unproject(depth, K, batch["cam2world"]),
            valid,
            self.scale_statistic,
        )
        weights = batch.get("pixel_weights", torch.ones_like(depth))
        if self.curriculum is not None:
            weights = self.curriculum(weights, batch["semantics"], progress)
        counted = valid & (weights > 0)
        losses: Losses = {}
        if self.camera is not None:
            (stages,) = _outputs(predictions, "pose_enc_list")
            target = encode_pose(scene.world2cam, K, tuple(valid.shape[-2:]))
            frames = supervised_frames(valid, self.camera.min_valid)
            parts = self.camera(stages, target, frames)
            losses["loss_camera"] = self.camera.weight * parts.pop("camera")
            losses |= {f"camera_{key}": part.detach() for key, part in parts.items()}
        for name, term, key, target in (
            ("depth", self.depth, "depth", scene.depths[..., None]),
            ("point", self.point, "world_points", scene.world_points),
        ):
            if term is not None:
                pred, conf = _outputs(predictions, key, f"{key}_conf")
                frames = supervised_frames(counted, term.min_valid)
                parts = term(
                    pred, target, conf, counted & frames[..., None, None], weights
                )
                for kind, part in parts.items():
                    losses[f"loss_{kind}_{name}"] = term.weight * part
        if self.photometric is not None:
            (pred,) = _outputs(predictions, "depth")
            enough = valid.flatten(1).sum(1) >= self.photometric.min_valid
            views = Views(pred[..., 0], batch["images"], K, scene.world2cam)
            loss = self.photometric(views, weights * enough[:, None, None, None])
            losses["loss_photometric"] = self.photometric.weight * loss
        if self.surface is not None:
            (pred,) = _outputs(predictions, "depth")
            parts = self.surface(
                pred[..., 0],
                scene.depths,
                K,
                counted,
                weights,
                losses["loss_reg_depth"],
            )
            losses |= {f"loss_{key}_depth": part for key, part in parts.items()}
        if self.sparse_points is not None:
            (pred,) = _outputs(predictions, "depth")
            loss = self.sparse_points(pred[..., 0], depth, counted, weights)
            losses["loss_sparse_points"] = self.sparse_points.weight * loss
        return losses


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
