"""Samples of an info file, as the pipeline and messages see them."""

import json
import os
import pickle

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose, ConcatDataset, RepeatDataset
from mmengine.registry import init_default_scope

from tests.shared import ROOT
from vantage3d.engine.loops import ClassBalancedDataset
from vantage3d.engine.nonfinite import describe_batch, sample_names
from vantage3d.esam.datasets import (
    AddSuperPointAnnotations,
    LoadAnnotations3D_,
    LoadPointsFromFile_,
    Pack3DDetInputs_,
    PointSegClassMapping,
    ScanNet200SegDataset_,
)
from vantage3d.io.feature_identity import MANIFEST
from vantage3d.io.infos import save_info
from vantage3d.io.points import write_rows
from vantage3d.io.scannet_classes import SCANNET20_CLASSES
from vantage3d.process.seeding import SeededIndex
from vantage3d.registry import DATASETS

NAMES = ["scene0000_00_200", "scene0000_00_20"]
FOLDERS = {
    "pts": "points",
    "pts_semantic_mask": "semantic_mask",
    "pts_instance_mask": "instance_mask",
    "sp_pts_mask": "super_points",
}
IDS = "seg_valid_class_ids"
PIPELINE = [
    {"type": LoadPointsFromFile_},
    {"type": LoadAnnotations3D_},
    {"type": Pack3DDetInputs_, "keys": ["points", "sp_pts_mask"]},
]


def entry(name: str) -> dict:
    return {
        "sample_idx": name,
        "lidar_points": {"num_pts_feats": 6, "lidar_path": f"{name}.bin"},
        "pts_semantic_mask_path": f"{name}.bin",
        "pts_instance_mask_path": f"{name}.bin",
        "super_pts_path": f"{name}.bin",
    }


@pytest.fixture
def root(tmp_path):
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir()
        for name in NAMES:
            path = tmp_path / folder / f"{name}.bin"
            if folder == "points":
                write_rows(path, np.zeros((5, 6)), "<f4")
            else:
                write_rows(path, np.zeros(5), "<i8")
    save_info(tmp_path / "infos.json", {}, [entry(name) for name in NAMES])
    return tmp_path


def dataset(root, ann_file="infos.json", **kwargs) -> ScanNet200SegDataset_:
    return ScanNet200SegDataset_(
        data_root=str(root),
        ann_file=ann_file,
        data_prefix=FOLDERS,
        pipeline=PIPELINE,
        **kwargs,
    )


@pytest.mark.parametrize("test_mode", [True, False])
def test_samples_keep_their_names(root, test_mode):
    frames = dataset(root, test_mode=test_mode)
    samples = [frames[index]["data_samples"] for index in range(2)]
    assert [sample.sample_idx for sample in samples] == NAMES
    assert sample_names(describe_batch({"data_samples": samples})) == "; ".join(NAMES)
    assert frames.get_data_info(-1)["sample_idx"] == NAMES[1]


def test_names_follow_a_subset(root):
    assert dataset(root, indices=[1])[0]["data_samples"].sample_idx == NAMES[1]


@pytest.mark.parametrize("kind", ["concat", "repeat", "balanced"])
def test_wrappers_of_mmengine_hand_on_seeds(root, kind):
    def draw(sample):
        return {"name": sample["sample_idx"], "drawn": np.random.rand()}

    frames = dataset(root)
    frames.pipeline = Compose([draw])
    wrapped, index = {
        "concat": (ConcatDataset([frames, frames]), 3),
        "repeat": (RepeatDataset(frames, 2), 3),
        "balanced": (ClassBalancedDataset(frames, 0.5), 1),
    }[kind]
    assert wrapped[SeededIndex(index, 7)] == frames[SeededIndex(1, 7)]
    assert wrapped[SeededIndex(index, 7)] != wrapped[SeededIndex(index, 8)]
    assert frames.get_cat_ids(1) == ["scene0000_00"]


def test_the_config_of_two_datasets_mixes_them(root):
    init_default_scope("vantage3d")
    name = "configs/ESAM_CA/ESAM_sv_scannet200_rgbd_CA.py"
    config = Config.fromfile(str(ROOT / name)).train_dataloader.dataset
    for part in config.datasets:
        part.update(data_root=str(root), ann_file="infos.json", pipeline=PIPELINE)
        part.data_prefix = FOLDERS
    data = DATASETS.build(config)
    names = [data[i]["data_samples"].sample_idx for i in range(len(data))]
    assert names == NAMES * 2 and len(data.metainfo["classes"]) == 200


def rewrite(root, change, metainfo=None):
    entries = [entry(name) for name in NAMES]
    change(entries[1])
    save_info(root / "infos.json", metainfo or {}, entries)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda e: e.pop("super_pts_path"), "super_pts_path"),
        (lambda e: e.pop("lidar_points"), "lidar_points"),
        (lambda e: e["lidar_points"].pop("lidar_path"), r"lidar_points\.lidar_path"),
    ],
)
def test_an_entry_that_lacks_a_key(root, change, missing):
    rewrite(root, change)
    message = rf"infos\.json: entry 1 \({NAMES[1]}\) has no \['{missing}'\]"
    with pytest.raises(ValueError, match=message):
        dataset(root)


def test_ids_of_another_class_table(root):
    categories = {name: i for i, name in enumerate(SCANNET20_CLASSES)}
    metainfo = {"label_column": "nyu40id", "categories": categories}
    rewrite(root, lambda e: None, {**metainfo, "dataset": "scannet_sv"})
    message = r"was made for 20 classes \(dataset 'scannet_sv'\), ScanNet200SegData"
    with pytest.raises(ValueError, match=message):
        dataset(root)


CAMERA = {"cam2img": [[60.0, 0, 31.5], [0, 60, 23.5], [0, 0, 1]], "img_shape": [48, 64]}


def test_a_legacy_set_gets_its_camera_from_the_config(root):
    """A pickle of the released converter: no camera, no word on the features."""
    (root / "clip_feat/scene0000_00").mkdir(parents=True)
    entries = [entry(name) for name in NAMES]
    for one in entries:
        one["pose"] = np.eye(4)
        one["clip_feat_path"] = "clip_feat/scene0000_00/20.pt"
    entries[1] |= {"cam2img": np.eye(3), "img_shape": [2, 2]}
    with (root / "infos.pkl").open("wb") as file:
        pickle.dump(entries, file)
    made_by = {"model": "clip_rn50", "weights": "a" * 64, "layers": [2], "patch": 8}
    made_by |= {"channels": 512, "input_size": None}
    (root / "clip_feat" / MANIFEST).write_text(json.dumps(made_by))
    data = dataset(root, ann_file="infos.pkl", camera=CAMERA)
    first, second = (data.get_data_info(i) for i in range(2))
    assert {key: first[key] for key in CAMERA} == CAMERA
    assert second["img_shape"] == [2, 2], "what a file says is not replaced"
    assert first["features"] == made_by
    assert "cam2img" not in dataset(root, ann_file="infos.pkl").get_data_info(0)


def test_half_a_camera_is_refused(root):
    with pytest.raises(ValueError, match=r"`camera` must have .*got \['cam2img'\]"):
        dataset(root, camera={"cam2img": CAMERA["cam2img"]})


@pytest.mark.parametrize("option", ["metainfo", "data_prefix"])
def test_keys_that_nobody_reads(root, option):
    options = {"data_prefix": FOLDERS, option: {**FOLDERS, "sp_mask": "x"}}
    message = rf"nobody reads \[.*'sp_mask'.*\] of `{option}`"
    with pytest.raises(ValueError, match=message):
        ScanNet200SegDataset_(
            data_root=str(root), ann_file="infos.json", pipeline=PIPELINE, **options
        )


def test_a_point_file_cut_between_two_points(root):
    rewrite(root, lambda e: e.update(num_points=6))
    frames = dataset(root, test_mode=True)
    message = rf"points/{NAMES[1]}\.bin has 5 rows, expected 6"
    with pytest.raises(ValueError, match=message):
        frames[1]


def test_a_set_without_an_instance_of_a_class_that_counts_says_so(root):
    """No instance at all, then one of a class without things, then a chair."""
    pipeline = [
        *PIPELINE[:2],
        {"type": PointSegClassMapping},
        {"type": AddSuperPointAnnotations, "num_classes": 200, "stuff_classes": [0, 1]},
    ]

    def lacks():
        frames = ScanNet200SegDataset_(
            data_root=str(root),
            ann_file="infos.json",
            data_prefix=FOLDERS,
            pipeline=pipeline,
        )
        return frames.lacks_targets()

    message = f"none of the 2 samples of {root}/infos.json has an instance of a class"
    assert lacks().startswith(message)
    write_rows(root / "instance_mask" / f"{NAMES[1]}.bin", np.ones(5), "<i8")
    assert lacks().startswith(message)  # class 0: not annotated
    semantic = root / "semantic_mask" / f"{NAMES[1]}.bin"
    write_rows(semantic, np.full(5, ScanNet200SegDataset_.METAINFO[IDS][2]), "<i8")
    assert lacks() == ""


OUT = r"entry 'scene0000_00_200' names .*: outside of"


@pytest.fixture
def outside(root, tmp_path_factory):
    """A file that is not in the folder of the info file."""
    path = tmp_path_factory.mktemp("secret") / "a.bin"
    write_rows(path, np.zeros((5, 6)), "<f4")
    return path


@pytest.mark.parametrize("key", ["lidar_path", "pts_semantic_mask_path", "img_path"])
@pytest.mark.parametrize("way", ["..", "absolute", "link"])
def test_paths_that_lead_out_are_refused_when_they_are_read(root, outside, key, way):
    name = str(outside)
    if way == "..":
        folder = root if key == "img_path" else root / "points"
        name = os.path.relpath(outside, folder)
    if way == "link":
        name = "link.bin"
        for folder in (root, *(root / folder for folder in FOLDERS.values())):
            (folder / name).symlink_to(outside)
    altered = entry(NAMES[0])
    (altered["lidar_points"] if key == "lidar_path" else altered)[key] = name
    save_info(root / "infos.json", {}, [altered])
    with pytest.raises(ValueError, match=OUT):
        dataset(root).get_data_info(0)
    found = dataset(root, extra_roots=[str(outside.parent)]).get_data_info(0)
    assert os.path.realpath(found[key]) == str(outside)


def test_images_lie_below_the_roots_that_the_info_file_declares(root, outside):
    name = os.path.relpath(outside, root)
    declared = {"roots": [os.path.dirname(name)]}
    save_info(root / "infos.json", declared, [entry(NAMES[0]) | {"img_path": name}])
    found = dataset(root).get_data_info(0)
    assert os.path.realpath(found["img_path"]) == str(outside)


@pytest.mark.parametrize("name", ["../../../escaped", "a/b", ".a", "", 7, "a\0"])
def test_names_that_files_are_called_by_are_refused(root, name):
    save_info(root / "infos.json", {}, [entry(NAMES[0]) | {"sample_idx": name}])
    with pytest.raises(ValueError, match=r"infos\.json: entry .* has the name"):
        dataset(root)
