"""Training losses of VGGT and the weights of the building recipe."""

from vantage3d.vggt_lora.losses.camera_loss import CameraLoss
from vantage3d.vggt_lora.losses.dense_loss import DenseLoss, SparsePointLoss
from vantage3d.vggt_lora.losses.multi_task_loss import MultiTaskLoss
from vantage3d.vggt_lora.losses.photometric_loss import PhotometricLoss
from vantage3d.vggt_lora.losses.scene_scale import NormalizedScene, normalize_scene
from vantage3d.vggt_lora.losses.surface_loss import SurfaceLoss
from vantage3d.vggt_lora.losses.weighting import CLASS_WEIGHTS, FacadeCurriculum

__all__ = [
    "CLASS_WEIGHTS",
    "CameraLoss",
    "DenseLoss",
    "FacadeCurriculum",
    "MultiTaskLoss",
    "NormalizedScene",
    "PhotometricLoss",
    "SparsePointLoss",
    "SurfaceLoss",
    "normalize_scene",
]
