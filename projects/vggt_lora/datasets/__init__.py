"""Multi-view datasets of VGGT; importing registers their names."""

from projects.common.frame_index.frame import BadSampleError, Frame
from projects.vggt_lora.datasets.annotations import AnnotationDataset
from projects.vggt_lora.datasets.co3d import Co3DDataset
from projects.vggt_lora.datasets.dynamic_batches import DynamicBatchSampler
from projects.vggt_lora.datasets.eth3d import ETH3DDataset
from projects.vggt_lora.datasets.exact_views import ExactViews
from projects.vggt_lora.datasets.kitti360 import KITTI360Dataset
from projects.vggt_lora.datasets.multi_view import MultiViewDataset
from projects.vggt_lora.datasets.sample import collate_views
from projects.vggt_lora.datasets.saved_subset import SavedSubset
from projects.vggt_lora.datasets.scannet import ScanNetViewsDataset
from projects.vggt_lora.datasets.vkitti2 import VirtualKitti2Dataset

__all__ = [
    "AnnotationDataset",
    "BadSampleError",
    "Co3DDataset",
    "DynamicBatchSampler",
    "ETH3DDataset",
    "ExactViews",
    "Frame",
    "KITTI360Dataset",
    "MultiViewDataset",
    "SavedSubset",
    "ScanNetViewsDataset",
    "VirtualKitti2Dataset",
    "collate_views",
]
