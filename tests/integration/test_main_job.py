"""The two demonstrations of the README, by their own commands."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shared import ROOT, need

pytestmark = pytest.mark.slow


def make(target: str, *variables: str) -> str:
    """Runs ``make target`` in this environment; its output."""
    command = ["make", target, f"VENV={sys.prefix}", *variables]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def newest_report(work_dir: Path) -> dict:
    reports = sorted(work_dir.glob("*/instance_ap.json"))
    assert reports, f"no report under {work_dir}"
    return json.loads(reports[-1].read_text())


def check_pictures(work_dir: Path) -> None:
    picture = np.asarray(Image.open(work_dir / "pictures" / "instances.png"))
    width = picture.shape[1]
    assert width > 600
    # image, truth and prediction stand side by side and are not the same drawing
    columns = [picture[:, i * width // 3 : (i + 1) * width // 3] for i in range(3)]
    smallest = min(column.shape[1] for column in columns)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        difference = np.abs(
            columns[one][:, :smallest].astype(int)
            - columns[other][:, :smallest].astype(int)
        )
        assert difference.mean() > 1
    assert (work_dir / "pictures" / "instances.rrd").stat().st_size > 10_000


def test_demo_finds_objects_in_rooms_it_never_saw(tmp_path):
    """With a quarter of the rooms and voxels of 8 cm: AP50 0.49, all superpoints 0.31.

    Voxels of 5 cm take twice as long; with all rooms they give 0.64.
    """
    folders = f"DATA={tmp_path}/data", f"WORK={tmp_path}/work_dirs"
    options = "DEMO_OPTIONS=--cfg-options model.voxel_size=0.08"
    make("demo", "TRAIN_ROOMS=32", "VAL_ROOMS=8", options, *folders)
    report = newest_report(tmp_path / "work_dirs/demo")
    model = report["answers"]["model"]["all_ap_50%"]
    trivial = [
        answer["all_ap_50%"]
        for name, answer in report["answers"].items()
        if name != "model"
    ]
    assert len(trivial) == 2
    assert model >= 0.4
    assert model > max(trivial) + 0.1
    check_pictures(tmp_path / "work_dirs/demo")
    train, val = (scenes(tmp_path / "data/synthetic", s) for s in ("train", "val"))
    assert train
    assert val
    assert not train & val


def test_demo_real_finds_objects_in_frames_it_never_saw(tmp_path):
    """With 40 of the 100 epochs, voxels of 3 cm: AP50 0.81, all superpoints 0.21."""
    shelf = need("data/apc_posed_rgbd_segm")
    folders = (f"DATA={tmp_path}/data", f"WORK={tmp_path}/work_dirs")
    short = "train_cfg.max_epochs=40 train_cfg.val_interval=40 param_scheduler.end=40"
    options = f"REAL_OPTIONS=--cfg-options {short} model.voxel_size=0.03"
    make("demo-real", f"SHELF={shelf}", "REAL_ROWS=points", options, *folders)
    row = tmp_path / "work_dirs/demo-real/real-shelf/points"
    report = newest_report(row)["answers"]
    model = report.pop("model")["all_ap_50%"]
    assert model > max(answer["all_ap_50%"] for answer in report.values()) + 0.2
    check_pictures(row / "seed0/test")


def scenes(root: Path, split: str) -> set[str]:
    (path,) = root.glob(f"*_infos_{split}.json")
    entries = json.loads(path.read_text())["data_list"]
    return {entry["sample_idx"].rsplit("_", 1)[0] for entry in entries}
