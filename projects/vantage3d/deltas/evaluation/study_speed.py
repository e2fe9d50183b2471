"""What a network costs and what it is worth, beside others on the same samples."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.utils.flop_counter import FlopCounterMode

from vantage3d.deltas.evaluation.depth_metric import anchor_of
from vantage3d.deltas.evaluation.study_run import QUIET, Source, command_of
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.launch import set_data_root, test, weights_file
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import write_json
from vantage3d.evaluation.stereo_depth import EIGHT
from vantage3d.inference.trained import Trained
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import read_depth_file
from vantage3d.process.live_memory import LiveMemory
from vantage3d.process.progress import track
from vantage3d.registry import DATASETS, METRICS

ROUNDS = 5  # after one that does not count
FORMS = (".png", ".npy", ".exr", ".pfm", ".h5")
UNTRAINED = Path("none")
COSTS = ("parameters", "G multiply-adds", "ms", "of the first", "peak MB")
Batch = Mapping[str, Any]


@dataclass(frozen=True)
class Contender:
    """A network of the study.

    Attributes:
        name: Name in the table.
        config: Path of its config; only the first one's data are used.
        checkpoint: File or work dir; :data:`UNTRAINED` has random weights, which change
            no cost, and no accuracy.
    """

    name: str
    config: str
    checkpoint: Path


def run_speed(
    source: Source, beside: Sequence[Contender], predictions: Mapping[str, Path]
) -> str:
    """Measure, judge, write ``speed.md`` and ``speed.json``; return the markdown.

    Args:
        source: The first network, the data and the folder of the report.
        beside: Other networks.
        predictions: Folders of depth by name, see :func:`read_prediction`.

    Raises:
        EngineError: If a config or checkpoint is wrong.
        FileNotFoundError: If a folder lacks a sample.
    """
    first = Contender(Path(source.config).stem, source.config, source.checkpoint)
    contenders = [first, *beside]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    nets = {c.name: build(c, source.options).to(device) for c in contenders}
    cfg = load_config(source.config, dict(source.options))
    if source.data_root is not None:
        set_data_root(cfg, source.data_root)
    rows: dict[str, dict[str, Any]] = measure(nets, first_batch(cfg, first, device))
    commands = []
    for one in contenders:
        if one.checkpoint == UNTRAINED:
            continue
        options = {**QUIET, **source.options}
        rows[one.name] |= test(
            one.config,
            str(one.checkpoint),
            work_dir=str(source.out / one.name),
            cfg_options=options,
            data_root=source.data_root,
        )
        words = ["tools/test.py", one.config, str(one.checkpoint)]
        commands.append(command_of(source, words, options))
    for name, folder in predictions.items():
        rows[name] = judge_folder(cfg, name, folder)
    text = markdown(rows, cfg, commands, device)
    atomic_write_bytes(source.out / "speed.md", text.encode())
    write_json(source.out / "speed.json", rows)
    return text


def build(contender: Contender, options: Mapping[str, Any]) -> nn.Module:
    """A network with its weights, ready to predict."""
    torch.manual_seed(0)
    path = None
    if contender.checkpoint != UNTRAINED:
        path = weights_file(contender.checkpoint.expanduser())
    cfg = load_config(contender.config, dict(options))
    return Trained(cfg, path).build(criterion=None)


def first_batch(cfg: Config, first: Contender, device: torch.device) -> Batch:
    """The first sample of the data; made up of noise for an untrained network."""
    if first.checkpoint != UNTRAINED:
        collate = FUNCTIONS.get(cfg.test_dataloader.collate_fn["type"])
        inputs = collate([DATASETS.build(cfg.test_dataloader.dataset)[0]])["inputs"]
    else:
        options = cfg.test_dataloader.dataset
        inputs = cameras_in_a_row(options.frames, *options.size)
    return {k: v.to(device) if torch.is_tensor(v) else v for k, v in inputs.items()}


def cameras_in_a_row(views: int, height: int, width: int) -> dict[str, Tensor]:
    """One sample of noise, seen by cameras 0.1 m apart."""
    K = torch.tensor([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]])
    cam2world = torch.eye(4).repeat(1, views, 1, 1)
    cam2world[..., 0, 3] = 0.1 * torch.arange(views)
    images = torch.rand(1, views, 3, height, width)
    return {"images": images, "K": K.repeat(1, views, 1, 1), "cam2world": cam2world}


@torch.inference_mode()
def measure(nets: Mapping[str, nn.Module], batch: Batch) -> dict[str, dict[str, Any]]:
    """Costs of a prediction; the networks take turns, so that a busy machine is fair.

    Returns:
        By name what :data:`COSTS` names: milliseconds are the least of the rounds, the
        ratio is the median over rounds; the peak is of tensors, weights included.
    """
    times: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(1 + ROUNDS):
        for name, net in nets.items():
            times[name].append(seconds(lambda net=net: net(batch, mode="tensor")))
    firsts = next(iter(times.values()))[1:]
    rows = {}
    for name, net in nets.items():
        weights = [*net.parameters(), *net.buffers()]
        with FlopCounterMode(display=False) as counter:
            net(batch, mode="tensor")
        with LiveMemory([*weights, *filter(torch.is_tensor, batch.values())]) as live:
            net(batch, mode="tensor")
        peak = live.peak + sum(tensor.nbytes for tensor in weights)
        ratio = statistics.median(t / f for t, f in zip(times[name][1:], firsts))
        numbers = (
            sum(parameter.numel() for parameter in net.parameters()),
            counter.get_total_flops() / 2e9,
            1000 * min(times[name][1:]),
            ratio,
            peak / 2**20,
        )
        rows[name] = dict(zip(COSTS, numbers))
    return rows


def seconds(work: Callable[[], object]) -> float:
    """Processor time of a call, whatever runs beside it; on a GPU by the clock."""
    if not torch.cuda.is_available():
        start = time.process_time()
        work()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def judge_folder(cfg: Config, name: str, folder: Path) -> dict[str, float]:
    """Errors of a folder's depth on the test samples of the config."""
    samples = DATASETS.build(cfg.test_dataloader.dataset)
    collate = FUNCTIONS.get(cfg.test_dataloader.collate_fn["type"])
    metric = METRICS.build(cfg.test_evaluator)
    for index in track(range(len(samples)), description=name):
        batch = collate([samples[index]])
        size = batch["inputs"]["depth"].shape[-2:]
        found = read_prediction(folder, batch["data_samples"][0]["name"])
        resized = interpolate(found[None, None], size, mode="nearest-exact")[0, 0]
        metric.process(batch, [{"pred_depth": resized}])
    return metric.evaluate(len(samples))


def read_prediction(folder: Path, name: str) -> Tensor:
    """(h, w) metres of a sample: ``<scene>/<anchor>-<views>`` or ``<scene>/<anchor>``.

    Integers are millimetres, floats metres; ``test_evaluator.export_dir`` writes such a
    folder.

    Raises:
        FileNotFoundError: If neither is there in any of :data:`FORMS`.
    """
    tried = [folder / f"{n}{form}" for n in (name, anchor_of(name)) for form in FORMS]
    path = next((path for path in tried if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"{folder} has no depth of the sample {name}: expected {tried[0]} or "
            f"{tried[len(FORMS)]}, or one that ends in {', '.join(FORMS[1:])}. Write "
            "one for every test sample"
        )
    scale = 1000.0 if path.suffix == ".png" else 1.0
    return torch.from_numpy(read_depth_file(path, scale))


def markdown(
    rows: Mapping[str, Mapping[str, Any]],
    cfg: Config,
    commands: Sequence[str],
    device: torch.device,
) -> str:
    """The table, how it was measured, and the commands of its accuracy."""
    titles = ["network", *COSTS, *(find(key).title for key in EIGHT)]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for name, row in rows.items():
        cells = [number(row.get(key)) for key in (*COSTS, *EIGHT)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    options = cfg.test_dataloader.dataset
    clock = "by the clock" if device.type == "cuda" else "of processor time"
    lines += [
        "",
        f"One sample of {options.frames} views of {options.size[1]}x{options.size[0]} "
        f"on {device.type}, {torch.get_num_threads()} threads; ms {clock}, the least "
        f"of {ROUNDS} turns, and the median ratio. Multiply-adds are those of "
        "convolutions and matrix products, the peak is of tensors, weights included.",
    ]
    return "\n".join(
        ["# Study: speed", "", *lines, "", *(f"    {c}" for c in commands), ""]
    )


def number(value: float | None) -> str:
    """Four digits, a dash where there is nothing."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
