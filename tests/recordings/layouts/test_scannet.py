"""Exported ScanNet scenes: their cameras, and real frames."""

import numpy as np
import pytest
from PIL import Image

from tests.shared import need
from vantage3d.geometry import invert_rigid, project, unproject
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts.scannet import NOMINAL, ScanNet, of_sensor


def image(path, size, mode="RGB"):
    path.parent.mkdir(exist_ok=True)
    Image.new(mode, size).save(path)
    return path


def cameras(root, color, depth):
    files = image(root / "c.png", color), image(root / "d.png", depth, "I;16")
    recording = ScanNet(root)
    return recording.cameras(root, *files), list(recording.defaults)


def test_nominal_intrinsics_are_told(tmp_path):
    (of_color, of_depth), told = cameras(tmp_path, (640, 480), (320, 240))
    np.testing.assert_allclose(of_depth.K[0], [NOMINAL.K[0, 0] / 2, 0, 159.5])
    np.testing.assert_allclose(of_color.K, NOMINAL.K)
    assert "no intrinsic/intrinsic_depth.txt: the nominal intrinsics" in told[0]
    with pytest.raises(ValueError, match="images of 320x320; the default is"):
        cameras(tmp_path, (320, 320), (320, 320))


def test_intrinsics_beside_the_images_are_found(tmp_path):
    """The layout of scannet_frames_25k; the folder of the full export goes first."""
    assert of_sensor(tmp_path, "depth") is None
    beside = tmp_path / "intrinsics_depth.txt"
    np.savetxt(beside, [[700.0, 0, 320], [0, 700, 240], [0, 0, 1]])
    (of_color, of_depth), told = cameras(tmp_path, (640, 480), (640, 480))
    assert of_depth.K[0, 0] == of_color.K[0, 0] == 700 and not told
    whole = tmp_path / "intrinsic" / "intrinsic_depth.txt"
    whole.parent.mkdir()
    whole.touch()
    assert of_sensor(tmp_path, "depth") == whole


def test_the_colour_sensor_keeps_its_own_camera(tmp_path):
    for sensor, f, size in (
        ("depth", 570.0, (640, 480)),
        ("color", 1170.0, (1296, 968)),
    ):
        K = [[f, 0, size[0] / 2], [0, f, size[1] / 2], [0, 0, 1]]
        np.savetxt(tmp_path / f"intrinsic_{sensor}.txt", K)
    (of_color, of_depth), _ = cameras(tmp_path, (1296, 968), (640, 480))
    assert (of_color.K[0, 0], of_depth.K[0, 0]) == (1170, 570)


@pytest.mark.parametrize(
    ("parent", "name"),
    [
        ("scannet_frames_25k", "scene0000_00"),
        ("scans_test", "scene0000_00"),
        ("data/mine", "data/mine/scene0000_00"),
    ],
)
def test_scenes_are_found_where_releases_have_them(tmp_path, parent, name):
    """A folder of the same scene without frames, as that of its mesh, is none."""
    for part in ("color", "depth", "pose"):
        (tmp_path / parent / "scene0000_00" / part).mkdir(parents=True)
    (tmp_path / "scans" / "scene0000_00").mkdir(parents=True)
    recording = ScanNet(tmp_path)
    assert recording.sequences() == [name]
    assert recording.folder(name) == tmp_path / parent / "scene0000_00"


def test_codes_of_scannet_frames_25k_are_no_instances(tmp_path):
    scene = tmp_path / "scannet_frames_25k" / "scene0000_00"
    scene.mkdir(parents=True)
    image(scene / "color" / "000000.jpg", (640, 480))
    for part in ("depth", "instance"):
        image(scene / part / "000000.png", (640, 480), "I;16")
    (scene / "pose").mkdir()
    np.savetxt(scene / "pose" / "000000.txt", np.eye(4))
    np.savetxt(scene / "intrinsics_depth.txt", NOMINAL.K)
    assert open_recording(tmp_path).layout == "scannet"
    assert ScanNet(tmp_path).frame("scene0000_00", "000000").masks
    (scene / "label").mkdir()
    recording = ScanNet(tmp_path)
    assert not recording.frame("scene0000_00", "000000").masks
    assert any("class * 1000 + instance" in said for said in recording.defaults)


def test_real_frames_see_the_same_surfaces():
    """Depth of frame 0 moved into frame 2 lands within 5 cm of its surface."""
    scans = need("data/deltas_scannet_sample/scannet_sample/scans_test")
    recording = ScanNet(scans)
    frames = [recording.frame("scene0707_00", name) for name in ("0", "2")]
    assert all(recording.read_color(f).shape == (968, 1296, 3) for f in frames)
    first, second = (recording.read_depth(f) for f in frames)
    points = unproject(
        first.astype(np.float64), frames[0].depth_camera.K, frames[0].cam2world
    )[first > 0]
    world2cam = invert_rigid(frames[1].cam2world)
    pixels, depth = project(points, frames[1].depth_camera.K, world2cam)
    x, y = np.round(pixels).astype(int).T
    inside = (depth > 0) & (x >= 0) & (y >= 0) & (x < 640) & (y < 480)
    surface = second[y[inside], x[inside]]
    off = np.abs(surface - depth[inside])[surface > 0]
    assert inside.mean() > 0.9
    assert np.median(off) < 0.01 and (off < 0.05).mean() > 0.95
