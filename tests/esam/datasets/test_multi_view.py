"""Sequences: which frames a sample has, and what stays the same in all of them."""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate

from tests.esam.sequences import SCENE, entry_of, save, write, write_scene
from vantage3d.esam.datasets import (
    AddSuperPointAnnotations_Online,
    BboxCalculation,
    GlobalRotScaleTrans,
    LoadAdjacentDataFromFile,
    LoadAnnotations3D_,
    LoadPointsFromFile_,
    Pack3DDetInputs_Online,
    PointSegClassMapping,
    RandomFlip3D,
    ScanNetSegMVDataset_,
)
from vantage3d.esam.frame_camera import undo_augmentation
from vantage3d.esam.models import Det3DDataPreprocessor_
from vantage3d.esam.scene_entries import frame_entries, scene_entry
from vantage3d.process.seeding import SeededIndex

STEPS = [{"type": LoadPointsFromFile_}, {"type": LoadAnnotations3D_}]
ANNOTATE = {"num_classes": 20, "stuff_classes": [0, 1]}
PACKED = ["points", "gt_labels_3d", "gt_sp_masks", "gt_bboxes_3d"]
PACKED += ["pts_semantic_mask", "pts_instance_mask", "sp_pts_mask"]


@pytest.fixture
def scene(tmp_path):
    """Folder of a set and the arrays of its frames; the cloud is all of them."""
    return tmp_path, write_scene(tmp_path)


def dataset(root, augment=(), num_frames=3, **kwargs) -> ScanNetSegMVDataset_:
    load = {"type": LoadAdjacentDataFromFile, "steps": STEPS, "num_frames": num_frames}
    middle = [{"type": PointSegClassMapping}, *augment]
    annotate = {"type": AddSuperPointAnnotations_Online, **ANNOTATE}
    end = [{"type": BboxCalculation}, {"type": Pack3DDetInputs_Online, "keys": PACKED}]
    return ScanNetSegMVDataset_(
        data_root=str(root),
        ann_file="infos.json",
        pipeline=[load, *middle, annotate, *end],
        **kwargs,
    )


def places(sample: dict) -> list[int]:
    names = [one.metainfo["sample_idx"] for one in sample["data_samples"]]
    return [int(name.rpartition("_")[2]) // 40 for name in names]


def test_a_row_is_one_instance_in_frames_of_any_length(scene):
    root, frames = scene
    sample = dataset(root, num_frames=None)[0]
    assert places(sample) == [0, 1, 2]
    for arrays, own, truth in zip(frames, sample["inputs"], sample["data_samples"]):
        np.testing.assert_array_equal(own["points"], arrays["points"])
        masks = truth.gt_instances_3d.sp_masks[:-21]
        ids = arrays["instance_mask"]
        for row, raw in enumerate((7, 9)):  # a superpoint is an id
            known = np.unique(ids) == raw
            np.testing.assert_array_equal(masks[row], known)
            rows = truth.gt_pts_seg.pts_instance_mask == row
            np.testing.assert_array_equal(rows, ids == raw)
        assert truth.gt_instances_3d.labels_3d[:2].tolist() == [1, 2]


def test_frames_follow_each_other_and_begin_anywhere(scene):
    data = dataset(scene[0], num_frames=2)
    drawn = {tuple(places(data[SeededIndex(0, seed)])) for seed in range(20)}
    assert drawn == {(0, 1), (1, 2), (2, 0)}
    assert places(dataset(scene[0], num_frames=5)[SeededIndex(0, 0)])[3:] == places(
        dataset(scene[0], num_frames=2)[SeededIndex(0, 0)]
    )


def test_one_augmentation_moves_all_frames_and_the_boxes(scene):
    root, frames = scene
    flip = {"type": RandomFlip3D, "flip_ratio_bev_horizontal": 1.0}
    turn = {"type": GlobalRotScaleTrans, "rot_range": [0.3, 3.0]}
    turn |= {"scale_ratio_range": [0.8, 1.2], "translation_std": [0.1, 0.1, 0.1]}
    sample = dataset(root, [flip, turn], None)[SeededIndex(0, 3)]
    moved = [own["points"][:, :3] for own in sample["inputs"]]
    for xyz, truth, arrays in zip(moved, sample["data_samples"], frames):
        assert truth.metainfo["transformation_3d_flow"] == ["HF", "R", "S", "T"]
        back = undo_augmentation(xyz, truth.metainfo)
        np.testing.assert_allclose(back, arrays["points"][:, :3], atol=1e-5)
    ids = np.concatenate([arrays["instance_mask"] for arrays in frames])
    boxes = sample["data_samples"][1].gt_instances_3d.bboxes_3d
    for row, raw in enumerate((7, 9)):
        own = torch.cat(moved)[ids == raw]
        low, high = own.amin(0), own.amax(0)
        expected = torch.cat([(low + high) / 2, high - low])
        torch.testing.assert_close(boxes[row], expected, atol=1e-5, rtol=0)


def test_a_batch_is_by_frame_what_the_model_takes(scene):
    data = dataset(scene[0], num_frames=2)
    batch = pseudo_collate([data[SeededIndex(0, seed)] for seed in range(3)])
    ready = Det3DDataPreprocessor_()(batch, training=True)
    assert len(ready["inputs"]) == len(ready["data_samples"]) == 2
    assert [len(frame["points"]) for frame in ready["inputs"]] == [3, 3]
    batch["data_samples"][1][0].gt_pts_seg.sp_pts_mask += 1
    with pytest.raises(ValueError, match=rf"{SCENE}_\d+|{SCENE}/\d+\.bin.*id 0 has no"):
        Det3DDataPreprocessor_()(batch, training=True)


def test_the_truth_of_a_test_is_that_of_the_cloud(scene):
    root, frames = scene
    data = dataset(root, num_frames=None, test_mode=True)
    truth = data[0]["data_samples"][-1].eval_ann_info
    ids = np.concatenate([arrays["instance_mask"] for arrays in frames])
    expected = np.vectorize({0: -1, 4: 0, 7: 2, 9: 3}.get)(ids)
    np.testing.assert_array_equal(truth["pts_instance_mask"], expected)
    assert truth["lidar_idx"] == SCENE and len(truth["points"]) == len(ids)


def test_an_instance_that_the_cloud_lacks_has_the_box_of_its_frames(scene):
    root, frames = scene
    other = {k: v[frames[0]["instance_mask"] == 9] for k, v in frames[0].items()}
    write(root / "elsewhere", f"{SCENE}.bin", other)
    sample = dataset(root, num_frames=None, cloud_root=str(root / "elsewhere"))[0]
    own = np.concatenate([f["points"][f["instance_mask"] == 7, :3] for f in frames])
    size = sample["data_samples"][0].gt_instances_3d.bboxes_3d[0, 3:]
    np.testing.assert_allclose(size, np.ptp(own, axis=0), rtol=1e-5)


def test_lists_that_do_not_fit(scene):
    root, _ = scene
    entry = scene_entry(SCENE, [entry_of(place) for place in range(3)])
    save(root, {**entry, "clip_feat_paths": ["clip_feat/0.pt", "clip_feat/40.pt"]})
    message = r"entry 0 \(scene0000_00\): each frame needs .* 'clip_feat_paths': 2"
    with pytest.raises(ValueError, match=message):
        dataset(root)
    save(root, entry_of(0))
    with pytest.raises(ValueError, match=r"has no lists \['pts_paths', .*rgbd_mv"):
        dataset(root)
    with pytest.raises(ValueError, match=r"`num_frames` must be .*got 0"):
        dataset(root, num_frames=0)


def test_legacy_entries_have_no_names_and_frames_may_lack_a_value():
    frames = [{**entry_of(place)} for place in range(2)]
    frames[1]["color_cam2img"] = np.eye(3).tolist()
    entry = scene_entry(SCENE, frames)
    assert entry["color_cam2imgs"] == [None, np.eye(3).tolist()]
    del entry["sample_idx"], entry["sample_idxs"]
    found = frame_entries(entry, "infos.pkl")
    assert [frame["sample_idx"] for frame in found] == [
        f"{SCENE}_0",
        f"{SCENE}_40",
    ]
    assert "color_cam2img" not in found[0] and "color_cam2img" in found[1]


def test_nothing_to_learn_is_told(scene):
    root, frames = scene
    assert not dataset(root).lacks_targets()
    for place, arrays in enumerate(frames):
        arrays["instance_mask"] = np.zeros_like(arrays["instance_mask"])
        write(root, f"{SCENE}/{40 * place}.bin", arrays)
    assert "has an instance of a class that counts" in dataset(root).lacks_targets()
