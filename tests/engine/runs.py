"""Toy runs in processes of their own, which can be killed at an exact event.

A fork server has everything imported, so that a run starts in a fraction of a second.
"""

import multiprocessing
import os
import shutil
import signal
import socket
from functools import partial
from pathlib import Path

import torch
from mmengine.config import config as mmengine_config
from mmengine.registry import Registry
from mmengine.runner import Runner

from vantage3d import registry
from vantage3d.cli.runs import train as train_command
from vantage3d.engine import run_command, train
from vantage3d.io import sidecars

CONFIG = str(Path(__file__).with_name("toy_config.py"))
_CONTEXT = multiprocessing.get_context("forkserver")
_REGISTERED = {
    location
    for registered in vars(registry).values()
    if isinstance(registered, Registry)
    for location in registered._locations
}
_LATE = ("matplotlib.pyplot", "peft", "timm", "torchvision")  # imported where used
_CONTEXT.set_forkserver_preload(
    [__name__, "tests.engine.toy", *sorted(_REGISTERED), *_LATE]
)


def start(
    work_dir, options=None, resume=False, die_at=None, config=CONFIG, copies=None
):
    """Start a training.

    ``die_at`` = n kills it right before its n-th event; ``copies`` is a folder that
    gets, before every event, what a kill there would leave of the work dir.
    """
    arguments = (str(work_dir), options or {}, resume, die_at, config, copies)
    process = _CONTEXT.Process(target=_train, args=arguments)
    process.start()
    return process


def run(*args, timeout=300, **kwargs):
    """As :func:`start`, to its end; the exit code."""
    process = start(*args, **kwargs)
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"the run did not end in {timeout} s")
    return process.exitcode


def start_command(work_dir, arguments):
    """Start ``tools/train.py`` with such arguments."""
    process = _CONTEXT.Process(target=_command, args=(str(work_dir), arguments))
    process.start()
    return process


def start_two(work_dir, options=None, resume=False, config=CONFIG):
    """Start a training of two processes on the CPU."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        _CONTEXT.Process(
            target=_train_as,
            args=(rank, port, str(work_dir), options or {}, resume, config),
        )
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    return processes


def send(process, signum, group=False):
    """Send a signal to a run, or to it and every process that it started."""
    (os.killpg if group else os.kill)(process.pid, signum)


def weights(path) -> dict:
    return torch.load(path, weights_only=True)["state_dict"]


def same(one: dict, other: dict) -> bool:
    """Bitwise."""
    return one.keys() == other.keys() and all(
        torch.equal(value, other[key]) for key, value in one.items()
    )


def _train(work_dir, options, resume, die_at, config, copies):
    os.setpgrp()
    if die_at is not None:
        _before_events(partial(_die_at, die_at))
    if copies is not None:
        _before_events(partial(_copy, Path(work_dir), Path(copies)))
    _quiet(work_dir)
    arguments = {
        "config": config,
        "work_dir": work_dir,
        "resume": resume,
        "cfg_options": options,
    }
    run_command(train, arguments)


def _command(work_dir, arguments):
    os.setpgrp()
    _quiet(work_dir)
    train_command([*arguments, "--work-dir", work_dir])


def _train_as(rank, port, work_dir, options, resume, config):
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    _quiet(f"{work_dir}/rank_{rank}")
    arguments = {
        "config": config,
        "work_dir": work_dir,
        "resume": resume,
        "cfg_options": options,
        "launcher": "pytorch",
    }
    run_command(train, arguments)


def _quiet(work_dir):
    """What the run says goes to a file; nothing is said that takes long to find."""
    torch.set_num_threads(1)
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    log = os.open(f"{work_dir}/output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # Versions of compilers, and the layout of the config's text.
    Runner._log_env = lambda self, env_cfg: None
    mmengine_config.FormatCode = lambda text, **style: (text, True)


def _before_events(do):
    """Call ``do(number)`` before each event: a step, 40th write, fsync, rename, ..."""
    count = 0

    def counted(function, every=1):
        calls = 0

        def call(*args, **kwargs):
            nonlocal count, calls
            calls += 1
            if calls % every == 0:
                count += 1
                do(count)
            return function(*args, **kwargs)

        return call

    os.fsync = counted(os.fsync)
    os.replace = counted(os.replace)
    os.unlink = counted(os.unlink)
    Path.unlink = counted(Path.unlink)
    sidecars.HashingFile.write = counted(sidecars.HashingFile.write, every=40)
    torch.optim.AdamW.step = counted(torch.optim.AdamW.step)


def _die_at(moment, number):
    if number == moment:
        os.kill(os.getpid(), signal.SIGKILL)


def _copy(work_dir, copies, number):
    logs = shutil.ignore_patterns("20*", "output.txt")
    shutil.copytree(work_dir, copies / f"{number:04d}", ignore=logs)
