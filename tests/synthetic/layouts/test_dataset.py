import errno
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.shared import ROOT
from vantage3d.cli.data import make_synthetic
from vantage3d.geometry import invert_rigid, transform_points, unproject
from vantage3d.io.video import read_video_frame
from vantage3d.recordings.detection import open_recording
from vantage3d.synthetic import (
    make_room,
    make_trajectory,
    render,
    sensor_intrinsics,
    write_dataset,
    write_rgbd_folder,
    write_scannet,
)
from vantage3d.synthetic.rooms.filming import Job, film

SIZE = (64, 48)
SCENE = "scene0001_00"
SEED = 300_001  # of the second room of dataset 3


def tree_bytes(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def read_image(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def read_ply(path):
    """Vertices, colours and faces, parsed by the header."""
    data = path.read_bytes()
    header, _, body = data.partition(b"end_header\n")
    counts = [int(n) for n in re.findall(rb"element \w+ (\d+)", header)]
    vertex = np.dtype([("xyz", "<f4", 3), ("rgba", "u1", 4)])
    face = np.dtype([("count", "u1"), ("rows", "<i4", 3)])
    vertices = np.frombuffer(body, vertex, counts[0])
    faces = np.frombuffer(body, face, counts[1], vertices.nbytes)
    assert vertices.nbytes + faces.nbytes == len(body)
    assert (faces["count"] == 3).all()
    return vertices["xyz"].astype(np.float64), vertices["rgba"], faces["rows"]


@pytest.fixture(scope="module")
def scannet(tmp_path_factory):
    root = tmp_path_factory.mktemp("scannet")
    splits = write_scannet(root, 1, 1, [0, 200], SIZE, seed=3)
    assert splits == {"train": ["scene0000_00"], "val": [SCENE]}
    return root


@pytest.fixture(scope="module")
def align(scannet):
    text = (scannet / f"3D/{SCENE}/{SCENE}.txt").read_text()
    line = next(x for x in text.splitlines() if x.startswith("axisAlignment = "))
    return np.array(line.split(" = ")[1].split(), float).reshape(4, 4)


def test_scannet_tree(scannet):
    names = {str(p) for p in tree_bytes(scannet)}
    frames = "color/{}.jpg depth/{}.png pose/{}.txt"
    two_d = [name.format(n) for name in frames.split() for n in (0, 200)]
    two_d += [
        f"intrinsic/{kind}_{sensor}.txt"
        for kind in ("intrinsic", "extrinsic")
        for sensor in ("color", "depth")
    ]
    suffixes = ["_vh_clean_2.ply", ".aggregation.json", ".txt"]
    suffixes.append("_vh_clean_2.0.010000.segs.json")
    per_scene = [
        [f"2D/{scene}/{name}" for name in two_d]
        + [f"3D/{scene}/{scene}{suffix}" for suffix in suffixes]
        for scene in ("scene0000_00", SCENE)
    ]
    meta = {f"meta_data/scannetv2_sv_{split}.txt" for split in ("train", "val")}
    meta |= {"meta_data/scannetv2-labels.combined.tsv", "synthetic.json"}
    assert names == meta.union(*per_scene)
    split = scannet / "meta_data/scannetv2_sv_val.txt"
    assert split.read_text() == f"{SCENE}_0\n{SCENE}_200\n"


def test_label_table_has_the_real_columns(scannet):
    rows = [
        line.split("\t")
        for line in (scannet / "meta_data/scannetv2-labels.combined.tsv")
        .read_text()
        .splitlines()
    ]
    assert len({len(row) for row in rows}) == 1
    table = [dict(zip(rows[0], row)) for row in rows[1:]]
    chair = next(row for row in table if row["raw_category"] == "chair")
    assert (chair["id"], chair["nyu40id"], chair["nyu40class"]) == ("2", "5", "chair")
    assert len({row["id"] for row in table}) == len(table)


def test_scannet_frames_equal_the_room_in_the_scan_frame(scannet, align):
    """Depth to 0.5 mm, and cam2world @ alignment back to the room's own pose."""
    room, K = make_room(SEED), sensor_intrinsics(SIZE)
    assert np.abs(align[:2, :2]).min() > 0.01  # a rotation worth the name
    frames = scannet / "2D" / SCENE
    stored = np.loadtxt(frames / "intrinsic/intrinsic_depth.txt")
    np.testing.assert_allclose(stored[:3, :3], K, atol=1e-6)
    for number, pose in zip((0, 200), make_trajectory(room, SEED, [0, 200])):
        expected = render(room, K, invert_rigid(pose), SIZE)
        depth = read_image(frames / f"depth/{number}.png")
        assert depth.dtype == np.uint16
        np.testing.assert_allclose(depth / 1000, expected.depth, atol=5.01e-4)
        cam2scan = np.loadtxt(frames / f"pose/{number}.txt")
        np.testing.assert_allclose(align @ cam2scan, pose, atol=2e-5)
        color = read_image(frames / f"color/{number}.jpg")[..., ::-1].astype(float)
        gain = color.mean() / expected.color.mean()
        assert 0.85 < gain < 1.15
        assert np.abs(color - gain * expected.color).mean() < 8


def test_aligned_scan_stands_on_the_floor(scannet, align):
    room = make_room(SEED)
    xyz, rgba, faces = read_ply(scannet / f"3D/{SCENE}/{SCENE}_vh_clean_2.ply")
    aligned = transform_points(align, xyz)
    low, high = room.bounds
    assert (aligned > low - 1e-4).all()
    assert (aligned < high + 1e-4).all()
    assert aligned[:, 2].min() == pytest.approx(0, abs=1e-4)
    assert (rgba[:, 3] == 255).all()
    assert faces.min() == 0
    assert faces.max() < len(xyz)


def test_aggregation_and_segments_name_every_instance(scannet):
    folder, room = scannet / "3D" / SCENE, make_room(SEED)
    segs = json.loads((folder / f"{SCENE}_vh_clean_2.0.010000.segs.json").read_text())
    groups = json.loads((folder / f"{SCENE}.aggregation.json").read_text())
    assert segs["sceneId"] == SCENE
    assert groups["sceneId"] == f"scannet.{SCENE}"
    assert groups["segmentsFile"].endswith(f"{SCENE}_vh_clean_2.0.010000.segs.json")
    xyz, _, _ = read_ply(folder / f"{SCENE}_vh_clean_2.ply")
    assert len(segs["segIndices"]) == len(xyz)
    labels = [group["label"] for group in groups["segGroups"]]
    assert labels == [category.name for category in room.categories]
    objects = [group["objectId"] for group in groups["segGroups"]]
    assert objects == list(range(len(room.categories)))
    used = [segment for group in groups["segGroups"] for segment in group["segments"]]
    assert sorted(used) == sorted(set(segs["segIndices"]))


def test_same_bytes_for_two_workers_and_after_a_kill(scannet, tmp_path):
    expected = tree_bytes(scannet)
    write_scannet(tmp_path / "two", 1, 1, [0, 200], SIZE, seed=3, workers=2)
    assert tree_bytes(tmp_path / "two") == expected
    shutil.rmtree(tmp_path / "two/meta_data")
    (tmp_path / f"two/3D/{SCENE}/{SCENE}.txt").unlink()
    (tmp_path / f"two/2D/{SCENE}/depth/0.png").unlink()
    write_scannet(tmp_path / "two", 1, 1, [0, 200], SIZE, seed=3)
    assert tree_bytes(tmp_path / "two") == expected


def test_other_seed_gives_other_rooms(scannet, tmp_path):
    write_scannet(tmp_path, 1, 1, [0, 200], SIZE, seed=4)
    other = tree_bytes(tmp_path)
    for path, data in tree_bytes(scannet).items():
        if path.suffix == ".jpg":
            assert other[path] != data


def test_rgbd_folder_holds_exact_images(tmp_path):
    write_rgbd_folder(tmp_path, 1, 1, [0, 20], SIZE, seed=3)
    assert (tmp_path / "train.txt").read_text() == "scene0000_00\n"
    assert (tmp_path / "val.txt").read_text() == f"{SCENE}\n"
    room, folder = make_room(SEED), tmp_path / SCENE
    K = np.loadtxt(folder / "intrinsic.txt")
    for number, pose in zip((0, 20), make_trajectory(room, SEED, [0, 20])):
        stored = np.loadtxt(folder / f"pose/{number}.txt")
        np.testing.assert_allclose(stored, pose, atol=1e-6)
        expected = render(room, sensor_intrinsics(SIZE), invert_rigid(pose), SIZE)
        for kind, ids in zip(("instance", "semantic"), expected[2:]):
            image = read_image(folder / kind / f"{number}.png")
            assert image.dtype == np.uint16
            np.testing.assert_array_equal(image, ids)
        depth = read_image(folder / f"depth/{number}.png") / 1000
        points = unproject(depth, K, stored)[expected.instance == 1]
        np.testing.assert_allclose(points[:, 2], 0, atol=1e-3)  # the floor


def test_a_phone_films_the_room_on_its_side(tmp_path):
    """Shown upright, with an exposure that comes and goes, labels beside it."""
    splits = write_dataset("phone", tmp_path, 1, 0, [0, 20, 40, 60], (160, 120), seed=3)
    recording = open_recording(tmp_path / "videos")
    assert recording.layout == "video" and recording.sequences() == splits["train"]
    video = tmp_path / "videos/scene0000_00.mp4"
    assert recording.names("scene0000_00") == [f"{n:06d}" for n in range(4)]
    views = film(Job(300_000, (0, 20, 40, 60), (160, 120)))[1]
    for number, (_, _, frame) in enumerate(views):
        light = (1.0, 1.15, 1 + 0.3 * np.sin(np.pi / 3), 1.3)[number]
        expected = np.clip(frame.color * light, 0, 255)
        assert np.abs(read_video_frame(video, number) - expected).mean() < 6
        label = tmp_path / f"labels/scene0000_00/instance/{number:06d}.png"
        assert np.array_equal(read_image(label), frame.instance)


def test_full_disk_leaves_no_finished_scene(tmp_path, monkeypatch):
    def write(path, data):
        if path.suffix == ".ply":
            raise OSError(errno.ENOSPC, "No space left on device")
        with open(path, "wb") as file:
            file.write(data)

    monkeypatch.setattr(Path, "write_bytes", write)
    ply = tmp_path / "3D/scene0000_00/scene0000_00_vh_clean_2.ply"
    message = re.escape(f"could not write {ply}: No space left on device. Free some")
    with pytest.raises(OSError, match=message):
        write_scannet(tmp_path, 1, 0, [0], SIZE)
    assert not (tmp_path / "3D/scene0000_00/scene0000_00.txt").exists()
    assert not (tmp_path / "meta_data").exists()
    monkeypatch.undo()
    write_scannet(tmp_path, 1, 0, [0], SIZE)
    assert ply.exists()


def test_folder_of_something_else_is_left_alone(scannet, tmp_path):
    before = tree_bytes(scannet)
    message = re.escape(f"{scannet} was made with other arguments. Remove it or")
    with pytest.raises(FileExistsError, match=message):
        write_scannet(scannet, 1, 1, [0, 200], SIZE, seed=5)
    assert tree_bytes(scannet) == before
    (tmp_path / "mine.txt").write_text("x")
    message = re.escape(f"{tmp_path} was made by something else")
    with pytest.raises(FileExistsError, match=message):
        write_rgbd_folder(tmp_path, 1, 0, [0], SIZE)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("layout", "changes", "message"),
    [
        ("kitti", {}, "'annotations', 'hypersim', got 'kitti'"),
        ("scannet", {"frames": []}, "`frames` must be positive, got 0"),
        ("scannet", {"size": (0, 48)}, "`width` must be positive, got 0"),
        ("scannet", {"size": (64, -1)}, "`height` must be positive, got -1"),
        ("scannet", {"workers": 0}, "`workers` must be positive, got 0"),
        ("scannet", {"seed": -1}, "must not be negative, and one room is needed, got"),
        ("scannet", {"train_rooms": 0, "val_rooms": 0}, "got 0, 0 and 0"),
    ],
)
def test_bad_arguments_write_nothing(tmp_path, layout, changes, message):
    arguments = {"train_rooms": 1, "val_rooms": 0, "frames": [0], "size": SIZE}
    with pytest.raises(ValueError, match=re.escape(message)):
        write_dataset(layout, tmp_path / "new", **{**arguments, **changes})
    assert not (tmp_path / "new").exists()


def run_tool(*arguments):
    command = [sys.executable, str(ROOT / "tools/make_synthetic.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_tool_writes_what_the_function_writes(scannet, tmp_path):
    shape = "--train-rooms 1 --val-rooms 1 --frames 2 --frame-step 200 --size 64x48"
    result = run_tool("scannet", "--out", str(tmp_path), *shape.split(), "--seed", "3")
    assert result.returncode == 0, result.stderr
    assert "rendering scannet rooms" in result.stderr
    assert tree_bytes(tmp_path) == tree_bytes(scannet)


def test_tool_ends_with_one_message(tmp_path):
    result = run_tool("scannet", "--out", str(tmp_path / "new"), "--frames", "0")
    assert result.returncode == 2
    assert result.stderr == "error: `frames` must be positive, got 0.\n"


def test_tool_refuses_a_size_it_cannot_read(tmp_path):
    result = run_tool("scannet", "--out", str(tmp_path), "--size", "640")
    assert result.returncode == 2
    assert "must look like 640x480, got '640'" in result.stderr


def test_the_command_writes_into_a_new_folder_and_goes_on(tmp_path):
    """Its own lock, which lies there meanwhile, is nothing that somebody else made."""
    rooms = ["--train-rooms", "1", "--val-rooms", "0", "--frames", "1"]
    command = ["rgbd_folder", "--out", str(tmp_path / "out"), "--size", "32x24", *rooms]
    make_synthetic(command)
    written = sorted(tmp_path.rglob("*"))
    make_synthetic(command)
    assert sorted(tmp_path.rglob("*")) == written and len(written) > 3
