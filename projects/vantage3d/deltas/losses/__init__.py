"""Training losses of DELTAS."""

from vantage3d.deltas.losses.deltas_loss import DeltasLoss
from vantage3d.deltas.losses.interest_points import CornerTeacher, SuperPointTeacher
from vantage3d.deltas.losses.plane_sweep_loss import PlaneSweepLoss

__all__ = ["CornerTeacher", "DeltasLoss", "PlaneSweepLoss", "SuperPointTeacher"]
