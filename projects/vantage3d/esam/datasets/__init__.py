"""Datasets and pipeline transforms of ESAM; importing registers their names."""

from vantage3d.esam.datasets.annotations import (
    AddSuperPointAnnotations,
    PointSegClassMapping,
    SwapChairAndFloor,
)
from vantage3d.esam.datasets.augmentation import (
    ElasticTransfrom,
    GlobalRotScaleTrans,
    NormalizePointsColor_,
    RandomFlip3D,
)
from vantage3d.esam.datasets.loading import (
    LoadAnnotations3D_,
    LoadClipFeature,
    LoadFrameImage,
    LoadPointsFromFile_,
    Pack3DDetInputs_,
)
from vantage3d.esam.datasets.multi_view import (
    AddSuperPointAnnotations_Online,
    BboxCalculation,
    LoadAdjacentDataFromFile,
    NYU40SegMVDataset_,
    Pack3DDetInputs_Online,
    ScanNet200SegMVDataset_,
    ScanNetSegMVDataset_,
)
from vantage3d.esam.datasets.scannet_dataset import (
    NYU40SegDataset_,
    ScanNet200SegDataset_,
    ScanNetSegDataset_,
)

__all__ = [
    "AddSuperPointAnnotations",
    "AddSuperPointAnnotations_Online",
    "BboxCalculation",
    "ElasticTransfrom",
    "GlobalRotScaleTrans",
    "LoadAdjacentDataFromFile",
    "LoadAnnotations3D_",
    "LoadClipFeature",
    "LoadFrameImage",
    "LoadPointsFromFile_",
    "NYU40SegDataset_",
    "NYU40SegMVDataset_",
    "NormalizePointsColor_",
    "Pack3DDetInputs_",
    "Pack3DDetInputs_Online",
    "PointSegClassMapping",
    "RandomFlip3D",
    "ScanNet200SegDataset_",
    "ScanNet200SegMVDataset_",
    "ScanNetSegDataset_",
    "ScanNetSegMVDataset_",
    "SwapChairAndFloor",
]
