"""ETH3D: laser depth through the lens, masks, points, upright images, whole scenes."""

import json
import shutil

import cv2
import numpy as np
import pytest

from tests.converters.rooms import FRAMES, SIZE, truth
from tests.views.plane import frame
from tools.create_data import main
from vantage3d.converters.densify import cached_points
from vantage3d.converters.eth3d import (
    SceneView,
    look_up,
    quarter_turns,
    target_size,
    turn_clockwise,
)
from vantage3d.geometry import invert_rigid, project, unproject_pixels
from vantage3d.io.colmap import ColmapCamera
from vantage3d.synthetic.layouts.eth3d import fisheye_camera
from vantage3d.synthetic.rooms.filming import sensor_intrinsics
from vantage3d.views.dataset import PosedViews
from vantage3d.views.index import FrameIndex

SCENE = "scene0000_00"
VIEW = dict(frames=2, image_size=56, aspect=0.75, patch_size=14)
HELD = ("--val-scenes", "scene0001_00")


@pytest.fixture(scope="module")
def cache(written, tmp_path_factory):
    out = tmp_path_factory.mktemp("eth3d") / "out"
    root = ["--root-path", str(written("eth3d")), "--out-dir", str(out)]
    main(["eth3d", *root, *HELD])
    return out


def test_laser_depth_through_the_lens_and_behind_masks(cache):
    """Depth off the mask is that of the pinhole view; on the mask it is missing."""
    data = PosedViews(str(cache), preset="eth3d", **VIEW)
    assert list(data.sequences) == [SCENE]
    for number, view in enumerate(truth(0)):
        found = data.read_frame(SCENE, number)
        np.testing.assert_allclose(found.K, sensor_intrinsics(SIZE), atol=1e-9)
        np.testing.assert_allclose(
            found.world2cam @ view.cam2world, np.eye(4), atol=1e-9
        )
        assert 0.85 < (found.depth > 0).mean() < 0.95
        valid = found.depth > 0
        off = np.abs(found.depth - view.frame.depth)[valid] / view.frame.depth[valid]
        # Half a pixel of the distorted image off, beside edges of things more.
        assert np.median(off) < 3e-3
        assert (off < 0.02).mean() > 0.97


def test_without_masks_wrong_depth_comes_in(written, create_data, tmp_path):
    out = create_data("eth3d", written("eth3d"), tmp_path, *HELD, "--no-masks")
    found = PosedViews(str(out), preset="eth3d", **VIEW).read_frame(SCENE, 0)
    exact = truth(0)[0].frame.depth
    valid = found.depth > 0
    ratio = found.depth[valid] / exact[valid]
    assert ((ratio > 0.48) & (ratio < 0.52)).mean() > 0.05


def test_look_up_is_the_slow_one():
    """Every pixel by itself: its ray, its place in the distorted image, its value."""
    lens, K = fisheye_camera((40, 30)), sensor_intrinsics((36, 24))
    depth = np.random.default_rng(0).uniform(1, 9, (30, 40)).astype(np.float32)
    expected = np.zeros((24, 36), np.float32)
    for row in range(24):
        for column in range(36):
            ray = np.linalg.solve(K, [column, row, 1.0])
            x, y = np.round(lens.project(ray[None]))[0].astype(int)
            if 0 <= x < 40 and 0 <= y < 30:
                expected[row, column] = depth[y, x]
    np.testing.assert_array_equal(look_up(depth, lens, K, (36, 24)), expected)
    wide = look_up(depth, lens, sensor_intrinsics((20, 15)), (36, 24))
    assert (wide == 0).any()


def test_points_are_where_colmap_saw_them(cache):
    data = PosedViews(str(cache), preset="eth3d", depth="points", **VIEW)
    assert data.transform(0.75).resampling == "scatter"
    for number, view in enumerate(truth(0)):
        found = data.read_frame(SCENE, number)
        rows, columns = np.nonzero(found.depth)
        assert 100 < len(rows) < 0.1 * found.depth.size
        surface = cv2.dilate(view.frame.depth, np.ones((3, 3)))[rows, columns]
        nearest = cv2.erode(view.frame.depth, np.ones((3, 3)))[rows, columns]
        depth = found.depth[rows, columns]
        inside = (depth > 0.99 * nearest) & (depth < 1.01 * surface)
        assert inside.mean() > 0.99
    assert (data[0]["depth"] > 0).sum() > 100


def test_dense_depth_of_another_size_is_read_and_a_refused_fit_named(cache, tmp_path):
    out = shutil.copytree(cache, tmp_path / "out")
    view = truth(0)[0].frame.depth
    (out / "dense" / SCENE).mkdir(parents=True)
    np.savez(out / "dense" / SCENE / "DSC_0000.npz", depth=view[1::3, 1::3])
    data = PosedViews(str(out), preset="eth3d", depth="dense", **VIEW)
    found = data.read_frame(SCENE, 0).depth
    np.testing.assert_array_equal(found[1::3, 1::3], view[1::3, 1::3])
    with pytest.raises(
        ValueError, match=r"DSC_0020\.npz is missing\. It .* fit was refused"
    ):
        data.read_frame(SCENE, 1)
    with pytest.raises(
        ValueError, match=r"`depth` must be one of 'laser'.*got 'lidar'"
    ):
        PosedViews(str(out), preset="eth3d", depth="lidar", **VIEW)


def test_a_densified_prediction_is_the_depth(cache, tmp_path):
    """Predictions in another unit, fitted to the cache's points, read as metres."""
    out = shutil.copytree(cache, tmp_path / "out")
    predictions = tmp_path / "pred" / SCENE
    predictions.mkdir(parents=True)
    (tmp_path / "pred" / "scene0001_00").mkdir()
    for room, scene in enumerate((SCENE, "scene0001_00")):
        for number, view in zip(FRAMES, truth(room)):
            path = tmp_path / "pred" / scene / f"DSC_{number:04d}.npy"
            np.save(path, (view.frame.depth + 0.4) / 3)
    flags = ["--predictions", predictions.parent, "--out-dir", out / "dense"]
    main(["densify", "--root-path", str(out), *map(str, flags)])
    data = PosedViews(str(out), preset="eth3d", depth="dense", **VIEW)
    exact, found = truth(0)[1].frame.depth, data.read_frame(SCENE, 1).depth
    assert (found > 0).mean() > 0.9
    np.testing.assert_allclose(found[found > 0], exact[found > 0], rtol=2e-3)


def test_smaller_images_keep_the_geometry(written, create_data, tmp_path):
    out = create_data("eth3d", written("eth3d"), tmp_path, *HELD, "--max-side", 80)
    data = PosedViews(str(out), preset="eth3d", **VIEW)
    found, view = data.read_frame(SCENE, 0), truth(0)[0]
    assert found.image.shape == (60, 80, 3)
    pixels = np.array([[10.0, 20], [40, 30], [70, 50]])
    depth = found.depth[[20, 30, 50], [10, 40, 70]].astype(np.float64)
    points = unproject_pixels(pixels, depth, found.K, invert_rigid(found.world2cam))
    where, _ = project(points, sensor_intrinsics(SIZE), invert_rigid(view.cam2world))
    np.testing.assert_allclose(where, (pixels + 0.5) * 2 - 0.5, atol=1e-9)
    assert target_size((6048, 4032), 1036) == (1036, 691)
    assert target_size((640, 480), 1036) == (640, 480)


def test_a_turned_view_shows_the_same_points():
    """A pixel keeps its colour, depth and world point; four turns are none."""
    source = frame(3)
    pixels = np.array([[10.0, 20], [200, 90], [0, 0]])
    columns, rows = pixels.astype(int).T
    depths = source.depth[rows, columns].astype(np.float64)
    args = source.image, source.depth, source.K, source.world2cam, pixels, depths
    view = turn_clockwise(SceneView(*args))
    x, y = view.pixels.astype(int).T
    np.testing.assert_array_equal(view.image[y, x], source.image[rows, columns])
    np.testing.assert_array_equal(view.depth[y, x], source.depth[rows, columns])
    before = unproject_pixels(pixels, depths, source.K, invert_rigid(source.world2cam))
    where, depth = project(before, view.K, view.world2cam)
    np.testing.assert_allclose(where, view.pixels, atol=1e-6)
    np.testing.assert_allclose(depth, depths, rtol=1e-12)
    for _ in range(3):
        view = turn_clockwise(view)
    np.testing.assert_array_equal(view.image, source.image)
    np.testing.assert_allclose(view.world2cam, source.world2cam, atol=1e-9)
    np.testing.assert_allclose(view.K, source.K)


@pytest.mark.parametrize("stored", range(4))
def test_images_are_turned_upright(stored):
    """An image that was turned ``stored`` times is turned back, whatever its yaw."""
    down = np.array([0.1, 0.98, 0.05]) / np.linalg.norm([0.1, 0.98, 0.05])
    upright = frame(0)
    turned = SceneView(*upright[:4], np.zeros((1, 2)), np.zeros(1))
    for _ in range(stored):
        turned = turn_clockwise(turned)
    for _ in range(quarter_turns(turned.world2cam, down)):
        turned = turn_clockwise(turned)
    np.testing.assert_array_equal(turned.image, upright.image)
    looks_down = np.eye(4)
    looks_down[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    assert quarter_turns(looks_down, np.array([0.0, 1, 0])) == 0


def test_scenes_are_held_out_whole(cache):
    train = PosedViews(str(cache), preset="eth3d", **VIEW)
    val = PosedViews(str(cache), preset="eth3d", split="val", **VIEW)
    assert list(train.sequences) == [SCENE]
    assert list(val.sequences) == ["scene0001_00"]


def test_archives_in_folders_of_their_own(copied, create_data, tmp_path):
    """One folder per archive, as they are downloaded, and no other result."""
    root = copied("eth3d")
    flat = create_data("eth3d", root, tmp_path / "flat", *HELD)
    for scene in ("scene0000_00", "scene0001_00"):
        for archive, part in (
            ("multi_view_training_dslr_jpg", "dslr_calibration_jpg"),
            ("multi_view_training_dslr_occlusion", "masks_for_images"),
            ("multi_view_training_dslr_undistorted", "images"),
            ("multi_view_training_dslr_undistorted", "dslr_calibration_undistorted"),
        ):
            (root / archive / scene).mkdir(parents=True, exist_ok=True)
            (root / scene / part).rename(root / archive / scene / part)
    split = create_data("eth3d", root, tmp_path / "split", *HELD)
    for name in ("images", "depth"):
        for path in (flat / name).rglob("*.*"):
            other = split / path.relative_to(flat)
            assert other.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("masks_for_images", "has no masks_for_images below .* --no-masks"),
        ("ground_truth_depth", "has no ground_truth_depth below .* --points-only"),
        ("dslr_calibration_jpg", "has no dslr_calibration_jpg below"),
        ("ground_truth_depth/dslr_images/DSC_0020.JPG", "DSC_0020.JPG is missing"),
    ],
)
def test_missing_parts_are_named(copied, create_data, tmp_path, damage, message):
    root = copied("eth3d")
    path = root / SCENE / damage
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(SystemExit, match=message):
        create_data("eth3d", root, tmp_path / "out", *HELD)


def test_truncated_depth_is_skipped_and_counted(copied, create_data, tmp_path):
    root = copied("eth3d")
    path = root / SCENE / "ground_truth_depth/dslr_images/DSC_0020.JPG"
    path.write_bytes(path.read_bytes()[:-4])
    options = (*HELD, "--max-skipped", 0.5)
    out = create_data("eth3d", root, tmp_path / "out", *options)
    report = json.loads((out / "report_train.json").read_text())
    assert report["frames"] == 3
    reason = report["skipped"][f"{SCENE}/1"]
    assert "has 76796 bytes, expected 76800: 160x120 float32" in reason
    assert PosedViews(str(out), preset="eth3d", **VIEW).sequences == {SCENE: [0, 2, 3]}


def test_points_only_need_no_laser(copied, create_data, tmp_path):
    root = copied("eth3d")
    shutil.rmtree(root / SCENE / "ground_truth_depth")
    shutil.rmtree(root / SCENE / "masks_for_images")
    shutil.rmtree(root / "scene0001_00")
    out = create_data("eth3d", root, tmp_path, "--points-only")
    assert PosedViews(str(out), preset="eth3d", depth="points", **VIEW)[0][
        "valid"
    ].any()
    with pytest.raises(ValueError, match=r"DSC_0000\.npz is missing"):
        PosedViews(str(out), preset="eth3d", **VIEW)[0]


def test_two_scenes_of_one_name_are_refused(copied, create_data, tmp_path):
    root = copied("eth3d")
    (scene, *_) = sorted(root.glob("*/dslr_calibration_undistorted"))
    again = root / "other" / scene.parent.name / scene.name
    shutil.copytree(scene, again)
    name = scene.parent.name
    message = rf"eth3d/{name} and .*other/{name} would both be called '{name}'"
    with pytest.raises(SystemExit, match=message):
        create_data("eth3d", root, tmp_path / "out")


def test_unknown_scene_is_named(written, create_data, tmp_path):
    with pytest.raises(SystemExit, match=r"'facade' matches none of the 2 scenes"):
        create_data("eth3d", written("eth3d"), tmp_path, "--val-scenes", "facade")


def test_a_distorted_camera_has_no_matrix():
    camera = ColmapCamera("THIN_PRISM_FISHEYE", (4, 3), (1.0,) * 4 + (0.0,) * 8)
    with pytest.raises(ValueError, match="model THIN_PRISM_FISHEYE has no intrinsic"):
        camera.intrinsics()


def test_cameras_of_a_rig_keep_their_own_pictures(copied, tmp_path):
    """A folder per camera with the same names in each, as COLMAP's rigs have them."""
    root = copied("eth3d")
    for model in root.glob("*/dslr_calibration_undistorted"):
        lines = (model / "images.txt").read_text().splitlines()
        rows = [row for row, line in enumerate(lines) if line.endswith(".JPG")]
        for number, row in enumerate(rows):
            words = lines[row].split()
            new = f"cam{number // 2}/{number % 2:04d}.JPG"
            (model.parent / "images" / new).parent.mkdir(exist_ok=True)
            (model.parent / "images" / words[9]).rename(model.parent / "images" / new)
            lines[row] = " ".join([*words[:9], new])
        (model / "images.txt").write_text("\n".join(lines) + "\n")
    out = tmp_path / "out"
    options = ["--root-path", str(root), "--out-dir", str(out), *HELD, "--points-only"]
    main(["eth3d", *options])
    frames = list(FrameIndex.load(out / "train.npz").frames(SCENE))
    names = [f"images/{SCENE}/cam{n // 2}/{n % 2:04d}.jpg" for n in range(4)]
    assert [frame.image for frame in frames] == names
    assert len({frame.world2cam.tobytes() for frame in frames}) == 4
    assert next(p.name for p in cached_points(out)) == f"{SCENE}/cam0/0000"
