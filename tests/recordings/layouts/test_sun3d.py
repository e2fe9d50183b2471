"""SUN3D: recognised as released and as renamed; see also tests/converters."""

import numpy as np
import pytest
from PIL import Image

from vantage3d.io.depth_files import rotate_bits
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import Sun3d
from vantage3d.recordings.layouts.sun3d import FRAME_US

K = np.array([[80.0, 0, 39.5], [0, 80, 29.5], [0, 0, 1]])


def write(root, frames=3, late_us=7_000, size=(80, 60)):
    """A wall at 1.5 m; the camera moves a centimetre per frame; depth comes late."""
    for part in ("image", "depth", "extrinsics"):
        (root / part).mkdir(parents=True)
    rows = []
    for at in range(frames):
        time = at * FRAME_US
        Image.new("RGB", size).save(root / f"image/{at + 1:07d}-{time:012d}.jpg")
        stored = rotate_bits(np.full((60, 80), 1500, np.uint16))
        name = f"depth/{at + 40:07d}-{time + late_us:012d}.png"
        Image.fromarray(stored).save(root / name)
        pose = np.eye(4)[:3]
        pose[0, 3] = 0.01 * at
        rows.append(pose)
    np.savetxt(root / "extrinsics" / "20130512130736.txt", np.concatenate(rows))
    np.savetxt(root / "intrinsics.txt", K)
    return Sun3d(root)


def test_streams_are_paired_and_bits_turned_back(tmp_path):
    write(tmp_path / "hotel" / "h1")
    recording = open_recording(tmp_path)
    assert (recording.layout, recording.sequences()) == ("sun3d", ["hotel/h1"])
    frames = recording.frames("hotel/h1")
    assert [f.number for f in frames] == [0, 1, 2]
    assert frames[2].name == f"0000003-{2 * FRAME_US:012d}"
    assert frames[2].depth.name.startswith("0000042-")
    assert frames[2].cam2world[0, 3] == 0.02
    assert (recording.read_depth(frames[0]) == 1.5).all()


def test_images_of_another_size_have_a_resized_camera(tmp_path):
    """Intrinsics are those of the colour images; depth of half the size fits too."""
    recording = write(tmp_path / "a", size=(160, 120))
    np.savetxt(
        tmp_path / "a" / "intrinsics.txt", [[160, 0, 79.5], [0, 160, 59.5], K[2]]
    )
    frame = recording.frames("a")[0]
    np.testing.assert_allclose(frame.depth_camera.K, K)
    assert frame.color_camera.K[0, 0] == 160


def test_the_renamed_layout_is_recognised_and_told(tmp_path):
    write(tmp_path)
    for old, new in (("image", "color"), ("extrinsics", "pose")):
        (tmp_path / old).rename(tmp_path / new)
    (tmp_path / "intrinsic").mkdir()
    (tmp_path / "intrinsics.txt").rename(tmp_path / "intrinsic" / "intrinsics.txt")
    for kind in ("color", "depth"):
        for at, path in enumerate(sorted((tmp_path / kind).iterdir())):
            path.rename(path.with_name(f"{at:06d}{path.suffix}"))
    recording = open_recording(tmp_path)
    (sequence,) = recording.sequences()
    assert recording.layout == "sun3d"
    assert [f.name for f in recording.frames(sequence)] == [
        "000000",
        "000001",
        "000002",
    ]
    assert any("names have no timestamps" in said for said in recording.defaults)


def test_what_is_missing_is_named(tmp_path):
    write(tmp_path)
    (tmp_path / "intrinsics.txt").unlink()
    message = (
        r"looks like SUN3D \(image, extrinsics, depth\): intrinsics.txt is missing"
    )
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)
