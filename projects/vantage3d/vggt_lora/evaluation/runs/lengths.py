"""``tools/evaluate_eth3d.py``: the same models with several numbers of frames."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from mmengine.logging import print_log

from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.evaluation.results.table import Rows, to_csv
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.vggt_lora.evaluation.runs.evaluate import evaluate_run
from vantage3d.vggt_lora.evaluation.runs.examples import draw_examples
from vantage3d.vggt_lora.evaluation.runs.options import RunOptions
from vantage3d.vggt_lora.evaluation.runs.plan import open_config
from vantage3d.vggt_lora.evaluation.runs.windows import open_dataset

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
            root = options.out_dir / "visualizations"
            for name in folders[length].finished():
                examples = folders[length].model(name) / "examples.npz"
                draw_examples(examples, root / name / f"len_{length}")
    header = [f"{metric}.{statistic}" for metric in METRICS for statistic in STATISTICS]
    head = ["model", "seq_len", "windows", "frames"]
    table = Rows([*head, *header], list(_rows(folders)))
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


def _rows(folders: Mapping[int, ResultFolder]) -> Iterator[list[str]]:
    for length, folder in folders.items():
        for name in folder.finished():
            found = folder.metrics(name)
            counts = (found[f"count.{kind}"]["sum"] for kind in ("windows", "frames"))
            values = [found[f"depth.full.{m}"][s] for m in METRICS for s in STATISTICS]
            numbers = ["" if math.isnan(value) else f"{value:.4f}" for value in values]
            yield [name, str(length), *(f"{count:.0f}" for count in counts), *numbers]
