import numpy as np
import pytest

from projects.common.frame_index.agreement import (
    check_direction,
    measure_agreement,
)
from projects.common.geometry import invert_rigid
from tests.common.frame_index.plane import frame


def views(change=lambda pose: pose):
    """The plane through a camera that moves by half a metre a frame."""
    return [
        frame(n)._replace(world2cam=change(frame(n).world2cam)) for n in range(0, 12, 3)
    ]


def test_world_to_camera_agrees():
    found = check_direction(views(), "a")
    assert found.given > 0.8
    assert found.inverted < 0.1


def test_camera_to_world_is_named():
    with pytest.raises(ValueError, match=r"poses of a are camera-to-world: \d\d% of"):
        check_direction(views(invert_rigid), "a")


def test_a_camera_that_stands_still_says_nothing():
    still = [frame(0)] * 3
    found = check_direction(still, "a")
    assert found.given == 1.0


def test_poses_of_another_scale_agree_neither_way():
    def grow(pose):
        pose = pose.copy()
        pose[:3, 3] *= 3
        return pose

    found = check_direction(views(grow), "a")
    assert max(found) < 0.25


def test_one_view_is_not_enough():
    assert np.isnan(measure_agreement([frame(0)]).given)
