"""COLMAP models: both forms, half-pixel convention, real reconstructions."""

import struct

import numpy as np
import pytest

from tests.shared import need
from vantage3d.geometry import project
from vantage3d.io.colmap import ColmapCamera, read_colmap


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
    path.write_text(f"{text}\n{last}")
    with pytest.raises(ValueError, match=r"lists 3 images, 2 were read: end its last"):
        read_colmap(folder)
    path.write_text(f"{text}\n{last}\n\n")
    assert "last.JPG" in read_colmap(folder).images


def test_a_camera_that_no_model_has():
    with pytest.raises(ValueError, match="model RADIAL has no intrinsic matrix"):
        ColmapCamera("RADIAL", (9, 9), (9.0, 4.5, 4.5, 0.1, 0.0)).intrinsics()


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
