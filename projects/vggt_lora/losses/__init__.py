"""Training losses of VGGT and the weights of the building recipe."""

from projects.vggt_lora.losses.building_recipe import CLASS_WEIGHTS, FacadeCurriculum
from projects.vggt_lora.losses.camera_loss import CameraLoss
from projects.vggt_lora.losses.dense_loss import DenseLoss
from projects.vggt_lora.losses.multi_task_loss import MultiTaskLoss
from projects.vggt_lora.losses.photometric_loss import PhotometricLoss
from projects.vggt_lora.losses.scene_scale import NormalizedScene, normalize_scene
from projects.vggt_lora.losses.sparse_point_loss import SparsePointLoss

__all__ = [
    "CLASS_WEIGHTS",
    "CameraLoss",
    "DenseLoss",
    "FacadeCurriculum",
    "MultiTaskLoss",
    "NormalizedScene",
    "PhotometricLoss",
    "SparsePointLoss",
    "normalize_scene",
]
