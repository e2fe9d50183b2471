"""What a network found out about frames, and the files that are made of it.

:class:`FramePrediction` is one frame, :class:`ScenePrediction` the frames of one
recording; :mod:`vantage3d.results.store` keeps frames as ``.npz``, and
:mod:`vantage3d.results.outputs` has everything else that is made of them.
"""

from vantage3d.results.prediction import (
    FramePrediction,
    Instances,
    ScenePrediction,
)

__all__ = ["FramePrediction", "Instances", "ScenePrediction"]
