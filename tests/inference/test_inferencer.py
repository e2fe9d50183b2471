"""Resuming, memory and refusals, which all systems have from one class."""

import shutil
import weakref

import numpy as np
import pytest

from tests.shared import ROOT
from vantage3d.cli.predict import _class as predictor_class
from vantage3d.engine.checkpoints.file import write_checkpoint
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.esam import RGBDSegmenter
from vantage3d.inference import InputFrame, inferencer, open_footage
from vantage3d.inference.trained import Trained, find_trained
from vantage3d.io.run_facts import read_run
from vantage3d.recordings.recording import Recording


@pytest.fixture
def calls(segmenter, monkeypatch):
    """Names of the frames that the network saw."""
    seen = []
    predict = segmenter.predict

    def counted(group):
        seen.extend(frame.name for frame in group.frames)
        return predict(group)

    monkeypatch.setattr(segmenter, "predict", counted)
    return seen


def test_a_finished_frame_is_not_computed_again(segmenter, room, tmp_path, calls):
    first = segmenter(room, out_dir=tmp_path)
    assert calls == ["0", "20", "40"]
    (tmp_path / "frames/20.npz").unlink()  # a kill
    damaged = tmp_path / "frames/40.npz"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    assert read_run([tmp_path])["weights_sha256"] == segmenter.trained.digest
    for name in (".cloud.ply", "frames/.20.npz", ".predict/frames/.stream.npz"):
        (tmp_path / f"{name}.0.part").touch()  # what it was writing
    again = segmenter(room, out_dir=tmp_path)
    assert calls == ["0", "20", "40", "20", "40"]
    for one, other in zip(first.frames, again.frames, strict=True):
        assert np.array_equal(one.instances.masks, other.instances.masks)
        assert one.name == other.name
    assert not list(tmp_path.rglob(".*.part"))


@pytest.mark.parametrize("system", ["esam", "vggt", "deltas"])
def test_a_finished_recording_needs_no_network(
    system, weights, room, tmp_path, monkeypatch
):
    kind = predictor_class(system)
    first = kind(weights(system))(room, out_dir=tmp_path)
    monkeypatch.setattr(Trained, "build", lambda self, **_: pytest.fail("was loaded"))
    again = kind(weights(system))(room, out_dir=tmp_path)
    for one, other in zip(first.frames, again.frames, strict=True):
        assert np.array_equal(one.depth, other.depth)
    with pytest.raises(pytest.fail.Exception, match="was loaded"):
        kind(weights(system))(room)


def test_a_frame_that_changed_is_computed_again(segmenter, room, calls, tmp_path):
    store = segmenter(room, out_dir=tmp_path).frames
    frames = list(open_footage(room))
    frames[1] = frames[1]._replace(color=255 - frames[1].color)
    list(segmenter.stream(frames, store=store))
    assert calls == ["0", "20", "40", "20"]


def test_frames_in_memory_do_not_grow_with_the_recording(
    segmenter, room, tmp_path, monkeypatch
):
    """At most the frame that the network sees and the one that is read."""
    made, most, read = [], 0, Recording.read_color

    class Counted(np.ndarray):
        """An array that can be counted."""

    def counting(self, frame):
        nonlocal most
        color = read(self, frame).view(Counted)
        made.append(weakref.ref(color))
        most = max(most, sum(array() is not None for array in made))
        return color

    monkeypatch.setattr(Recording, "read_color", counting)
    segmenter(room, out_dir=tmp_path)
    assert len(made) > 3 and most <= 2


def test_a_folder_of_another_recording_is_refused(segmenter, room, tmp_path):
    segmenter(room, out_dir=tmp_path)
    other = room.parent / "scene0001_00"
    with pytest.raises(ValueError, match=r"source was .*scene0000_00.*scene0001_00"):
        segmenter(other, out_dir=tmp_path)
    scene = segmenter(other, out_dir=tmp_path, overwrite=True)
    assert scene.name == "scene0001_00"


def test_a_batch_says_what_each_frame_alone_says(segmenter, room):
    frames = list(open_footage(room))
    alone, both = segmenter.stream(frames), segmenter.stream(frames, batch_size=2)
    for one, other in zip(alone, both, strict=True):
        assert one.name == other.name
        same = one.instances.ids() == other.instances.ids()
        assert same.mean() > 0.999
        np.testing.assert_allclose(
            one.instances.scores, other.instances.scores, rtol=1e-4
        )


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cuda:99", r"cuda:99 does not exist: torch sees \d GPUs\. Use --device cpu"),
        ("gpu", "--device must be cpu, cuda or cuda:N, got 'gpu'"),
        ("cuda:x", "got 'cuda:x'"),
    ],
)
def test_a_device_that_is_not_there_is_told(weights, device, message):
    with pytest.raises(ValueError, match=message):
        RGBDSegmenter(weights("esam"), device=device)


def test_weights_of_another_system_are_refused_by_name(weights):
    with pytest.raises(ConfigError, match=r"describes DELTAS.*esam.*use `deltas`"):
        RGBDSegmenter(weights("deltas"))


def test_weights_of_another_architecture_are_refused(weights, room, tmp_path):
    from tests.inference.trained import work_dir

    wide = work_dir(tmp_path / "wide", "esam", {"model.decoder.hidden_dim": 64})
    config = next(weights("esam").parent.glob("*.py"))
    with pytest.raises(CheckpointError, match="does not fit ScanNet200MixFormer3D"):
        RGBDSegmenter(wide, config)(room, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_weights_name_the_page_of_released_files(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone\.pth does not exist.*weights\.md"):
        RGBDSegmenter(tmp_path / "gone.pth")
    with pytest.raises(ConfigError, match=r"needs weights.* --weights .*weights\.md"):
        RGBDSegmenter()


def test_a_checkpoint_without_its_config_asks_for_it(weights, tmp_path):
    alone = tmp_path / "run" / "lora" / "epoch_1.pth"
    alone.parent.mkdir(parents=True)
    name = "ESAM_sv_synthetic_CA"
    meta = {"experiment_name": f"{name}_20261129_191344"}
    write_checkpoint({"meta": meta, "state_dict": {}}, alone)
    own = ROOT / "configs/ESAM_CA" / f"{name}.py"
    message = rf"{alone} trained with\? Its folder has none.* Add: --config {own} \("
    with pytest.raises(ConfigError, match=message):
        find_trained(alone, None, "esam")
    config = next(weights("esam").parent.glob("*.py"))
    above = shutil.copy(config, tmp_path / "run")
    (tmp_path / "run" / "sort.py").write_text("import os, sys\n")  # no config
    assert find_trained(alone, None, "esam").cfg.filename == str(above)
    shutil.copy(config, tmp_path / "run" / "other.py")
    with pytest.raises(ConfigError, match=r"other\.py, expected one. Add: --config"):
        find_trained(alone, None, "esam")


@pytest.mark.parametrize(
    ("missing", "message"),
    [("depth", "frame x has no depth, which esam needs"), ("K", "no intrinsics")],
)
def test_what_a_frame_lacks_is_named(segmenter, missing, message):
    color, depth = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), np.float32)
    frame = InputFrame("x", color, np.eye(3), depth)._replace(**{missing: None})
    with pytest.raises(ValueError, match=message):
        next(segmenter.stream([frame]))


def test_arrays_of_a_caller_are_checked(segmenter):
    color = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r"`depth` must be float metres, got uint16"):
        segmenter.frame(color, np.ones((8, 8), np.uint16), np.eye(3))
    with pytest.raises(ValueError, match=r"`color` must be uint8 RGB, got float64"):
        segmenter.frame(color / 255.0)


def test_show_opens_the_page_of_the_scene(segmenter, room, tmp_path, monkeypatch):
    opened, said, page = [], [], tmp_path / "page.html"
    monkeypatch.setattr(inferencer, "save", lambda scene, folder, kinds: [page])
    monkeypatch.setattr(inferencer.webbrowser, "open", opened.append)  # opens none
    monkeypatch.setattr(inferencer, "print_log", lambda text, **_: said.append(text))
    segmenter(room, out_dir=tmp_path)
    assert not opened
    segmenter(room, out_dir=tmp_path, show=True)
    assert opened == [page.as_uri()]
    assert said == [f"no browser could be opened; the page is {page}"]
