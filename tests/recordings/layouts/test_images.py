"""Folders of images without poses."""

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFilter

from tests.recordings.layouts import test_colmap, test_rgbd
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import ImageFolder, Transforms
from vantage3d.recordings.options import Remedies
from vantage3d.recordings.sharpness import sharpest, sharpness

SIZE = 80, 60
NOISE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


def write(root, *names, blurred=(), orientation=None):
    root.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    for name in names:
        image = Image.fromarray(NOISE)
        if name in blurred:
            image = image.filter(ImageFilter.GaussianBlur(2))
        image.save(root / name, exif=exif)
    return root


def frames(recording):
    (sequence,) = recording.sequences()
    return recording.frames(sequence)


def test_images_in_natural_order_without_cameras(tmp_path):
    write(tmp_path / "photos", "10.png", "9.png", "notes.txt.png")
    for root in (tmp_path, tmp_path / "photos"):
        recording = open_recording(root)
        assert recording.layout == "images"
        found = frames(recording)
        assert [f.name for f in found] == ["9", "10", "notes.txt"]
        assert [f.number for f in found] == [0, 1, 2]
        assert found[0].color_camera is None and found[0].cam2world is None


def test_the_sharpest_of_each_window_is_taken(tmp_path):
    names = [f"{number}.png" for number in range(8)]
    sharp = {"1.png", "5.png", "7.png"}
    root = write(tmp_path, *names, blurred=set(names) - sharp)
    found = frames(ImageFolder(root, Remedies(every=3)))
    assert [(f.name, f.number) for f in found] == [("1", 1), ("5", 5), ("7", 7)]


def test_windows_by_hand():
    assert sharpest([1, 3, 2, 5, 4, 6, 7], 3) == [1, 5, 6]
    flat = np.full((9, 9, 3), 7, np.uint8)
    assert sharpness(flat) == 0
    flat[4, 4] = 8  # -4, and 1 at four neighbours: mean 0, squares 20 of 81 pixels
    assert sharpness(flat) == pytest.approx(20 / 81)


def test_a_phone_held_upright(tmp_path):
    root = write(tmp_path, "a.png", orientation=6)  # to be turned clockwise
    np.savetxt(root / "intrinsic.txt", [[70, 0, 29.5], [0, 70, 39.5], [0, 0, 1]])
    recording = ImageFolder(root)
    (frame,) = frames(recording)
    assert frame.color_camera.size == (60, 80)
    np.testing.assert_array_equal(recording.read_color(frame), np.rot90(NOISE, -1))


def test_depth_maps_are_no_photographs(tmp_path):
    write(tmp_path, "0_color.png", "0_depth.png")
    with pytest.raises(ValueError, match=r"without depth maps \(0_depth.png"):
        open_recording(tmp_path)


def test_an_image_beside_other_things_is_no_recording(tmp_path):
    write(tmp_path, "thumbnail.png")
    (tmp_path / "keyframes/images").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"Polycam .*: keyframes/cameras is missing"):
        open_recording(tmp_path)


@pytest.mark.parametrize("layout", [test_rgbd, test_colmap])
def test_images_of_a_recording_are_told_from_a_folder_of_images(tmp_path, layout):
    layout.write(tmp_path / "desk", "1.jpg" if layout is test_colmap else "1")
    part = "images" if layout is test_colmap else "color"
    message = "folder of images without poses, and .*desk is a recording .*give that"
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path / "desk" / part)
    found = open_recording(tmp_path / "desk" / part, "images")
    assert found.layout == "images"


def test_posed_recordings_refuse_every():
    with pytest.raises(ValueError, match="--every 3 is for images and videos without"):
        Transforms(".", Remedies(every=3))
    with pytest.raises(ValueError, match="`--every` must be positive, got 0"):
        Remedies(every=0)
