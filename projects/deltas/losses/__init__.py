"""Training losses of DELTAS."""

from projects.deltas.losses.corner_teacher import CornerTeacher
from projects.deltas.losses.deltas_loss import DeltasLoss
from projects.deltas.losses.superpoint_teacher import SuperPointTeacher

__all__ = ["CornerTeacher", "DeltasLoss", "SuperPointTeacher"]
