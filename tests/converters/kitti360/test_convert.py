import json
import shutil

import cv2
import numpy as np
import pytest

from tests.drives import VIEW
from vantage3d.converters.kitti360 import convert as kitti360
from vantage3d.converters.kitti360.calibration import read_poses
from vantage3d.converters.kitti360.convert import convert
from vantage3d.converters.kitti360.depth import DepthOptions
from vantage3d.converters.kitti360.frames import Options
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_depth, read_ids
from vantage3d.io.infos import load_info
from vantage3d.io.kitti360_labels import IDS
from vantage3d.synthetic.layouts.kitti360 import drive_name
from vantage3d.views.kitti360.dataset import packed_name
from vantage3d.views.kitti360.layout import Kitti360Layout
from vantage3d.views.transform import ViewTransform

NAME = drive_name(0)
FAR = np.array([500.0, 0, 0, 1], "<f4").tobytes()  # a return beyond the depth range


def options(raw, out, **changes):
    return Options(Kitti360Layout(raw), out, **{"view": VIEW, **changes})


def depth_files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".png", ".bin"} or path.name.startswith("kitti360_")
    }


@pytest.fixture
def copy(raw, tmp_path):
    """Raw data that a test may spoil."""
    shutil.copytree(raw, tmp_path / "raw")
    return tmp_path / "raw"


def test_index_counts_classes_on_the_window_that_the_network_sees(raw, cache):
    info = load_info(cache / "kitti360_train.json")
    layout = Kitti360Layout(raw)
    K = np.array(info["metainfo"]["K"])
    window = ViewTransform(*VIEW).window(K, (352, 94))
    assert len(info["data_list"]) == 7
    for entry in info["data_list"]:
        labels = read_ids(layout.semantic(entry["sequence"], entry["frame"]))
        part = labels[window.top : window.bottom, window.left : window.right]
        counted = {int(k): v for k, v in entry["classes"].items()}
        found = dict(zip(*(a.tolist() for a in np.unique(part, return_counts=True))))
        assert counted == found
        assert found[IDS["road"]] / part.size != (labels == IDS["road"]).mean()
        depth = read_depth(cache / entry["depth"], info["metainfo"]["depth_scale"])
        assert entry["valid"] == (depth > 0).sum()
        assert entry["coverage"] == (depth > 0).mean()


def test_cam2world_is_the_file_of_kitti360(raw, cache):
    expected = np.loadtxt(Kitti360Layout(raw).cam0_to_world(NAME))
    for entry in load_info(cache / "kitti360_train.json")["data_list"]:
        row = expected[expected[:, 0] == entry["frame"]][0, 1:]
        np.testing.assert_allclose(entry["cam2world"], row, atol=1e-6)


def test_report_and_overview(cache):
    report = json.loads((cache / "report.json").read_text())
    found = report["splits"]["train"]
    assert found["frames"] == 7 and sum(found["buckets"].values()) == 7
    entries = load_info(cache / "kitti360_train.json")["data_list"]
    coverage = [entry["coverage"] for entry in entries]
    assert found["coverage"]["mean"] == pytest.approx(np.mean(coverage), abs=1e-4)
    assert found["coverage"]["p95"] == pytest.approx(
        np.percentile(coverage, 95), abs=1e-4
    )
    poor = [f"{NAME}/{e['frame']}" for e in entries if e["view_valid"] < 2000]
    assert found["low_quality_frames"] == poor
    page = (cache / "overview.html").read_text()
    assert page.count("data:image/png;base64,") == 7
    assert page.startswith("<!doctype html>")


def test_same_bytes_for_two_workers_and_after_a_kill(raw, cache, tmp_path):
    """What is left of a killed run is kept, the rest is made, nothing differs."""
    wanted = options(raw, tmp_path, pack=(VIEW,))
    convert(wanted, ["train", "val"], workers=2)
    expected = depth_files(tmp_path)
    for name, data in depth_files(cache).items():
        assert expected[name] == data or name.startswith("kitti360_")
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


def test_other_options_or_poses_are_refused_by_name(copy, tmp_path):
    out = tmp_path / "out"
    convert(options(copy, out), ["train"])
    changed = options(copy, out, depth=DepthOptions(accumulate=1))
    with pytest.raises(ValueError, match="accumulate was 4 and is now 1"):
        convert(changed, ["train"])
    # Another view needs no other depth maps.
    convert(options(copy, out, view=(42, 168)), ["train"])
    assert load_info(out / "kitti360_train.json")["metainfo"]["view"] == [42, 168]
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
    assert not (out / "kitti360_train.json").exists()
    reasons = json.loads((out / "report.json").read_text())["skipped"]
    assert len(reasons) == 3
    convert(options(copy, out), ["train"], max_skipped=0.5)
    entries = load_info(out / "kitti360_train.json")["data_list"]
    assert [entry["frame"] for entry in entries] == [0, 1, 3, 6]
    assert json.loads((out / "report.json").read_text())["skipped"] == reasons
    assert "no pose" in reasons[f"{NAME}/2"]
    assert "4.bin is missing" in reasons[f"{NAME}/4"]
    assert "5.png is missing" in reasons[f"{NAME}/5"]
    layout.sweep(NAME, 4).write_bytes(sweep)
    convert(options(copy, out), ["train"], max_skipped=0.5)
    entries = load_info(out / "kitti360_train.json")["data_list"]
    assert [entry["frame"] for entry in entries] == [0, 1, 3, 4, 6]


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
    info = load_info(tmp_path / "b/kitti360_test.json")
    assert len(info["data_list"]) == 7
    assert all("classes" not in entry for entry in info["data_list"])
    with pytest.raises(FileNotFoundError, match=r"sequence 'x' .*drive_0001_sync"):
        convert(options(copy, tmp_path / "c", sequences=("x",)), ["test"])


def test_a_list_that_names_no_image_is_refused(copy, tmp_path):
    path = copy / "data_2d_semantics/train/2013_05_28_drive_train_frames.txt"
    path.write_text("nothing\n")
    with pytest.raises(ValueError, match=r"line 1: expected an image .* got 'nothing'"):
        convert(options(copy, tmp_path / "out"), ["train"])
