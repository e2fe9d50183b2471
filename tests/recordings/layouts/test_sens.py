"""ScanNet's .sens files read in place, against the export of the same file."""

import numpy as np
import pytest

from tests.shared import need
from vantage3d.converters.scannet import export_recordings
from vantage3d.io.sens import SensFrame, SensHeader, write_sens
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import ScanNet
from vantage3d.recordings.layouts.sens import sens_files
from vantage3d.synthetic.layouts.files import encode_image
from vantage3d.views.index import FrameIndex

RNG = np.random.default_rng(4)


def intrinsics(focal, size):
    matrix = np.eye(4, dtype=np.float32)
    matrix[[0, 1], [0, 1]] = focal
    matrix[:2, 2] = (size[0] - 1) / 2, (size[1] - 1) / 2
    return matrix


def write(path, frames=3, lost=(), color_size=(96, 72), depth_size=(64, 48)):
    """A camera that moves 10 cm per frame, with colour and depth of two sizes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    recorded = []
    for number in range(frames):
        pose = np.eye(4, dtype=np.float32)
        pose[0, 3] = 0.1 * number
        if number in lost:
            pose[:] = -np.inf
        color = RNG.integers(0, 256, (*color_size[::-1], 3)).astype(np.uint8)
        depth = RNG.integers(900, 2000, depth_size[::-1]).astype(np.uint16)
        recorded.append(SensFrame(pose, encode_image(".jpg", color), depth))
    cameras = (intrinsics(80, color_size), intrinsics(60, depth_size))
    write_sens(
        path, SensHeader(*cameras, color_size, depth_size, 1000.0, frames), recorded
    )
    return path


def same(one, other):
    return all(np.array_equal(a.K, b.K) and a.size == b.size for a, b in (one, other))


def test_frames_are_those_of_the_export(tmp_path):
    root = tmp_path / "raw"
    path = write(root / "scans" / "scene0000_00" / "scene0000_00.sens", 12)
    export_recordings(sens_files(root), tmp_path / "export", 1, 1, 0.0)
    recording, exported = open_recording(root), ScanNet(tmp_path / "export")
    assert recording.layout == "sens"
    assert recording.sequences() == exported.sequences() == ["scene0000_00"]
    (in_place, files) = (r.frames("scene0000_00") for r in (recording, exported))
    assert [f.name for f in in_place] == [f.name for f in files]
    for here, there in zip(in_place, files):
        np.testing.assert_array_equal(here.cam2world, there.cam2world)
        assert same(
            (here.color_camera, there.color_camera),
            (here.depth_camera, there.depth_camera),
        )
        for read in ("read_color", "read_depth"):
            found = getattr(recording, read)(here)
            np.testing.assert_array_equal(found, getattr(exported, read)(there))
    assert in_place[11].depth == path / "depth" / "11.png"


def test_one_file_is_a_recording(tmp_path, create_data):
    """Its index is that of the export but for the paths, and samples are made of it."""
    path = write(tmp_path / "scene0000_00.sens", 4, lost=(1,))
    out = create_data("recording", path, tmp_path / "a", "--max-skipped", 0.5)
    export_recordings({path.stem: path}, tmp_path / "export", 1, 1, 0.0)
    options = ("--max-skipped", 0.5)
    create_data("recording", tmp_path / "export", tmp_path / "b", *options)
    here, there = (FrameIndex.load(o / "train.npz") for o in (out, tmp_path / "b"))
    assert here.numbers.tolist() == [0, 2, 3]
    for name in ("numbers", "K", "world2cam", "K_color"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    assert here.row(1).image == "scene0000_00.sens/color/2.jpg"
    assert here.K_color is not None
    path.rename(other := path.with_name("scene0001_00.sens"))
    message = "file was 'scene0000_00.sens' and is now 'scene0001_00.sens'"
    with pytest.raises(SystemExit, match=message):
        create_data("recording", other, out, *options)


def test_lost_tracking_costs_its_frame(tmp_path):
    recording = open_recording(write(tmp_path / "a.sens", 3, lost=(1,)))
    bad = recording.frames("a")[1]
    assert bad.number == 1
    assert "of frame 1 in" in bad.reason and "the tracking was lost" in bad.reason


def test_two_files_of_one_name_are_refused(tmp_path):
    for folder in ("a", "backup"):
        write(tmp_path / folder / "scene.sens", 1)
    with pytest.raises(ValueError, match=r"a/scene.sens and backup/scene.sens: two"):
        sens_files(tmp_path)


def test_a_real_scene_in_one_file_is_that_of_its_folder(tmp_path):
    """Three frames of ScanNet, colour of 1296 x 968, packed and read again."""
    root = need("data/deltas_scannet_sample/scannet_sample/scans_test")
    folder = ScanNet(root)
    frames = folder.frames("scene0707_00")
    packed = [
        SensFrame(
            f.cam2world.astype(np.float32),
            f.color.read_bytes(),
            np.round(1000 * folder.read_depth(f)).astype(np.uint16),
        )
        for f in frames
    ]
    header = [np.eye(4, dtype=np.float32) for _ in range(2)]
    for matrix, camera in zip(header, (frames[0].color_camera, frames[0].depth_camera)):
        matrix[:3, :3] = camera.K
    sizes = frames[0].color_camera.size, frames[0].depth_camera.size
    write_sens(tmp_path / "a.sens", SensHeader(*header, *sizes, 1000.0, 3), packed)
    recording = open_recording(tmp_path / "a.sens")
    for here, there in zip(recording.frames("a"), frames):
        for read in ("read_color", "read_depth"):
            found = getattr(recording, read)(here)
            np.testing.assert_array_equal(found, getattr(folder, read)(there))
        np.testing.assert_allclose(here.color_camera.K, there.color_camera.K, rtol=1e-6)
