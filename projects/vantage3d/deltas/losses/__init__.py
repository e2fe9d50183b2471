"""Training losses of DELTAS."""

from vantage3d.deltas.losses.deltas_loss import DeltasLoss
from vantage3d.deltas.losses.interest_points import CornerTeacher, SuperPointTeacher

__all__ = ["CornerTeacher", "DeltasLoss", "SuperPointTeacher"]
