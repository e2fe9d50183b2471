"""Own recordings: labels come from the images at the source pixels."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from tests import layouts
from vantage3d.converters.recordings import RecordingSource
from vantage3d.esam.converters import convert
from vantage3d.esam.converters.rgbd_folder import OBJECT_LABEL, RgbdFolderLabeller
from vantage3d.io.depth_files import rotate_bits
from vantage3d.io.features import FeatureSource, write_features
from vantage3d.io.images import read_ids
from vantage3d.io.infos import load_info
from vantage3d.io.points import read_labels, read_pixels, read_points
from vantage3d.io.scannet_classes import SCANNET200_IDS
from vantage3d.recordings.layouts import RgbdFolder

N = 400
SIZE = (48, 64)
K = np.array([[60.0, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])


@pytest.fixture
def recording(tmp_path):
    """Two scenes of two frames: a slanted wall with one square object before it."""
    root = tmp_path / "raw"
    for number, scene in enumerate(("desk", "shelf_b")):
        for frame in (0, 7):
            write_frame(root / scene, frame, seed=10 * number + frame)
    (root / "train.txt").write_text("desk\nshelf_b_0\n")
    (root / "val.txt").write_text("shelf_b_7\n")
    return root


def labeller(root, **options):
    return RgbdFolderLabeller(RecordingSource(RgbdFolder(root)), **options)


def write_frame(folder, frame, seed, scale=1000.0):
    rng = np.random.default_rng(seed)
    color = rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    depth = np.tile(np.linspace(2, 3, SIZE[1]), (SIZE[0], 1))
    ids = np.zeros(SIZE, np.uint16)
    ids[10:30, 20:40] = 300
    depth[ids > 0] = 1.0
    depth[:, :3] = 0
    pose = np.eye(4)
    pose[:3, 3] = (len(str(frame)), 2, 3) if isinstance(frame, str) else (frame, 2, 3)
    for part in ("color", "depth", "pose", "instance"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(color).save(folder / "color" / f"{frame}.png")
    stored = np.round(depth * scale).astype(np.uint16)
    Image.fromarray(stored).save(folder / "depth" / f"{frame}.png")
    Image.fromarray(ids).save(folder / "instance" / f"{frame}.png")
    np.savetxt(folder / "pose" / f"{frame}.txt", pose)
    np.savetxt(folder / "intrinsic.txt", K)


def names(out, split):
    info = load_info(out / f"rgbd_folder_oneformer3d_infos_{split}.json")
    return [entry["sample_idx"] for entry in info["data_list"]]


def test_splits_labels_and_geometry(recording, create_data, tmp_path):
    out = tmp_path / "out"
    create_data("rgbd_sv", recording, out, "--num-points", N)
    assert names(out, "train") == ["desk_0", "desk_7", "shelf_b_0"]
    assert names(out, "val") == ["shelf_b_7"]
    info = load_info(out / "rgbd_folder_oneformer3d_infos_val.json")
    (entry,) = info["data_list"]
    assert entry["img_path"] == "../raw/shelf_b/color/7.png"
    x, y = read_pixels(out / "pixels" / "shelf_b_7.bin", N).T
    inside = (y >= 10) & (y < 30) & (x >= 20) & (x < 40)
    assert inside.any()
    instance = read_labels(out / "instance_mask" / "shelf_b_7.bin", N)
    semantic = read_labels(out / "semantic_mask" / "shelf_b_7.bin", N)
    np.testing.assert_array_equal(instance, np.where(inside, 300, 0))
    np.testing.assert_array_equal(semantic, np.where(inside, OBJECT_LABEL, 0))
    points = read_points(out / "points" / "shelf_b_7.bin")
    pose = np.array(entry["pose"])
    cam = points[:, :3] - pose[:3, 3]
    expected = np.stack([(x - 31.5) / 60, (y - 23.5) / 60], 1)
    np.testing.assert_allclose(cam[:, :2] / cam[:, 2:], expected, atol=1e-5)
    np.testing.assert_allclose(cam[inside, 2], 1.0, atol=1e-6)
    superpoints = read_labels(out / "super_points" / "shelf_b_7.bin", N)
    assert not set(superpoints[inside]) & set(superpoints[~inside])


def test_the_object_label_is_a_thing_of_scannet200():
    assert OBJECT_LABEL in SCANNET200_IDS
    assert list(SCANNET200_IDS).index(OBJECT_LABEL) > 1  # 0 and 1 are stuff


def test_depth_scale(recording, create_data, tmp_path):
    for frame in (0, 7):
        write_frame(recording / "desk", frame, seed=frame, scale=6553.5)
        write_frame(recording / "shelf_b", frame, seed=10 + frame, scale=6553.5)
    out, mm = tmp_path / "out", 1 / 6553.5
    options = ("--depth-scale", 6553.5, "--num-points", N)
    create_data("rgbd_sv", recording, out, *options)
    (entry,) = load_info(out / "rgbd_folder_oneformer3d_infos_val.json")["data_list"]
    points = read_points(out / "points" / "shelf_b_7.bin")
    instance = read_labels(out / "instance_mask" / "shelf_b_7.bin")
    z = points[:, 2] - entry["pose"][2][3]
    np.testing.assert_allclose(z[instance > 0], 1.0, atol=mm)


def test_semantic_images(recording, create_data, tmp_path):
    for scene in ("desk", "shelf_b"):
        (recording / scene / "semantic").mkdir()
        for frame in (0, 7):
            ids = np.full(SIZE, 1, np.uint16)
            path = recording / scene / "semantic" / f"{frame}.png"
            Image.fromarray(ids).save(path)
    create_data("rgbd_sv", recording, tmp_path / "out", "--num-points", N)
    path = tmp_path / "out" / "semantic_mask" / "desk_0.bin"
    assert (read_labels(path) == 1).all()


def test_without_labels(recording, create_data, tmp_path):
    import shutil

    for scene in ("desk", "shelf_b"):
        shutil.rmtree(recording / scene / "instance")
    create_data("rgbd_sv", recording, tmp_path / "out", "--num-points", N)
    for folder in ("instance_mask", "semantic_mask"):
        assert (read_labels(tmp_path / "out" / folder / "desk_0.bin") == 0).all()


def test_a_single_scene_and_patterns(recording):
    source = labeller(recording / "desk", val_frames=("desk_7",))
    splits = source.samples()
    assert [n.idx for n in splits["train"]] == ["desk_0"]
    assert [n.idx for n in splits["val"]] == ["desk_7"]
    assert source.source.entry(*splits["val"][0]).image == "color/7.png"


def test_colour_files_with_a_suffix_in_capitals(recording):
    path = recording / "desk" / "color" / "7.png"
    path.rename(path.with_suffix(".PNG"))
    source = labeller(recording, val_frames=("desk_7",))
    (name,) = source.samples()["val"]
    assert source.source.entry(*name).image == "desk/color/7.PNG"


def test_val_scenes_beat_the_lists(recording):
    splits = labeller(recording, val_scenes=("shelf*",)).samples()
    assert [n.idx for n in splits["train"]] == ["desk_0", "desk_7"]
    assert [n.idx for n in splits["val"]] == ["shelf_b_0", "shelf_b_7"]
    splits = labeller(recording, val_scenes=("*",)).samples()
    assert (len(splits["train"]), len(splits["val"])) == (0, 4)


def test_frame_interval(recording):
    splits = labeller(recording, val_scenes=("desk",), frame_interval=2)
    assert [n.idx for n in splits.samples()["val"]] == ["desk_0"]


def test_frames_are_in_numeric_order(recording):
    write_frame(recording / "desk", 10, seed=1)
    splits = labeller(recording, val_scenes=("desk",)).samples()
    assert [n.frame for n in splits["val"]] == ["0", "7", "10"]


def test_without_lists_every_fourth_frame_is_held_out(recording):
    (recording / "train.txt").unlink()
    (recording / "val.txt").unlink()
    for frame in range(20, 28):
        write_frame(recording / "desk", frame, seed=frame)
    splits = labeller(recording).samples()
    desk = [name.frame for name in splits["val"] if name.scene == "desk"]
    # the scene has the frames 0, 7, 20, 21, ..., 27
    assert desk == ["21", "25"]
    everything = {name.idx for names in splits.values() for name in names}
    assert len(everything) == len(splits["train"]) + len(splits["val"])


def test_a_scene_below_four_frames_holds_out_its_last(recording):
    (recording / "train.txt").unlink()
    (recording / "val.txt").unlink()
    splits = labeller(recording).samples()
    assert [n.frame for n in splits["val"] if n.scene == "desk"] == ["7"]


def test_unknown_names(recording, create_data, tmp_path):
    with pytest.raises(SystemExit, match="--val-scenes 'attic' matches none of the 2"):
        create_data("rgbd_sv", recording, tmp_path, "--val-scenes", "attic")
    with pytest.raises(SystemExit, match="--val-frames 'desk_9' matches none of the 4"):
        create_data("rgbd_sv", recording, tmp_path, "--val-frames", "desk_9")
    (recording / "val.txt").write_text("attic\n")
    message = r"val\.txt names 1 scenes or samples that are not on disk: attic"
    with pytest.raises(SystemExit, match=message):
        create_data("rgbd_sv", recording, tmp_path)


def test_a_frame_without_its_label_image_is_no_frame_without_objects(recording):
    folder = recording / "desk/instance"
    (folder / "7.png").rename(folder / "000007.png")
    frame = RgbdFolder(recording).frame("desk", "7")
    message = r"instance/7\.png is missing, but 000007\.png lies there: the names"
    with pytest.raises(FileNotFoundError, match=message):
        read_ids(frame.masks["instance"])
    (folder / "000007.png").unlink()
    (folder / "0.png").unlink()
    assert "instance" not in RgbdFolder(recording).frame("desk", "7").masks


def test_label_image_of_another_size(recording):
    path = recording / "desk" / "instance" / "0.png"
    Image.open(path).resize((32, 24)).save(path)
    source = labeller(recording)
    name = source.samples()["train"][0]
    message = r"0\.png is 32x24, the depth image 64x48, the colour image 64x48\. Give"
    with pytest.raises(ValueError, match=message):
        source.labels(name, SIZE, np.zeros((1, 2), int), np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("option", "value", "limit"),
    [("--depth-scale", 0, "positive"), ("--frame-interval", -1, "at least 1")],
)
def test_options_out_of_range(recording, create_data, tmp_path, option, value, limit):
    with pytest.raises(SystemExit, match=f"{option}`? must be {limit}, got {value}"):
        create_data("rgbd_sv", recording, tmp_path / "out", option, value)


def test_an_empty_folder(create_data, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train.txt").write_text("")
    with pytest.raises(
        SystemExit, match=r"no layout of a recording fits .*, which holds train\.txt"
    ):
        create_data("rgbd_sv", tmp_path / "raw", tmp_path / "out")


@pytest.mark.parametrize("label", [0, 1, 3, 12, 4000])
def test_an_object_label_without_instances(recording, create_data, tmp_path, label):
    message = f"--object-label {label} is no ScanNet200 class with instances"
    with pytest.raises(SystemExit, match=message):
        create_data("rgbd_sv", recording, tmp_path, "--object-label", label)


def test_semantic_ids_of_another_table(recording, create_data, tmp_path):
    for scene in ("desk", "shelf_b"):
        (recording / scene / "semantic").mkdir()
        for frame in (0, 7):
            ids = np.full(SIZE, 2000, np.uint16)
            Image.fromarray(ids).save(recording / scene / f"semantic/{frame}.png")
    message = "semantic image of desk_0 has the id 2000, ScanNet200 ids end at 1357"
    with pytest.raises(SystemExit, match=message):
        create_data("rgbd_sv", recording, tmp_path / "out")


def test_instances_that_would_not_count_are_reported(
    recording, create_data, tmp_path, monkeypatch
):
    for scene in ("desk", "shelf_b"):
        (recording / scene / "semantic").mkdir()
        for frame in (0, 7):
            ids = np.ones(SIZE, np.uint16)  # wall
            Image.fromarray(ids).save(recording / scene / f"semantic/{frame}.png")
    printed: list[str] = []
    monkeypatch.setattr(convert, "print_log", lambda text, **_: printed.append(text))
    out = tmp_path / "out"
    create_data("rgbd_sv", recording, out, "--num-points", N)
    found = json.loads((out / "report_train.json").read_text())
    assert found["instances_mean"] == 1
    assert found["named_instances_mean"] == 0
    assert any("no sample of train has an instance of a class" in t for t in printed)


def test_depth_in_another_code_is_refused(recording, create_data, tmp_path):
    """Bits rotated as SUN3D's, and 8 bits; the largest value is no measurement."""
    for path in recording.glob("desk/depth/*.png"):
        stored = np.asarray(Image.open(path)).astype(np.uint16)
        stored[:5] = 65535
        Image.fromarray(stored).save(path)
    whole = tmp_path / "whole"
    create_data("rgbd_sv", recording, whole, "--num-points", N)
    pixels = read_pixels(whole / "pixels" / "desk_0.bin", N)
    assert pixels[:, 1].min() == 5
    paths = sorted(recording.glob("desk/depth/*.png"))
    stored = np.asarray(Image.open(paths[0])).astype(np.uint16)
    Image.fromarray(rotate_bits(stored)).save(paths[0])
    Image.fromarray((stored // 12).astype(np.uint8)).save(paths[1])
    out = tmp_path / "out"
    create_data("rgbd_sv", recording, out, "--num-points", N, "--max-skipped", 0.9)
    skipped = json.loads((out / "report_train.json").read_text())["skipped"]
    reasons = {entry["sample_idx"]: entry["reason"] for entry in skipped}
    assert "frame desk_0: the depth image is bit-rotated" in reasons["desk_0"]
    assert "7.png has 8 bits: at 1000 units per metre" in reasons["desk_7"]


def test_companions_of_macos_are_no_frames(recording):
    for path in [*recording.glob("*/*/*")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    held = labeller(recording, val_scenes=("desk",))
    assert [n.idx for n in held.samples()["val"]] == ["desk_0", "desk_7"]


def test_ids_are_one_for_one_and_files_have_plain_names(
    recording, create_data, tmp_path
):
    """A nested scene, one named as both joined would be, and one in German."""
    for scene in ("desk/cam0", "desk_cam0", "Küche 1"):
        write_frame(tmp_path / "odd" / scene, 10, seed=1)
    out = tmp_path / "out"
    create_data("rgbd_sv", tmp_path / "odd", out, "--num-points", N)
    assert sorted(names(out, "train")) == [
        *("K.c3.bcche.201_10", "desk.2fcam0_10", "desk_cam0_10")
    ]
    files = {path.stem for path in (out / "points").iterdir()}
    assert files == set(names(out, "train"))


def test_two_frames_of_one_id_are_refused_by_name(recording, create_data, tmp_path):
    (recording / "train.txt").unlink()
    (recording / "val.txt").unlink()
    write_frame(recording / "shelf", "b_7", seed=1)
    message = (
        r"frame 'b_7' of 'shelf' and frame '7' of 'shelf_b' would both .*'shelf_b_7'"
    )
    with pytest.raises(SystemExit, match=message):
        create_data("rgbd_sv", recording, tmp_path / "out")
    assert not (tmp_path / "out" / "points").exists()


# The camera moves and the images stay, which the preflight would not accept.
OPTIONS = ["--num-points", N, "--max-skipped", 0.3, "--val-scenes", "shelf_b"]
OPTIONS += ["--force"]


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    """Raw folder and set of two scenes of four frames; one pose of a scene is NaN."""
    root, out = (tmp_path_factory.mktemp("mv") / name for name in ("raw", "out"))
    for scene in ("desk", "shelf_b"):
        for frame in range(4):
            write_frame(root / scene, frame, seed=frame)
    np.savetxt(root / "desk/pose/2.txt", np.full((4, 4), np.nan))
    layouts.create_data("rgbd_mv", root, out, *OPTIONS)
    return root, out


def scene_of(out, split, suffix=""):
    info = load_info(out / f"rgbd_mv_oneformer3d_infos_{split}{suffix}.json")
    (entry,) = info["data_list"]
    return entry


def test_a_scene_is_one_entry_in_its_own_world(sequences):
    _, out = sequences
    entry = scene_of(out, "train")
    assert entry["pts_paths"] == [f"points/desk/{n}.bin" for n in (0, 1, 3)]
    (skipped,) = json.loads((out / "report_train.json").read_text())["skipped"]
    assert skipped["sample_idx"] == "desk_2" and "contains nan" in skipped["reason"]
    for place, number in enumerate((0, 1, 3)):
        pose = np.array(entry["poses"][place])
        np.testing.assert_array_equal(pose[:3, 3], (number, 2, 3))  # as the file has it
        points = read_points(out / entry["pts_paths"][place])
        pixels = read_pixels(out / entry["pixels_paths"][place])
        found = (points[:, :3] - pose[:3, 3]) @ K.T
        np.testing.assert_allclose(found[:, :2] / found[:, 2:], pixels, atol=1e-3)
    lengths = {len(value) for key, value in entry.items() if key.endswith("s")}
    assert lengths == {3}


def test_the_cloud_of_a_scene_has_a_point_of_each_cell(sequences):
    _, out = sequences
    entry, files = scene_of(out, "val"), ("points", "semantic_mask", "instance_mask")
    cloud = [read_points(out / "points/shelf_b.bin")[:, :3]]
    cloud += [read_labels(out / name / "shelf_b.bin") for name in files[1:]]
    frames = [read_points(out / path)[:, :3] for path in entry["pts_paths"]]
    ids = [read_labels(out / p) for p in entry["pts_instance_mask_paths"]]
    of_point = {tuple(xyz): one for xyz, one in zip(np.vstack(frames), np.hstack(ids))}
    cells = {tuple(cell) for cell in np.floor(np.vstack(frames) / 0.02).astype(int)}
    assert {tuple(cell) for cell in np.floor(cloud[0] / 0.02).astype(int)} == cells
    assert len(cloud[0]) == len(cells) == entry["cloud"]["num_points"]
    assert [of_point[tuple(xyz)] for xyz in cloud[0]] == cloud[2].tolist()
    np.testing.assert_array_equal(cloud[1], np.where(cloud[2], OBJECT_LABEL, 0))


def test_frames_without_features_are_an_error_or_left_out(sequences, create_data):
    root, out = sequences
    source = FeatureSource("dino", "random-seed-0", (), (64, 48), (64, 48), 8, 3)
    for scene, number in (("desk", 0), ("desk", 3), ("shelf_b", 1)):
        path = out / f"clip_feat/{scene}/{number}.safetensors"
        write_features(path, torch.zeros(source.shape), source)
    options = [*OPTIONS, "--pack-clip", "--feature-form", "safetensors"]
    with pytest.raises(SystemExit, match=r"1 of 3 samples .* first desk_1: .*missing"):
        create_data("rgbd_mv", root, out, *options)
    create_data("rgbd_mv", root, out, *options, "--on-missing", "skip")
    entry = scene_of(out, "train", "_clip")
    assert entry["sample_idxs"] == ["desk_0", "desk_3"]
    files = [f"clip_feat/desk/{n}.safetensors" for n in (0, 3)]
    assert entry["clip_feat_paths"] == files and len(entry["poses"]) == 2
    assert entry["cloud"] == scene_of(out, "train")["cloud"]


def test_too_far_from_the_origin(recording, create_data, tmp_path):
    for path in recording.glob("*/pose/*.txt"):
        pose = np.loadtxt(path)
        pose[0, 3] += 5000
        np.savetxt(path, pose)
    with pytest.raises(SystemExit, match=r"5\d\d\d m from the origin"):
        create_data("rgbd_mv", recording, tmp_path / "out", *OPTIONS)
