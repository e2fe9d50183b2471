"""DELTAS: depth from triangulated points that are densified.

``DELTAS`` is the model and ``DeltasLoss`` its loss, ``TriangulatedDepthMetric`` what
it is measured by; ``load_three`` and ``save_three`` read and write released files.
``PosedDepth`` predicts depth of posed images without depth files.
"""

from vantage3d.public_names import public_names

_MODULES = {
    "PosedDepth": "inference",
    "DELTAS": "models",
    "DeltasLoss": "losses",
    "TriangulatedDepthMetric": "evaluation",
    "load_three": "models",
    "save_three": "models",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
