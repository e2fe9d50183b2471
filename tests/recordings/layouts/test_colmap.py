"""COLMAP projects: where models and images lie, their cameras, names and depth."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.shared import need
from vantage3d.io.colmap import ColmapCamera
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import Colmap
from vantage3d.recordings.options import Remedies
from vantage3d.recordings.recording import Unusable

SIZE = 80, 60
PINHOLE = "PINHOLE 80 60 70 71 40.5 30.5"
BENT = "OPENCV 80 60 70 71 40.5 30.5 -0.1 0.02 0.001 0"


def write(root, *names, model="sparse/0", camera=PINHOLE, images="images", size=SIZE):
    """Images one step apart in x, each of a grey of its own; no points."""
    folder = root / model
    folder.mkdir(parents=True)
    lines = []
    for number, name in enumerate(names):
        path = root / images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (10 * number,) * 3).save(path)
        # Half a turn about z: the camera stands at (0.5 number, 0, -2).
        lines += [
            f"{number + 1} 0 0 0 1 {0.5 * number} 0 2 {number % 2 + 1} {name}",
            "",
        ]
    text = f"1 {camera}\n2 {camera.replace(' 70 ', ' 72 ')}"
    (folder / "cameras.txt").write_text(text)
    (folder / "images.txt").write_text("\n".join(lines))
    (folder / "points3D.txt").write_text("# none")
    return root


def frames(recording):
    (sequence,) = recording.sequences()
    return recording.frames(sequence)


@pytest.mark.parametrize(
    ("model", "images"),
    [
        ("sparse", "images"),
        ("sparse/0", "images"),
        ("dense/sparse", "dense/images"),
        ("dense/0/sparse", "dense/0/images"),
        (".", "images"),
        (".", "."),
        ("colmap/sparse/0", "input"),
    ],
)
def test_models_are_found_where_tools_leave_them(tmp_path, model, images):
    write(tmp_path / "desk", "a.jpg", "b.jpg", model=model, images=images)
    for root in (tmp_path, tmp_path / "desk"):
        recording = open_recording(root)
        assert recording.layout == "colmap"
        assert recording.sequences()[0].split("/")[0] == "desk"
        assert [frame.name for frame in frames(recording)] == ["a", "b"]


def test_cameras_and_poses_of_each_image(tmp_path):
    first, second = frames(Colmap(write(tmp_path, "a.png", "b.png")))
    np.testing.assert_allclose(second.cam2world[:3, 3], [0.5, 0, -2])
    np.testing.assert_allclose(second.cam2world[:3, :3], np.diag([-1, -1, 1]))
    expected = [[70, 0, 40], [0, 71, 30], [0, 0, 1]]
    np.testing.assert_allclose(first.color_camera.K, expected)
    assert second.color_camera.K[0, 0] == 72 and second.color_camera.size == SIZE
    assert first.lens is None and first.made_on_reading == ""
    assert first.depth is None and first.timestamp is None


def test_a_rig_with_equal_names_in_folders(tmp_path):
    names = ("cam0/0000.jpg", "cam1/0000.jpg", "cam0/0001.jpg")
    recording = Colmap(write(tmp_path, *names))
    found = frames(recording)
    assert [f.name for f in found] == ["cam0/0000", "cam0/0001", "cam1/0000"]
    greys = [int(recording.read_color(frame)[0, 0, 0]) for frame in found]
    assert np.abs(np.array(greys) - (0, 20, 10)).max() <= 1
    assert [f.color_camera.K[0, 0] for f in found] == [70, 70, 72]


def test_two_images_of_one_name_are_refused(tmp_path):
    recording = Colmap(write(tmp_path, "a.JPG", "a.png"))
    with pytest.raises(ValueError, match=r"a.JPG and a.png would both be called 'a'"):
        recording.names(recording.sequences()[0])


def test_a_folder_that_all_images_share_is_no_name(tmp_path):
    found = frames(Colmap(write(tmp_path, "left/a.jpg", "left/b.jpg")))
    assert [frame.name for frame in found] == ["a", "b"]


def test_an_undistorted_model_goes_first_and_that_is_said(tmp_path):
    write(tmp_path, "a.jpg", camera=BENT)
    write(tmp_path, "a.jpg", model="dense/0/sparse", images="dense/0/images")
    recording = Colmap(tmp_path)
    assert frames(recording)[0].lens is None
    assert any("undistorted model in" in text for text in recording.defaults)


def test_models_in_parts_are_sequences(tmp_path):
    write(tmp_path / "hall", "a.jpg", model="sparse/0")
    write(tmp_path / "hall", "b.jpg", model="sparse/1")
    assert Colmap(tmp_path).sequences() == ["hall/0", "hall/1"]


def test_a_lens_is_undistorted_on_reading(tmp_path):
    """A white stripe along a curve of the image that is straight in space."""
    recording = Colmap(write(tmp_path, "a.png", camera=BENT))
    (frame,) = frames(recording)
    lens = ColmapCamera("OPENCV", SIZE, tuple(map(float, BENT.split()[3:])))
    y = np.linspace(-0.5, 0.5, 400)
    stripe = lens.project(np.stack([0 * y - 0.45, y, 0 * y + 1], 1)).round().astype(int)
    stripe = stripe[((stripe >= 0) & (stripe < SIZE)).all(1)]
    image = np.zeros((*SIZE[::-1], 3), np.uint8)
    image[stripe[:, 1], stripe[:, 0]] = 255
    assert len(np.unique(stripe[:, 0])) > 1  # it is bent
    Image.fromarray(image).save(frame.color)
    K, straight = frame.color_camera.K, recording.read_color(frame)[..., 0]
    bright = straight[5:-5].argmax(1)
    assert np.abs(bright - (K[0, 0] * -0.45 + K[0, 2])).max() <= 1
    assert "distortion of a lens (OPENCV)" in frame.made_on_reading


def test_smaller_copies_have_scaled_intrinsics_and_that_is_said(tmp_path):
    recording = Colmap(write(tmp_path, "a.png", "b.png", size=(40, 30)))
    Image.new("RGB", (20, 15)).save(tmp_path / "images" / "b.png")
    frame, _ = frames(recording)
    np.testing.assert_allclose(frame.color_camera.K[0], [35, 0, 19.75])
    (told,) = [said for said in recording.defaults if "scaled to images" in said]
    assert told.endswith("another size: a.png is 40x30, its camera 80x60")  # once


def test_images_of_other_proportions_are_refused(tmp_path):
    (frame,) = frames(Colmap(write(tmp_path, "a.png", size=(40, 33))))
    assert isinstance(frame, Unusable)
    assert "the image is 40x33 and its camera 80x60" in frame.reason


def test_the_owner_may_say_the_size(tmp_path):
    root = write(tmp_path, "a.png", camera="PINHOLE 160 60 70 71 40.5 30.5")
    (frame,) = frames(Colmap(root, Remedies(intrinsics_size=SIZE)))
    np.testing.assert_allclose(frame.color_camera.K[0], [70, 0, 40])


def test_depth_beside_the_images(tmp_path):
    recording = Colmap(write(tmp_path, "c/a.png", "d/b.png"))
    (tmp_path / "depths/c").mkdir(parents=True)
    stored = np.full((30, 40), 1500, np.uint16)
    Image.fromarray(stored).save(tmp_path / "depths/c/a.png")
    (tmp_path / "depths/._a.png").write_bytes(b"macOS")
    first, second = frames(recording)
    assert (recording.read_depth(first) == 1.5).all()
    assert re.search(
        r"depth has no file for frame 'd/b', but 1 other, called like a.png",
        second.reason,
    )
    np.testing.assert_allclose(first.depth_camera.K[0], [35, 0, 19.75])


def test_missing_images_are_told(tmp_path):
    recording = Colmap(write(tmp_path, "a.png", "b.png", "c.png"))
    (tmp_path / "images/b.png").unlink()
    found = frames(recording)
    assert [isinstance(frame, Unusable) for frame in found] == [False, True, False]
    assert "b.png is missing" in found[1].reason
    shutil.rmtree(tmp_path / "images")
    Image.new("RGB", SIZE).save(tmp_path / "other.png")
    again = Colmap(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"called like \['a.png'\], and none"):
        again.frames(again.sequences()[0])
    root = write(tmp_path / "capitals", "a.png")
    (root / "images/a.png").rename(root / "images/A.PNG")
    again = Colmap(root)
    with pytest.raises(FileNotFoundError, match=r"a\.png is missing, but A\.PNG lies"):
        again.frames(again.sequences()[0])


def test_what_a_project_lacks_is_named(tmp_path):
    write(tmp_path, "a.png")
    shutil.rmtree(tmp_path / "images")
    with pytest.raises(ValueError, match=r"COLMAP model \(a model in sparse/0\): imag"):
        open_recording(tmp_path)
    (tmp_path / "sparse/0/cameras.txt").unlink()
    with pytest.raises(
        ValueError, match=r"images.txt, points3D.txt\): cameras is miss"
    ):
        open_recording(tmp_path / "sparse/0")


def test_names_that_lead_outside_are_refused(tmp_path):
    root = write(tmp_path / "in", "a.png", "../../b.png")
    found = frames(Colmap(root))
    reasons = [frame.reason for frame in found if isinstance(frame, Unusable)]
    assert len(reasons) == 1 and "names '../../b.png', which is" in reasons[0]


def test_a_real_model_and_its_photographs(tmp_path):
    """Undistorted images of the dense model, 8 of 23; the original lens beside it."""
    data = need("data/colmap_bartoszek")
    shutil.copytree(data / "images", tmp_path / "images")
    shutil.copytree(data / "dense_0_sparse", tmp_path / "sparse")
    recording = open_recording(tmp_path)
    found = frames(recording)
    there = [frame for frame in found if not isinstance(frame, Unusable)]
    assert (len(found), len(there)) == (23, 8)
    assert there[0].color_camera.size == (1000, 658) and there[0].name == "DSC_5283"
    assert recording.read_color(there[0]).shape == (658, 1000, 3)
    shutil.rmtree(tmp_path / "sparse")
    shutil.copytree(data / "sparse/0", tmp_path / "sparse")
    reasons = [
        f.reason for f in frames(open_recording(tmp_path)) if f.name == "DSC_5283"
    ]
    assert "the image is 1000x658 and its camera 3031x2006" in reasons[0]
