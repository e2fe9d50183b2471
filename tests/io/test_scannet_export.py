import numpy as np
import pytest

from tests.shared import need
from vantage3d.geometry import invert_rigid, project, unproject
from vantage3d.io.scannet_export import (
    DEFAULT_K,
    intrinsics_path,
    read_scannet_frame,
    scannet_intrinsics,
)


def test_real_frames_see_the_same_surfaces():
    """Depth of frame 0 moved into frame 2 lands within 5 cm of its surface."""
    scans = need("data/deltas_scannet_sample/scannet_sample/scans_test")
    folder = scans / "scene0707_00"
    first, second = (read_scannet_frame(folder, n) for n in ("0", "2"))
    assert first.color.shape == (480, 640, 3) and first.depth.shape == (480, 640)
    points = unproject(first.depth.astype(np.float64), first.K, first.cam2world)
    points = points[first.depth > 0]
    pixels, depth = project(points, second.K, invert_rigid(second.cam2world))
    x, y = np.round(pixels).astype(int).T
    inside = (depth > 0) & (x >= 0) & (y >= 0) & (x < 640) & (y < 480)
    surface = second.depth[y[inside], x[inside]]
    off = np.abs(surface - depth[inside])[surface > 0]
    assert inside.mean() > 0.9
    assert np.median(off) < 0.01 and (off < 0.05).mean() > 0.95


def test_intrinsics_without_files(tmp_path):
    K, of_color = scannet_intrinsics(tmp_path, (1296, 968), (320, 240))
    assert of_color is None
    np.testing.assert_allclose(K[0], [DEFAULT_K[0, 0] / 2, 0, 159.5])
    with pytest.raises(ValueError, match="the depth image is 320x320; the default is"):
        scannet_intrinsics(tmp_path, (320, 320), (320, 320))


def test_intrinsics_beside_the_images_are_found(tmp_path):
    """The layout of scannet_frames_25k; the folder of the full export goes first."""
    assert intrinsics_path(tmp_path, "depth") is None
    beside = tmp_path / "intrinsics_depth.txt"
    np.savetxt(beside, [[700.0, 0, 320], [0, 700, 240], [0, 0, 1]])
    K, K_color = scannet_intrinsics(tmp_path, (640, 480), (640, 480))
    assert K[0, 0] == 700 and K_color is None
    whole = tmp_path / "intrinsic" / "intrinsic_depth.txt"
    whole.parent.mkdir()
    whole.touch()
    assert intrinsics_path(tmp_path, "depth") == whole
