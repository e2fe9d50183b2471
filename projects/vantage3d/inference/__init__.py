"""From a recording and trained weights to predicted frames, for every system.

:class:`Inferencer` is what a system fills in; :mod:`vantage3d.inference.frames` reads
recordings frame by frame, :mod:`vantage3d.inference.trained` finds config and weights.
"""

from vantage3d.inference.frames import Footage, InputFrame, depth_files, open_footage
from vantage3d.inference.inferencer import Group, Inferencer

__all__ = [
    "Footage",
    "Group",
    "Inferencer",
    "InputFrame",
    "depth_files",
    "open_footage",
]
