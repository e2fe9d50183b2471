"""Bit flips and truncations in what the project writes: is any read silently?"""

import copy
import functools
import hashlib
import multiprocessing
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from benchmarks.measuring import ROOT
from benchmarks.soak_kills import cpu_seconds, hash_values
from mmengine.config import Config

from vantage3d.engine import load_config, set_data_root
from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.io.depth_files import KITTI_SCALE
from vantage3d.io.images import read_depth
from vantage3d.registry import DATASETS
from vantage3d.views.index import FrameIndex

_CONTEXT = multiprocessing.get_context("fork")
LIMIT_S = 300  # for one reading, on a machine that others use too
ESAM = str(ROOT / "configs/ESAM_CA/ESAM_sv_synthetic_CA.py")
STREETS = str(ROOT / "configs/vggt_lora/finetune_kitti360_synthetic.py")


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Attributes:
        name: For the table.
        files: Of which one is damaged each time.
        read: What a user's command reads of it, in a process of its own.
    """

    name: str
    files: list[Path]
    read: Callable[[], Any]


@dataclass
class Damage:
    """How often what happened: refused, harmless (read, and equal), silent, ..."""

    name: str
    wanted: int = 0  # damages
    outcomes: dict[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0
    error: str = ""  # that kept it from being tried

    @property
    def done(self) -> int:
        """Damages so far."""
        return sum(self.outcomes.values())

    @property
    def passed(self) -> bool:
        """Whether every damage was refused by name or changed nothing."""
        return not self.error and not set(self.outcomes) - {"refused", "harmless"}


def kinds(root: Path, work: Path, trained: Path) -> list[Kind]:
    """Files of every kind, copies of those that a soak would need again.

    Args:
        root: The data of the kills.
        work: Folder of the copies.
        trained: A work dir of ESAM.
    """
    for config in (ESAM, STREETS):
        _config(config)  # here, so that no child has to
    shutil.rmtree(work, ignore_errors=True)  # damaged, if a soak was killed
    for name in ("scannet200_sv", "scannet", "kitti360", "rooms", "streets"):
        shutil.copytree(root / name, work / name)
    shutil.copytree(trained, work / "trained")
    rooms, streets = work / "scannet200_sv", work / "kitti360"
    checkpoint = max((work / "trained").glob("epoch_*.pth"))
    index = work / "scannet" / "train.npz"
    infos = sorted(rooms.glob("*infos_train.json"))
    names = re.findall(r'"([^"]+\.bin)"', "".join(path.read_text() for path in infos))
    samples = [
        Kind(
            folder,
            sorted(path for path in (rooms / folder).iterdir() if path.name in names),
            lambda: _samples(rooms),
        )
        for folder in ("points", "semantic_mask", "instance_mask", "super_points")
    ]
    sequences = FrameIndex.load(streets / "train.npz").sequences
    depth = [path for name in sequences for path in streets.glob(f"depth/{name}/*.png")]
    packed = [path for name in sequences for path in streets.rglob(f"{name}/*.bin")]
    return [
        Kind("checkpoint", [checkpoint], lambda: read_checkpoint(checkpoint)),
        Kind("frame index", [index], lambda: vars(FrameIndex.load(index))),
        Kind("info file", infos, lambda: _samples(rooms)),
        *samples,
        Kind(
            "depth of KITTI-360",
            depth,
            lambda: [read_depth(path, KITTI_SCALE) for path in depth],
        ),
        Kind("packed views", packed, lambda: _views(streets)),
    ]


def damage(
    kind: Kind, found: Damage, trials: int, seed: int, note: Callable[[], Any]
) -> None:
    """Damage a file up to so many times, half of them by its length, and read.

    Args:
        kind: What is damaged.
        found: What happened so far; another call goes on from there.
        trials: How many damages there shall be in the end.
        seed: Of the damages.
        note: Called whenever ``found`` has changed.
    """
    if not kind.files:
        raise RuntimeError(f"the soak found no file of the kind {kind.name}")
    if (first := found.done) >= trials:
        return
    began_s, before_s = cpu_seconds(), found.cpu_s
    expected = _apart(kind.read)
    if len(expected) != 64:
        raise RuntimeError(f"{kind.name}: undamaged files are {expected}")
    for number in range(first, trials):
        chance = random.Random(f"{seed} {kind.name} {number}")
        path = chance.choice(kind.files)
        whole = path.read_bytes()
        broken = bytearray(whole)
        if number % 2:
            broken[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        else:
            del broken[chance.randrange(len(whole)) :]
        stamp = path.stat()
        path.write_bytes(broken)
        try:
            outcome = _apart(kind.read)
        finally:
            path.write_bytes(whole)
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        if outcome == expected:
            outcome = "harmless"
        elif len(outcome) == 64:
            outcome = "silent"
        found.outcomes[outcome] = found.outcomes.get(outcome, 0) + 1
        found.cpu_s = before_s + cpu_seconds() - began_s
        note()


def _apart(read: Callable[[], Any]) -> str:
    """Hash of what is read in a new process, or how it was refused."""
    answers, answer = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_answer, args=(read, answer))
    process.start()
    answer.close()
    told = "endless"
    if answers.poll(LIMIT_S):
        try:
            told = answers.recv()
        except EOFError:
            told = "crashed"
    process.kill()
    process.join()
    return told


def _answer(read: Callable[[], Any], answer: Any) -> None:
    torch.set_num_threads(1)
    digest = hashlib.sha256()
    try:
        hash_values(read(), digest)
        answer.send(digest.hexdigest())
    except (OSError, ValueError, RuntimeError) as error:
        named = any(mark in str(error) for mark in ("/", "frame", "sample"))
        answer.send("refused" if named else f"unnamed {type(error).__name__}")
    except Exception as error:
        answer.send(f"deep {type(error).__name__}")


def built(config: str, root: Path) -> Any:
    """The training set of a config over the data in ``root``."""
    cfg: Config = copy.deepcopy(_config(config))
    set_data_root(cfg, str(root))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    dataset.full_init()
    return dataset


@functools.cache
def _config(config: str) -> Config:
    return load_config(config)


def _samples(root: Path) -> list[Any]:
    """All samples of ESAM without what is drawn."""
    dataset = built(ESAM, root)
    names = ("pts_semantic_mask_path", "pts_instance_mask_path", "super_pts_path")
    loaders = dataset.pipeline.transforms[:2]
    found = []
    for number in range(len(dataset)):
        info = dataset.get_data_info(number)
        for load in loaders:
            info = load(info)
        found.append({k: v for k, v in info.items() if k not in names})
    return found


def _views(root: Path) -> list[Any]:
    """All frames of a street, as samples read them."""
    dataset = built(STREETS, root)
    return [
        dataset.read_view(name, number, dataset.transform(dataset.options.aspect))
        for name, numbers in dataset.sequences.items()
        for number in numbers
    ]
