"""Figures of trajectories: evo's, KITTI's rule by a slow loop, and what is refused."""

import numpy as np
import pytest
from evo.core import metrics, sync
from evo.tools import file_interface
from scipy.spatial.transform import Rotation

from tests.shared import need
from vantage3d.geometry import invert_rigid
from vantage3d.referee.evaluate import Options, evaluate
from vantage3d.referee.poses.made_up import units
from vantage3d.referee.poses.odometry import segment_errors
from vantage3d.referee.poses.readers import NAMES, ROWS, SECONDS, Trajectory
from vantage3d.referee.poses.task import COVERAGE
from vantage3d.referee.tasks import find_task

FOLDER = "data/evo_trajectories"


def evo_rmse(metric, truth, pred) -> float:
    metric.process_data((truth, pred))
    return metric.get_statistic(metrics.StatisticsType.rmse)


def test_real_trajectories_have_evos_errors():
    true, own = (need(f"{FOLDER}/freiburg1_xyz-{name}.txt")
                 for name in ("groundtruth", "rgbdslam_drift"))  # fmt: skip
    task = find_task("poses", "ate-sim3")
    read = task.readers[2](task.rules).read
    found = task.figures([task.measure("xyz", read(own), read(true))["model"]])
    truth, pred = map(file_interface.read_tum_trajectory_file, (true, own))
    count = truth.num_poses
    truth, pred = sync.associate_trajectories(truth, pred, max_diff=0.01)
    pred.align(truth, correct_scale=True)
    part, step = metrics.PoseRelation, dict(delta=1, delta_unit=metrics.Unit.frames)
    expected = {
        "pose.ate_trans": evo_rmse(metrics.APE(part.translation_part), truth, pred),
        "pose.rpe_trans": evo_rmse(
            metrics.RPE(part.translation_part, **step), truth, pred
        ),
        "pose.rpe_rot_deg": evo_rmse(
            metrics.RPE(part.rotation_angle_deg, **step), truth, pred
        ),
        COVERAGE: truth.num_poses / count,
    }
    assert found == pytest.approx(expected, abs=1e-9)
    assert 0.01 < expected["pose.ate_trans"] < 0.2


def slow_segments(pred, truth, lengths, step):
    """KITTI's rule, one stretch after the other."""
    shares, angles = [], []
    for first in range(0, len(truth), step):
        for length in lengths:
            path, last = 0.0, first
            while last + 1 < len(truth) and path <= length:
                last += 1
                path += np.linalg.norm(truth[last, :3, 3] - truth[last - 1, :3, 3])
            if path > length:
                motions = [invert_rigid(p[first]) @ p[last] for p in (truth, pred)]
                error = invert_rigid(motions[0]) @ motions[1]
                turn = Rotation.from_matrix(error[:3, :3]).magnitude()
                shares.append(100 * np.linalg.norm(error[:3, 3]) / length)
                angles.append(np.degrees(turn) / length)
    return np.mean(shares), np.mean(angles)


def test_drift_is_kittis():
    truth, pred = (one.poses for one in list(units().values())[:2])
    found = segment_errors(pred, truth, [50, 100, 200], 3)
    assert found == pytest.approx(slow_segments(pred, truth, [50, 100, 200], 3))
    assert np.isnan(segment_errors(pred, truth, [5000], 3)).all()


def paired(pred, truth, protocol="ate-sim3"):
    return [a.tolist() for a in find_task("poses", protocol).paired(pred, truth)]


def test_frames_are_told_by_seconds_names_or_numbers():
    poses = np.tile(np.eye(4), (3, 1, 1))
    times = Trajectory(poses, SECONDS, np.array([0.0, 1.0, 2.0]))
    late = Trajectory(poses, SECONDS, np.array([0.004, 1.02, 2.0]))
    assert paired(late, times) == [[0, 2], [0, 2]]
    names = Trajectory(poses, NAMES, np.array(["b/2.png", "a.png", "b/0.png"]))
    other = Trajectory(poses, NAMES, np.array(["b/0.png", "b/2.png", "b/9.png"]))
    assert paired(other, names) == [[1, 0], [0, 2]]
    assert paired(other, Trajectory(poses, ROWS)) == [[0, 1], [0, 2]]
    with pytest.raises(ValueError, match=r"no numbers to go by: .*'a.png'"):
        paired(names, times)
    with pytest.raises(ValueError, match="prediction has 2 rows, the truth 3"):
        paired(Trajectory(poses[:2]), Trajectory(poses))


def test_missing_poses_are_counted_or_refused():
    truth = Trajectory(units()["drive_0000"].poses, SECONDS, np.arange(40.0))
    half = truth._replace(poses=truth.poses[::2], keys=truth.keys[::2])
    task = find_task("poses", "ate-sim3")
    arrays = [task.measure("x", half, truth)["model"]]
    assert task.figures(arrays)[COVERAGE] == 0.5 and COVERAGE not in task.headline
    assert task.counts(arrays)["true poses without prediction"] == 20
    with pytest.raises(ValueError, match="20 of 40 true poses have no prediction"):
        find_task("poses", "kitti-odometry").measure("x", half, truth)


def test_a_frame_with_two_poses_is_refused(tmp_path):
    task = find_task("poses", "ate-sim3")
    tum = task.readers[2](task.rules)
    tum.write(tmp_path, "a", units()["drive_0000"])
    text = (tmp_path / "a.txt").read_text()
    (tmp_path / "a.txt").write_text(text + text)  # twice the same says nothing else
    assert len(tum.read(tmp_path / "a.txt").poses) == 40
    tum.write(tmp_path, "b", units()["drive_0001"])
    (tmp_path / "b.txt").write_text(text + (tmp_path / "b.txt").read_text())
    with pytest.raises(ValueError, match=r"two poses at \d+ s, and at 39 times in all"):
        tum.read(tmp_path / "b.txt")
    twice = Trajectory(np.tile(np.eye(4), (2, 1, 1)), NAMES, np.array(["1.png"] * 2))
    with pytest.raises(ValueError, match=r"the prediction has 1.png 2 times"):
        paired(twice, twice._replace(keys=np.array(["1.png", "2.png"])))


def test_sequences_that_share_no_frame_or_give_no_figure_are_told():
    truth = Trajectory(units()["drive_0000"].poses, SECONDS, np.arange(40.0))
    task = find_task("poses", "ate-sim3")
    said = (
        r"0 of the 40 predicted .* seconds 100.0 to 139.0, the truth seconds 0.0 to 39"
    )
    with pytest.raises(ValueError, match=said):
        task.measure("x", truth._replace(keys=truth.keys + 100), truth)
    task = find_task("poses", "kitti-odometry")
    short = Trajectory(truth.poses[:4])  # no stretch of 100 m
    arrays = [task.measure("x", one, one)["model"] for one in (truth, short)]
    assert task.counts(arrays)["sequences without a figure"] == 1


def test_formats_are_found_out_by_content(tmp_path):
    task = find_task("poses", "vggt-auc")
    truth = units()
    for kind in task.readers:
        for name, unit in truth.items():
            kind(task.rules).write(tmp_path / kind.name, name, unit)
            (tmp_path / kind.name / "notes.txt").write_text("none of these\n")
    for kind in task.readers:
        found = evaluate(task, tmp_path / kind.name, tmp_path / "npz")
        assert found.predictions.format == kind.name
        assert found.figures["model"]["pose.auc_3"] == 1
        assert found.flags == []
    alone = evaluate(
        task, tmp_path / "tum/drive_0000.txt", tmp_path / "npz/drive_0000.npz"
    )
    assert alone.units == ["sequence"] and alone.figures["model"]["pose.auc_3"] == 1
    with pytest.raises(ValueError, match=r"must be one of .*'tum'.*, got 'g2o'"):
        evaluate(task, tmp_path / "tum", tmp_path / "npz", Options(format="g2o"))
