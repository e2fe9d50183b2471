"""VGGT with LoRA adapters: depth of several images at once, fine-tuned.

``VGGT`` is the released network, ``VGGTEstimator`` what is trained (network, adapters
and losses), ``MultiTaskLoss`` the loss, ``merge_adapter`` adds adapters to their base,
``evaluate_run`` measures base, checkpoints and merged weights on the same windows.
``DepthAndPoses`` predicts images that nobody measured.
"""

from vantage3d.public_names import public_names

_MODULES = {
    "DepthAndPoses": "inference",
    "VGGT": "models",
    "MultiTaskLoss": "losses",
    "VGGTEstimator": "models",
    "evaluate_run": "evaluation.runs.evaluate",
    "merge_adapter": "models.merging",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
