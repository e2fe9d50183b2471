"""SUN3D to index: streams, poses, the renamed layout, and readers' mistakes."""

import json

import cv2
import numpy as np
import pytest

from tests.rooms import DELTAS, relative, truth
from vantage3d.converters.sun3d import Sun3dSource
from vantage3d.io.depth_files import unrotate_bits
from vantage3d.recordings import recording
from vantage3d.recordings.layouts.sun3d import Sun3d
from vantage3d.views.dataset import PosedViews
from vantage3d.views.index import FrameIndex

SCENE = "scene0000_00"


@pytest.fixture
def room(copied_film):
    return copied_film("sun3d") / SCENE


def frames(room):
    return Sun3dSource(Sun3d(room.parent)).frames(SCENE)


def rename(room):
    """The layout that lost its timestamps, as if images and depth were one stream."""
    for old, new in (("image", "color"), ("extrinsics", "pose")):
        (room / old).rename(room / new)
    (room / "intrinsic").mkdir()
    (room / "intrinsics.txt").rename(room / "intrinsic" / "intrinsics.txt")
    for kind in ("color", "depth"):
        for at, path in enumerate(sorted((room / kind).iterdir())):
            path.rename(path.with_name(f"{at:06d}{path.suffix}"))


def test_frames_are_those_that_were_rendered(filmed, create_data, tmp_path):
    """Rotated bits, three rows of the last file, the depth nearest in time."""
    out = create_data("sun3d", filmed("sun3d"), tmp_path / "out")
    data = PosedViews(str(out), "test", gap=2, size=(120, 160), **DELTAS)
    assert len(data) == 6
    sample, views = data[2], truth("sun3d", 0)
    assert sample["name"] == f"{SCENE}/2-0-4"
    expected = [views[number] for number in (2, 0, 4)]
    for at, pose in enumerate(relative(expected)):
        depth = expected[at].frame.depth
        np.testing.assert_allclose(sample["depth"][at], depth, atol=6e-4)
        np.testing.assert_allclose(sample["cam2world"][at], pose, atol=5e-6)
    report = json.loads((out / "report_test.json").read_text())
    assert report["agreement"]["mean"] > 0.9


def test_sequences_are_split_by_name(filmed, create_data, tmp_path):
    root = filmed("sun3d")
    out = create_data("sun3d", root, tmp_path / "out", "--train-scenes", "scene*")
    assert FrameIndex.load(out / "train.npz").sequences == (SCENE,)
    assert Sun3dSource(Sun3d(root / SCENE)).splits()["test"] == [SCENE]


def test_far_depth_images_cost_their_frame(room):
    late = sorted((room / "depth").iterdir())
    for path in late:
        number, _, time = path.stem.partition("-")
        if int(time) == 4 * 33_333 + 7_000:
            path.rename(path.with_name(f"{number}-{int(time) + 30_000:012d}.png"))
    (bad,) = [entry for entry in frames(room) if hasattr(entry, "reason")]
    assert bad.number == 1
    assert "is 37.0 ms away, allowed are 25 (--max-apart-ms)" in bad.reason


def test_lost_poses_cost_their_frame(room):
    path = room / "extrinsics" / "20130512130736.txt"
    rows = path.read_text().splitlines()
    rows[9:12] = ["nan nan nan nan"] * 3
    path.write_text("\n".join(rows))
    (bad,) = [entry for entry in frames(room) if hasattr(entry, "reason")]
    assert bad.number == 3 and "contains nan: the tracking was lost" in bad.reason


def test_plain_depth_is_refused(room, create_data, tmp_path):
    for path in (room / "depth").iterdir():
        depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), unrotate_bits(depth))
    with pytest.raises(SystemExit, match="is not bit-rotated: 8"):
        create_data("sun3d", room.parent, tmp_path / "out")


def test_poses_of_another_number_of_images_are_refused(room):
    next((room / "image").iterdir()).unlink()
    with pytest.raises(
        ValueError, match=r"have 18 rows of 4 numbers, expected .* = 15"
    ):
        frames(room)


def test_poses_in_another_order_are_refused(room):
    """Blocks of four rows, cut to the right number of rows."""
    path = room / "extrinsics" / "20130512130736.txt"
    rows = path.read_text().splitlines()
    wrong = [row for at in range(6) for row in (rows * 2)[4 * at : 4 * at + 3]]
    path.write_text("\n".join(wrong))
    with pytest.raises(ValueError, match=r"20130512130736.txt jump: .* turns by"):
        frames(room)


def test_principal_point_as_focal_length_is_refused(room):
    (room / "intrinsics.txt").write_text("144 0 79.6 0 59.6 59.6 0 0 1")
    with pytest.raises(ValueError, match=r"fy=59.6, which is cy"):
        frames(room)


def test_a_sequence_without_images_is_refused(room):
    for path in (room / "depth").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="has 6 colour and 0 depth images"):
        frames(room)


def test_renamed_layout_with_other_counts_is_refused(room):
    """Depth has more images than colour: position says nothing."""
    rename(room)
    with pytest.raises(
        ValueError, match=r"has 6 colour and 8 depth .* by nearest time"
    ):
        frames(room)


def test_renamed_layout_is_read_with_a_warning(room, monkeypatch):
    said = []
    monkeypatch.setattr(recording, "print_log", lambda text, **_: said.append(text))
    extra = [2, 6]  # depth images between frames, by their place
    depths = sorted((room / "depth").iterdir())
    for at in extra:
        depths[at - 1].unlink()
    rename(room)
    entries = frames(room)
    names = [(entry.number, entry.depth[-10:]) for entry in entries]
    assert names == [(at, f"{at:06d}.png") for at in range(6)]
    assert [text for text in said if "names have no timestamps, images and" in text]
