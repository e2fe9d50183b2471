"""``tools/evaluate_depth.py``: the models of a run on one fixed set of windows."""

import gc
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import nn

from vantage3d.evaluation.results.folder import RECORDS, ResultFolder
from vantage3d.evaluation.results.records import (
    MeasuredWindow,
    RecordFile,
    Statistics,
    single,
    summarise,
)
from vantage3d.evaluation.windows.contracts import WindowPrediction, WindowTruth
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.process.progress import track
from vantage3d.vggt_lora.evaluation.runs.examples import example, write_examples
from vantage3d.vggt_lora.evaluation.runs.models import EvaluatedModel
from vantage3d.vggt_lora.evaluation.runs.options import RunOptions
from vantage3d.vggt_lora.evaluation.runs.plan import Plan, open_plan
from vantage3d.vggt_lora.evaluation.runs.timing import TimingTask, time_alone
from vantage3d.vggt_lora.evaluation.runs.windows import REASON, load_samples

EXAMPLES = 4
Sample = Mapping[str, Any]


def evaluate_run(options: RunOptions) -> ResultFolder:
    """Evaluate base, checkpoints and merged weights; finished models are skipped.

    Raises:
        CheckpointError: If a checkpoint is damaged or does not fit.
        ConfigError: If the config has no VGGT or no test data.
        ValueError: As :func:`open_plan`, or if no window can be used.
    """
    plan = open_plan(options)
    for number, model in enumerate(plan.models, 1):
        if plan.is_finished(model):
            print_log(f"{model.name} is finished, skipped", logger="current")
        else:
            _evaluate(plan, model, f"{model.name} ({number}/{len(plan.models)})")
        plan.note(model)
    return plan.folder


def _evaluate(plan: Plan, model: EvaluatedModel, title: str) -> None:
    """Time a model alone, then measure it on all windows that a killed run left."""
    folder, options = plan.folder.model(model.name), plan.options
    speed = _time(plan, model) if options.repeats else {}
    identity = {**plan.settings, "weights_hash": model.weights_hash}
    file = RecordFile(folder / RECORDS, identity)

    @cache
    def network() -> nn.Module:
        gc.collect()  # the network of the model before
        return plan.factory.build(model).to(options.device)

    left = [i for i, w in enumerate(plan.choice.windows) if w.id not in file.known]
    if left:
        measured = _measured(plan, network(), left)
        for record in track(measured, len(left), title):
            file.add(record)
    records = [file.known[window.id] for window in plan.choice.windows]
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
        window = predict(network(), sample, options.device)
        middle = len(sample["ids"]) // 2
        examples.append(example(*window, middle, options.metrics))
    write_examples(folder / "examples.npz", examples)
    speed["eval_seconds"] = sum(record.seconds for record in records)
    performance = {f"performance.{k}": single(value) for k, value in speed.items()}
    statistics = {**summarise(records), **performance}
    plan.folder.write_model(model.name, plan.choice, records, statistics)
    _report(model.name, records, statistics)


def _measured(
    plan: Plan, net: nn.Module, places: list[int]
) -> Iterator[MeasuredWindow]:
    """Measure the windows at ``places``."""
    samples, options = plan.samples.part(places), plan.options
    start = time.perf_counter()
    for sample in load_samples(samples, options.workers):
        name = samples.windows[int(sample["window"])].id
        if REASON in sample:
            record = MeasuredWindow(name, skipped=sample[REASON])
        else:
            window = predict(net, sample, options.device)
            found = measure_window(*window, options.metrics)
            seconds = time.perf_counter() - start
            record = MeasuredWindow(name, found.frames, found.window, seconds)
        yield record
        start = time.perf_counter()


def predict(
    net: nn.Module, sample: Sample, device: str
) -> tuple[WindowPrediction, WindowTruth]:
    """Answer of a network to a sample, and the truth."""
    images = sample["images"][None].to(device)
    with torch.inference_mode():
        outputs = net({"images": images}, mode="predict")[0]
    return WindowPrediction.from_outputs(outputs), WindowTruth.from_sample(sample)


def _time(plan: Plan, model: EvaluatedModel) -> dict[str, float]:
    options = plan.options
    samples = (plan.samples[i] for i in range(len(plan.samples)))
    usable = next((sample for sample in samples if "images" in sample), None)
    if usable is None:
        return {}
    frames, _, height, width = usable["images"].shape
    task = TimingTask(
        options.config,
        dict(options.cfg_options),
        model,
        (frames, height, width),
        options.device,
        options.bf16,
        options.repeats,
        torch.get_num_threads(),
    )
    return time_alone(task)


def _report(name: str, records: list[MeasuredWindow], statistics: Statistics) -> None:
    """Say what must not be overlooked."""
    reasons = [record.skipped for record in records if record.skipped]
    if reasons:
        text = f"{len(reasons)} of {len(records)} windows skipped; the first because "
        print_log(f"{name}: {text}{reasons[0]}", logger="current")
    unusable = statistics.get("count.nan_pixels", {}).get("sum", 0)
    if unusable:
        text = (
            "pixels with known depth have a prediction that is not finite and positive"
        )
        print_log(f"{name}: {unusable:.0f} {text}", logger="current")
