"""An apartment with a way around it."""

import numpy as np

from vantage3d.synthetic.rooms.apartment import make_apartment, walk_around


def test_the_camera_keeps_clear_of_everything_and_comes_back():
    room, poses = make_apartment(3), walk_around(120, 1.2)
    eyes = poses[:, :3, 3]
    for solid in room.solids:
        assert not solid.contains(solid.to_local(eyes), 0.1).any()
    names = {category.name for category in room.categories}
    assert {"wall", "picture"} < names and len(room.solids) > 100
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    assert steps.max() < 1.2 * steps.min()  # an even pace
    # the end is a place near the beginning that was passed before
    assert np.linalg.norm(eyes[:40, :2] - eyes[-1, :2], axis=1).min() < steps.max()


def test_the_same_seed_is_the_same_apartment():
    one, other, third = (make_apartment(seed) for seed in (1, 1, 2))
    corners = [np.stack([s.corners for s in room.solids]) for room in (one, other)]
    np.testing.assert_array_equal(*corners)
    assert len(one.solids) != len(third.solids)
