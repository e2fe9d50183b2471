"""Frozen image networks, and the extraction of their features to disk."""

from vantage3d.backbones2d.build import NAMES, RANDOM_WEIGHTS, ClipRN50, build_extractor
from vantage3d.backbones2d.dinov2 import DinoV2
from vantage3d.backbones2d.extractor import FeatureExtractor

__all__ = [
    "NAMES",
    "RANDOM_WEIGHTS",
    "ClipRN50",
    "DinoV2",
    "FeatureExtractor",
    "build_extractor",
]
