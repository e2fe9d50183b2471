"""All facts of a sequence, found on its files."""

import numpy as np
import pytest
from PIL import Image

from tests.recordings.layouts.test_rgbd import K, write
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.file_facts import file_facts
from vantage3d.recordings.layouts import RgbdFolder
from vantage3d.recordings.options import Remedies


def said(root, level, remedies=None):
    recording = RgbdFolder(root, remedies or Remedies())
    (sequence,) = recording.sequences()
    found = file_facts(recording, sequence)
    return [str(one) for one in found if one.level == level]


@pytest.fixture
def scene(tmp_path):
    write(tmp_path, *map(str, range(12)))
    return tmp_path


def rewrite(scene, change):
    for path in (scene / "depth").iterdir():
        with Image.open(path) as image:
            values = np.asarray(image)
        Image.fromarray(change(values)).save(path)


def test_an_ordinary_recording_is_told_in_plain_words(scene):
    assert not said(scene, "error") + said(scene, "warning")
    told = said(scene, "info")
    assert "the depth camera sees 53 degrees across 80x60 pixels" in told
    assert "the median depth is 1.00 m" in told
    assert "-y of the world is up, 0 degrees from the cameras' mean" in told
    assert any(text.startswith("the views span 1.8 x 0.7 x 0.0 m") for text in told)


def test_eight_bits_are_an_error(scene):
    rewrite(scene, lambda values: (values / 5).astype(np.uint8))
    assert "depth images have 8 bits" in said(scene, "error")[0]


def test_every_fact_of_depth_respects_the_remedies(scene):
    rewrite(scene, lambda values: 5 * values)
    assert not said(scene, "error", Remedies(depth_scale=5000.0))
    told = said(scene, "info", Remedies(depth_scale=5000.0))
    assert "the median depth is 1.00 m" in told


def test_intrinsics_are_told_as_what_they_are(scene):
    shares = K / [[80], [60], [1]]
    np.savetxt(scene / "intrinsic.txt", shares)
    (text,) = said(scene, "error")
    assert text.startswith("8 of 8 frames looked at cannot be used: intrinsics ")
    assert "are normalised: the focal lengths [1.0, 1.33" in text
    np.savetxt(scene / "intrinsic.txt", [[320.0, 0, 159.5], [0, 320, 119.5], [0, 0, 1]])
    assert (
        "fit images of 320x240: say so with --intrinsics-size"
        in said(scene, "error")[0]
    )
    assert not said(scene, "error", Remedies(intrinsics_size=(320, 240)))
    np.savetxt(scene / "intrinsic.txt", [[110.0, 0, 53.0], [0, 110, 40], [0, 0, 1]])
    (text,) = said(scene, "warning")
    assert "principal point of the depth camera lies at 67% of the width" in text


def test_a_frame_that_lacks_a_file_is_a_warning(scene):
    (scene / "depth" / "11.png").rename(scene / "depth" / "0011.png")
    texts = said(scene, "warning")
    assert "of 8 frames looked at cannot be used" in texts[0] and "zeros" in texts[0]


def test_files_that_cannot_be_read_are_named(scene):
    (scene / "depth" / "0.png").write_bytes(b"no image")
    assert "depth/0.png (8 bytes) is not an image" in said(scene, "warning")[0]
    path = scene / "depth" / "11.png"
    path.write_bytes(path.read_bytes()[:60])
    assert "11.png is truncated or no depth map" in " ".join(said(scene, "warning"))
    path = scene / "depth" / "5.png"
    path.write_bytes(path.read_bytes()[:60])
    told = " ".join(said(scene, "warning"))
    assert "2 of 7 files looked at are damaged. First: " in told
    path = scene / "color" / "11.jpg"
    path.write_bytes(path.read_bytes()[:700])
    assert "11.jpg cannot be read" in " ".join(said(scene, "warning"))


def test_photographs_without_poses_are_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a", "b"):
        Image.new("RGB", (80, 60), (9, 90, 30)).save(
            tmp_path / f"{name}.jpg", exif=exif
        )
    recording = open_recording(tmp_path)
    told = file_facts(recording, *recording.sequences())
    assert [one.text for one in told] == [
        "there are no depth maps",
        "there are no poses",
    ]


def test_floats_in_tiff_are_read_where_the_scale_is_said(scene):
    for path in (scene / "depth").iterdir():
        Image.fromarray(np.full((60, 80), 2.5, np.float32)).save(
            path.with_suffix(".tif")
        )
        path.unlink()
    assert said(scene, "error")[0].endswith("--depth-scale 1 makes it 2.50 m")
    recording = RgbdFolder(scene, Remedies(depth_scale=1.0))
    frame = recording.frame(*recording.sequences(), "0")
    assert (recording.read_depth(frame) == 2.5).all()
