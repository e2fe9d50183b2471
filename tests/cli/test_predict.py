"""``predict`` as a user calls it."""

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.inference.conftest import room, weights
from vantage3d.cli.predict import SEGMENTERS, SYSTEMS, _class, predict
from vantage3d.converters.recordings import RecordingSource
from vantage3d.esam.converters import segmenters
from vantage3d.inference import depth_files, open_footage
from vantage3d.inference.inferencer import Inferencer
from vantage3d.process.command import CommandError
from vantage3d.recordings.findings import Finding
from vantage3d.results.prediction import FramePrediction
from vantage3d.results.store import StoredFrames, write_frame

__all__ = ["room", "weights"]


def run(system, source, out, *options):
    predict([system, str(source), "--out", str(out), *map(str, options)])


def test_tables_are_those_of_the_rooms():
    assert tuple(sorted(segmenters.SEGMENTERS)) == SEGMENTERS
    for name in SYSTEMS:
        assert issubclass(_class(name), Inferencer) and _class(name).system == name


def test_a_recording_becomes_files(room, weights, tmp_path, capsys):
    options = "--weights", weights("esam"), "--num-points", 2000
    run("esam", room, tmp_path, *options, "--save", "npz", "--labels", room)
    assert "3 of 3 frames" in capsys.readouterr().out
    assert (tmp_path / "instance_ap.json").is_file()
    frames = StoredFrames(tmp_path / "scene0000_00/frames")
    assert frames.names == ("0", "20", "40")
    assert frames[0].instances.masks.shape[1:] == (120, 160)


@pytest.fixture(scope="module")
def images(room, tmp_path_factory):
    """The room's images alone, and a folder of predictions that say the truth."""
    root = tmp_path_factory.mktemp("alone")
    (root / "images").mkdir()
    for frame in open_footage(room):
        Image.fromarray(frame.color).save(root / "images" / f"{frame.name}.png")
        truth = FramePrediction(
            frame.name, frame.color, frame.K, frame.depth, cam2world=frame.cam2world
        )
        write_frame(root / "depth" / f"{frame.name}.npz", truth)
    return root


def test_depth_of_another_network_is_as_good_as_a_sensor(
    images, room, weights, tmp_path
):
    """Where it is the truth, the same bits come out as from an RGB-D recording."""
    options = "--weights", weights("esam"), "--num-points", 2000
    depths = images / "depth"
    run("esam", images / "images", tmp_path / "a", *options, "--depth-from", depths)
    run("esam", room, tmp_path / "b", *options)
    found = StoredFrames(tmp_path / "a/images/frames")
    expected = StoredFrames(tmp_path / "b/scene0000_00/frames")
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.instances.masks, other.instances.masks)
        assert np.array_equal(one.cam2world, other.cam2world)


def test_images_become_instances_by_two_networks(images, weights, tmp_path):
    options = "--weights", weights("esam"), "--num-points", 2000
    chain = "--depth-from", "vggt", "--depth-weights", weights("vggt")
    run("esam", images / "images", tmp_path, *options, *chain)
    depth = StoredFrames(tmp_path / "depth_from_vggt/images/frames")
    whole = StoredFrames(tmp_path / "images/frames")
    for one, other in zip(depth, whole, strict=True):
        assert np.array_equal(one.depth, other.depth)
        assert not one.metric and not other.metric
        assert np.array_equal(one.cam2world, other.cam2world)


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        ("esam", (), "frame 0 has no depth, which esam needs.*--depth-from"),
        ("deltas", (), "frame 0 has no pose, which deltas needs.*with vggt"),
        (
            "vggt",
            ("--segmenter", "graph"),
            "--segmenter is of esam, and vggt was chosen",
        ),
        ("esam", ("--depth-weights", "w"), "--depth-weights needs --depth-from"),
        ("esam", ("--batch-size", 0), "--batch-size must be at least 1, got 0"),
        ("vggt", ("--sequences", "x"), "`sequence` must be one of 'images', got 'x'"),
        ("vggt", (), "vggt needs weights, a checkpoint or the work dir.* --weights"),
        ("vggt", ("--weights", "gone.pth"), r"gone\.pth.*docs/weights.md lists"),
        ("esam", ("--depth-from", "gone"), r"no \.npz file with .* gone"),
        ("esam", ("--depth-from", "vggt"), "esam needs weights"),
        ("vggt", ("--bf16",), "--bf16 is of esam, and vggt was chosen"),
        ("vggt", ("--save", "coco"), "coco needs instances, .* and vggt was chosen"),
        ("vggt", ("--device", "cuda:99"), "--device cuda:99 does not exist: torch"),
        ("vggt", ("--labels", "x"), "--labels is of esam, and vggt was chosen"),
    ],
)
def test_wrong_input_ends_in_one_message(
    images, system, options, message, tmp_path, monkeypatch
):
    """Before anything that takes time."""
    monkeypatch.setattr(RecordingSource, "preflight", None)
    with pytest.raises(CommandError, match=message):
        run(system, images / "images", tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_results_do_not_go_into_the_recording(room):
    with pytest.raises(CommandError, match=r"--out .*scene0000_00 is the recording"):
        run("vggt", room, room)
    assert not (room / "frames").exists()


def test_a_video_without_frames_is_told(weights, tmp_path):
    path = tmp_path / "empty.avi"
    cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48)).release()
    with pytest.raises(
        CommandError, match=r"empty\.avi, empty, has no frames\. Record"
    ):
        run("vggt", path, tmp_path / "out", "--weights", weights("vggt"))


def test_one_image_is_not_triangulated(room, weights, copied_film, tmp_path):
    scene = copied_film("rgbd_folder") / "scene0000_00"
    for part in ("color", "depth", "pose", "instance", "semantic"):
        for path in sorted((scene / part).iterdir())[1:]:
            path.unlink()
    with pytest.raises(CommandError, match=r"has 1 frame, and deltas needs at least 2"):
        run("deltas", scene, tmp_path / "out", "--weights", weights("deltas"))


def test_a_wrong_recording_is_refused(room, weights, tmp_path, monkeypatch, capsys):
    wrong = Finding("error", "depth is 5 times too large", "--depth-scale 5000")
    monkeypatch.setattr(RecordingSource, "preflight", lambda *_: ([wrong], 0.1))
    options = "--weights", weights("deltas"), "--sequences", "scene0000_00"
    with pytest.raises(CommandError, match=r"--depth-scale 5000 \(--force goes on"):
        run("deltas", room, tmp_path / "out", *options)
    run("deltas", room, tmp_path / "out", *options, "--force")
    assert "3 of 3 frames" in capsys.readouterr().out


def test_the_only_scene_of_a_folder_is_meant(images, tmp_path):
    scene = tmp_path / "desk/frames"
    scene.parent.mkdir()
    scene.symlink_to(images / "depth")
    assert depth_files(tmp_path, "another") == scene
