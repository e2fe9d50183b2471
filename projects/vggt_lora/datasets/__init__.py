"""Multi-view datasets of VGGT; importing registers their names."""

from projects.vggt_lora.datasets.kitti360 import KITTI360Dataset
from projects.vggt_lora.datasets.multi_view import MultiViewDataset
from projects.vggt_lora.datasets.sample import BadSampleError, Frame, collate_views

__all__ = [
    "BadSampleError",
    "Frame",
    "KITTI360Dataset",
    "MultiViewDataset",
    "collate_views",
]
