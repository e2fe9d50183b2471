"""The real shelf: decoded depth, and superpoints that respect its objects."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.shared import need
from vantage3d.converters.apc_shelf import decode_depth, read_camera_file


@pytest.fixture
def shelf():
    return need("data/apc_posed_rgbd_segm")


def test_depth_bits():
    millimetres = np.array([[0, 1, 655, 6553]])
    tenths = millimetres * 10
    stored = ((tenths << 3) | (tenths >> 13)) & 0xFFFF
    np.testing.assert_array_equal(decode_depth(stored), millimetres)


def test_import_and_convert(shelf, create_data, tmp_path):
    create_data("apc_shelf", shelf, tmp_path / "raw")
    train = (tmp_path / "raw" / "train.txt").read_text().split()
    val = (tmp_path / "raw" / "val.txt").read_text().split()
    assert (len(train), len(val)) == (6, 2)
    ids = np.asarray(Image.open(tmp_path / "raw/shelf/instance/000000.png"))
    assert set(np.unique(ids)) == {0, 48, 114, 132, 144}
    create_data("rgbd_sv", tmp_path / "raw", tmp_path / "out", "--num-points", 5000)
    for split in ("train", "val"):
        report = json.loads((tmp_path / "out" / f"report_{split}.json").read_text())
        assert report["skipped"] == []
        assert report["superpoint_purity"] > 0.94
        assert report["superpoint_oracle_recall50"] > 0.9


def test_depth_agrees_between_frames(shelf, create_data, tmp_path):
    """Points of one frame land on the depth of another: poses, K and depth fit."""
    create_data("apc_shelf", shelf, tmp_path)
    scene = tmp_path / "shelf"
    K = np.loadtxt(scene / "intrinsic.txt")
    a, b = (np.loadtxt(scene / "pose" / f"{n}.txt") for n in ("000000", "000002"))
    za, zb = (
        np.asarray(Image.open(scene / "depth" / f"{n}.png")).astype(float) / 1000
        for n in ("000000", "000002")
    )
    y, x = np.nonzero(za)
    cam = np.linalg.inv(K) @ (np.stack([x, y, np.ones(len(x))]) * za[y, x])
    rel = np.linalg.inv(b) @ a
    cam = rel[:3, :3] @ cam + rel[:3, 3:]
    u, v = np.round((K @ cam)[:2] / cam[2]).astype(int)
    ok = (u >= 0) & (u < 640) & (v >= 0) & (v < 480)
    ok[ok] = zb[v[ok], u[ok]] > 0
    assert ok.sum() > 3000
    assert np.median(np.abs(zb[v[ok], u[ok]] - cam[2][ok])) < 0.012


def test_errors(shelf, create_data, tmp_path):
    with pytest.raises(
        SystemExit, match=r"--val-frames 000099 is not in .* 000000, 00"
    ):
        create_data("apc_shelf", shelf, tmp_path / "out", "--val-frames", "000099")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match=r"camera file .*cam\.info\.txt is missing"):
        create_data("apc_shelf", tmp_path / "empty", tmp_path / "out")
    shutil.copy(shelf / "cam.info.txt", tmp_path / "empty")
    with pytest.raises(SystemExit, match=r"no frames found: 0 files frame-"):
        create_data("apc_shelf", tmp_path / "empty", tmp_path / "out")
    (tmp_path / "cam.txt").write_text("# Color\n1 2 3\n")
    with pytest.raises(ValueError, match="'Color': 3 numbers, expected 9 or 16"):
        read_camera_file(tmp_path / "cam.txt")
    (tmp_path / "cam.txt").write_text("# Color\n1 x 3\n")
    with pytest.raises(ValueError, match=r"'Color': could not convert .* 'x'"):
        read_camera_file(tmp_path / "cam.txt")


def test_a_pose_that_is_missing(shelf, create_data, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(shelf, root)
    text = (root / "cam.info.txt").read_text().split("# Camera-to-world")
    (root / "cam.info.txt").write_text(text[0])
    with pytest.raises(SystemExit, match="camera file has no 'for frame-000000'"):
        create_data("apc_shelf", root, tmp_path / "out")
