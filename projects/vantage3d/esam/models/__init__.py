"""ESAM networks."""

from vantage3d.esam.models.data_preprocessor import Det3DDataPreprocessor_
from vantage3d.esam.models.fusion.bifusion import BiFusionEncoder
from vantage3d.esam.models.fusion.image_sampling import OnlineFeatures, StoredFeatures
from vantage3d.esam.models.fusion.injection import FeatureDistillation
from vantage3d.esam.models.fusion.stem_fusion import StemFusion
from vantage3d.esam.models.geo_aware_pool import GeoAwarePooling
from vantage3d.esam.models.merge_head import MergeHead
from vantage3d.esam.models.mink_unet import Res16UNet34C
from vantage3d.esam.models.mixformer3d import Backbone, ScanNet200MixFormer3D
from vantage3d.esam.models.mixformer3d_online import ScanNet200MixFormer3D_Online
from vantage3d.esam.models.multilevel_memory import MultilevelMemory
from vantage3d.esam.models.postprocess import InstancePostProcess, mask_matrix_nms
from vantage3d.esam.models.query_decoder import ScanNetMixQueryDecoder
from vantage3d.esam.models.track_head import TrackHead

__all__ = [
    "Backbone",
    "BiFusionEncoder",
    "Det3DDataPreprocessor_",
    "FeatureDistillation",
    "GeoAwarePooling",
    "InstancePostProcess",
    "MergeHead",
    "MultilevelMemory",
    "OnlineFeatures",
    "Res16UNet34C",
    "ScanNet200MixFormer3D",
    "ScanNet200MixFormer3D_Online",
    "ScanNetMixQueryDecoder",
    "StemFusion",
    "StoredFeatures",
    "TrackHead",
    "mask_matrix_nms",
]
