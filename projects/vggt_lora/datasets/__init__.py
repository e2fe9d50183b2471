"""Multi-view datasets of VGGT; importing registers their names."""

from projects.vggt_lora.datasets.dynamic_batches import DynamicBatchSampler
from projects.vggt_lora.datasets.kitti360 import KITTI360Dataset
from projects.vggt_lora.datasets.multi_view import MultiViewDataset
from projects.vggt_lora.datasets.sample import BadSampleError, Frame, collate_views
from projects.vggt_lora.datasets.saved_subset import SavedSubset

__all__ = [
    "BadSampleError",
    "DynamicBatchSampler",
    "Frame",
    "KITTI360Dataset",
    "MultiViewDataset",
    "SavedSubset",
    "collate_views",
]
