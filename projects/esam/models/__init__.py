"""ESAM networks."""

from projects.esam.models.bifusion import BiFusionEncoder
from projects.esam.models.data_preprocessor import Det3DDataPreprocessor_
from projects.esam.models.distillation import FeatureDistillation
from projects.esam.models.geo_aware_pool import GeoAwarePooling
from projects.esam.models.image_features import OnlineFeatures, StoredFeatures
from projects.esam.models.mask_matrix_nms import mask_matrix_nms
from projects.esam.models.mink_unet import Res16UNet34C
from projects.esam.models.mixformer3d import ScanNet200MixFormer3D
from projects.esam.models.postprocess import InstancePostProcess
from projects.esam.models.query_decoder import ScanNetMixQueryDecoder

__all__ = [
    "BiFusionEncoder",
    "Det3DDataPreprocessor_",
    "FeatureDistillation",
    "GeoAwarePooling",
    "InstancePostProcess",
    "OnlineFeatures",
    "Res16UNet34C",
    "ScanNet200MixFormer3D",
    "ScanNetMixQueryDecoder",
    "StoredFeatures",
    "mask_matrix_nms",
]
