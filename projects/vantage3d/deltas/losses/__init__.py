"""Training losses of DELTAS."""

from vantage3d.deltas.losses.deltas_loss import DeltasLoss
from vantage3d.deltas.losses.interest_points import CornerTeacher
from vantage3d.deltas.losses.superpoint_teacher import SuperPointTeacher

__all__ = ["CornerTeacher", "DeltasLoss", "SuperPointTeacher"]
