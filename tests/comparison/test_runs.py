"""Comparisons of fake runs: what is run, what is skipped, what is reported."""

import json
import re
import runpy
import shlex
import sys
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from vantage3d.cli.arguments import keys_and_values
from vantage3d.cli.runs import named_configs
from vantage3d.comparison import Plan, Result, check_plan, run_all, write_report
from vantage3d.comparison import runs as runs_module
from vantage3d.comparison.report import summarise
from vantage3d.comparison.runs import Usage, run_job, usage_so_far
from vantage3d.evaluation.instance_outcomes import FILE, scene_outcomes, write_outcomes
from vantage3d.evaluation.instance_overlaps import SceneOverlaps

CONFIG = """
model = dict(type="{model}")
train_dataloader = dict(batch_size={batch}, dataset=dict(type="D"))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=2)
"""
NOTHING = SceneOverlaps(
    *(np.zeros((0, 1), int), np.zeros(0, int), np.zeros(0, int), np.zeros(0, int)),
    *(np.zeros(0), np.array([200]), np.array([0])),
)
AP = {("a", 0): 0.25, ("a", 1): 0.5, ("b", 0): 0.5, ("b", 1): 0.625}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Two configs, two seeds."""
    for module in (runs_module,):
        monkeypatch.setattr(module, "load_config", _fake_config)
    paths = {}
    for name in "ab":
        paths[name] = tmp_path / f"{name}.py"
        paths[name].write_text(CONFIG.format(model=name, batch=2))
    return Plan(paths, (0, 1), tmp_path / "out")


def _fake_config(path, options):
    from mmengine.config import Config

    config = Config.fromfile(str(path))
    config.merge_from_dict(deepcopy(options))
    return config


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that are asked for, in order; each leaves what a real one would."""
    done = []

    def fake(task, arguments, folder, processes=None):
        done.append((task, {**arguments, "processes": processes}))
        folder.mkdir(parents=True, exist_ok=True)
        if task == "init":
            (folder / f"seed{arguments['seed']}.pth").write_text("weights")
        if task == "train":
            line = {"task": "train", "wall_s": 60, "cpu_s": 120, "peak_gb": 1.5}
            (folder / "usage.jsonl").write_text(f"{json.dumps(line)}\n")
            scalars = folder / "train" / "1" / "vis_data" / "scalars.json"
            scalars.parent.mkdir(parents=True)
            steps = [{"loss": 1, "time": time} for time in (9.0, 0.5, 0.25)]
            if arguments["launcher"] == "pytorch":  # as MMEngine logs it on a GPU
                steps = [{**step, "memory": 2000} for step in steps]
            scalars.write_text("\n".join(map(json.dumps, [*steps, {"all_ap": 1}])))
        if task == "test":
            value = AP[folder.parent.name, int(folder.name[4:])]
            keys = ("all_ap", "all_ap_50%", "all_ap_25%")
            numbers = dict(zip(keys, (value, 2 * value, 1.0)))
            write_outcomes(folder / FILE, scene_outcomes(["room_1"], [NOTHING], 1))
            (folder / "metrics.json").write_text(json.dumps(numbers))

    monkeypatch.setattr(runs_module, "run_job", fake)
    return done


def test_all_start_from_the_weights_of_their_seed_and_finished_runs_are_skipped(
    plan, jobs
):
    results = run_all(plan)
    assert [task for task, _ in jobs] == 2 * ["init", *2 * ["train", "test"]]
    starts = [
        (job["config"][-4:], job["cfg_options"])
        for task, job in jobs
        if task == "train"
    ]
    for (_, options), seed in zip(starts, (0, 0, 1, 1)):
        assert options["load_from"].endswith(f"initial/seed{seed}.pth")
        assert options["randomness.seed"] == seed
    assert [(r.name, r.seed) for r in results] == [
        *(("a", 0), ("b", 0), ("a", 1), ("b", 1))
    ]
    assert {(r.step_s, r.usage) for r in results} == {(0.5, Usage(60, 120, 1.5))}
    count = len(jobs)
    assert run_all(plan) == results
    assert len(jobs) == count


def test_report_by_hand(plan, jobs):
    text = write_report(plan, run_all(plan))
    # AP of a: 0.25, 0.5; of b: 0.5, 0.625; differences 0.25 and 0.125
    first = "| a | 0.375 ± 0.177 | 0.750 ± 0.354 | 1.000 ± 0.000 |  |  |  | 0.50 ± 0.00"
    assert first in text
    assert "| b | 0.562 ± 0.088 | 1.125 ± 0.177 | 1.000 ± 0.000 | +0.188 ± 0.088 " in (
        text
    )
    facts = json.loads((plan.out / "report.json").read_text())
    delta = facts["rows"]["b"]["delta AP"]
    assert delta["mean"] == 0.1875 and delta["low"] == 0.125
    assert facts["rows"]["a"]["delta AP"] is None
    assert (plan.out / "report.png").read_bytes().startswith(b"\x89PNG")


def test_a_launcher_and_the_memory_of_its_gpus(plan, jobs):
    results = run_all(replace(plan, launcher="pytorch", processes="4"))
    assert {result.gpu_gb for result in results} == {2000 * 2**20 / 1e9}
    assert [job["processes"] for _, job in jobs[:3]] == [None, "4", "4"]
    assert {job["launcher"] for task, job in jobs if task != "init"} == {"pytorch"}
    text = write_report(plan, results)
    assert "| GPU memory, GB |" in text and "| 2.10 ± 0.00 |" in text
    with pytest.raises(ValueError, match="holds a run with another config"):
        run_all(plan)
    with pytest.raises(ValueError, match=r"`launcher` must be one of .*got 'mpi'"):
        replace(plan, launcher="mpi")


def test_other_options_do_not_mix_with_finished_runs(plan, jobs):
    run_all(plan)
    other = replace(plan, options={"train_cfg.max_epochs": 3})
    with pytest.raises(ValueError, match="out/a/seed0 holds a run with another config"):
        run_all(other)


def test_a_row_has_options_and_a_start_of_its_own(plan, jobs):
    own = {"b": {"model.voxel_size": 0.02, "load_from": "fine.pth"}}
    fine = replace(plan, own_options=own, options={"model.voxel_size": 0.05})
    text = write_report(fine, run_all(fine))
    given = {
        job["config"][-4:]: job["cfg_options"] for task, job in jobs if task == "train"
    }
    assert given["a.py"]["model.voxel_size"] == 0.05
    assert given["a.py"]["load_from"].endswith("initial/seed1.pth")
    assert given["b.py"] == {**own["b"], "randomness.seed": 1}
    assert re.search(r"- b: `\S+/b.py model.voxel_size=0.02 load_from=fine.pth`", text)
    assert "\n- all: `model.voxel_size=0.05`\n" in text
    with pytest.raises(ValueError, match="out/b/seed0 holds a run with another config"):
        run_all(replace(fine, own_options={}))
    with pytest.raises(ValueError, match=r"`own_options` must be one of 'a', 'b'.*'c'"):
        replace(plan, own_options={"c": {}})
    with pytest.raises(ValueError, match=r"b has the option `randomness.seed`, "):
        replace(plan, own_options={"b": {"randomness.seed": 3}})


OTHER = """
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = [dict(type="LinearLR", end=2), dict(type="PolyLR", end=80)]
train_cfg = dict(max_epochs=3, val_interval=5)
"""


@pytest.mark.parametrize("scheduler", ["None", "dict(type='PolyLR')", "[{}, {}]"])
def test_what_an_unfair_plan_is_told_to_do_makes_it_fair(plan, scheduler):
    """As it is typed: words of --cfg-options."""
    first = f"{plan.configs['a'].read_text()}\nparam_scheduler = {scheduler}"
    plan.configs["a"].write_text(first)
    plan.configs["b"].write_text(first + OTHER)
    asked: list[str] = []
    for _ in range(3):  # the optimizer, the schedule, the epochs
        options = keys_and_values(asked)
        with pytest.raises(ValueError, match="Give both the same: --cfg-opt") as found:
            check_plan(replace(plan, options=options))
        asked += shlex.split(str(found.value).partition("--cfg-options ")[2])
    assert asked[0] == "optim_wrapper.optimizer.lr=0.001"
    check_plan(replace(plan, options=keys_and_values(asked)))


def test_unfair_plans(plan):
    with pytest.raises(ValueError, match=r"a config and a seed, got \['a', 'b'\]"):
        check_plan(replace(plan, seeds=()))
    with pytest.raises(ValueError, match=r"seeds must differ, got \[1, 1\]"):
        check_plan(replace(plan, seeds=(1, 1)))
    plan.configs["b"].write_text(CONFIG.format(model="b", batch=4))
    message = "config b has another `train_dataloader.batch_size` than a: 4 instead of"
    with pytest.raises(ValueError, match=message):
        check_plan(plan)


def test_weights_of_a_config_are_not_passed_over(plan, jobs):
    config = plan.configs["b"]
    config.write_text(config.read_text() + "load_from = 'points.pth'")
    message = "config b starts from points.pth, .* Give --load-from points.pth, from"
    with pytest.raises(ValueError, match=message):
        run_all(plan)
    run_all(replace(plan, load_from="points.pth"))
    starts = {job["cfg_options"]["load_from"] for task, job in jobs if task == "train"}
    assert starts == {"points.pth"} and "init" not in {task for task, _ in jobs}


def test_reports_need_the_baseline_and_the_metrics():
    result = Result("a", 0, {"loss": 1.0}, Usage(1, 1, 1), 1.0, "key")
    with pytest.raises(ValueError, match=r"must be one of \['a'\], got 'b'"):
        summarise("b", [result])
    message = re.escape("run a, seed 0 has no `all_ap`, got ['loss']")
    with pytest.raises(ValueError, match=message):
        summarise("a", [result])


def test_a_job_that_fails_is_an_error_with_its_last_words(tmp_path):
    arguments = {"config": str(tmp_path / "none.py"), "cfg_options": {}}
    arguments |= {"path": "x", "seed": 0}
    with pytest.raises(RuntimeError, match=r"(?s)init failed with exit code.*none.py"):
        run_job("init", arguments, tmp_path)
    used = usage_so_far(tmp_path, "init")
    assert used.cpu_s > 0 and 0.05 < used.peak_gb < 50


def test_torchrun_starts_the_worker(tmp_path, monkeypatch):
    def stop(command, **options):
        assert command[1:6] == [
            *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
        ]
        assert command[6:] == ["-m", "vantage3d.comparison.worker", "train", "{}"]
        raise InterruptedError

    monkeypatch.setattr("subprocess.Popen", stop)
    with pytest.raises(InterruptedError):
        run_job("train", {}, tmp_path, processes="2")


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        (["x/a.py", "y/a.py"], "two configs are named 'a'"),
        (["x=a.py fine"], "expected KEY=VALUE, .*got 'fine'"),
        (["a.py lr=1"], "options need a name before the file, got 'a.py lr=1'"),
    ],
)
def test_the_tool_refuses(configs, message, monkeypatch, capsys, tmp_path):
    arguments = ["--configs", *configs, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["compare", *arguments])
    with pytest.raises(SystemExit) as end:
        runpy.run_path("tools/compare.py", run_name="__main__")
    assert end.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_names_files_and_options():
    texts = ["3D only=x/a.py", "2 cm=x/a.py model.voxel_size=0.02 b.c='[1, 2]'", "b.py"]
    configs, options = named_configs(texts)
    assert {name: str(path) for name, path in configs.items()} == {
        "3D only": "x/a.py",
        "2 cm": "x/a.py",
        "b": "b.py",
    }
    fine = {"model.voxel_size": 0.02, "b.c": [1, 2]}
    assert options == {"3D only": {}, "2 cm": fine, "b": {}}
