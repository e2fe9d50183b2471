"""Samples: what is in them, that it belongs together, and what is left out."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, default_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from tests.rooms import DELTAS, truth
from tests.shared import ROOT
from tests.views.agreement import landed, same
from vantage3d.deltas.datasets import PublishedScanNetViews
from vantage3d.deltas.datasets.scannet import read_scene_intrinsics
from vantage3d.engine.loops import SeededBatchSampler
from vantage3d.geometry import invert_rigid
from vantage3d.process.seeding import SeededIndex
from vantage3d.registry import DATASETS
from vantage3d.views.batch import in_first_camera
from vantage3d.views.dataset import HOLES, JUMPS, MISSING, STILL, TOO_SHORT, PosedViews
from vantage3d.views.frame import BadSampleError
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame

SMALL = dict(gap=20, size=(48, 64), **DELTAS)


def build(out, **options):
    return PosedViews(str(out), **{**SMALL, **options})


def test_the_anchor_is_first_and_views_are_those_that_were_rendered(scannet):
    data = build(scannet, size=(120, 160))
    assert len(data) == 12
    sample = data[2]
    assert sample["name"] == "scene0000_00/40-20-60"
    assert sample["images"].dtype == torch.float32 and sample["valid"].all()
    views = {view.number: view for view in truth("scannet", 0)}
    for at, number in enumerate((40, 20, 60)):
        view = views[number]
        image = 255 * sample["images"][at].permute(1, 2, 0).numpy()
        assert np.abs(image - view.frame.color).mean() < 4  # JPEG
        depth = sample["depth"][at].numpy()
        np.testing.assert_allclose(depth, view.frame.depth, atol=6e-4)
    # ScanNet's world is turned away from the room's axes; relative poses are equal.
    poses = sample["cam2world"].double().numpy()
    found = invert_rigid(poses[1]) @ poses[0]
    expected = invert_rigid(views[20].cam2world) @ views[40].cam2world
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_batch_may_ask_for_more_views_around_the_same_anchors(scannet):
    data, rng = build(scannet), np.random.default_rng(0)
    rows = data.data_list[2]
    ids = [data.index.numbers[data.draw_views(rows, n, rng)].tolist() for n in (3, 5)]
    assert ids == [[40, 20, 60], [40, 0, 20, 60, 80]]
    with pytest.raises(BadSampleError, match=r"frame 40 has not 8 others, `gap` 20"):
        data.draw_views(rows, 9, rng)


@pytest.mark.parametrize("zoom", [0.0, 0.4])
def test_augmented_views_still_meet(scannet, zoom):
    """Depth of the anchor lands on the surfaces and colours of the other views."""
    augmentation = dict(zoom=zoom, shift=True, mirror=0.5, colours=None)
    data = build(scannet, gap=40, size=(96, 128), augmentation=augmentation)
    for seed in range(8):
        sample = data[SeededIndex(seed, seed)]
        for view in (1, 2):
            off, depth, differs, share = landed(sample, view)
            assert share > 0.1
            assert np.median(off / depth) < 0.004
            assert np.median(differs) < 25
        # The same images mirrored without their cameras are another scene.
        wrong = {k: sample[k].flip(-1) for k in ("images", "depth")}
        seen = [landed({**sample, **wrong}, view) for view in (1, 2)]
        assert max(np.median(off / depth) for off, depth, _, _ in seen) > 0.015


def test_samples_depend_on_their_seed_only(scannet):
    data = build(scannet, augmentation=dict(zoom=0.3))
    first = data[SeededIndex(4, 7)]
    torch.rand(3), np.random.rand(3)
    assert same(first, data[SeededIndex(4, 7)])
    assert not same(first, data[SeededIndex(4, 8)])
    plain = build(scannet)
    assert same(plain[SeededIndex(4, 7)], plain[SeededIndex(4, 8)])


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_through_the_seeded_sampler(scannet, workers):
    data = build(scannet, augmentation=dict())
    sampler = DefaultSampler(data, shuffle=True, seed=3)
    batches = SeededBatchSampler(sampler, 4, seed=3)
    loader = DataLoader(
        data, batch_sampler=batches, num_workers=workers, collate_fn=default_collate
    )
    batch = next(iter(loader))
    assert batch["images"].shape == (4, 3, 3, 48, 64)
    assert batch["K"].shape == (4, 3, 3, 3) and len(batch["name"]) == 4
    index = next(iter(batches))[2]
    assert same({"K": data[index]["K"]}, {"K": batch["K"][2]})
    assert torch.equal(data[index]["images"], batch["images"][2])


def test_sequences_and_steps_choose_samples(scannet):
    data = build(scannet, sequences=["scene0001*"], anchor_step=4)
    names = [data[at]["name"] for at in range(len(data))]
    assert names == ["scene0001_00/0-20-40", "scene0001_00/80-60-100"]
    with pytest.raises(IndexError, match="sample 2 of 2"):
        data[2]
    with pytest.raises(ValueError, match="`sequences` has 'scene7', which"):
        build(scannet, sequences=["scene7"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(size=(100, 132)), r"multiples of 8, got \(100, 132\). Use \(96, 128\)"),
        (dict(frames=1), "`frames` must be at least 2 with a `gap`, got 1"),
        (dict(gap=0), "`gap` must be positive, got 0"),
        (dict(anchor_step=0), "`anchor_step` must be positive, got 0"),
        (dict(split="dev"), "`split` must be one of .* got 'dev'"),
        (dict(gap=30), "sequence scene0000_00: `gap` 30 is no multiple of 20"),
        (
            dict(gap=60),
            "no sample of 3 frames with `gap` 60 in the 2 sequences .* 2 pieces too",
        ),
    ],
)
def test_bad_arguments_are_refused(scannet, options, message):
    with pytest.raises(ValueError, match=message):
        build(scannet, **options)


K = np.array([[50.0, 0, 31.5], [0, 50, 23.5], [0, 0, 1]])


def write_index(out, frames, split="train", K=K, reader="integer"):
    """An index of frames without files: (number, x of the camera) by scene."""
    entries = {}
    for scene, cameras in frames.items():
        entries[scene] = []
        for number, x in cameras:
            pose = np.eye(4)
            pose[0, 3] = -x
            paths = (f"{scene}/{number}.jpg", f"{scene}/{number}.png")
            entries[scene].append(IndexedFrame(number, *paths, K, pose))
    FrameIndex.build(Facts(reader, "."), entries).save(out / f"{split}.npz")
    return out


def test_what_is_left_out_is_counted(tmp_path):
    """A short scene, a missing frame, and a camera that stands still."""
    moving = [(n, 0.1 * n) for n in range(12) if n != 5]
    standing = [(n, 0.1 * max(0, n - 6)) for n in range(12)]
    short = [(0, 0.0), (1, 0.1)]
    write_index(tmp_path, {"moving": moving, "standing": standing, "short": short})
    data = build(tmp_path, gap=1)
    found = [data.skipped[reason] for reason in (TOO_SHORT, MISSING, STILL)]
    assert found == [1, 2, 6]
    assert len(data) == 11 - 2 + 12 - 6
    names = {data.get_data_info(at)["sequence"] for at in range(len(data))}
    assert names == {"moving", "standing"}
    assert len(build(tmp_path, gap=1, min_baseline=0.0)) == 21


def test_longer_samples_can_have_the_anchors_of_shorter_ones(tmp_path):
    """Five views reach a moving camera from two more places than three do."""
    standing = [(n, 0.1 * max(0, n - 6)) for n in range(12)]
    write_index(tmp_path, {"standing": standing})
    anchors = [
        [data.get_data_info(at)["ids"][0] for at in range(len(data))]
        for data in (
            build(tmp_path, gap=1, frames=3),
            build(tmp_path, gap=1, frames=5),
            build(tmp_path, gap=1, frames=5, anchors_of=(3, 1)),
        )
    ]
    assert anchors == [[*range(6, 12)], [*range(5, 12)], [*range(6, 12)]]


def test_a_camera_that_never_moves_leaves_nothing(tmp_path):
    write_index(tmp_path, {"still": [(n, 0.0) for n in range(9)]})
    message = "9 anchors without a baseline of `min_baseline`"
    with pytest.raises(ValueError, match=message):
        build(tmp_path, gap=1)


def test_official_test_scenes_cannot_train(tmp_path):
    cameras = [(n, 0.1 * n) for n in range(9)]
    for split in ("train", "val", "test"):
        write_index(tmp_path, {"scene0716_00": cameras}, split)
    for split in ("train", "val"):
        message = f"the {split} split has 1 scenes of ScanNet's test set .* scene0716"
        with pytest.raises(ValueError, match=message):
            build(tmp_path, split=split, preset="scannet", gap=1)
    assert len(build(tmp_path, split="test", preset="scannet", gap=1)) == 9


@pytest.mark.parametrize("options", [dict(native_depth=True), dict(augmentation={})])
def test_legacy_is_for_comparison_only(scannet, options):
    with pytest.raises(ValueError, match=r"is for comparison .* native_depth="):
        PublishedScanNetViews(str(scannet), "train", **SMALL, **options)


def test_legacy_needs_the_text_file(tmp_path):
    image = tmp_path / "scene0000_00" / "color" / "0.jpg"
    image.parent.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"scene0000_00.txt is missing, from"):
        read_scene_intrinsics(image)
    (tmp_path / "scene0000_00" / "scene0000_00.txt").write_text("fx_color = 1170\n")
    with pytest.raises(ValueError, match="has no number 'fy_color', expected fx_color"):
        read_scene_intrinsics(image)


def test_singular_intrinsics_are_refused(scannet, tmp_path):
    index = FrameIndex.load(scannet / "train.npz")
    facts = index.facts._replace(reader="integer", depth_scale=1000.0)
    index.K[3, 1, 1] = 0
    replace(index, facts=facts).save(tmp_path / "train.npz")
    data = build(tmp_path)
    data.raw_root = build(scannet).raw_root
    message = r"frame scene0000_00/60: .* must have positive focal .* 0.0, 59.5"
    with pytest.raises(BadSampleError, match=message):
        data[3]


def test_a_jump_of_the_camera_parts_a_scene(tmp_path):
    """Frame numbers go on, the place does not: no sample of both places."""
    cameras = [(n, 0.1 * n + 50 * (n >= 10)) for n in range(20)]
    write_index(tmp_path, {"lost": cameras})
    data = build(tmp_path, gap=1)
    assert data.skipped[JUMPS] == 1 and len(data) == 20
    ids = np.array([data.get_data_info(at)["ids"] for at in range(20)])
    assert ((ids >= 10).all(axis=1) | (ids < 10).all(axis=1)).all()
    whole = build(tmp_path, gap=1, cut=dict(jump=None))
    assert not whole.skipped[JUMPS]


def test_samples_and_windows_stay_on_their_side_of_a_hole(tmp_path):
    """As in KITTI-360, where segments of validation lie inside those of training."""
    numbers = [*range(397), *range(640, 1000)]
    write_index(tmp_path, {"drive": [(n, 0.8 * n) for n in numbers]})
    options = dict(frames=8, image_size=56, aspect=0.5, sampling=dict(span=50))
    data = PosedViews(str(tmp_path), **options)
    rng = np.random.default_rng(0)
    for row in range(0, len(numbers), 3):
        rows = data.draw_views(np.array([row]), 8, rng)
        assert np.abs(np.array(numbers)[rows] - numbers[row]).max() <= 50
    assert data.skipped[HOLES] == 1
    windows = PosedViews(str(tmp_path), **options, test_mode=True)
    infos = [windows.get_data_info(at) for at in range(len(windows))]
    assert all(np.ptp(info["ids"]) == 7 for info in infos)
    assert len(infos) == 397 // 8 + 360 // 8


def test_utm_coordinates_cost_no_baseline(tmp_path):
    """5 000 km from the origin a float32 has half metres; rotations have 6 digits."""
    angle = np.array([0.0, 0.1, 0.2])
    centers = np.array([447000.5, 5411000.25, 320.0]) + 0.03 * np.eye(3)
    frames = []
    for number, (turn, center) in enumerate(zip(angle, centers)):
        c, s = np.cos(turn), np.sin(turn)
        cam2world = np.eye(4)
        cam2world[:3, :3] = np.round([[c, 0, s], [0, 1, 0], [-s, 0, c]], 6)
        cam2world[:3, 3] = center
        world2cam = invert_rigid(cam2world)
        frames.append(IndexedFrame(number, "", "", K, world2cam))
    FrameIndex.build(Facts("integer", "."), {"utm": frames}).save(
        tmp_path / "train.npz"
    )
    data = build(tmp_path, gap=1)
    world2cams = [data.index.row(row).world2cam for row in data.data_list[0]]
    found = in_first_camera(world2cams)
    np.testing.assert_array_equal(found[0], np.eye(4))
    steps = (centers - centers[0])[1:]
    np.testing.assert_allclose(found[1:, :3, 3], steps, atol=1e-7)
    for rotation in found[:, :3, :3].astype(float):
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)


@pytest.mark.parametrize("name", ["room_frames", "scannet_frames", "sun3d_frames"])
def test_base_configs_build(scannet, name, tmp_path):
    init_default_scope("vantage3d")
    shutil.copy(scannet / "train.npz", tmp_path)
    for split in ("val", "test"):
        shutil.copy(scannet / "val.npz", tmp_path / f"{split}.npz")
    config = Config.fromfile(str(ROOT / f"configs/_base_/datasets/{name}.py"))
    for loader in (key for key in config if key.endswith("_dataloader")):
        options = config[loader].dataset
        data = DATASETS.build(dict(options, data_root=str(tmp_path)))
        assert data.metainfo["metric"] is True and len(data) > 0
