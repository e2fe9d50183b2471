"""The training objective of VGGT: cameras, depth and points in normalised units."""

from collections.abc import Mapping

from torch import Tensor, nn

from projects.common.geometry.pose_encoding import encode_pose
from projects.registry import MODELS
from projects.vggt_lora.losses.building_recipe import FacadeCurriculum
from projects.vggt_lora.losses.camera_loss import CameraLoss
from projects.vggt_lora.losses.dense_loss import DenseLoss
from projects.vggt_lora.losses.scene_scale import NormalizedScene, normalize_scene
from projects.vggt_lora.losses.weighting import supervised_frames

Maps = Mapping[str, Tensor]


@MODELS.register_module()
class MultiTaskLoss(nn.Module):
    """Weighted sum of the terms that are given; it has no parameters.

    Every per-pixel term is a mean weighted by ``batch["pixel_weights"]``: a pixel of
    weight 0 is out, and only ratios matter.

    Args:
        camera: Arguments of :class:`CameraLoss`.
        depth: Arguments of :class:`DenseLoss` for the depth.
        point: Arguments of :class:`DenseLoss` for the world points.
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
        scale_statistic: str = "mean",
        curriculum: dict | None = None,
    ) -> None:
        super().__init__()
        self.camera = None if camera is None else CameraLoss(**camera)
        self.depth = None if depth is None else DenseLoss(**depth)
        self.point = None if point is None else DenseLoss(**point)
        self.scale_statistic = scale_statistic
        self.curriculum = None if curriculum is None else FacadeCurriculum(**curriculum)
        if not any((self.camera, self.depth, self.point)):
            raise ValueError(
                "`camera`, `depth` and `point` are all None, so there is nothing to "
                "train. Give the arguments of at least one term."
            )

    def forward(
        self, predictions: Mapping, batch: Maps, progress: float = 0.0
    ) -> dict[str, Tensor]:
        """Losses of a batch; those with "loss" in their key make up the objective.

        Args:
            predictions: What the network returned: ``pose_enc_list``, ``depth`` and
                ``depth_conf``, ``world_points`` and ``world_points_conf``.
            batch: Collated samples in metres: ``depths`` and ``valid`` (B, S, H, W),
                ``world_points`` (B, S, H, W, 3), ``K`` (B, S, 3, 3), ``world2cam``
                (B, S, 4, 4), ``pixel_weights`` and, for a curriculum, ``semantics``
                (B, S, H, W).
            progress: Share of training that is done, 0 to 1.

        Returns:
            Scalars, every loss connected to the graph also where nothing is valid.

        Raises:
            KeyError: If the network lacks the output of a term.
            ValueError: If ``progress`` is outside [0, 1].
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"`progress` must be in [0, 1], got {progress}.")
        scene = normalize_scene(
            batch["world2cam"],
            batch["depths"],
            batch["world_points"],
            batch["valid"],
            self.scale_statistic,
        )
        weights = self._weights(batch, progress)
        losses = {}
        if self.camera:
            losses.update(self._camera_losses(self.camera, predictions, batch, scene))
        if self.depth:
            pred = _outputs(predictions, "depth", "depth_conf")
            target = scene.depths[..., None]
            terms = _dense(self.depth, pred, target, batch["valid"], weights)
            losses.update({f"loss_{key}_depth": value for key, value in terms.items()})
        if self.point:
            pred = _outputs(predictions, "world_points", "world_points_conf")
            target = scene.world_points
            terms = _dense(self.point, pred, target, batch["valid"], weights)
            losses.update({f"loss_{key}_point": value for key, value in terms.items()})
        return losses

    def _weights(self, batch: Maps, progress: float) -> Tensor:
        if self.curriculum is None:
            return batch["pixel_weights"]
        return self.curriculum(batch["pixel_weights"], batch["semantics"], progress)

    @staticmethod
    def _camera_losses(
        term: CameraLoss, predictions: Mapping, batch: Maps, scene: NormalizedScene
    ) -> dict[str, Tensor]:
        (stages,) = _outputs(predictions, "pose_enc_list")
        height, width = batch["valid"].shape[-2:]
        target = encode_pose(scene.world2cam, batch["K"], (height, width))
        frames = supervised_frames(batch["valid"], term.min_valid)
        parts = term(stages, target, frames)
        total = term.weight * parts.pop("camera")
        logs = {f"camera_{key}": value.detach() for key, value in parts.items()}
        return {"loss_camera": total, **logs}


def _dense(
    term: DenseLoss, pred: list, target: Tensor, valid: Tensor, weights: Tensor
) -> dict[str, Tensor]:
    mask = valid & (weights > 0)
    mask = mask & supervised_frames(mask, term.min_valid)[..., None, None]
    terms = term(pred[0], target, pred[1], mask, weights)
    return {key: term.weight * value for key, value in terms.items()}


def _outputs(predictions: Mapping, *keys: str) -> list:
    """Outputs of the network by name."""
    missing = [key for key in keys if key not in predictions]
    if missing:
        raise KeyError(
            f"the network returned no {missing[0]!r}, only {sorted(predictions)}. "
            "Enable its head, or drop the term from the criterion"
        )
    return [predictions[key] for key in keys]
