"""ESAM: instances of RGB-D frames, with image features on the points if wanted.

``ScanNet200MixFormer3D`` is the model, ``Res16UNet34C`` its sparse U-Net and
``ScanNetMixQueryDecoder`` its decoder; ``ScanNet200SegDataset_`` and
``ScanNetSegDataset_`` are the datasets that it learns from and ``UnifiedSegMetric`` is
what it is measured by. ``RGBDSegmenter`` predicts frames that nobody labelled, and
``StreamSegmenter`` streams of them, whose instances keep their ids, and get names of
a ``Vocabulary`` if wanted.
"""

from vantage3d.public_names import public_names

_MODULES = {
    "RGBDSegmenter": "inference",
    "Res16UNet34C": "models",
    "ScanNet200MixFormer3D": "models",
    "ScanNet200SegDataset_": "datasets",
    "ScanNetMixQueryDecoder": "models",
    "ScanNetSegDataset_": "datasets",
    "StreamSegmenter": "online.stream",
    "UnifiedSegMetric": "evaluation",
    "Vocabulary": "online.vocabulary",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
