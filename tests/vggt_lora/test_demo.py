"""The path of `make demo-depth` in short: base, export, adapters, before and after."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.engine import runs
from tests.shared import ROOT
from tests.vggt_lora.test_configs import FOLDER
from vantage3d.engine import test as evaluate
from vantage3d.engine.configs.config import load_config
from vantage3d.views.index import FrameIndex

BASE, LORA, ROOMS = (
    str(FOLDER / f"{name}_demo.py")
    for name in ("finetune_kitti360", "lora_kitti360_strategy_b", "finetune_rooms")
)


def data(config, root, split=("train", "val", "test")):
    """Options that let every dataset of a config read ``root``."""
    options, cfg = {}, load_config(config)
    for name in split:
        key, node = f"{name}_dataloader.dataset", cfg[f"{name}_dataloader"].dataset
        options[f"{key}{'.dataset' if 'dataset' in node else ''}.data_root"] = str(root)
    return options


def short(config, cache, **options):
    steps = {"train_cfg.max_iters": 2, "train_dataloader.batch_size": 1}
    return {**steps, **data(config, cache), **options}


def hash_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def demo(cache, tmp_path_factory):
    """Work dirs of both trainings, and the results of the test at the end."""
    work = tmp_path_factory.mktemp("demo")
    assert runs.run(work / "base", short(BASE, cache), config=BASE) == 0
    file = work / "base/iter_2.pth"
    before = hash_of(file)
    base = {"model.base_weights": str(work / "base")}
    rate = {"optim_wrapper.optimizer.lr": 0.05, "param_scheduler.0.end": 1}
    options = short(LORA, cache, **base, **rate)
    assert runs.run(work / "lora", options, config=LORA) == 0
    options = base | data(LORA, cache, ["test"])
    metrics = evaluate(LORA, str(work / "lora"), str(work), options)
    assert hash_of(file) == before
    return work, metrics


def test_before_and_after_are_written_for_held_out_drives(demo, cache):
    work, metrics = demo
    (path,) = work.glob("*/depth_comparison.json")
    file = json.loads(path.read_text())
    assert list(file["answers"]) == ["typical depth", "straight on", "before", "after"]
    assert file["windows"] == 2  # 7 frames of the one drive held out
    for name, row in file["answers"].items():
        assert (
            row["dense/depth.full.abs_rel"]
            == metrics[f"{name}/dense/depth.full.abs_rel"]
        )
    change = (
        metrics["after/dense/depth.full.abs_rel"]
        - metrics["before/dense/depth.full.abs_rel"]
    )
    assert abs(change) > 1e-4
    train, val = (
        set(FrameIndex.load(cache / f"{split}.npz").sequences)
        for split in ("train", "val")
    )
    assert train and val and not train & val


def test_before_is_what_the_base_answers_by_itself(demo, cache):
    work, metrics = demo
    options = data(BASE, cache, ["test"])
    alone = evaluate(BASE, str(work / "base"), str(work / "alone"), options)
    for name in ("LiDAR/depth.full.abs_rel", "dense/depth.full.rmse", "pose.auc_30"):
        assert alone[f"base/{name}"] == pytest.approx(metrics[f"before/{name}"])


def test_the_log_says_that_the_base_was_not_touched(demo):
    work, _ = demo
    log = (work / "lora/output.txt").read_text()
    assert "base weights untouched after 2 iterations of training, SHA-256: agg" in log


def test_picture_has_four_different_panels(demo):
    work, _ = demo
    picture = np.asarray(Image.open(work / "pictures/depth.png"))[..., :3].astype(int)
    width = picture.shape[1]
    panels = [
        picture[:, i * width // 4 : i * width // 4 + width // 6] for i in range(4)
    ]
    for one, other in ((0, 1), (1, 2), (2, 3)):
        assert np.abs(panels[one] - panels[other]).mean() > 0.2


def test_rooms_are_learned_by_the_same_network(scannet, tmp_path):
    options = short(ROOMS, scannet, **{"model.base_weights": None})
    assert runs.run(tmp_path, options, config=ROOMS) == 0
    assert (tmp_path / "iter_2.pth").is_file()


@pytest.mark.parametrize(("seed", "suffix"), [(0, ""), (3, "-seed-3")])
def test_make_runs_these_configs_on_two_districts(seed, suffix):
    """What is trained on and what is held out differ by their drives' numbers."""
    command = ["make", "-n", "--no-print-directory", "demo-depth"]
    command += [f"VENV={sys.prefix}", "DATA=d", "WORK=w"]
    command += [f"DEPTH_SEED={seed}"] if seed else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    text = done.stdout.replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    made = [line for line in lines if "make_synthetic.py kitti360" in line]
    assert ["--style suburb" in line for line in made] == [True, False]
    assert ["--style brick" in line for line in made] == [False, True]
    assert ["--seed" in line for line in made] == [False, True]
    trained = [line for line in lines if "tools/train.py" in line]
    for line, config in zip(trained, (BASE, LORA), strict=True):
        assert config.removeprefix(f"{ROOT}/") in line and "--resume" in line
        assert f" --cfg-options randomness.seed={seed}" in line
    assert trained[1].endswith(f"model.base_weights=w/demo-depth{suffix}/base")
    assert all(
        f" w/demo-depth{suffix}/" in line for line in lines[lines.index(trained[0]) :]
    )
