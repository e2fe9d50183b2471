"""Building an index: resuming, any number of workers, statistics, bad input."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from tests.converters.rooms import truth
from vantage3d.converters.annotations import (
    parse_frames,
    read_annotations,
    write_annotations,
)
from vantage3d.converters.index import build as build_index
from vantage3d.converters.index.report import spread, write_overview, write_report
from vantage3d.converters.index.sequence import SequenceResult
from vantage3d.geometry import invert_rigid
from vantage3d.process.seeding import SeededIndex
from vantage3d.views.dataset import PosedViews
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame

SEQUENCE = "scene0000_00"
VIEW = dict(frames=2, image_size=56, aspect=0.75, patch_size=14)


def change(root, edit, split="train"):
    """Rewrite the annotations of a split through ``edit`` (sequences) -> sequences."""
    path = root / "annotations" / f"{split}.jgz"
    content = read_annotations(path)
    frames = {name: list(parse_frames(name, e)) for name, e in content.items()}
    write_annotations(path, edit(frames))


def one_frame(number, **values):
    """An edit that changes one frame of every sequence."""

    def edit(sequences):
        for frames in sequences.values():
            frames[number] = frames[number]._replace(**values)
        return sequences

    return edit


def files(out):
    """Bytes of what training reads, and of the reports."""
    return {p.name: p.read_bytes() for p in [*out.glob("*.npz"), *out.glob("*.json")]}


def test_equal_bytes_for_any_worker_count(written, create_data, tmp_path):
    root = written("annotations")
    one = create_data("annotations", root, tmp_path / "one")
    two = create_data("annotations", root, tmp_path / "two", "--workers", 2)
    assert files(one) == files(two) and len(files(one)) == 4


def test_a_killed_run_goes_on(written, create_data, tmp_path, monkeypatch):
    """What is finished is not read again, and the result is that of one run."""
    root = written("annotations")
    whole = create_data("annotations", root, tmp_path / "whole")
    real, calls = build_index.index_sequence, []

    def dying(source, facts, sequence, *checks):
        calls.append(sequence)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(source, facts, sequence, *checks)

    monkeypatch.setattr(build_index, "index_sequence", dying)
    with pytest.raises(SystemExit, match="the same command goes on"):
        create_data("annotations", root, tmp_path / "out")
    assert not (tmp_path / "out" / "val.npz").exists()
    create_data("annotations", root, tmp_path / "out")
    assert calls == ["scene0000_00", "scene0001_00", "scene0001_00"]
    assert files(tmp_path / "out") == files(whole)


def test_other_options_are_refused_until_overwritten(copied, create_data, tmp_path):
    root, out = copied("annotations"), tmp_path / "out"
    create_data("annotations", root, out)
    with pytest.raises(SystemExit, match=r"--depth-scale was 1000\.0 and is now 1010"):
        create_data("annotations", root, out, "--depth-scale", 1010)
    change(root, one_frame(0, depth=f"{SEQUENCE}/depth/20.png"))
    with pytest.raises(SystemExit, match=r"annotations was .* and is now"):
        create_data("annotations", root, out)
    create_data("annotations", root, out, "--depth-scale", 1010, "--overwrite")
    depth = PosedViews(
        str(out), preset="annotations", percentile=None, **VIEW
    ).read_frame(SEQUENCE, 1)
    expected = truth(0)[1].frame.depth / 1.01
    np.testing.assert_allclose(depth.depth, expected, atol=2e-3)


def test_statistics_are_those_of_the_frames(written, create_data, tmp_path):
    out = create_data("annotations", written("annotations"), tmp_path / "out")
    report = json.loads((out / "report_train.json").read_text())
    views = truth(0)
    medians = [np.median(view.frame.depth) for view in views]
    assert report["median_depth"]["mean"] == pytest.approx(np.mean(medians), abs=1e-3)
    assert report["coverage"]["min"] == report["coverage"]["max"] == 1
    assert report["valid"]["mean"] == 160 * 120
    centers = np.stack([view.cam2world[:3, 3] for view in views])
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    assert report["step"]["mean"] == pytest.approx(np.median(steps), abs=1e-3)
    assert report["agreement"]["mean"] > 0.5
    assert report["low_quality_frames"] == []
    assert spread([1, 2, 3, np.nan])["mean"] == 2 and spread([]) == {}


def test_cuts_are_reported(tmp_path):
    """A hole in the numbers and a jump of the camera; what goes on is no cut."""
    numbers = [*range(20), *range(200, 220)]
    frames = []
    for number in numbers:
        world2cam = np.eye(4)
        world2cam[0, 3] = -0.8 * number - 50 * (number >= 210)
        frames.append(IndexedFrame(number, "", "", np.eye(3), world2cam))
    results = [
        SequenceResult("drive", frames, {"read": [], "agreement": 1, "step": 0.8}, {}),
        SequenceResult("walk", frames[:9], {}, {}),
    ]
    index = FrameIndex.build(Facts("npy", "."), {r.name: r.frames for r in results})
    write_report(tmp_path / "report.json", "train", results, [], index)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["cuts"] == {"drive": {"holes": [200], "jumps": [210]}}


def test_poor_frames_are_listed(copied, create_data, tmp_path):
    root = copied("annotations")
    path = root / SEQUENCE / "depth" / "20.png"
    depth = np.array(Image.open(path))
    depth[:, 12:] = 0
    Image.fromarray(depth).save(path)
    out = create_data("annotations", root, tmp_path / "out")
    report = json.loads((out / "report_train.json").read_text())
    assert report["low_quality_frames"] == [f"{SEQUENCE}/1"]
    assert report["low_quality_count"] == 1


def test_a_split_without_sequences_has_no_overview(tmp_path):
    """As the validation split of a recording of one drive."""
    index = FrameIndex.build(Facts("png", "."), {})
    write_overview(tmp_path / "out", "val", index, tmp_path)
    assert not (tmp_path / "out").exists()


def test_overview_shows_images_and_points(written, create_data, tmp_path):
    """The point cloud holds world points of the room, relative to the first camera."""
    root, out = written("annotations"), tmp_path / "out"
    create_data("annotations", root, out, overview=True)
    assert Image.open(out / "overview" / "train.png").size[0] > 900
    data = (out / "overview" / f"train_{SEQUENCE}.ply").read_bytes()
    header, body = data.split(b"end_header\n", 1)
    count = int(header.split(b"element vertex ")[1].split()[0])
    points = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    assert len(points) == count > 30_000
    view = truth(0)[0]
    local = points["xyz"][:100] @ view.cam2world[:3, :3]
    columns = local[:, 0] / local[:, 2]
    assert np.isfinite(columns).all() and (local[:, 2] > 0).all()
    world = points["xyz"] + view.cam2world[:3, 3]
    assert np.abs(world[:, :2]).max() < 2.75 and -0.05 < world[:, 2].min() < 0.3


def test_camera_to_world_is_named(copied, create_data, tmp_path):
    root = copied("annotations")

    def invert(sequences):
        return {
            name: [f._replace(world2cam=invert_rigid(f.world2cam)) for f in frames]
            for name, frames in sequences.items()
        }

    change(root, invert)
    with pytest.raises(SystemExit, match=f"{SEQUENCE}: the poses are camera-to-world"):
        create_data("annotations", root, tmp_path / "out")
    assert not (tmp_path / "out" / "train.npz").exists()


def test_normalised_intrinsics_are_told_as_such(copied, create_data, tmp_path):
    """Not as poses that point the other way."""
    root = copied("annotations")

    def shares(sequences):
        scale = np.array([[160.0], [120], [1]])
        return {
            name: [frame._replace(K=frame.K / scale) for frame in frames]
            for name, frames in sequences.items()
        }

    change(root, shares)
    message = rf"intrinsics of {SEQUENCE} are normalised: .* of 160x120, expected pixe"
    with pytest.raises(SystemExit, match=message):
        create_data("annotations", root, tmp_path / "out")


BROKEN = [
    (dict(K=np.diag([0.0, 90, 1])), r"`K` must have positive focal lengths.*0\.0"),
    (dict(K=np.full((3, 3), np.nan)), "`K` must be finite, got nan"),
    (dict(K=np.array([[90.0, 0, 500], [0, 90, 60], [0, 0, 1]])), r"\[500\.0, 60\.0\]"),
    (
        dict(K=np.array([[0.55, 0, 0.5], [0, 0.74, 0.5], [0, 0, 1]])),
        r"focal lengths \[0\.55, 0\.74\] .* are shares of the image of 160x120",
    ),
    (dict(world2cam=np.full((4, 4), -np.inf)), "`world2cam` must be finite, got -inf"),
    (dict(image="gone/color/1.jpg"), r"gone/color/1\.jpg is missing"),
    (dict(depth="gone/depth/1.png"), r"gone/depth/1\.png is missing"),
]


@pytest.mark.parametrize(("values", "message"), BROKEN)
@pytest.mark.parametrize("read", [True, False])
def test_broken_frames_are_errors_or_counted(
    copied, create_data, tmp_path, values, message, read
):
    """Named by default, skipped and counted where that is allowed; read or not."""
    root = copied("annotations")
    change(root, one_frame(1, **values))
    every = ("--check-every", 1 if read else 2)
    with pytest.raises(SystemExit, match=rf"1 of 4 frames \(25.0 %\) .*{message}"):
        create_data("annotations", root, tmp_path / "a", *every)
    options = (*every, "--max-skipped", 0.5)
    out = create_data("annotations", root, tmp_path / "b", *options)
    report = json.loads((out / "report_train.json").read_text())
    assert list(report["skipped"]) == [f"{SEQUENCE}/1"]
    data = PosedViews(str(out), preset="annotations", **VIEW)
    assert data.sequences == {SEQUENCE: [0, 2, 3]}


def test_depth_all_invalid_or_of_another_size(copied, create_data, tmp_path):
    root = copied("annotations")
    empty, small = (root / SEQUENCE / "depth" / f"{n}.png" for n in (20, 40))
    Image.fromarray(np.zeros((120, 160), np.uint16)).save(empty)
    Image.fromarray(np.ones((60, 80), np.uint16)).save(small)
    options = ("--max-skipped", 0.5)
    out = create_data("annotations", root, tmp_path / "out", *options)
    skipped = json.loads((out / "report_train.json").read_text())["skipped"]
    assert "20.png has no valid pixel of 19200" in skipped[f"{SEQUENCE}/1"]
    assert "40.png is 80x60 and its image 160x120" in skipped[f"{SEQUENCE}/2"]


def test_a_frame_that_went_bad_later_is_an_error_or_a_redraw(
    copied, create_data, tmp_path
):
    root = copied("annotations")
    out = create_data("annotations", root, tmp_path / "out")
    path = root / SEQUENCE / "color" / "20.jpg"
    path.write_bytes(path.read_bytes()[:500])
    strict = PosedViews(str(out), preset="annotations", **{**VIEW, "frames": 1})
    with pytest.raises(ValueError, match=r"20\.jpg is truncated or damaged"):
        strict[1]
    lenient = PosedViews(
        str(out), preset="annotations", max_draws=20, **{**VIEW, "frames": 1}
    )
    assert lenient[1]["ids"][0] != 1 and lenient.rejected > 0


def test_fewer_frames_than_asked(written, create_data, tmp_path):
    out = create_data("annotations", written("annotations"), tmp_path / "out")
    with pytest.raises(ValueError, match=r"no sample of 8 .* 4 anchors with too few"):
        PosedViews(str(out), preset="annotations", **{**VIEW, "frames": 8})
    data = PosedViews(str(out), preset="annotations", **VIEW)
    with pytest.raises(ValueError, match="8 frames asked for, but only 4 are in reach"):
        data[SeededIndex(0, 0, (8, 0.75))]
    with pytest.raises(ValueError, match="found no frame of split 'train'"):
        PosedViews(str(out), preset="annotations", min_frames=5, **VIEW)


def test_short_sequences_are_left_out_and_told(copied, create_data, tmp_path):
    root = copied("annotations")
    change(root, lambda found: {**found, "short": found[SEQUENCE][:2]})
    options = ("--min-frames", 3)
    out = create_data("annotations", root, tmp_path / "out", *options)
    report = json.loads((out / "report_train.json").read_text())
    assert report["too_short"] == ["short"]
    assert FrameIndex.load(out / "train.npz").sequences == (SEQUENCE,)
    with pytest.raises(SystemExit, match="all 2 sequences of train have less than 5"):
        create_data("annotations", root, tmp_path / "none", "--min-frames", 5)


def test_missing_sequence(copied, written, create_data, tmp_path):
    out = create_data("annotations", written("annotations"), tmp_path / "out")
    message = r"'scene0007_00', which matches none of the 1 .* nearest are scene0000_00"
    with pytest.raises(ValueError, match=message):
        PosedViews(str(out), preset="annotations", sequences=["scene0007_00"], **VIEW)
    root = copied("scannet")
    (root / "2D" / SEQUENCE).rename(root / "2D" / "elsewhere")
    with pytest.raises(SystemExit, match=r"names 1 scenes .* on disk: scene0000_00"):
        create_data("scannet", root, tmp_path / "scannet")


def test_a_pose_that_scannet_lost_is_skipped(copied, create_data, tmp_path):
    root = copied("scannet")
    (root / "2D" / SEQUENCE / "pose" / "20.txt").write_text("-inf " * 16)
    (root / "2D" / SEQUENCE / "pose" / "40.txt").unlink()
    options = ("--max-skipped", 0.5)
    out = create_data("scannet", root, tmp_path / "out", *options)
    skipped = json.loads((out / "report_train.json").read_text())["skipped"]
    assert "20.txt contains -inf" in skipped[f"{SEQUENCE}/20"]
    assert "pose has no file for frame '40'" in skipped[f"{SEQUENCE}/40"]


def test_a_pose_that_virtual_kitti_lacks_is_skipped(copied, create_data, tmp_path):
    root = copied("virtual_kitti")
    path = root / "Scene01" / "clone" / "extrinsic.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], *lines[4:], "", ""]))
    options = ("--val-scenes", "Scene02", "--max-skipped", 0.5)
    out = create_data("vkitti", root, tmp_path / "out", "--min-frames", 2, *options)
    skipped = json.loads((out / "report_train.json").read_text())["skipped"]
    assert list(skipped) == ["Scene01/clone/Camera_0/1"]
    assert "extrinsic.txt has no line for frame 1 of Camera_0" in str(skipped)
    path.write_text("\n".join([*lines[:3], lines[3][:-9]]))
    with pytest.raises(SystemExit, match=r"extrinsic.txt line 4 has 14 numbers"):
        create_data("vkitti", root, tmp_path / "b", "--min-frames", 2, *options)
    path.write_text("\n".join([*lines, lines[-1]]))
    message = (
        r"extrinsic.txt line \d+ is of frame \d+ and camera \d, expected numbers t"
    )
    with pytest.raises(SystemExit, match=message):
        create_data("vkitti", root, tmp_path / "b", "--min-frames", 2, *options)


def test_unreadable_annotations(copied, create_data, tmp_path):
    root = copied("annotations")
    path = root / "annotations" / "train.jgz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SystemExit, match=r"train\.jgz \(100 bytes\) is truncated"):
        create_data("annotations", root, tmp_path / "out")
    with pytest.raises(SystemExit, match=r"has no annotation file such as train\.jgz"):
        create_data("annotations", root / SEQUENCE, tmp_path / "out")


def test_a_sequence_in_both_splits(copied, create_data, tmp_path):
    root = copied("annotations")
    (root / "annotations" / "test.jgz").unlink()
    os.link(root / "annotations" / "train.jgz", root / "annotations" / "val.jgz")
    with pytest.raises(SystemExit, match=r"1 sequences are in two .*scene0000_00"):
        create_data("annotations", root, tmp_path / "out")


def test_paths_that_lead_out_are_refused_unless_declared(copied, create_data, tmp_path):
    root = copied("annotations")
    (tmp_path / "secret").mkdir()
    (root / SEQUENCE).rename(tmp_path / "secret" / SEQUENCE)
    (root / SEQUENCE).symlink_to(tmp_path / "secret" / SEQUENCE)
    with pytest.raises(SystemExit, match=rf"names '{SEQUENCE}/.*secret.*: outside of"):
        create_data("annotations", root, tmp_path / "a")
    declared = "--extra-root", tmp_path / "secret"
    out = create_data("annotations", root, tmp_path / "b", *declared)
    data = PosedViews(str(out), preset="annotations", test_mode=True, **VIEW)
    assert len(data[0]["ids"]) == 2
    image = tmp_path / "secret" / SEQUENCE / "color" / "0.jpg"
    change(root, one_frame(0, image=os.path.relpath(image, root)))
    with pytest.raises(SystemExit, match=r"/0: .* names '\.\./secret/.*color/0\.jpg'"):
        create_data("annotations", root, tmp_path / "c")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../../escaped", r"'\.\./\.\./escaped' leads out of the data"),
        ("/tmp/escaped", "'/tmp/escaped' leads out of the data"),
        ("a" * 201, "takes 201 letters in the name of a file, allowed are 200"),
        ("a\0", r"'a\\x00', which has characters of no path"),
    ],
)
def test_sequences_that_no_file_can_be_called_by(
    copied, create_data, tmp_path, name, message
):
    root, out = copied("annotations"), tmp_path / "deep" / "out"
    change(root, lambda sequences: {name: sequences[SEQUENCE]})
    with pytest.raises(SystemExit, match=message):
        create_data("annotations", root, out)
    assert not list(tmp_path.rglob("*escaped*"))


def test_co3d_mask_of_another_size(copied, create_data, tmp_path):
    root = copied("co3d")
    mask = root / "chair" / SEQUENCE / "depth_masks" / "frame000020.png"
    Image.fromarray(np.full((60, 80), 255, np.uint8)).save(mask)
    options = ("--min-frames", 2, "--max-skipped", 0.5)
    out = create_data("co3d", root, tmp_path / "out", *options)
    skipped = json.loads((out / "report_train.json").read_text())["skipped"]
    assert "mask" in skipped[f"chair/{SEQUENCE}/1"]
    assert "(60, 80) and the depth map (120, 160)" in skipped[f"chair/{SEQUENCE}/1"]
    with pytest.raises(ValueError, match="found no frame"):
        PosedViews(str(out), preset="co3d", **VIEW)  # less than 24 frames


def test_missing_and_damaged_index(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.npz is missing. Make it with"):
        PosedViews(str(tmp_path), preset="annotations", **VIEW)
    (tmp_path / "train.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"train\.npz is truncated or of another kind"):
        FrameIndex.load(tmp_path / "train.npz")


@pytest.mark.parametrize("option", ["--workers", "--check-every", "--min-frames"])
def test_options_are_checked(written, create_data, tmp_path, option):
    with pytest.raises(SystemExit, match=f"{option} must be at least 1, got 0"):
        create_data("annotations", written("annotations"), tmp_path, option, 0)
