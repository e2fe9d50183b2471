"""Configs with image features differ from their baselines in these alone."""

import re

import pytest
from mmengine.config import Config

from tests.shared import ROOT

FOLDER = ROOT / "configs/ESAM_CA"
WAYS = (
    "dino_bifusion",
    "dino_inject",
    "dino_bifusion_inject",
    "clip_rn50_bifusion",
    "dino_distill",
)
SCANNET200 = [f"scannet200_CA_{way}" for way in (*WAYS, "dino_inject_online")]
SYNTHETIC = [f"synthetic_CA_{way}" for way in WAYS]
IMAGES = ("clip_pix", "img")


def config(name: str) -> Config:
    return Config.fromfile(FOLDER / f"ESAM_sv_{name}.py")


def without_features(loader) -> dict:
    loader = loader.to_dict()
    dataset = loader["dataset"]
    dataset["ann_file"] = re.sub("_clip(_rn50)?.json$", ".json", dataset["ann_file"])
    dataset["data_root"] = None  # rooms of their own
    loaders = ("LoadClipFeature", "LoadFrameImage")
    pipeline = [s for s in dataset["pipeline"] if s["type"] not in loaders]
    pipeline[-1]["keys"] = [key for key in pipeline[-1]["keys"] if key not in IMAGES]
    dataset["pipeline"] = pipeline
    return loader


def baseline_of(name: str) -> Config:
    return config(name[: name.index("_CA") + len("_CA")])


@pytest.mark.parametrize("name", [*SCANNET200, *SYNTHETIC])
def test_data_is_the_baselines(name):
    ours, baseline = config(name), baseline_of(name)
    for loader in ("train_dataloader", "test_dataloader"):
        assert without_features(ours[loader]) == without_features(baseline[loader])


@pytest.mark.parametrize("name", [*SCANNET200, *SYNTHETIC])
def test_model_is_the_baselines(name):
    ours, baseline = config(name).model.to_dict(), baseline_of(name).model.to_dict()
    added = {"image_features", "fusion", "distillation"}
    ours = {key: value for key, value in ours.items() if key not in added}
    ours["backbone"].pop("injection", None)
    assert ours == baseline


@pytest.mark.parametrize("name", SYNTHETIC)
def test_synthetic_twins_have_the_baselines_schedule(name):
    """As tools/compare.py demands."""
    ours, baseline = config(name), baseline_of(name)
    for key in ("optim_wrapper", "param_scheduler", "train_cfg"):
        assert ours[key] == baseline[key]


def test_all_fine_tune_from_the_same_weights_for_as_long():
    schedules = [config(name) for name in SCANNET200]
    for key in ("load_from", "optim_wrapper", "param_scheduler", "train_cfg"):
        assert all(schedule[key] == schedules[0][key] for schedule in schedules)


@pytest.mark.parametrize("data", ["scannet200_CA", "synthetic_CA"])
def test_clip_features_lie_beside_the_others_of_a_data_set(data):
    clip, dino = config(f"{data}_clip_rn50_bifusion"), config(f"{data}_dino_bifusion")
    for loader in ("train_dataloader", "test_dataloader"):
        ours, other = clip[loader].dataset, dino[loader].dataset
        assert ours.data_root == other.data_root
        assert ours.ann_file == other.ann_file.replace("_clip.", "_clip_rn50.")
    assert clip.model.image_features.feat_space == "clip_rn50"
    assert clip.model.fusion.channels == 512
