"""A network that does not exist: its errors are those that it states."""

import numpy as np
import pytest

from tests.stitching.worlds import depth_of, tour, world
from vantage3d.evaluation.pose_metrics import align_poses, relative_pose_errors
from vantage3d.synthetic.disturbed import Disturbance


def test_the_truth_in_a_world_of_its_own():
    poses = tour(12, 0.2)
    answer = world(poses)(range(12))
    np.testing.assert_allclose(align_poses(answer.cam2world, poses), poses, atol=1e-9)
    ratio = answer.depth[5] / depth_of(poses[5])
    assert np.ptp(ratio) < 1e-9 and abs(ratio.mean() - 1) > 0.01
    again = world(poses)(range(12))
    np.testing.assert_array_equal(answer.depth, again.depth)


def test_errors_are_as_large_as_stated():
    poses = tour(400)
    wrong = Disturbance(turn_deg=0.5, noise=0.03)
    answer = world(poses, wrong).poses(range(400))
    turned = relative_pose_errors(answer, poses).rotation_deg
    assert np.sqrt(np.mean(turned**2)) == pytest.approx(0.5 * 3**0.5, rel=0.1)
    noisy = world(poses, wrong)(range(4)).depth[0]
    logs = np.log(noisy / depth_of(poses[0]))
    assert logs.std() == pytest.approx(0.03, rel=0.1)
