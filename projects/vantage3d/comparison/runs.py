"""A fair comparison: several configs from the same weights, seeds and schedule.

Every run is a folder ``<out>/<config>/seed<n>``; ``result.json`` in it is written last.
Calling again skips finished runs and resumes the one that was interrupted.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log

from vantage3d.checks import check_choice
from vantage3d.engine.configs.config import load_config
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal, unseal
from vantage3d.process.option_values import option_text

RESULT, USAGE = "result.json", "usage.jsonl"
RERUN = "Remove the folder to run it again"
WORKER = "vantage3d.comparison.worker"
# What the configs of a comparison must have in common.
SCHEDULE = ("optim_wrapper", "param_scheduler", "train_cfg", "train_dataloader")


@dataclass(frozen=True)
class Plan:
    """A comparison.

    Attributes:
        configs: Config file by the name it has in the report; the first is the
            baseline.
        seeds: Seeds of weights, order of the data and augmentation; every config is
            run with each.
        out: Folder of all runs.
        options: Overrides of config keys, the same for all.
        own_options: Further overrides of single configs, by name. ``load_from`` is the
            checkpoint that this one starts from.
        data_root: Prepared data instead of the configs'.
        load_from: Checkpoint that every run starts from; None for random weights of
            the baseline, one set per seed.
        launcher: ``none`` for one process per run, or ``pytorch`` for torchrun.
        processes: Processes that torchrun starts for a run: a number, or ``auto`` for
            one per GPU, or per core where there is none.

    Raises:
        ValueError: If ``launcher`` is another, ``own_options`` are of no config, or
            options set the seed.
    """

    configs: Mapping[str, Path]
    seeds: tuple[int, ...]
    out: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    own_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data_root: str | None = None
    load_from: Path | None = None
    launcher: str = "none"
    processes: str = "auto"

    def __post_init__(self) -> None:
        check_choice("launcher", self.launcher, ("none", "pytorch"))
        for name in self.own_options:
            check_choice("own_options", name, tuple(self.configs))
        for name in self.configs:
            if "randomness.seed" in self.options_of(name):
                raise ValueError(
                    f"config {name} has the option `randomness.seed`, but every config "
                    "is run with the seeds of the comparison. Give --seeds"
                )

    @property
    def baseline(self) -> str:
        """Name of the first config."""
        return next(iter(self.configs))

    def options_of(self, name: str) -> dict[str, Any]:
        """Overrides of one config: those of all, then its own."""
        return {**self.options, **self.own_options.get(name, {})}


def check_plan(plan: Plan) -> None:
    """Refuse what would make the comparison unfair.

    Raises:
        ValueError: If there is no config, no or equal seeds, the configs differ in
            schedule, or one has weights to start from that it would not get.
    """
    if not plan.configs or not plan.seeds:
        raise ValueError(
            "a comparison needs a config and a seed, got "
            f"{list(plan.configs)} and seeds {list(plan.seeds)}."
        )
    if len(set(plan.seeds)) < len(plan.seeds):
        raise ValueError(f"seeds must differ, got {list(plan.seeds)}.")
    cfgs = {
        name: load_config(path, plan.options_of(name))
        for name, path in plan.configs.items()
    }
    first = _schedule(cfgs[plan.baseline])
    for name, cfg in cfgs.items():
        start = cfg.get("load_from")
        if start and not (plan.load_from or "load_from" in plan.options_of(name)):
            raise ValueError(
                f"config {name} starts from {start}, and a comparison without "
                f"--load-from from random weights. Give --load-from {start}, from "
                "which all will start"
            )
        for key, value in _schedule(cfg).items():
            if value != first[key]:
                raise ValueError(
                    f"config {name} has another `{key}` than {plan.baseline}: {value} "
                    f"instead of {first[key]}. Give both the same: --cfg-options "
                    + " ".join(map(shlex.quote, _as_options(key, first[key], value)))
                )


def _as_options(key: str, wanted: Any, found: Any) -> Iterator[str]:
    """KEY=VALUE words that make both of two values the wanted one."""
    if not isinstance(wanted, Mapping):
        yield f"{key}={option_text(wanted)}"
    elif isinstance(found, Mapping) and found.keys() == wanted.keys():
        for name in wanted:
            if found[name] != wanted[name]:
                yield from _as_options(f"{key}.{name}", wanted[name], found[name])
    elif isinstance(found, list):  # one schedule, or several
        yield f"{key}={option_text([wanted])}"
    else:
        yield f"{key}={option_text({'_delete_': True, **wanted})}"


def _schedule(cfg: Config) -> dict[str, Any]:
    values = {key: cfg.get(key) for key in SCHEDULE}
    loader = values.pop("train_dataloader") or {}
    values["train_dataloader.batch_size"] = loader.get("batch_size")
    return values


@dataclass(frozen=True)
class Usage:
    """What a process took.

    Attributes:
        wall_s: Seconds by the clock.
        cpu_s: Seconds of all cores, user and system.
        peak_gb: Largest resident memory in 10^9 bytes.
    """

    wall_s: float
    cpu_s: float
    peak_gb: float


@dataclass(frozen=True)
class Result:
    """What one run gave.

    Attributes:
        name: Name of the config.
        seed: Seed of the run.
        metrics: What the evaluator returned.
        usage: Time and memory of the training's process.
        step_s: Median seconds of an iteration.
        key: Hash of everything that decides the run.
        gpu_gb: Most memory that torch took of a GPU in training, 10^9 bytes; None
            without one.
    """

    name: str
    seed: int
    metrics: dict[str, float]
    usage: Usage
    step_s: float
    key: str
    gpu_gb: float | None = None


def run_all(plan: Plan) -> list[Result]:
    """Train and evaluate what is not finished, seed by seed.

    Raises:
        ValueError: If the plan is unfair, or ``plan.out`` holds runs of another plan.
        RuntimeError: If a run fails; its log is named.
    """
    check_plan(plan)
    results = []
    for seed in plan.seeds:
        random = plan.out / "initial" / f"seed{seed}.pth"  # of the baseline
        if plan.load_from is None and not random.exists():
            job: dict[str, Any] = {
                "config": str(plan.configs[plan.baseline]),
                "path": str(random),
                "seed": seed,
                "cfg_options": plan.options_of(plan.baseline),
            }
            run_job("init", job, random.parent)
        for name in plan.configs:
            results.append(_one_run(plan, name, seed, plan.load_from or random))
    return results


def _one_run(plan: Plan, name: str, seed: int, weights: Path) -> Result:
    folder, key = plan.out / name / f"seed{seed}", _key(plan, name, seed)
    finished = folder / RESULT
    if finished.exists():
        content = read_sealed(finished, "result", RERUN)
        result = Result(**{**content, "usage": Usage(**content["usage"])})
        if result.key != key:
            raise ValueError(
                f"{folder} holds a run with another config or other options. Remove it "
                "or choose another output folder"
            )
        print_log(f"{name}, seed {seed}: finished before", logger="current")
        return result
    options = {"load_from": str(weights), **plan.options_of(name)}
    job = {
        "config": str(plan.configs[name]),
        "data_root": plan.data_root,
        "work_dir": str(folder / "train"),
        "launcher": plan.launcher,
        "cfg_options": {**options, "randomness.seed": seed},
    }
    processes = None if plan.launcher == "none" else plan.processes
    run_job("train", job, folder, processes)
    job |= {"checkpoint": job["work_dir"], "work_dir": str(folder / "test")}
    job["metrics"] = str(folder / "metrics.json")
    run_job("test", job, folder, processes)
    metrics = read_sealed(folder / "metrics.json", "result", RERUN)
    usage, (step_s, gpu_gb) = usage_so_far(folder), _logged(folder / "train")
    result = Result(name, seed, metrics, usage, step_s, key, gpu_gb)
    atomic_write_bytes(finished, seal(json.dumps(asdict(result), indent=1)))
    print_log(f"{name}, seed {seed}: {metrics}", logger="current")
    return result


def _key(plan: Plan, name: str, seed: int) -> str:
    """Hash of the whole config, the options and the seed."""
    cfg = load_config(plan.configs[name], plan.options_of(name))
    facts = [cfg.pretty_text, seed, plan.data_root, str(plan.load_from)]
    if plan.launcher != "none":
        facts += [plan.launcher, plan.processes]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _logged(work_dir: Path) -> tuple[float, float | None]:
    """Median iteration time, nan if none was logged, and most memory of the GPU."""
    entries = [
        entry
        for path in sorted(work_dir.glob("*/vis_data/scalars.json"))
        for line in path.read_text().splitlines()
        if "loss" in (entry := json.loads(line))
    ]
    times = [entry["time"] for entry in entries]
    taken = [entry["memory"] for entry in entries if "memory" in entry]  # in 2^20 bytes
    seconds = float(np.median(times)) if times else float("nan")
    return seconds, max(taken) * 2**20 / 1e9 if taken else None


def run_job(
    task: str, arguments: dict[str, Any], folder: Path, processes: str | None = None
) -> Usage:
    """Run a task of the worker module; its output goes to ``<folder>/<task>.log``.

    Args:
        task: ``init``, ``train`` or ``test``.
        arguments: Arguments of the task, as JSON.
        folder: Folder of the log and of ``usage.jsonl``, to which what it took is
            appended.
        processes: How many torchrun starts, or ``auto``; None for one without it.

    Raises:
        RuntimeError: If the process fails, with the end of its output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{task}.log"
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node"]
    launcher = [*torchrun, processes, "-m"] if processes else []
    command = [sys.executable, "-m", *launcher, WORKER, task, json.dumps(arguments)]
    start = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:  # Ctrl-C: the child got it too and saves its state
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    usage = Usage(
        time.perf_counter() - start,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024 / 1e9,
    )
    with (folder / USAGE).open("a") as file:
        file.write(seal(json.dumps({"task": task, **asdict(usage)})).decode())
    if process.returncode:
        end = log.read_text(errors="replace").strip().splitlines()[-5:]
        raise RuntimeError(
            f"{task} failed with exit code {process.returncode}, see {log}:\n"
            + "\n".join(end)
        )
    return usage


def usage_so_far(folder: Path, task: str = "train") -> Usage:
    """Sum of times and largest memory of all attempts at a task."""
    path = folder / USAGE
    found = path.read_bytes().splitlines()
    lines = [unseal(line, f"{path}, line {i}", RERUN) for i, line in enumerate(found)]
    attempts = [line for line in lines if line["task"] == task]
    return Usage(
        sum(attempt["wall_s"] for attempt in attempts),
        sum(attempt["cpu_s"] for attempt in attempts),
        max((attempt["peak_gb"] for attempt in attempts), default=0.0),
    )
