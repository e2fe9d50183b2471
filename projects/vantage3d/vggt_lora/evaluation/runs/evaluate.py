"""``tools/evaluate_depth.py``: the models of a run on one fixed set of windows.

``tools/evaluate_eth3d.py`` does the same with several numbers of frames.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from numpy.typing import NDArray
from torch import nn

from vantage3d.evaluation.results.folder import (
    RECORDS,
    MeasuredWindow,
    RecordFile,
    ResultFolder,
    Rows,
    cell,
    single,
    summarise,
    to_csv,
)
from vantage3d.evaluation.windows.contracts import (
    UNKNOWN,
    AlignedWindow,
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window, normal_error_map
from vantage3d.evaluation.windows.predicted import PredictedWindows
from vantage3d.evaluation.windows.trivial import trivial_answers
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.process.parallel import run_parallel
from vantage3d.process.progress import track
from vantage3d.process.shards import Shard
from vantage3d.vggt_lora.evaluation.runs.models import (
    PREDICTIONS,
    TRIVIAL,
    EvaluatedModel,
)
from vantage3d.vggt_lora.evaluation.runs.plan import (
    REASON,
    Plan,
    RunOptions,
    load_samples,
    open_config,
    open_dataset,
    open_plan,
)
from vantage3d.vggt_lora.evaluation.runs.timing import TimingTask, time_alone

EXAMPLES = 4
Sample = Mapping[str, Any]
METRICS = ("abs_rel", "delta1", "delta2", "delta3", "mae", "rmse", "sq_rel")
STATISTICS = ("mean", "std", "median")
TABLE = "lengths.csv"


def evaluate_run(options: RunOptions) -> ResultFolder:
    """Evaluate base, checkpoints and merged weights; finished models are skipped.

    With ``parallel_models`` processes each measure a share of the models, and with a
    ``shard`` this process does; whoever has no shard then tells what all found.

    Raises:
        CheckpointError: If a checkpoint is damaged or does not fit.
        ConfigError: If the config has no VGGT or no test data.
        RuntimeError: If a process died.
        ValueError: As :func:`open_plan`, or if no window can be used.
    """
    plan = open_plan(options)
    number = options.parallel_models
    if number > 1:
        left = [m for m in plan.models if m.is_network and not plan.finished(m)]
        plan.speeds = {m.name: _time(plan, m) for m in left}  # alone, before the others
        threads = max(1, torch.get_num_threads() // number)
        share = partial(_share_of, plan, threads)
        shards = [Shard(rank, number) for rank in range(number)]
        list(run_parallel(share, shards, number, __name__))
    _evaluate_share(plan, options.shard)
    return plan.folder


def _share_of(plan: Plan, threads: int, shard: Shard) -> None:
    """Evaluate a share in a process of its own, on one of the GPUs if there are any.

    What was to be forgotten is, and what was to be timed has been.
    """
    torch.set_num_threads(threads)
    own = dict(shard=shard, parallel_models=1, overwrite=False, repeats=0)
    plan.options = replace(plan.options, **own)
    _evaluate_share(plan, shard)


def _evaluate_share(plan: Plan, shard: Shard) -> None:
    left = []
    for model in shard.of(plan.models):
        if plan.finished(model):
            print_log(f"{model.name} is finished, skipped", logger="current")
            plan.note(model)
        else:
            left.append(model)
    for group in groups(left, plan.options.models_at_once):
        _evaluate(plan, group)


def groups(
    models: Sequence[EvaluatedModel], at_once: int
) -> Iterator[list[EvaluatedModel]]:
    """Models that see a window one after the other, before the next is read.

    Args:
        models: In order.
        at_once: How many networks are in memory; what has none is in the last group.
    """
    networks = [model for model in models if model.is_network]
    starts = range(0, len(networks), at_once)
    found = [networks[start : start + at_once] for start in starts] or [[]]
    found[-1] += [model for model in models if not model.is_network]
    yield from filter(None, found)


def _evaluate(plan: Plan, models: Sequence[EvaluatedModel]) -> None:
    """Time models alone, then measure them on all windows that a killed run left."""
    speeds = {}
    for model in models:
        speeds[model.name] = plan.speeds.get(model.name) or _time(plan, model)
    files, answering = {}, {}
    for model in models:
        path = plan.folder.model(model.name) / RECORDS
        identity = {**plan.settings, "weights_hash": model.weights_hash}
        files[model.name] = RecordFile(path, identity)
        answering[model.name] = answers(plan, model)
    left = {}
    for place, window in enumerate(plan.choice.windows):
        names = [name for name, file in files.items() if window.id not in file.known]
        if names:
            left[place] = names
    first = models[0]
    title = f"{first.name} ({plan.models.index(first) + 1}/{len(plan.models)})"
    if len(models) > 1:
        title = f"{title} and {len(models) - 1} more"
    if left:
        for records in track(_measured(plan, answering, left), len(left), title):
            for name, record in records.items():
                files[name].add(record)
    for model in models:
        known = files[model.name].known
        records = [known[window.id] for window in plan.choice.windows]
        _finish(plan, model, answering[model.name], records, speeds[model.name])
        plan.note(model)


def _finish(
    plan: Plan,
    model: EvaluatedModel,
    answer: "Answer",
    records: Sequence[MeasuredWindow],
    speed: dict[str, float],
) -> None:
    """Write examples and tables of a model whose windows are measured."""
    folder, options = plan.folder.model(model.name), plan.options
    usable = [i for i, record in enumerate(records) if not record.skipped]
    if not usable:
        raise ValueError(
            f"none of {len(records)} windows can be used; the first because "
            f"{records[0].skipped}"
        )
    places = np.linspace(0, len(usable) - 1, min(EXAMPLES, len(usable))).astype(int)
    examples = []
    for place in places:  # the middle frames of windows that are spread over all
        sample = plan.samples[usable[place]]
        truth, middle = WindowTruth.from_sample(sample), len(sample["ids"]) // 2
        found = answer(sample, truth)
        examples.append(example(found, truth, middle, options.metrics))
    stacked = {key: np.stack([e[key] for e in examples]) for key in examples[0]}
    atomic_write(folder / "examples.npz", partial(np.savez_compressed, **stacked))
    speed["eval_seconds"] = sum(record.seconds for record in records)
    performance = {f"performance.{k}": single(value) for k, value in speed.items()}
    statistics = {**summarise(plan.choice.windows, records), **performance}
    plan.folder.write_model(model.name, plan.choice, records, statistics)
    reasons = [record.skipped for record in records if record.skipped]
    if reasons:
        text = f"{len(reasons)} of {len(records)} windows skipped; the first because "
        print_log(f"{model.name}: {text}{reasons[0]}", logger="current")
    unusable = statistics.get("count.nan_pixels", {}).get("sum", 0)
    if unusable:
        text = "pixels with known depth have a prediction that is not finite and "
        print_log(f"{model.name}: {unusable:.0f} {text}positive", logger="current")


Answer = Callable[[Sample, WindowTruth], WindowPrediction]


def answers(plan: Plan, model: EvaluatedModel) -> Answer:
    """How a model answers a sample; a network is built when it is first asked."""
    windows, device = plan.choice.windows, plan.options.own_device
    if model.kind == TRIVIAL:
        trivial = trivial_answers(plan.median_map)[model.name]
        return lambda sample, truth: trivial(truth)
    if model.kind == PREDICTIONS:
        files = PredictedWindows(Path(model.path), windows)
        return lambda sample, truth: files.answer(
            windows[int(sample["window"])], truth.depth.shape[1:]
        )

    @cache
    def network() -> nn.Module:
        gc.collect()  # the network of the model before
        return plan.factory.build(model).to(device)

    return lambda sample, truth: predict(network(), sample, device)


def _measured(
    plan: Plan, answering: Mapping[str, Answer], left: Mapping[int, list[str]]
) -> Iterator[dict[str, MeasuredWindow]]:
    """Measure the windows at some places, in any order where processes measure.

    Seconds of a window are those since the one before it: data, networks and metrics,
    shared by the models.

    Args:
        plan: Of the evaluation.
        answering: The models.
        left: Of each window by place, the models that lack it.

    Yields:
        The numbers of a window by model.
    """
    options, start = plan.options, time.perf_counter()

    def answered() -> Iterator[Answered]:
        for sample in load_samples(plan.samples, list(left), options.workers):
            place = int(sample["window"])
            name, models = plan.choice.windows[place].id, left[place]
            if REASON in sample:
                yield Answered(name, models, sample[REASON])
            else:
                truth = WindowTruth.from_sample(sample)
                found = [answering[model](sample, truth) for model in models]
                yield Answered(name, models, answers=found, truth=truth)

    measure = partial(_measure, options.metrics)
    for found in run_parallel(measure, answered(), options.metric_workers, __name__):
        seconds = (time.perf_counter() - start) / len(found)
        yield {model: replace(it, seconds=seconds) for model, it in found.items()}
        start = time.perf_counter()


class Answered(NamedTuple):
    """A window with the answers of models and its truth, or why it has none."""

    name: str
    models: Sequence[str]
    skipped: str = ""
    answers: Sequence[WindowPrediction] = ()
    truth: WindowTruth | None = None


def _measure(options: MetricOptions, window: Answered) -> dict[str, MeasuredWindow]:
    if window.truth is None:
        return dict.fromkeys(
            window.models, MeasuredWindow(window.name, skipped=window.skipped)
        )
    known = {} if len(window.models) > 1 else None  # what is of the truth alone
    found = {}
    for model, answer in zip(window.models, window.answers, strict=True):
        measured = measure_window(answer, window.truth, options, known)
        found[model] = replace(measured, id=window.name)
    return found


def predict(net: nn.Module, sample: Sample, device: str) -> WindowPrediction:
    """Answer of a network to a sample."""
    images = sample["images"][None].to(device)
    with torch.inference_mode():
        outputs = net({"images": images}, mode="predict")[0]
    return WindowPrediction.from_outputs(outputs)


def _time(plan: Plan, model: EvaluatedModel) -> dict[str, float]:
    options = plan.options
    if not (options.repeats and model.is_network):
        return {}
    samples = (plan.samples[i] for i in range(len(plan.samples)))
    usable = next((sample for sample in samples if "images" in sample), None)
    if usable is None:
        return {}
    frames, _, *size = usable["images"].shape
    network = options.config, dict(options.cfg_options), model, (frames, *size)
    means = options.device, options.bf16, options.repeats, torch.get_num_threads()
    return time_alone(TimingTask(*network, *means))


def example(
    prediction: WindowPrediction, truth: WindowTruth, frame: int, options: MetricOptions
) -> dict[str, NDArray[Any]]:
    """A frame of a window, as the evaluation sees it.

    Returns:
        ``names`` (sequence and number of the frame); ``images`` (H, W, 3) uint8 RGB;
        ``depth_gt`` and ``depth_pred`` (H, W) float32 metres, 0 where truth is missing,
        the latter after the alignment; ``normal_error_deg`` (H, W) float32, NaN where
        one of the two normals is missing; ``semantics`` (H, W) int16 class ids, -1
        where unknown.
    """
    window = AlignedWindow(prediction, truth, options)
    depth = np.where(truth.valid[frame], truth.depth[frame], 0)
    semantics = np.full(depth.shape, UNKNOWN, np.int16)
    if truth.semantics is not None:
        semantics[:] = truth.semantics[frame]
    image = np.moveaxis(truth.images[frame], 0, -1)
    return {
        "names": np.array(f"{truth.sequence}/{truth.names[frame]}"),
        "images": (image * 255).round().clip(0, 255).astype(np.uint8),
        "depth_gt": depth.astype(np.float32),
        "depth_pred": window.depth[frame].astype(np.float32),
        "normal_error_deg": normal_error_map(window, frame).astype(np.float32),
        "semantics": semantics,
    }


def draw_examples(file: Path, folder: Path) -> None:
    """One PNG per frame of ``examples.npz`` that has true depth, named after it."""
    from vantage3d.visualization.depth_picture import DepthView, write_depth_picture

    arrays = load_arrays(file, "examples", "Evaluate again")
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(map(str, arrays["names"])):
        truth, answer = arrays["depth_gt"][i], arrays["depth_pred"][i]
        if (truth > 0).any():
            view = DepthView(name, arrays["images"][i], truth, {"prediction": answer})
            write_depth_picture(folder / f"{name.replace('/', '_')}.png", [view])


def evaluate_lengths(
    options: RunOptions, lengths: Sequence[int], pictures: bool = False
) -> Rows:
    """Evaluate with each number of frames, into ``<out_dir>/len_<n>``.

    On request the example frames of every model are drawn.

    Returns:
        Mean, standard deviation and median over frames, by model and length; also in
        ``<out_dir>/lengths.csv``.

    Raises:
        ValueError: If a scene is both trained and evaluated on, or as
            :func:`evaluate_run`.
    """
    check_scenes(options)
    folders = {}
    for length in lengths:
        print_log(f"{length} frames per window", logger="current")
        rules = replace(options.rules, seq_len=length)
        out = options.out_dir / f"len_{length}"
        folders[length] = evaluate_run(replace(options, rules=rules, out_dir=out))
        if pictures:
            root = options.out_dir / "visualizations"
            for name in folders[length].finished():
                examples = folders[length].model(name) / "examples.npz"
                draw_examples(examples, root / name / f"len_{length}")
    header = [f"{metric}.{statistic}" for metric in METRICS for statistic in STATISTICS]
    head = ["model", "seq_len", "windows", "frames"]
    body = []
    for length, folder in folders.items():
        for name in folder.finished():
            found = folder.metrics(name)
            counts = (found[f"count.{kind}"]["sum"] for kind in ("windows", "frames"))
            values = [found[f"depth.full.{m}"][s] for m in METRICS for s in STATISTICS]
            facts = [name, str(length), *(f"{count:.0f}" for count in counts)]
            body.append([*facts, *map(cell, values)])
    table = Rows([*head, *header], body)
    atomic_write_bytes(options.out_dir / TABLE, to_csv(table).encode())
    return table


def check_scenes(options: RunOptions) -> None:
    """Refuse scenes that the model was trained on.

    Raises:
        ValueError: Naming them.
    """
    if options.rules.split == "train":
        return
    cfg = open_config(options)
    rules = replace(options.rules, seq_len=1, seq_stride=1)
    here, train = (
        set(open_dataset(cfg, replace(rules, split=split)).sequences)
        for split in (rules.split, "train")
    )
    both = sorted(here & train)
    if both:
        raise ValueError(
            f"scenes {', '.join(both)} are in split {rules.split!r} and in 'train': "
            "frames of them were seen in training. Make the index again with "
            "--val-scenes, which holds out whole scenes"
        )
