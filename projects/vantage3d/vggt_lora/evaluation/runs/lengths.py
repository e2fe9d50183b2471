"""``tools/evaluate_eth3d.py``: the same models with several numbers of frames."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmengine.logging import print_log

from vantage3d.engine.configs.config import load_config
from vantage3d.engine.launch import set_data_root
from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.evaluation.results.rows import Rows, to_csv
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.vggt_lora.evaluation.runs.evaluate import evaluate_run
from vantage3d.vggt_lora.evaluation.runs.example_pictures import draw_examples
from vantage3d.vggt_lora.evaluation.runs.options import RunOptions
from vantage3d.vggt_lora.evaluation.runs.window_loader import open_dataset

METRICS = ("abs_rel", "delta1", "delta2", "delta3", "mae", "rmse", "sq_rel")
STATISTICS = ("mean", "std", "median")
TABLE = "lengths.csv"


def evaluate_lengths(
    options: RunOptions, lengths: Sequence[int], pictures: bool = False
) -> Rows:
    """Evaluate with each number of frames, into ``<out_dir>/len_<n>``.

    Args:
        options: Of each; the length of the rules is replaced.
        lengths: Frames per window.
        pictures: Whether to draw the example frames of every model.

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
            _draw(folders[length], options.out_dir / "visualizations", length)
    table = Rows(_header(), list(_rows(folders)))
    atomic_write_bytes(options.out_dir / TABLE, to_csv(table).encode())
    return table


def check_scenes(options: RunOptions) -> None:
    """Refuse scenes that the model was trained on.

    Raises:
        ValueError: Naming them.
    """
    if options.rules.split == "train":
        return
    cfg = load_config(options.config, options.cfg_options)
    if options.data_root is not None:
        set_data_root(cfg, options.data_root)
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


def _draw(folder: ResultFolder, root: Path, length: int) -> None:
    for name in folder.finished():
        draw_examples(
            folder.model(name) / "examples.npz", root / name / f"len_{length}"
        )


def _header() -> list[str]:
    values = [f"{metric}.{statistic}" for metric in METRICS for statistic in STATISTICS]
    return ["model", "seq_len", "windows", "frames", *values]


def _rows(folders: Mapping[int, ResultFolder]) -> Iterator[list[str]]:
    for length, folder in folders.items():
        for name in folder.finished():
            found = folder.metrics(name)
            counts = (found[f"count.{kind}"]["sum"] for kind in ("windows", "frames"))
            values = [found[f"depth.full.{m}"][s] for m in METRICS for s in STATISTICS]
            numbers = ["" if math.isnan(value) else f"{value:.4f}" for value in values]
            yield [name, str(length), *(f"{count:.0f}" for count in counts), *numbers]
