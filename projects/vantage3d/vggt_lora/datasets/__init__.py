"""Multi-view datasets of VGGT; importing registers their names."""

from vantage3d.vggt_lora.datasets.dynamic_batches import DynamicBatchSampler
from vantage3d.vggt_lora.datasets.exact_views import ExactViews
from vantage3d.views.annotations import AnnotationDataset
from vantage3d.views.batch import collate_views
from vantage3d.views.co3d import Co3DDataset
from vantage3d.views.dataset import MultiViewDataset
from vantage3d.views.eth3d import ETH3DDataset
from vantage3d.views.fixed_windows import SavedSubset
from vantage3d.views.frame import BadSampleError, Frame
from vantage3d.views.kitti360.dataset import KITTI360Dataset
from vantage3d.views.presets import ScanNetViewsDataset
from vantage3d.views.vkitti2 import VirtualKitti2Dataset

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
