"""7-Scenes and plain RGB-D folders to index."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.rooms import DELTAS, relative, truth
from tests.shared import need
from tests.views.agreement import landed, median_offset
from vantage3d.converters.index import report
from vantage3d.converters.recordings import RecordingSource
from vantage3d.converters.sevenscenes import SevenScenesSource
from vantage3d.recordings.layouts import RgbdFolder, SevenScenes
from vantage3d.synthetic.layouts.files import write_image
from vantage3d.views.dataset import PosedViews
from vantage3d.views.index import FrameIndex


def test_folders_are_read_as_rendered(filmed, create_data, tmp_path):
    options = ("--test-scenes", "scene0001_00")
    out = create_data("recording", filmed("rgbd_folder"), tmp_path / "out", *options)
    assert FrameIndex.load(out / "test.npz").sequences == ("scene0001_00",)
    sample = PosedViews(str(out), gap=20, size=(120, 160), **DELTAS)[1]
    assert sample["name"] == "scene0000_00/20-0-40"
    views = truth("rgbd_folder", 0)
    expected = [views[number] for number in (1, 0, 2)]
    for at, pose in enumerate(relative(expected)):
        depth = expected[at].frame.depth
        np.testing.assert_allclose(sample["depth"][at], depth, atol=6e-4)
        np.testing.assert_allclose(sample["cam2world"][at], pose, atol=5e-6)


@pytest.mark.parametrize(
    "views",
    [dict(gap=20, size=(120, 160), **DELTAS), dict(image_size=154, frames=2)],
    ids=["deltas", "vggt"],
)
def test_a_colour_camera_of_its_own_is_brought_to_the_depth(
    filmed, create_data, tmp_path, views
):
    """Colours are those that a colour camera in the depth camera's place would see."""
    layout = "rgbd_two_cameras"
    one = create_data("recording", filmed("rgbd_folder"), tmp_path / "one")
    two = create_data("recording", filmed(layout), tmp_path / "two")
    index = FrameIndex.load(two / "train.npz")
    assert index.K_color is not None and index.depth2color is not None
    datasets = [PosedViews(str(out), test_mode=True, **views) for out in (one, two)]
    for number in range(2):
        expected, found = (dataset[number] for dataset in datasets)
        assert expected["name"] == found["name"]
        np.testing.assert_allclose(found["K"], expected["K"], atol=1e-4)
        seen = (found["depth"] > 0).numpy()
        whole = (expected["depth"] > 0).numpy()
        assert 0.4 < seen.sum() / whole.sum() < 0.9 and not (seen & ~whole).any()
        np.testing.assert_allclose(
            found["depth"][seen], expected["depth"][seen], atol=6e-4, rtol=0.05
        )
        colors = [
            255 * sample["images"].numpy().astype(float).transpose(0, 2, 3, 1)
            for sample in (expected, found)
        ]
        off = np.abs(colors[0] - colors[1])[seen]
        aside = np.abs(colors[0] - np.roll(colors[1], 8, 2))[seen]
        assert np.median(off) < 4 and 2.5 * off.mean() < aside.mean()


def test_a_frame_without_depth_is_left_out(copied_film):
    root = copied_film("rgbd_folder")
    for path in (root / "scene0000_00" / "depth").iterdir():
        path.unlink()
    found = RecordingSource(RgbdFolder(root)).frames("scene0000_00")
    assert len(found) == 3
    assert (
        "scene0000_00/depth has no file for frame '0': it is empty" in found[0].reason
    )


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("depth", "scene0000_00 has no depth maps, which training needs. `predict.py"),
        ("pose", "scene0000_00 has no poses, which training needs. COLMAP finds some"),
    ],
)
def test_what_training_needs_is_refused_at_once(
    copied_film, create_data, tmp_path, part, message
):
    """In one message, not frame by frame."""
    root = copied_film("rgbd_folder")
    for scene in ("scene0000_00", "scene0001_00"):
        shutil.rmtree(root / scene / part)
    with pytest.raises(SystemExit, match=message):
        create_data("recording", root, tmp_path / "out")


def test_a_long_list_of_skipped_frames_is_cut_short(monkeypatch):
    said = []
    monkeypatch.setattr(report, "print_log", lambda text, **_: said.append(text))
    report.say_skipped({f"a/{n}": "damaged" for n in range(12)}, Path("report.json"))
    assert said[0] == "skipped a/0: damaged"
    assert said[10:] == ["skipped 2 others: see report.json"]


def test_one_recording_may_be_the_root(filmed):
    source = RecordingSource(RgbdFolder(filmed("rgbd_folder") / "scene0000_00"))
    assert source.splits()["train"] == ["scene0000_00"]
    assert [entry.number for entry in source.frames("scene0000_00")] == [0, 20, 40]


def make_sevenscenes(root):
    """Two sequences of two frames; only headers of images matter here."""
    for sequence in ("seq-01", "seq-02"):
        for number in range(2):
            stem = root / "chess" / sequence / f"frame-{number:06d}"
            for kind, values in (("color", (480, 640, 3)), ("depth", (480, 640))):
                zeros = np.zeros(values, "u1" if kind == "color" else "u2")
                write_image(stem.with_suffix(f".{kind}.png"), zeros)
            pose = np.eye(4) if number else np.full((4, 4), np.nan)
            np.savetxt(f"{stem}.pose.txt", pose)
    (root / "chess" / "TrainSplit.txt").write_text("sequence2")
    return root


def test_sevenscenes_splits(tmp_path):
    source = SevenScenesSource(SevenScenes(make_sevenscenes(tmp_path)))
    assert source.splits() == {"train": ["chess/seq-02"], "test": ["chess/seq-01"]}
    lost, good = source.frames("chess/seq-01")
    assert lost.number == 0 and "contains nan" in lost.reason
    assert good.image == "chess/seq-01/frame-000001.color.png"
    assert (good.number, good.K[0].tolist()) == (1, [585, 0, 320])


def test_real_frames_agree(create_data, tmp_path):
    """An office, frames 25 apart: medians of 6 to 28 mm, at the median 8, measured."""
    root = need("data/sevenscenes_tsdf")
    out = create_data("sevenscenes", root, tmp_path / "out")
    data = PosedViews(str(out), "test", gap=25, size=(240, 320), **DELTAS)
    assert len(data) == 30 - sum(data.skipped.values())
    offsets = []
    for at in range(0, len(data), 5):
        sample = data[at]
        assert landed(sample, 1)[3] > 0.3
        offsets += [median_offset(sample, view) for view in (1, 2)]
    assert np.median(offsets) < 0.015 and max(offsets) < 0.05
