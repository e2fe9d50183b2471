"""SUN3D's streams and poses, and reading them wrongly."""

from pathlib import Path

import numpy as np
import pytest

from vantage3d.io.sun3d import (
    check_continuity,
    last_extrinsics,
    nearest_in_time,
    read_poses,
    times_us,
)

RNG = np.random.default_rng(0)


def turned(degrees, at):
    """(4, 4) camera-to-world pose, turned about y."""
    angle = np.radians(degrees)
    pose = np.eye(4)
    pose[0, [0, 2]] = np.cos(angle), np.sin(angle)
    pose[2, [0, 2]] = -np.sin(angle), np.cos(angle)
    pose[:3, 3] = 2.0 + 0.03 * at, 1.0, 0.01 * at
    return pose


POSES = np.stack([turned(2 * at, at) for at in range(24)])


def written(path, blocks):
    np.savetxt(path, np.concatenate(list(blocks)))
    return path


def test_nearest_in_time_is_the_nearest():
    images = np.sort(RNG.integers(0, 10**6, 200))
    depths = np.sort(RNG.integers(0, 10**6, 230))
    chosen, apart = nearest_in_time(images, depths)
    for image, at, distance in zip(images, chosen, apart):
        assert distance == abs(depths[at] - image) == np.abs(depths - image).min()


def test_times_are_in_the_names():
    names = ["0000001-000000000000", "0000002-000000033333"]
    assert times_us(names).tolist() == [0, 33_333]
    assert times_us([*names, "000003"]) is None


def test_last_extrinsics_count(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no file of poses"):
        last_extrinsics(tmp_path)
    for name in ("20130512130736.txt", "20130101000000.txt"):
        (tmp_path / name).touch()
    assert last_extrinsics(tmp_path).name == "20130512130736.txt"


def test_poses_have_three_rows(tmp_path):
    path = written(tmp_path / "p.txt", POSES[:, :3])
    np.testing.assert_allclose(read_poses(path, 24), POSES, atol=1e-12)
    check_continuity(read_poses(path, 24), path, 1.0)


def test_another_number_of_rows_is_refused(tmp_path):
    four = written(tmp_path / "four.txt", POSES)
    with pytest.raises(ValueError, match="96 rows of 4 numbers, expected 3 for each "):
        read_poses(four, 24)
    with pytest.raises(ValueError, match="= 72: these are 4 rows per image"):
        read_poses(four, 24)
    short = written(tmp_path / "short.txt", POSES[:20, :3])
    with pytest.raises(ValueError, match=r"have 60 rows .* expected 3 for each of the"):
        read_poses(short, 24)
    (tmp_path / "text.txt").write_text("1 0 0 zero")
    with pytest.raises(ValueError, match=r"no rows of numbers: .*zero"):
        read_poses(tmp_path / "text.txt", 1)


@pytest.mark.parametrize("frames_apart", [1.0, None])
def test_a_wrong_stride_shows_as_jumps(frames_apart):
    """Every block of a stride of four is a rotation; only the way between them is not.

    4 x 18 rows would be read from 3 x 24 where nobody counts.
    """
    rows = POSES[:, :3].reshape(-1, 4)
    wrong = np.tile(np.eye(4), (18, 1, 1))
    wrong[:, :3] = np.stack([rows[4 * at : 4 * at + 3] for at in range(18)])
    rotations = wrong[:, :3, :3]
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=0.1)
    with pytest.raises(ValueError, match=r"jump: .* the camera turns by 1\d"):
        check_continuity(wrong, Path("poses.txt"), frames_apart)


def test_limits_follow_the_time_between_images():
    fast = np.stack([turned(12 * at, at) for at in range(10)])
    with pytest.raises(ValueError, match=r"turns by 12.0 degrees .* at most 5 degrees"):
        check_continuity(fast, Path("poses.txt"), 1.0)
    check_continuity(fast, Path("poses.txt"), 3.0)
    far = np.tile(np.eye(4), (5, 1, 1))
    far[:, 0, 3] = np.arange(5) * 0.35
    with pytest.raises(ValueError, match=r"moves by 0.35 m .* and 0.2 m"):
        check_continuity(far, Path("poses.txt"), 2.0)


def test_lost_poses_do_not_count():
    lost = POSES.copy()
    lost[3] = np.nan
    check_continuity(lost, Path("poses.txt"), 1.0)
