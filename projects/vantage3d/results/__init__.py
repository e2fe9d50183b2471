"""What a network found out about frames, and the files that are made of it.

:class:`FramePrediction` is one frame, :class:`ScenePrediction` the frames of one
recording; :mod:`vantage3d.results.store` keeps frames as ``.npz``, and
:mod:`vantage3d.results.outputs` has everything else that is made of them.
"""

from vantage3d.public_names import public_names

_MODULES = {
    "FramePrediction": "prediction",
    "Instances": "prediction",
    "ScenePrediction": "prediction",
}
__all__ = list(_MODULES)
__getattr__ = public_names(__name__, _MODULES)
