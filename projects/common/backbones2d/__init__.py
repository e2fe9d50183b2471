"""Frozen image networks, and the extraction of their features to disk."""

from projects.common.backbones2d.build import NAMES, RANDOM_WEIGHTS, build_extractor
from projects.common.backbones2d.clip_rn50 import ClipRN50
from projects.common.backbones2d.dinov2 import DinoV2
from projects.common.backbones2d.extractor import FeatureExtractor

__all__ = [
    "NAMES",
    "RANDOM_WEIGHTS",
    "ClipRN50",
    "DinoV2",
    "FeatureExtractor",
    "build_extractor",
]
