import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.drives import VIEW
from vantage3d.converters.kitti360 import convert as kitti360
from vantage3d.converters.kitti360.convert import Options, convert
from vantage3d.converters.kitti360.depth import DepthOptions
from vantage3d.converters.kitti360.raw import Kitti360Layout, read_poses
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_depth, read_ids
from vantage3d.io.kitti360_labels import IDS
from vantage3d.process.shards import Shard
from vantage3d.synthetic.layouts.drives import drive_name
from vantage3d.views.index import FrameIndex
from vantage3d.views.kitti360 import packed_name
from vantage3d.views.transform import ViewTransform

NAME = drive_name(0)
INDEXES = {"train.npz", "val.npz"}
FAR = np.array([500.0, 0, 0, 1], "<f4").tobytes()  # a return beyond the depth range


def options(raw, out, **changes):
    layout = Kitti360Layout(raw)
    return Options(layout=layout, out_dir=out, **{"view": VIEW, **changes})


def depth_files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".png", ".bin"} or path.name in INDEXES
    }


@pytest.fixture
def copy(raw, tmp_path):
    """Raw data that a test may spoil."""
    shutil.copytree(raw, tmp_path / "raw")
    return tmp_path / "raw"


def test_index_counts_classes_on_the_window_that_the_network_sees(raw, cache):
    index = FrameIndex.load(cache / "train.npz")
    layout = Kitti360Layout(raw)
    K = index.K[0]
    assert index.columns["size"].tolist() == [[352, 94]] * 7
    window = ViewTransform(*VIEW).window(K, (352, 94))
    assert index.lengths.tolist() == [7]
    for row, entry in enumerate(index.frames(NAME)):
        labels = read_ids(layout.semantic(NAME, entry.number))
        assert (cache / entry.semantics).samefile(layout.semantic(NAME, entry.number))
        assert (cache / entry.image).samefile(layout.image(NAME, entry.number))
        part = labels[window.top : window.bottom, window.left : window.right]
        classes = index.columns["classes"][row]
        counted = {int(i): int(classes[i]) for i in np.flatnonzero(classes)}
        buildings = (part == IDS["building"]).mean()
        assert index.columns["building"][row] == pytest.approx(buildings, rel=1e-12)
        found = dict(zip(*(a.tolist() for a in np.unique(part, return_counts=True))))
        assert counted == found
        assert found[IDS["road"]] / part.size != (labels == IDS["road"]).mean()
        depth = read_depth(cache / entry.depth, index.facts.depth_scale)
        assert index.columns["valid"][row] == (depth > 0).sum()
        assert index.columns["coverage"][row] == (depth > 0).mean()


def test_cam2world_is_the_file_of_kitti360(raw, cache):
    expected = np.loadtxt(Kitti360Layout(raw).cam0_to_world(NAME))
    for entry in FrameIndex.load(cache / "train.npz").frames(NAME):
        row = expected[expected[:, 0] == entry.number][0, 1:]
        found = invert_rigid(entry.world2cam)
        np.testing.assert_allclose(found.ravel(), row, atol=1e-6)


def test_report_and_overview(cache):
    report = json.loads((cache / "report.json").read_text())
    found = report["splits"]["train"]
    assert found["frames"] == 7 and sum(found["buckets"].values()) == 7
    index = FrameIndex.load(cache / "train.npz")
    coverage = index.columns["coverage"]
    assert found["coverage"]["mean"] == pytest.approx(np.mean(coverage), abs=1e-4)
    assert found["coverage"]["p95"] == pytest.approx(
        np.percentile(coverage, 95), abs=1e-4
    )
    poor = index.numbers[index.columns["view_valid"] < 2000]
    assert found["low_quality_frames"] == [f"{NAME}/{number}" for number in poor]
    assert found["cuts"] == {}
    assert report["view"] == list(VIEW) and report["packed"] == [list(VIEW)]
    assert Image.open(cache / "overview" / "train.png").size[0] > 900
    assert (cache / "overview" / f"train_{NAME}.ply").is_file()


def test_same_bytes_for_two_workers_and_after_a_kill(raw, cache, tmp_path):
    """What is left of a killed run is kept, the rest is made, nothing differs."""
    wanted = options(raw, tmp_path, pack=(VIEW,))
    convert(replace(wanted, workers=2), ["train", "val"])
    expected = depth_files(tmp_path)
    for name, data in depth_files(cache).items():
        assert expected[name] == data or name in INDEXES
    victim = tmp_path / f"depth/{NAME}/{3:010d}.png"
    victim.unlink()
    kept = tmp_path / f"depth/{NAME}/{2:010d}.png"
    before = kept.stat().st_mtime_ns
    for marker in (tmp_path / ".create_data/kitti360").rglob("train_*.json"):
        marker.unlink()
    convert(wanted, ["train", "val"])
    assert depth_files(tmp_path) == expected
    assert kept.stat().st_mtime_ns == before
    victim.unlink()
    (tmp_path / packed_name(NAME, 1, VIEW)).unlink()
    convert(wanted, ["train", "val"])
    assert depth_files(tmp_path) == expected


def test_shares_merge_to_the_bytes_of_one_process(raw, tmp_path):
    out = tmp_path / "out"
    convert(options(raw, out, pack=(VIEW,)), ["train", "val"])
    whole = depth_files(out)
    out.rename(tmp_path / "whole")
    for shard in (Shard(1, 2), Shard(0, 2), Shard()):
        assert not INDEXES & {path.name for path in out.glob("*.npz")}
        convert(options(raw, out, pack=(VIEW,), shard=shard), ["train", "val"])
    assert depth_files(out) == whole


def test_other_options_or_poses_are_refused_by_name(copy, tmp_path):
    out = tmp_path / "out"
    convert(options(copy, out), ["train"])
    changed = options(copy, out, depth=DepthOptions(accumulate=1))
    with pytest.raises(ValueError, match="accumulate was 4 and is now 1"):
        convert(changed, ["train"])
    # Another view needs no other depth maps.
    convert(options(copy, out, view=(42, 168)), ["train"])
    assert json.loads((out / "report.json").read_text())["view"] == [42, 168]
    path = Kitti360Layout(copy).poses(NAME)
    path.write_text(path.read_text().replace("\n0 ", "\n99 "))
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(ValueError, match="calibration and poses was"):
        convert(options(copy, out), ["train"])


def test_frames_that_cannot_be_used_are_counted_with_the_reason(copy, tmp_path):
    """Refused if they are many, skipped where allowed, tried again by the next run."""
    layout, out = Kitti360Layout(copy), tmp_path / "out"
    lines = layout.poses(NAME).read_text().splitlines()
    layout.poses(NAME).write_text("\n".join(lines[:2] + lines[3:]) + "\n")
    sweep = layout.sweep(NAME, 4).read_bytes()
    layout.sweep(NAME, 4).unlink()
    layout.image(NAME, 5).unlink()
    message = r"3 of 7 frames \(42.9 %\) are bad.* First: .*/2: no pose"
    with pytest.raises(ValueError, match=message):
        convert(options(copy, out), ["train"])
    assert not (out / "train.npz").exists()
    reasons = json.loads((out / "report.json").read_text())["skipped"]
    assert len(reasons) == 3
    convert(options(copy, out, max_skipped=0.5), ["train"])
    assert FrameIndex.load(out / "train.npz").numbers.tolist() == [0, 1, 3, 6]
    assert json.loads((out / "report.json").read_text())["skipped"] == reasons
    assert "no pose" in reasons[f"{NAME}/2"]
    assert "4.bin is missing" in reasons[f"{NAME}/4"]
    assert "5.png is missing" in reasons[f"{NAME}/5"]
    layout.sweep(NAME, 4).write_bytes(sweep)
    convert(options(copy, out, max_skipped=0.5), ["train"])
    assert FrameIndex.load(out / "train.npz").numbers.tolist() == [0, 1, 3, 4, 6]


def resized(path):
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), image[:-2, :-1])


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-3])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda lay: resized(lay.semantic(NAME, 3)), "has 351x92 pixels, .* 352x94"),
        (lambda lay: resized(lay.image(NAME, 3)), "has 351x92 pixels, .* 352x94"),
        (lambda lay: cut_short(lay.sweep(NAME, 3)), "expected a multiple of 16"),
        (lambda lay: lay.sweep(NAME, 3).write_bytes(FAR * 8), "has no valid pixel"),
    ],
)
def test_damaged_frames_are_named(copy, tmp_path, spoil, message):
    spoil(Kitti360Layout(copy))
    wanted = options(copy, tmp_path / "out", depth=DepthOptions(accumulate=0))
    with pytest.raises(ValueError, match=f"1 of 7 frames .*{NAME}/3: .*{message}"):
        convert(wanted, ["train"])


def test_sequences_that_no_list_has_are_named(copy, tmp_path):
    wanted = options(copy, tmp_path, sequences=("drive_x",))
    with pytest.raises(ValueError, match=f"'drive_x' is not in .*train.*{NAME}"):
        convert(wanted, ["train"])
    with pytest.raises(ValueError, match="--splits test needs --sequences"):
        convert(options(copy, tmp_path), ["test"])


def test_a_drive_that_cannot_be_compared_with_its_left_camera_is_said(
    copy, tmp_path, monkeypatch
):
    """The file may be absent; poses of the other direction contradict it."""
    said = []
    monkeypatch.setattr(kitti360, "print_log", lambda text, **_: said.append(text))
    layout = Kitti360Layout(copy)
    turned = {n: invert_rigid(p) for n, p in read_poses(layout.poses(NAME)).items()}
    rows = [f"{n} {' '.join(map(repr, p[:3].ravel()))}" for n, p in turned.items()]
    layout.poses(NAME).write_text("\n".join(rows) + "\n")
    with pytest.raises(ValueError, match=r"cam0_to_world.txt: frame \d differs by"):
        convert(options(copy, tmp_path / "out"), ["train"])
    layout.cam0_to_world(NAME).unlink()
    convert(options(copy, tmp_path / "out"), ["train"])
    assert "cam0_to_world.txt is missing" in said[0]


def test_unlabelled_drives_are_named_and_have_no_ratio(copy, tmp_path):
    shutil.rmtree(copy / "data_2d_semantics")
    with pytest.raises(FileNotFoundError, match=r"train_frames.txt is missing"):
        convert(options(copy, tmp_path / "a"), ["train"])
    wanted = options(copy, tmp_path / "b", sequences=(NAME,))
    convert(wanted, ["test"])
    index = FrameIndex.load(tmp_path / "b/test.npz")
    assert len(index.numbers) == 7 and index.semantics is None
    assert np.isnan(index.columns["building"]).all()
    assert not index.columns["classes"].any()
    with pytest.raises(FileNotFoundError, match=r"sequence 'x' .*drive_0001_sync"):
        convert(options(copy, tmp_path / "c", sequences=("x",)), ["test"])


def test_a_list_that_names_no_image_is_refused(copy, tmp_path):
    path = copy / "data_2d_semantics/train/2013_05_28_drive_train_frames.txt"
    path.write_text("nothing\n")
    with pytest.raises(ValueError, match=r"line 1: expected an image .* got 'nothing'"):
        convert(options(copy, tmp_path / "out"), ["train"])
