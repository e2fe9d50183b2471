"""Bit flips and truncations in what the project writes: is any read silently?"""

import hashlib
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from benchmarks.measuring import ROOT
from benchmarks.soak_cases import cases
from benchmarks.soak_kills import _Run, hash_values
from mmengine.config import Config

from vantage3d.engine import load_config, set_data_root
from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.registry import DATASETS
from vantage3d.views.index import FrameIndex

_CONTEXT = multiprocessing.get_context("fork")
LIMIT_S = 60  # for one reading
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
    outcomes: Counter[str] = field(default_factory=Counter)


def kinds(root: Path, work: Path) -> list[Kind]:
    """Everything that is written, beside the data of the kills."""
    for case in cases(root):
        if case.trains and case.ranks == 1 and not case.name.startswith("DELTAS"):
            with _Run(case, work / case.name.split(",")[0], work / "log") as run:
                run.finish()
    rooms, streets = root / "scannet200_sv", root / "kitti360"
    (checkpoint,) = sorted((work / "ESAM").glob("epoch_*.pth"))[-1:]
    samples = [
        Kind(folder, sorted((rooms / folder).glob("*.bin")), lambda: _samples(rooms))
        for folder in ("points", "semantic_mask", "instance_mask", "super_points")
    ]
    infos = sorted(rooms.glob("*infos_train.json"))
    index = root / "scannet" / "train.npz"
    views = [path for path in streets.rglob("*.png") if "overview" not in path.parts]
    packed = [p for p in streets.rglob("*") if p.suffix in (".npz", ".bin", ".npy")]
    return [
        Kind("checkpoint", [checkpoint], lambda: read_checkpoint(checkpoint)),
        Kind("frame index", [index], lambda: vars(FrameIndex.load(index))),
        Kind("info file", infos, lambda: _samples(rooms)),
        *samples,
        Kind("depth of KITTI-360", views, lambda: _views(streets)),
        Kind("packed views, index", packed, lambda: _views(streets)),
    ]


def damage(kind: Kind, trials: int, seed: int) -> Damage:
    """Damage a file so often, half of the times by its length, and read."""
    chance, found = random.Random(seed), Damage(kind.name)
    if not kind.files:
        raise RuntimeError(f"the soak found no file of the kind {kind.name}")
    expected = _apart(kind.read)
    for trial in range(trials):
        path = chance.choice(kind.files)
        whole = path.read_bytes()
        broken = bytearray(whole)
        if trial % 2:
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
        found.outcomes[outcome] += 1
    return found


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
    cfg: Config = load_config(config)
    set_data_root(cfg, str(root))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    dataset.full_init()
    return dataset


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
