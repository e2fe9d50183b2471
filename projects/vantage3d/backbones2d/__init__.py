"""Frozen image networks, and the extraction of their features to disk."""

from vantage3d.backbones2d.build import NAMES, RANDOM_WEIGHTS, build_extractor
from vantage3d.backbones2d.networks import (
    ClipRN50,
    DinoV2,
    EfficientNetLite2,
    FeatureExtractor,
)

__all__ = [
    "NAMES",
    "RANDOM_WEIGHTS",
    "ClipRN50",
    "DinoV2",
    "EfficientNetLite2",
    "FeatureExtractor",
    "build_extractor",
]
