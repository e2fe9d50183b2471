"""COLMAP models: both forms, half-pixel convention, real reconstructions."""

import struct

import numpy as np
import pytest

from tests.shared import need
from vantage3d.geometry import project
from vantage3d.io.colmap import ColmapCamera, read_colmap
from vantage3d.io.colmap_files import MODELS


def write_text_model(folder, pixel=(101.0, 81.0)):
    """One PINHOLE camera and a point on its axis, by hand."""
    folder.mkdir(exist_ok=True)
    (folder / "cameras.txt").write_text("# c\n7 PINHOLE 200 160 90 95 100.5 80.5\n")
    # Half a turn about z; the point at (1, 2, 3) is 4 in front of the camera.
    (folder / "images.txt").write_text(
        "# i\n3 0 0 0 1 1 2 1 7 sub/b.jpg\n5.5 6.5 -1 "
        f"{pixel[0]} {pixel[1]} 11\n4 1 0 0 0 -1 -2 1 7 a.jpg\n100.5 80.5 11\n"
    )
    (folder / "points3D.txt").write_text("# p\n11 1 2 3 9 9 9 0.25 3 1 4 0\n")
    return folder


def test_a_model_by_hand(tmp_path):
    model = read_colmap(write_text_model(tmp_path / "m"))
    assert list(model.images) == ["a.jpg", "sub/b.jpg"]
    image = model.images["sub/b.jpg"]
    np.testing.assert_allclose(
        image.world2cam, np.diag([-1.0, -1, 1, 1]) + np.eye(4, k=3) * 1
        + np.array([[0, 0, 0, 0], [0, 0, 0, 2], [0, 0, 0, 1], [0, 0, 0, 0]]),
    )  # fmt: skip
    # COLMAP's (100.5, 80.5) is the centre of pixel (100, 80).
    np.testing.assert_allclose(
        image.camera.intrinsics(), [[90, 0, 100], [0, 95, 80], [0, 0, 1]]
    )
    np.testing.assert_allclose(image.pixels, [[100.5, 80.5]])
    np.testing.assert_allclose(model.images["a.jpg"].pixels, [[100, 80]])
    assert image.point_rows.tolist() == [0]
    np.testing.assert_allclose(model.points, [[1, 2, 3]])
    assert model.errors.tolist() == [0.25] and model.track_lengths.tolist() == [2]
    where, depth = project(model.points, image.camera.intrinsics(), image.world2cam)
    np.testing.assert_allclose(where, [[100, 80]])
    np.testing.assert_allclose(depth, [4])


def test_pinhole_projection_is_the_matrix():
    camera = ColmapCamera("PINHOLE", (200, 160), (90.0, 95.0, 99.0, 81.0))
    points = np.random.default_rng(0).uniform([-1, -1, 1], [1, 1, 5], (50, 3))
    pixels, _ = project(points, camera.intrinsics(), np.eye(4))
    np.testing.assert_allclose(camera.project(points), pixels, atol=1e-12)
    rays = points[:, :2] / points[:, 2:]
    np.testing.assert_allclose(camera.rays(pixels), rays, atol=1e-12)


def test_fisheye_equation():
    """THIN_PRISM_FISHEYE, written out: theta, then radial, tangential, prism terms."""
    k1, k2, p1, p2, k3, k4, s1, s2 = 0.1, -0.03, 2e-3, -1e-3, 0.02, 4e-3, 3e-3, -2e-3
    params = (90.0, 95.0, 99.0, 81.0, k1, k2, p1, p2, k3, k4, s1, s2)
    camera = ColmapCamera("THIN_PRISM_FISHEYE", (200, 160), params)
    x, y = 0.4, -0.3
    r = np.hypot(x, y)
    u, v = x * np.arctan(r) / r, y * np.arctan(r) / r
    q = u * u + v * v
    radial = k1 * q + k2 * q**2 + k3 * q**3 + k4 * q**4
    du = u * radial + 2 * p1 * u * v + p2 * (q + 2 * u * u) + s1 * q
    dv = v * radial + 2 * p2 * u * v + p1 * (q + 2 * v * v) + s2 * q
    expected = [90 * (u + du) + 99 - 0.5, 95 * (v + dv) + 81 - 0.5]
    found = camera.project(np.array([[x, y, 1.0]]))
    np.testing.assert_allclose(found, [expected], atol=1e-9)
    np.testing.assert_allclose(camera.rays(found), [[x, y]], atol=1e-8)


def test_damaged_and_missing_models_are_named(tmp_path):
    folder = write_text_model(tmp_path / "m")
    (folder / "points3D.txt").unlink()
    with pytest.raises(FileNotFoundError, match="holds no COLMAP model: points3D is"):
        read_colmap(folder)
    binary = tmp_path / "b"
    binary.mkdir()
    for name in ("cameras", "images", "points3D"):
        (binary / f"{name}.bin").write_bytes(struct.pack("<Q", 5))
    with pytest.raises(ValueError, match=r"COLMAP model .*b is truncated or damaged"):
        read_colmap(binary)


def test_a_last_image_without_line_end_is_not_lost(tmp_path):
    folder = write_text_model(tmp_path / "m")
    path = folder / "images.txt"
    text = path.read_text().rstrip("\n")
    last = " ".join(["9", *text.splitlines()[-2].split()[1:9], "last.JPG"])
    for end in ("", "\n", "\n\n", "\r\n\r\n"):
        path.write_bytes(f"\ufeff{text}\n{last}{end}".encode())
        assert list(read_colmap(folder).images) == ["a.jpg", "last.JPG", "sub/b.jpg"]


def test_a_lost_line_of_points_is_told(tmp_path):
    """Editors drop empty lines: the next image would be taken for points."""
    folder = write_text_model(tmp_path / "m")
    path = folder / "images.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], *lines[3:]]))
    with pytest.raises(ValueError, match="10 fields and 10 words of points, expected"):
        read_colmap(folder)


def test_names_keep_blanks_and_umlauts(tmp_path):
    folder = write_text_model(tmp_path / "m")
    path = folder / "images.txt"
    path.write_text(path.read_text().replace("a.jpg", "K\u00fcche 2/a  b.jpg"))
    assert "K\u00fcche 2/a  b.jpg" in read_colmap(folder).images


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("cameras", "PINHOLE", "OPENCV", "model OPENCV with 4 parameters, expected 8"),
        ("cameras", "PINHOLE", "LENS", "model LENS with 4 parameters, expected one of"),
        ("cameras", "7 PINHOLE", "8 PINHOLE", "image a.jpg has no camera 7"),
        ("images", "a.jpg", "sub/b.jpg", "2 images have 1 different names or numbers"),
        ("images", " 0 0 0 1 ", " 0 0 0 2 ", "quaternion of length 2, expected 1"),
        ("images", "80.5 11", "80.5 12", "sees points that points3D has not"),
        ("points3D", " 4 0", "", "images observe 2 points, tracks of points have 1"),
        ("points3D", " 4 0", " 4", "half a track element at point 11"),
    ],
)
def test_records_that_do_not_fit_are_named(tmp_path, name, old, new, message):
    folder = write_text_model(tmp_path / "m")
    path = folder / f"{name}.txt"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=f"truncated or damaged.*{message}"):
        read_colmap(folder)


def binary_model(folder):
    """A model of two cameras and three points, written by pycolmap."""
    import pycolmap

    model = pycolmap.Reconstruction()
    for number, kind in ((1, "PINHOLE"), (2, "OPENCV")):
        params = [90.0, 95, 100.5, 80.5, *[0.01] * 4][: 4 * number]
        camera = pycolmap.Camera(model=kind, width=200, height=160, params=params)
        camera.camera_id = number
        model.add_camera_with_trivial_rig(camera)
    for number in (1, 2, 3):
        shift = np.array([[0.1 * number], [0], [2.0]])
        pose = pycolmap.Rigid3d(np.hstack([np.eye(3), shift]))
        image = pycolmap.Image(
            name=f"cam{number % 2}/{number}.jpg", camera_id=1 + number % 2,
            points2D=[pycolmap.Point2D(np.array([9.0 + k, number])) for k in range(4)],
        )  # fmt: skip
        image.image_id = number
        model.add_image_with_trivial_frame(image, pose)
    for number in range(3):
        track = pycolmap.Track()
        for image in (1, 2, 3):
            track.add_element(image, number)
        model.add_point3D(np.array([0.2 * number, 0.1, 1]), track, np.zeros(3, "u1"))
    folder.mkdir()
    return model


def test_both_forms_are_read_as_pycolmap_wrote_them(tmp_path):
    model = binary_model(tmp_path / "bin")
    model.write_binary(str(tmp_path / "bin"))
    (tmp_path / "txt").mkdir()
    model.write_text(str(tmp_path / "txt"))
    for folder in (tmp_path / "bin", tmp_path / "txt"):
        found = read_colmap(folder)
        assert list(found.images) == ["cam0/2.jpg", "cam1/1.jpg", "cam1/3.jpg"]
        for image in model.images.values():
            ours = found.images[image.name]
            np.testing.assert_allclose(
                ours.world2cam[:3], image.cam_from_world().matrix(), atol=1e-12
            )
            assert ours.camera.params == tuple(image.camera.params)
            np.testing.assert_allclose(ours.pixels[:, 0], [8.5, 9.5, 10.5])
        np.testing.assert_allclose(found.points[:, 0], [0, 0.2, 0.4])
        assert found.track_lengths.tolist() == [3, 3, 3]


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
def test_a_binary_file_cut_anywhere_is_refused(tmp_path, name):
    binary_model(tmp_path / "m").write_binary(str(tmp_path / "m"))
    path = tmp_path / "m" / f"{name}.bin"
    whole = path.read_bytes()
    for data in (*(whole[:n] for n in range(len(whole))), whole + b"\0"):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"truncated or damaged \({name}.bin "):
            read_colmap(tmp_path / "m")


def test_a_count_beyond_the_file_is_refused(tmp_path):
    binary_model(tmp_path / "m").write_binary(str(tmp_path / "m"))
    path = tmp_path / "m" / "points3D.bin"
    path.write_bytes(struct.pack("<Q", 10**15) + path.read_bytes()[8:])
    with pytest.raises(ValueError, match="lists 1000000000000000 records and has 2"):
        read_colmap(tmp_path / "m")
    path = tmp_path / "m" / "cameras.bin"
    data = path.read_bytes()
    path.write_bytes(data[:12] + struct.pack("<i", 77) + data[16:])
    with pytest.raises(ValueError, match="a camera of model 77, expected 0 to 17"):
        read_colmap(tmp_path / "m")


def test_models_have_the_parameters_that_the_library_says():
    import pycolmap

    for number, (name, count) in enumerate(MODELS):
        kind = pycolmap.CameraModelId(number)
        camera = pycolmap.Camera.create_from_model_id(1, kind, 10.0, 20, 10)
        assert (camera.model_name, len(camera.params)) == (name, count)


def test_resized_lens_sees_the_same():
    params = (90.0, 95.0, 99.0, 81.0, 0.1, -0.02, 1e-3, 2e-3)
    lens = ColmapCamera("OPENCV", (200, 160), params)
    points = np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 5], (50, 3))
    half = lens.resized((100, 80))
    expected = (lens.project(points) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(half.project(points), expected, atol=1e-9)
    assert half.size == (100, 80) and lens.params == params


def test_only_a_lens_that_bends_nothing_has_a_matrix():
    straight = ColmapCamera("OPENCV", (9, 9), (9.0, 8.0, 4.5, 4.5, 0, 0, 0, 0))
    expected = [[9, 0, 4], [0, 8, 4], [0, 0, 1]]
    np.testing.assert_allclose(straight.intrinsics(), expected)
    bent = ColmapCamera("RADIAL", (9, 9), (9.0, 4.5, 4.5, 0.1, 0.0))
    with pytest.raises(
        ValueError, match=r"model RADIAL has no .*: its parameters .*0\.1"
    ):
        bent.intrinsics()
    np.testing.assert_allclose(bent.undistorted().intrinsics()[0], [9, 0, 4])
    fisheye = ColmapCamera("OPENCV_FISHEYE", (9, 9), (9.0, 8.0, 4.5, 4.5, 0, 0, 0, 0))
    assert fisheye.distorts and not straight.distorts
    panorama = ColmapCamera("EQUIRECTANGULAR", (20, 10), (20.0, 10.0))
    with pytest.raises(ValueError, match="model EQUIRECTANGULAR has no focal length"):
        panorama.undistorted()


def test_real_reconstruction_reprojects_to_its_own_error():
    """Binary files of another tool: the mean error that they store, 0.848 px."""
    model = read_colmap(need("data/colmap_bartoszek/sparse/0"))
    assert (len(model.images), len(model.points)) == (23, 1443)
    sums, counts = np.zeros(1443), np.zeros(1443)
    for image in model.images.values():
        rotation, shift = image.world2cam[:3, :3], image.world2cam[:3, 3]
        points = model.points[image.point_rows] @ rotation.T + shift
        off = np.linalg.norm(image.camera.project(points) - image.pixels, axis=1)
        np.add.at(sums, image.point_rows, off)
        np.add.at(counts, image.point_rows, 1)
    np.testing.assert_array_equal(counts, model.track_lengths)
    np.testing.assert_allclose((sums / counts).mean(), model.errors.mean(), atol=0.1)


def test_undistorted_model_shares_the_points():
    sparse = read_colmap(need("data/colmap_bartoszek/sparse/0"))
    dense = read_colmap(need("data/colmap_bartoszek/dense_0_sparse"))
    np.testing.assert_allclose(sparse.points, dense.points)
    assert all(image.camera.model == "PINHOLE" for image in dense.images.values())


@pytest.mark.parametrize("form", ["binary", "text"])
def test_poses_of_a_rig_are_those_of_each_camera(tmp_path, form):
    """COLMAP 3.12 and newer also write rigs and frames; images hold what both make."""
    import pycolmap

    model, rig = pycolmap.Reconstruction(), pycolmap.Rig()
    cameras = [pycolmap.sensor_t(pycolmap.SensorType.CAMERA, n) for n in (1, 2)]
    aside = pycolmap.Rigid3d(np.hstack([np.eye(3), [[0.3], [0], [0]]]))
    rig.rig_id = 1
    rig.add_ref_sensor(cameras[0])
    rig.add_sensor(cameras[1], aside)
    for number in (1, 2):
        params = [90.0, 95, 100, 80]
        camera = pycolmap.Camera(model="PINHOLE", width=200, height=160, params=params)
        camera.camera_id = number
        model.add_camera(camera)
    model.add_rig(rig)
    frame = pycolmap.Frame()
    frame.frame_id, frame.rig_id = 1, 1
    for number, camera in enumerate(cameras, 1):
        frame.add_data_id(pycolmap.data_t(camera, number))
    frame.rig_from_world = pycolmap.Rigid3d(np.hstack([np.eye(3), [[0], [1], [2.0]]]))
    model.add_frame(frame)
    for number in (1, 2):
        image = pycolmap.Image(name=f"cam{number}/0.jpg", camera_id=number)
        image.image_id, image.frame_id = number, 1
        model.add_image(image)
    model.register_frame(1)
    getattr(model, f"write_{form}")(str(tmp_path))
    images = read_colmap(tmp_path).images
    np.testing.assert_allclose(images["cam1/0.jpg"].world2cam[:3, 3], [0, 1, 2])
    np.testing.assert_allclose(images["cam2/0.jpg"].world2cam[:3, 3], [0.3, 1, 2])
