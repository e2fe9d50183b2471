"""Datasets and pipeline transforms of ESAM; importing registers their names."""

from projects.esam.datasets.annotations import (
    AddSuperPointAnnotations,
    SwapChairAndFloor,
)
from projects.esam.datasets.augmentation import ElasticTransfrom, NormalizePointsColor_
from projects.esam.datasets.formatting import Pack3DDetInputs_
from projects.esam.datasets.image_features import LoadClipFeature
from projects.esam.datasets.images import LoadFrameImage
from projects.esam.datasets.loading import LoadAnnotations3D_, LoadPointsFromFile_
from projects.esam.datasets.scannet_dataset import (
    ScanNet200SegDataset_,
    ScanNetSegDataset_,
)

__all__ = [
    "AddSuperPointAnnotations",
    "ElasticTransfrom",
    "LoadAnnotations3D_",
    "LoadClipFeature",
    "LoadFrameImage",
    "LoadPointsFromFile_",
    "NormalizePointsColor_",
    "Pack3DDetInputs_",
    "ScanNet200SegDataset_",
    "ScanNetSegDataset_",
    "SwapChairAndFloor",
]
