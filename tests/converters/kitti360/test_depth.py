import re
import shutil

import numpy as np
import pytest

from vantage3d.converters.kitti360.depth import (
    CleanUp,
    DepthMaker,
    DepthOptions,
    compensate,
    read_sweep,
)
from vantage3d.converters.kitti360.raw import (
    Kitti360Layout,
    read_calibration,
    read_poses,
)
from vantage3d.geometry import invert_rigid, transform_points
from vantage3d.geometry.rasters import z_buffer
from vantage3d.io.depth_files import KITTI_SCALE
from vantage3d.io.images import read_depth, read_ids
from vantage3d.io.kitti360_labels import DYNAMIC
from vantage3d.synthetic.layouts.drives import drive_name
from vantage3d.views.transform import visible

FRAME = 3


def maker(raw, camera=0, sequence=0, **options):
    layout, name = Kitti360Layout(raw, camera), drive_name(sequence)
    calibration = read_calibration(raw / "calibration")
    poses = read_poses(layout.poses(name))
    return DepthMaker(layout, name, calibration, poses, DepthOptions(**options))


def quality(raw, depth, camera=0, sequence=0, dynamic=False):
    """Coverage, median relative error, and share off by more than 10 %.

    A measurement is rounded to a pixel, so at an edge it is right if a neighbour has
    its depth.
    """
    layout, name = Kitti360Layout(raw, camera), drive_name(sequence)
    folder = raw / "data_2d_depth" / name / f"image_{camera:02d}"
    exact = read_depth(folder / f"{FRAME:010d}.png", KITTI_SCALE)
    moves = np.isin(read_ids(layout.semantic(name, FRAME)), DYNAMIC)
    padded = np.pad(exact, 1)
    height, width = exact.shape
    around = np.stack(
        [padded[r : r + height, c : c + width] for r in range(3) for c in range(3)]
    )
    valid = (depth > 0) & (exact > 0) & (moves == dynamic)
    error = np.abs(depth[valid] - exact[valid]) / exact[valid]
    off = np.abs(depth - around).min(axis=0)[valid] / exact[valid]
    return (depth > 0).mean(), np.median(error), (off > 0.1).mean()


@pytest.mark.parametrize("camera", [0, 1])
@pytest.mark.parametrize("sequence", [0, 1])
def test_accumulated_depth_is_the_exact_one(raw, camera, sequence):
    depth = maker(raw, camera, sequence, accumulate=3)(FRAME)
    covered, median, wrong = quality(raw, depth, camera, sequence)
    assert covered > 0.25
    assert median < 0.005
    assert wrong < 0.01


def test_more_sweeps_cover_more(raw):
    covered = [
        quality(raw, maker(raw, accumulate=number)(FRAME))[0] for number in (0, 1, 3)
    ]
    assert covered[1] > 1.3 * covered[0] and covered[2] > 1.1 * covered[1]


def test_each_step_of_the_recipe_makes_it_better(raw):
    """Without motion compensation, clean-up or dynamic objects: more wrong pixels."""
    full = maker(raw, accumulate=3)(FRAME)
    for change in (dict(motion=False), dict(clean_up=None)):
        worse = maker(raw, accumulate=3, **change)(FRAME)
        assert quality(raw, worse)[2] > 1.15 * quality(raw, full)[2], change
    moving = maker(raw, accumulate=3, drop_dynamic=False)(FRAME)
    static = [quality(raw, depth)[2] for depth in (full, moving)]
    cars = [quality(raw, depth, dynamic=True)[2] for depth in (full, moving)]
    assert static[0] <= static[1] and cars[0] < cars[1]


def test_imu_poses_taken_for_camera_poses_would_show(raw):
    """The mistake of the reference project is not a small one."""
    wrong = maker(raw, accumulate=3)
    poses = read_poses(wrong.layout.poses(wrong.sequence))
    origin = next(iter(poses.values()))[:3, 3]
    velo2cam = read_calibration(raw / "calibration").velo2cam(0)
    for frame, pose in poses.items():
        near = pose.copy()
        near[:3, 3] -= origin
        wrong.world2cam[frame] = invert_rigid(near)
        wrong.velo2world[frame] = near @ velo2cam
    assert quality(raw, wrong(FRAME))[2] > 5 * quality(raw, maker(raw)(FRAME))[2]


def test_motion_is_undone_exactly_for_a_constant_screw():
    """Oracle: the pose at each point's own moment, by the matrix logarithm."""
    from scipy.linalg import expm, logm

    twist = np.array(
        [[0, -0.03, 0.002, 1.1], [0.03, 0, -0.004, 0.05], [-0.002, 0.004, 0, -0.02]]
    )
    motion = expm(np.vstack([twist, np.zeros(4)]))
    rng = np.random.default_rng(0)
    points = rng.uniform(-30, 30, (200, 3)) + 2
    share = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi)
    expected = np.array(
        [
            transform_points(np.real(expm(s * logm(motion))), p[None])[0]
            for s, p in zip(share, points)
        ]
    )
    found = compensate(points, np.linalg.inv(motion), motion)
    # A straight chord instead of the arc of the screw: 4 mm at 1.1 m per sweep.
    assert np.abs(found - expected).max() < 6e-3
    assert np.abs(points - expected).max() > 0.4
    for one_sided in ((None, motion), (np.linalg.inv(motion), None)):
        assert np.abs(compensate(points, *one_sided) - expected).max() < 1.2e-2
    assert compensate(points, None, None) is points


def test_z_buffer_and_visible_equal_a_loop():
    rng = np.random.default_rng(1)
    K, size = np.array([[30.0, 0, 19.5], [0, 30, 9.5], [0, 0, 1]]), (40, 20)
    points = rng.uniform([-10, -5, -5], [10, 5, 30], (3000, 3))
    expected = np.zeros((20, 40), np.float32)
    for x, y, z in points:
        if 0.5 <= z <= 20:
            u, v = int(np.floor(30 * x / z + 20)), int(np.floor(30 * y / z + 10))
            if 0 <= u < 40 and 0 <= v < 20:
                old = expected[v, u]
                expected[v, u] = z if old == 0 else min(old, np.float32(z))
    _, depth, pixel = visible(points, K, np.eye(4), size, (0.5, 20.0))
    assert (z_buffer(depth, pixel, size) == expected).all()


def test_clean_up_removes_a_wall_seen_through_a_sampled_car():
    K = np.array([[550.0, 0, 700], [0, 550, 100], [0, 0, 1]])
    depth = np.zeros((376, 400), np.float32)
    depth[150:200:4, 100:200:3] = 10.0  # the near surface, sampled
    depth[152:200:4, 101:200:3] = 25.0  # the far one shines through
    depth[150:200:4, 300:390:3] = 25.0  # and stands free elsewhere
    clean = CleanUp()(depth, K)
    assert (clean == 10).sum() == (depth == 10).sum()
    assert (clean[:, 90:210] == 25).sum() <= 0.03 * (depth[:, 90:210] == 25).sum()
    assert (clean[:, 290:] == 25).sum() == (depth[:, 290:] == 25).sum()


def test_clean_up_keeps_a_road_and_a_facade_along_it():
    """Planes through the principal point's horizon, at any slant that a street has."""
    K = np.array([[550.0, 0, 700], [0, 550, 190], [0, 0, 1]])
    rows, columns = np.mgrid[0:376, 0:1408]
    with np.errstate(divide="ignore"):
        road = 1.6 * 550 / (rows - 190.0)
        facade = 8.0 * 550 / np.abs(columns - 700.0)
    for plane in (road, facade):
        depth = np.where((plane > 3) & (plane < 60), plane, 0).astype(np.float32)
        kept = CleanUp()(depth, K)
        assert (kept > 0).sum() > 0.97 * (depth > 0).sum()


def test_bad_sweeps_and_labels_are_named(raw, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"sweep .*1.bin is missing"):
        read_sweep(tmp_path / "1.bin")
    (tmp_path / "1.bin").write_bytes(b"x" * 20)
    with pytest.raises(ValueError, match="has 20 bytes, expected a multiple of 16"):
        read_sweep(tmp_path / "1.bin")
    shutil.copytree(raw, tmp_path / "raw")
    make = maker(tmp_path / "raw")
    path = make.layout.semantic(make.sequence, FRAME)
    shutil.copy(make.layout.semantic(make.sequence, FRAME), tmp_path / "l.png")
    import cv2

    cv2.imwrite(str(path), cv2.imread(str(path), -1)[:50])
    message = re.escape("has 352x50 pixels, expected 352x94 as the image (S_rect)")
    with pytest.raises(ValueError, match=message):
        make(FRAME)
    with pytest.raises(ValueError, match=r"got 4 and \(5.0, 2.0\)"):
        DepthOptions(depth_range=(5.0, 2.0))
