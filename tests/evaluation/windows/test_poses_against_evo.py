"""Cameras of a window against evo."""

import numpy as np
import pytest
from evo.core import metrics, sync
from evo.tools import file_interface

from tests.shared import need
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.geometry import invert_rigid

FOLDER = "data/evo_trajectories"


def evo_rmse(kind, truth, pred, **options) -> float:
    metric = kind(metrics.PoseRelation.translation_part, **options)
    metric.process_data((truth, pred))
    return metric.get_statistic(metrics.StatisticsType.rmse)


def test_a_window_as_long_as_a_recording_has_evos_errors():
    truth, pred = (
        file_interface.read_tum_trajectory_file(need(f"{FOLDER}/freiburg1_xyz-{name}"))
        for name in ("groundtruth.txt", "rgbdslam.txt")
    )
    truth, pred = sync.associate_trajectories(truth, pred)
    for path in (truth, pred):
        path.reduce_to_ids(np.arange(0, path.num_poses, 12))
    poses = [np.array(path.poses_se3) for path in (pred, truth)]
    count = len(poses[1])
    ones, K = np.ones((count, 1, 1)), np.tile(np.eye(3), (count, 1, 1))
    window = WindowTruth(
        np.ones((count, 3, 1, 1)), ones, ones > 0, invert_rigid(poses[1]), K
    )
    answer = WindowPrediction(ones, invert_rigid(poses[0]))
    options = MetricOptions(building=(), groups=("pose",))
    found = measure_window(answer, window, options).window
    pred.align(truth, correct_scale=True)
    ate = evo_rmse(metrics.APE, truth, pred)
    assert found["pose.ate_trans"] == pytest.approx(ate, abs=1e-9)
    step = dict(delta=1, delta_unit=metrics.Unit.frames)
    rpe = evo_rmse(metrics.RPE, truth, pred, **step)
    assert found["pose.rpe_trans"] == pytest.approx(rpe, abs=1e-9)
    assert 0.01 < ate < 0.02
