"""Pose errors against evo, closed forms, and worlds that are moved."""

import json
import zipfile

import numpy as np
import pytest
from evo.core import metrics, sync, trajectory
from evo.tools import file_interface
from scipy.spatial.transform import Rotation

from tests.shared import need
from vantage3d.evaluation.pose_metrics import (
    absolute_pose_errors,
    accuracy,
    align_orientations,
    align_poses,
    pair_angles,
    pose_auc,
    relative_pose_errors,
    rotation_angles,
)
from vantage3d.geometry.similarity import umeyama

FOLDER = "data/evo_trajectories"


def walk(count: int = 12, seed: int = 0) -> np.ndarray:
    """(N, 4, 4) cam2world of a random walk, metres."""
    rng = np.random.default_rng(seed)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.random(count, random_state=seed).as_matrix()
    poses[:, :3, 3] = np.cumsum(rng.normal(0, 1, (count, 3)), axis=0)
    return poses


def turn(axis: str, angle_deg: float) -> np.ndarray:
    transform = np.eye(4)
    rotation = Rotation.from_euler(axis, angle_deg, degrees=True)
    transform[:3, :3] = rotation.as_matrix()
    return transform


def network_view(truth: np.ndarray, scale: float = 0.07) -> np.ndarray:
    """The same poses in the first camera's world and another unit."""
    poses = np.linalg.inv(truth[0]) @ truth
    poses[:, :3, 3] *= scale
    return poses


def kitti() -> tuple[trajectory.PosePath3D, trajectory.PosePath3D]:
    """KITTI 00: ORB-SLAM and truth."""
    names = ("KITTI_00_ORB.txt", "KITTI_00_gt.txt")
    pred, truth = (
        file_interface.read_kitti_poses_file(need(f"{FOLDER}/{name}")) for name in names
    )
    return pred, truth


def freiburg() -> tuple[trajectory.PosePath3D, trajectory.PosePath3D]:
    """TUM fr1_xyz: RGB-D SLAM and truth, associated by time."""
    names = ("freiburg1_xyz-groundtruth.txt", "freiburg1_xyz-rgbdslam.txt")
    truth, pred = (
        file_interface.read_tum_trajectory_file(need(f"{FOLDER}/{name}"))
        for name in names
    )
    truth, pred = sync.associate_trajectories(truth, pred)
    return pred, truth


def arrays(pair) -> tuple[np.ndarray, np.ndarray]:
    pred, truth = (np.array(path.poses_se3) for path in pair)
    return pred, truth


def saved_rmse(name: str) -> float:
    """The value that evo stored with its own test data."""
    with zipfile.ZipFile(need(f"{FOLDER}/res_files/{name}")) as archive:
        return float(json.loads(archive.read("stats.json"))["rmse"])


def test_kitti_ate_is_evos():
    pred, truth = arrays(kitti())
    aligned = align_poses(pred, truth, with_scale=False)
    rmse = absolute_pose_errors(aligned, truth).rmse()[0]
    assert rmse == pytest.approx(1.3034497146, abs=1e-6)
    assert rmse == pytest.approx(saved_rmse("orb_ape.zip"), abs=1e-6)
    unaligned = absolute_pose_errors(pred, truth).rmse()[0]
    assert unaligned == pytest.approx(7.790288883, abs=1e-6)


def test_freiburg_ate_is_published():
    pred, truth = arrays(freiburg())
    assert len(truth) == 785
    aligned = align_poses(pred, truth, with_scale=False)
    rmse = absolute_pose_errors(aligned, truth).rmse()[0]
    assert rmse == pytest.approx(0.013470, abs=1e-6)


@pytest.mark.parametrize("pair", [kitti, freiburg])
@pytest.mark.parametrize("with_scale", [True, False])
def test_absolute_errors_pose_by_pose(pair, with_scale):
    pred, truth = pair()
    ours = absolute_pose_errors(
        align_poses(*arrays((pred, truth)), with_scale), arrays((pred, truth))[1]
    )
    pred.align(truth, correct_scale=with_scale)
    relations = metrics.PoseRelation
    for values, relation in zip(
        ours, (relations.translation_part, relations.rotation_angle_deg)
    ):
        ape = metrics.APE(relation)
        ape.process_data((truth, pred))
        assert np.allclose(values, ape.error, atol=1e-6)


def test_relative_errors_over_ten_metres_are_evos():
    pred, truth = kitti()
    pairs = metrics.id_pairs_from_delta(pred.poses_se3, 10, metrics.Unit.meters)
    # the evo that stored the value left the first ten metres out
    errors = relative_pose_errors(*arrays((pred, truth)), np.array(pairs)[1:])
    assert errors.rmse()[0] == pytest.approx(saved_rmse("orb_rpe.zip"), abs=1e-6)


def test_relative_errors_frame_to_frame():
    pred, truth = freiburg()
    ours = relative_pose_errors(*arrays((pred, truth)))
    relations = metrics.PoseRelation
    for values, relation in zip(
        ours, (relations.translation_part, relations.rotation_angle_deg)
    ):
        rpe = metrics.RPE(relation, delta=1, delta_unit=metrics.Unit.frames)
        rpe.process_data((truth, pred))
        assert np.allclose(values, rpe.error, atol=1e-6)


@pytest.mark.parametrize("far", [0, 3600])
def test_a_perfect_network_is_perfect_wherever_the_world_is(far):
    truth = walk()
    truth[:, :3, 3] += (far, -far, far / 3)
    pred = network_view(truth)
    aligned = align_poses(pred, truth)
    for errors in (
        absolute_pose_errors(aligned, truth),
        relative_pose_errors(aligned, truth),
    ):
        assert errors.translation.max() < 1e-9 and errors.rotation_deg.max() < 1e-9
    angles = pair_angles(pred, truth)
    assert angles.worst().max() < 1e-9
    assert pose_auc(angles.worst(), 3) == 1


def test_order_of_frames_does_not_matter():
    truth = walk()
    pred = network_view(truth @ turn("y", 3))
    pred[:, :3, 3] += np.random.default_rng(1).normal(0, 0.01, (len(pred), 3))
    order = np.random.default_rng(0).permutation(len(truth))
    for p, t in ((pred, truth), (pred[order], truth[order])):
        ate = absolute_pose_errors(align_poses(p, t), t).rmse()
        auc = pose_auc(pair_angles(p, t).worst(), 30)
        if p is pred:
            first = (*ate, auc)
    assert (*ate, auc) == pytest.approx(first, rel=1e-9)


def test_rotation_angles_at_both_ends():
    angles = [0, 1e-7, 1e-3, 35, 179.999, 180 - 1e-7, 180]
    transforms = np.stack([turn("x", angle) for angle in angles])
    assert rotation_angles(transforms) == pytest.approx(angles, abs=1e-11)


def test_pair_angles_in_closed_form():
    truth = np.tile(np.eye(4), (3, 1, 1))
    truth[:, 0, 3] = (0, 1, 3)
    pred = truth.copy()
    pred[1] = pred[1] @ turn("z", 25)
    pred[2, :3, 3] = (0, 3, 0)
    angles = pair_angles(pred, truth)
    # pairs 01 02 10 12 20 21; camera 1 sees directions turned back by 25 degrees, and
    # from camera 1 to camera 2 it is (-1, 3, 0) in place of (2, 0, 0)
    slope = 180 - np.degrees(np.arctan(3))
    assert angles.rotation_deg == pytest.approx([25, 0, 25, 25, 0, 25])
    assert angles.direction_deg == pytest.approx([0, 90, 25, slope - 25, 90, slope])
    assert accuracy(angles.rotation_deg, 10) == pytest.approx(1 / 3)


def test_motion_backwards_and_none_at_all_are_wrong_by_180_degrees():
    truth = walk(2)
    for factor in (-1, 0):
        pred = network_view(truth, factor)
        assert pair_angles(pred, truth).direction_deg == pytest.approx([180, 180])


def test_cameras_that_stand_still_have_no_direction():
    truth = walk(2)
    truth[1, :3, 3] = truth[0, :3, 3] + 1e-4
    angles = pair_angles(network_view(walk(2)), truth)
    assert np.isnan(angles.direction_deg).all()
    assert np.array_equal(angles.worst(), angles.rotation_deg)


def test_auc_by_hand():
    # accuracies at 1, 2, 3 degrees: 1/4, 2/4, 2/4
    angles = np.array([0.5, 1.5, 3.5, 90.0])
    assert pose_auc(angles, 3) == pytest.approx((0.25 + 0.5 + 0.5) / 3)
    assert np.isnan(pose_auc(np.array([np.nan]), 3))


def test_umeyama_on_a_line_and_a_collapsed_prediction():
    target = np.outer(np.arange(5.0), [1, 2, 2])
    turned = 0.5 * target @ Rotation.from_euler("xyz", [1, 2, 3]).as_matrix() + 7
    scale, rotation, translation = umeyama(turned, target)
    assert np.allclose(scale * turned @ rotation.T + translation, target)
    assert scale == pytest.approx(2) and np.linalg.det(rotation) == pytest.approx(1)
    collapsed = umeyama(np.ones((5, 3)), target)
    moved = collapsed.scale * collapsed.rotation @ np.ones(3) + collapsed.translation
    assert moved == pytest.approx(target.mean(0))


def test_umeyama_of_mirrored_points_stays_a_rotation():
    target = np.random.default_rng(0).normal(size=(20, 3))
    found = umeyama(target * [1, 1, -1], target)
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_scale_of_a_standing_camera():
    still = np.tile([3600.0, 1, 2], (4, 1))
    with pytest.raises(
        ValueError, match=r"`target` must hold points that differ.* got 4"
    ):
        umeyama(walk(4)[:, :3, 3], still)
    assert umeyama(walk(4)[:, :3, 3], still, with_scale=False).scale == 1


def test_a_pose_that_is_not_finite():
    truth, pred = walk(), walk()
    pred[2, 1, 3] = np.nan
    with pytest.raises(
        ValueError, match=r"`pred` must be finite, got nan at index \(2,"
    ):
        pair_angles(pred, truth)
    with pytest.raises(ValueError, match="`source` must be finite, got nan"):
        umeyama(pred[:, :3, 3], truth[:, :3, 3])


def test_another_number_of_poses():
    with pytest.raises(ValueError, match=r"`pred` must have shape \(N=12, 4, 4\), got"):
        absolute_pose_errors(walk(11), walk(12))


def mercator_drive(count: int = 12) -> np.ndarray:
    """(N, 4, 4) camera to world of a drive: kilometres away, z up, gently turning."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    camera = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # x forward, z up
    for i, pose in enumerate(poses):
        pose[:3, :3] = turn("z", 40 + 0.8 * i)[:3, :3] @ camera
        pose[:3, 3] = (1200 + 0.7 * i, 3400 + 0.6 * i, 115)
    return poses


def old_errors(pred: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """The reference's ATE, its angle and RPE, of world2cam without any alignment."""
    distance = np.linalg.norm(pred[:, :3, 3] - truth[:, :3, 3], axis=1).mean()
    angle = rotation_angles(pred @ np.linalg.inv(truth)).mean()
    steps = [np.linalg.inv(e[:-1]) @ e[1:] for e in (pred, truth)]
    return (
        distance,
        angle,
        np.linalg.norm((steps[0] - steps[1])[:, :3, 3], axis=1).mean(),
    )


def test_formulas_of_the_reference_condemn_a_perfect_network():
    """Reference project: ATE 3.6 km and RPE 50 m, of the world alone."""
    truth = mercator_drive()
    pred = network_view(truth)
    ate, angle, rpe = old_errors(np.linalg.inv(pred), np.linalg.inv(truth))
    assert ate == pytest.approx(3600, rel=0.02) and rpe > 40 and angle > 90
    aligned = align_poses(pred, truth)
    assert absolute_pose_errors(aligned, truth).rmse()[0] < 1e-8
    assert max(relative_pose_errors(aligned, truth).rmse()) < 1e-8


def test_orientations_on_a_straight_drive():
    """Centres on a line leave the roll about it free; orientations do not."""
    truth = mercator_drive()
    truth[:, :3, 3] = truth[0, :3, 3] + np.outer(np.arange(12), [0.7, 0.6, 0])
    truth[:, :3, :3] = truth[0, :3, :3]
    oriented = align_orientations(network_view(truth), truth)
    assert absolute_pose_errors(oriented, truth).rotation_deg.max() < 1e-9
    wrong = network_view(truth)
    wrong[3] = wrong[3] @ turn("y", 12)
    angles = absolute_pose_errors(align_orientations(wrong, truth), truth).rotation_deg
    # the others turn by the chordal mean of eleven times 0 and once 12 degrees
    mean = np.degrees(np.arctan2(np.sin(np.radians(12)), 11 + np.cos(np.radians(12))))
    assert angles[3] == pytest.approx(12 - mean)
    assert np.delete(angles, 3) == pytest.approx(np.full(11, mean))


def test_orientations_against_a_slow_search():
    truth = walk(6)
    pred = network_view(truth)
    pred[:, :3, :3] = Rotation.random(6, random_state=3).as_matrix()

    def cost(poses: np.ndarray) -> float:
        return float(((poses - truth)[:, :3, :3] ** 2).sum())

    found = align_orientations(pred, truth)
    for seed in range(200):
        small = np.eye(4)
        vector = 0.2 * np.random.default_rng(seed).normal(size=3)
        small[:3, :3] = Rotation.from_rotvec(vector).as_matrix()
        assert cost(small @ found) >= cost(found)
