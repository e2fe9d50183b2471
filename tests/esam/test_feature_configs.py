"""Configs with image features differ from their baselines in these alone."""

import re
import shlex
import subprocess
from functools import cache

import pytest
from mmengine.config import Config

from tests.shared import ROOT
from vantage3d import comparison
from vantage3d.cli.runs import compare
from vantage3d.comparison import Plan, check_plan

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


@cache
def config(name: str) -> Config:
    """Parsed once; nobody changes it."""
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
    schedules = [config(name) for name in (*SCANNET200, "scannet200_CA_finetune")]
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


def of_the_document() -> list[str]:
    text = (ROOT / "docs/fusion_comparison.md").read_text().replace("\\\n", " ")
    found = re.search(r"^ +C=(\S+)\n +(python tools/compare.*)", text, re.M)
    assert found
    return shlex.split(found[2].replace("${C}", found[1]))


def of_the_demonstration() -> list[str]:
    """The rows that differ in more than their config; the twins have a test above."""
    command = [
        "make",
        "-n",
        "demo-fusion",
        "FUSION_ROWS=points fine shuffled untrained",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = re.findall("tools/compare.py.*", done.stdout.replace("\\\n", " "))
    return shlex.split(line)


@pytest.mark.parametrize("words", [of_the_document, of_the_demonstration])
def test_the_documented_comparisons_are_fair(words, tmp_path, monkeypatch):
    """As far as training: names, options of rows and of all, equal schedules."""
    plans: list[Plan] = []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(comparison, "run_all", lambda plan: plans.append(plan) or [])
    monkeypatch.setattr(comparison, "write_report", lambda *_: "")
    compare([*words()[words().index("tools/compare.py") + 1 :], "--out", str(tmp_path)])
    assert len(plans[0].seeds) == 3 and plans[0].load_from is not None
    check_plan(plans[0])
