"""Configs with image features differ from their baselines in these alone."""

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


def config(name: str) -> Config:
    return Config.fromfile(FOLDER / f"ESAM_sv_{name}.py")


def without_features(loader) -> dict:
    loader = loader.to_dict()
    dataset = loader["dataset"]
    dataset["ann_file"] = dataset["ann_file"].replace("_clip.json", ".json")
    dataset["data_root"] = None  # rooms of their own
    pipeline = [s for s in dataset["pipeline"] if s["type"] != "LoadClipFeature"]
    pipeline[-1]["keys"] = [key for key in pipeline[-1]["keys"] if key != "clip_pix"]
    dataset["pipeline"] = pipeline
    return loader


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("data", ["scannet200_CA", "synthetic_CA"])
def test_data_is_the_baselines(way, data):
    ours, baseline = config(f"{data}_{way}"), config(data)
    for name in ("train_dataloader", "test_dataloader"):
        assert without_features(ours[name]) == without_features(baseline[name])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("data", ["scannet200_CA", "synthetic_CA"])
def test_model_is_the_baselines(way, data):
    model, baseline = config(f"{data}_{way}").model, config(data).model.to_dict()
    ours = model.to_dict()
    added = {"image_features", "fusion", "distillation"}
    ours = {key: value for key, value in ours.items() if key not in added}
    ours["backbone"].pop("injection", None)
    assert ours == baseline


@pytest.mark.parametrize("way", WAYS)
def test_synthetic_twins_have_the_baselines_schedule(way):
    """As tools/compare.py demands."""
    ours, baseline = config(f"synthetic_CA_{way}"), config("synthetic_CA")
    for key in ("optim_wrapper", "param_scheduler", "train_cfg"):
        assert ours[key] == baseline[key]


def test_all_fine_tune_from_the_same_weights_for_as_long():
    schedules = [config(f"scannet200_CA_{way}") for way in WAYS]
    for key in ("load_from", "optim_wrapper", "param_scheduler", "train_cfg"):
        assert all(schedule[key] == schedules[0][key] for schedule in schedules)
