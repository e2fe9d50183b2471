"""Commands on depth networks and their result folders."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from vantage3d.cli.arguments import (
    add_cfg_options,
    add_config,
    add_data_root,
    command_parser,
    config_file,
)
from vantage3d.process.command import image_size, one_message
from vantage3d.process.shards import add_shard, read_shard

if TYPE_CHECKING:
    from vantage3d.vggt_lora.evaluation.runs.plan import RunOptions

MERGE = "When all are, the same command without --rank and --world-size tells of all"


def evaluate_depth(argv: list[str] | None = None) -> None:
    """Evaluate base, checkpoints and merged weights on one fixed set of windows.

    Example:
        python tools/evaluate_depth.py configs/vggt_lora/lora_kitti360_strategy_b.py \\
            work_dirs/lora_kitti360_strategy_b --out-dir work_dirs/evaluation \\
            --cfg-options model.base_weights=weights/vggt_1b.safetensors \\
            --max-seqs 500 --stratified-sampling

    Call it again after a kill: finished models are skipped, the rest goes on. Rank and
    alpha come from each adapter's own file. Depth is aligned once per window, by its
    median, if nothing else is said.
    """
    parser = _evaluation_parser(evaluate_depth.__doc__ or "")
    add = parser.add_argument
    add("--seq-len", type=int, help="frames per window, default: the config's")
    text = "leave building metrics out, for splits without labels"
    add("--no-buildings", action="store_true", help=text)
    add_shard(parser)
    args = parser.parse_args(argv)
    from vantage3d.evaluation.results.folder import run_table
    from vantage3d.process.lock import locked
    from vantage3d.vggt_lora.evaluation.runs.evaluate import evaluate_run

    with one_message("stopped; the same command goes on from here"):
        args.shard = read_shard(args.rank, args.world_size)
        share = args.shard.rank, args.shard.world_size
        with locked(args.out_dir, "--out-dir", *share):
            options = _run_options(args, args.seq_len, not args.no_buildings)
            print(run_table(evaluate_run(options)))
            if not args.shard.is_all:
                print(f"{args.shard} is done. {MERGE}")


def evaluate_eth3d(argv: list[str] | None = None) -> None:
    """Evaluate on ETH3D's held-out scenes with several numbers of photographs.

    Example:
        python tools/evaluate_eth3d.py configs/vggt_lora/lora_eth3d_strategy_a.py \\
            work_dirs/lora_eth3d_strategy_a --out-dir work_dirs/eth3d \\
            --cfg-options model.base_weights=weights/vggt_1b.safetensors \\
            --test-seq-lens 2 4 8 --align scale_shift --save-vis

    Whole scenes are held out; one that was also trained on is refused. Every length is
    a result folder of its own, and `lengths.csv` has them all.
    """
    parser = _evaluation_parser(evaluate_eth3d.__doc__ or "")
    add = parser.add_argument
    text = "photographs per window, one evaluation each"
    add("--test-seq-lens", nargs="+", type=int, default=[8], help=text)
    add("--save-vis", action="store_true", help="draw the example frames")
    args = parser.parse_args(argv)
    from vantage3d.evaluation.results.folder import to_text
    from vantage3d.process.lock import locked
    from vantage3d.vggt_lora.evaluation.runs.evaluate import evaluate_lengths

    text = "stopped; the same command goes on from here"
    with one_message(text), locked(args.out_dir, "--out-dir"):
        options = _run_options(args, None, buildings=False)
        table = evaluate_lengths(options, args.test_seq_lens, args.save_vis)
        print(to_text(table))


def _evaluation_parser(doc: str) -> argparse.ArgumentParser:
    """Models, data, windows, and what is measured by which means."""
    from vantage3d.evaluation.depth_metrics import ALIGNMENTS
    from vantage3d.evaluation.windows.contracts import GROUPS, SCOPES, MetricOptions

    parser = command_parser(doc)
    add = parser.add_argument
    add_config(parser, "config of the run: network, base weights, test data")
    text = "work dirs, checkpoints or exported adapters; none for the base alone"
    add("runs", nargs="*", type=Path, help=text)
    text = "folders of .npz files, each a model named after it"
    add("--predictions", nargs="+", type=Path, default=[], metavar="FOLDER", help=text)
    text = "leave the base out: its weights are not needed for --predictions"
    add("--no-base", action="store_false", dest="base", help=text)
    add("--out-dir", type=Path, required=True, help="folder of the results")
    add_data_root(parser)
    add("--split", choices=["train", "val", "test"], default="val")
    add("--seq-stride", type=int, help="from window to window, default: --seq-len")
    add("--max-seqs", type=int, help="choose so many windows, default: all")
    text = "choose 50/30/20 by building ratio instead of evenly"
    add("--stratified-sampling", action="store_true", help=text)
    add("--seed", type=int, default=0, help="seed of the choice")
    text = "windows.json of another evaluation, to compare with it"
    add("--windows", type=Path, help=text)
    text = "adapter that is also evaluated as merged weights: last, none, or its name"
    add("--merge", default="last", help=text)
    add_cfg_options(parser, "model.base_weights=FILE")
    add("--align", choices=list(ALIGNMENTS), default="median")
    add("--per", choices=SCOPES, default="window", help="one alignment per")
    add("--groups", nargs="+", choices=GROUPS, default=list(GROUPS), help="of metrics")
    text = "valid pixels that a frame needs for metrics of buildings or a class"
    add("--min-building", type=int, default=MetricOptions.min_building, help=text)
    add("--bf16", action="store_true", help="networks under bfloat16 autocast")
    add("--device", help="cpu or cuda, default: cuda where there is one")
    text = "processes that read data"
    add("--num-workers", type=int, default=4, dest="workers", help=text)
    text = "processes that measure beside the network; 1 measures in turn with it"
    add("--metric-workers", type=int, default=1, help=text)
    text = "networks in memory that see a window one after the other: it is read once, "
    text += "and what is of its truth alone is made once for all of them"
    add("--models-at-once", type=int, default=1, metavar="M", help=text)
    text = "processes that each evaluate a share of the models, one per GPU if there "
    text += "are several; speeds are measured before, one by one"
    add("--parallel-models", type=int, default=1, metavar="N", help=text)
    add("--repeats", type=int, default=20, help="timed passes per model; 0 for none")
    add("--overwrite", action="store_true", help="forget results of other options")
    return parser


def _run_options(
    args: argparse.Namespace, seq_len: int | None, buildings: bool
) -> "RunOptions":
    from vantage3d.evaluation.results.windows import WindowRules
    from vantage3d.evaluation.windows.contracts import MetricOptions
    from vantage3d.process.machine import chosen_device
    from vantage3d.vggt_lora.evaluation.runs.plan import RunOptions

    stride, most, by_bucket = args.seq_stride, args.max_seqs, args.stratified_sampling
    rules = WindowRules(args.split, seq_len, stride, most, by_bucket, args.seed)
    metrics = MetricOptions(
        align=args.align,
        per=args.per,
        groups=tuple(args.groups),
        min_building=args.min_building,
        building=MetricOptions.building if buildings else (),
    )
    device = chosen_device(args.device)
    names = {field.name for field in fields(RunOptions)}
    given = {name: value for name, value in vars(args).items() if name in names}
    return RunOptions(**given | {"rules": rules, "metrics": metrics, "device": device})


def compare_depth_runs(argv: list[str] | None = None) -> None:
    """Compare two result folders of tools/evaluate_depth.py.

    Example:
        python tools/compare_depth_runs.py work_dirs/eval_b work_dirs/eval_b_soft

    Each run is compared with its own baseline; where both were evaluated on the same
    windows, also with one another. Runs with different alignments are refused, and so
    are different windows unless --relative is given. A difference marked "same" has an
    interval that holds zero.
    """
    parser = command_parser(compare_depth_runs.__doc__ or "")
    add = parser.add_argument
    add("first", type=Path, metavar="A", help="result folder")
    add("second", type=Path, metavar="B", help="result folder")
    add("--models", nargs=2, metavar=("OF_A", "OF_B"), help="default: the best ones")
    add("--metrics", nargs="+", help="rows of the table; default: those that matter")
    text = "compare each with its own baseline only; windows may differ"
    add("--relative", action="store_true", help=text)
    add("--csv", type=Path, help="also write the table here")
    args = parser.parse_args(argv)
    from vantage3d.evaluation.metrics_table import HEADLINE
    from vantage3d.evaluation.results.compare import compare_runs
    from vantage3d.evaluation.results.folder import to_csv, to_text

    with one_message("stopped; call it again"):
        folders, metrics = (args.first, args.second), args.metrics or list(HEADLINE)
        found = compare_runs(folders, args.models, metrics, args.relative)
        print("\n".join([*found.notes, "", to_text(found.table)]))
        if args.csv is not None:
            args.csv.write_text(to_csv(found.table))


def select_checkpoint(argv: list[str] | None = None) -> None:
    """Select the best checkpoint of an evaluation under limits on time and memory.

    Example:
        python tools/select_checkpoint.py work_dirs/eval --by depth.building.delta1 \\
            --max-latency 120 --max-vram 12000

    The last line of the output is the path of the checkpoint, empty for the base.
    """
    parser = command_parser(select_checkpoint.__doc__ or "")
    add = parser.add_argument
    add("folder", type=Path, help="result folder of tools/evaluate_depth.py")
    text = "a metric, skill, score (reference formula) or score_no_clip"
    add("--by", default="score_no_clip", help=text)
    add("--max-latency", type=float, help="ms per window, 95th percentile")
    add("--max-vram", type=float, help="MB, peak on the GPU")
    add("--max-ram", type=float, help="MB, peak of the process")
    args = parser.parse_args(argv)
    from vantage3d.evaluation.results import score

    given = args.max_latency, args.max_vram, args.max_ram
    limits = {k: v for k, v in zip(score.LIMITS, given) if v is not None}
    with one_message("stopped; call it again"):
        found = score.select_checkpoint(args.folder, args.by, limits)
        for name, reason in found.refused.items():
            print(f"not {name}: {reason}")
        print(f"{found.name}: {args.by} {found.value:.4f}")
        for name, value in found.ranking:
            print(f"  then {name}: {value:.4f}")
        for flag in found.flags.values():
            print(f"  {flag}")
        print(found.path)


def visualize_depth_metrics(argv: list[str] | None = None) -> None:
    """Figures, HTML report and summary of an evaluation by tools/evaluate_depth.py.

    Example:
        python tools/visualize_depth_metrics.py work_dirs/street_eval

    Writes into OUT/report: the figures 01 to 16, report.html (one file, works offline),
    evaluation_summary.txt and top_checkpoints.csv. What is missing is named in all of
    them.
    """
    parser = command_parser(visualize_depth_metrics.__doc__ or "")
    add = parser.add_argument
    add("folder", type=Path, metavar="OUT", help="result folder of evaluate_depth.py")
    add("--output", type=Path, metavar="DIR", help="default: OUT/report")
    add("--top", type=int, default=5, help="checkpoints in the table of the best")
    args = parser.parse_args(argv)
    from vantage3d.evaluation.report import build_report

    with one_message("stopped; call it again"):
        output = args.output or args.folder / "report"
        report = build_report(args.folder, output, args.top)
        print(f"{len(report.figures)} figures and {report.page}")


def merge_lora(argv: list[str] | None = None) -> None:
    """Add trained adapters to their base.

    ADAPTER is a checkpoint, a work dir or an exported folder. OUT, .safetensors or
    .pth, has VGGT's own names and can be the `base_weights` of another config.
    """
    parser = command_parser(merge_lora.__doc__ or "")
    add_config(parser, "config file of the run")
    parser.add_argument("adapter", type=Path, help="checkpoint, work dir or folder")
    parser.add_argument("out", type=Path, help=".safetensors or .pth")
    add_cfg_options(parser, "model.base_weights=FILE")
    args = parser.parse_args(argv)
    from vantage3d.vggt_lora.models.merging import merge_adapter

    with one_message("stopped; nothing was written"):
        merge_adapter(args.config, args.adapter, args.out, args.cfg_options)


def study_deltas(argv: list[str] | None = None) -> None:
    """Studies of DELTAS: a table and a plot of what one setting changes.

    Example:
        python tools/study_deltas.py seq_gap configs/deltas/deltas_scannet.py \\
            work_dirs/deltas_scannet --out work_dirs/studies

    STUDY is one of seq_gap, depth_range, resolution, seq_length, weights, classical,
    speed. The last compares costs and accuracy with other networks (--beside, of any
    config) and with folders of depth (--predictions); CHECKPOINT ``none`` measures
    costs alone.
    """
    from vantage3d.deltas.evaluation.studies import (
        CLASSICAL,
        SEQUENCES,
        SPEED,
        STUDIES,
        Settings,
    )

    parser = command_parser(study_deltas.__doc__ or "")
    add = parser.add_argument
    add("study", choices=[*STUDIES, CLASSICAL, SPEED], metavar="STUDY")
    add_config(parser)
    add("checkpoint", type=Path, help=".pth or .safetensors, or a work dir; none")
    add("--out", type=Path, required=True, help="folder of the report")
    add_data_root(parser)
    add("--gaps", nargs="+", type=int, default=[1, 5, 10, 20])
    add("--wide", nargs=2, type=float, default=[0.1, 20.0], help="metres")
    add("--sizes", nargs="+", type=image_size, default=[(320, 240), (640, 480)])
    add(
        "--sequences", nargs="+", type=_sequence, default=SEQUENCES, metavar="VIEWS:GAP"
    )
    add("--weights", nargs="+", default=[], metavar="NAME=FILE")
    add("--legacy", nargs="+", default=[], help="names with the released numerics")
    text = "other networks, for speed; CHECKPOINT none has random weights"
    add("--beside", nargs="+", default=[], metavar="NAME=CONFIG:CHECKPOINT", help=text)
    text = "depth of the test samples, for speed: docs/deltas.md"
    add("--predictions", nargs="+", default=[], metavar="NAME=FOLDER", help=text)
    add_cfg_options(parser, "for all rows")
    args = parser.parse_args(argv)
    from vantage3d.deltas.evaluation.study_run import Source, run_study
    from vantage3d.deltas.evaluation.study_speed import Contender, run_speed

    named = (text.partition("=") for text in args.weights)
    settings = Settings(
        gaps=args.gaps,
        wide=tuple(args.wide),
        sizes=[(height, width) for width, height in args.sizes],
        sequences=args.sequences,
        weights={name: Path(file) for name, _, file in named},
        legacy=args.legacy,
    )
    source = Source(
        args.config, args.checkpoint, args.out, args.data_root, args.cfg_options
    )
    with one_message("stopped; nothing was written"):
        if args.study == SPEED:
            beside = [Contender(*_contender(text)) for text in args.beside]
            folders = (text.partition("=") for text in args.predictions)
            predictions = {name: Path(folder) for name, _, folder in folders}
            print(run_speed(source, beside, predictions))
        else:
            print(run_study(args.study, source, settings))


def _contender(text: str) -> tuple[str, str, Path]:
    """Name, config and checkpoint of ``NAME=CONFIG:CHECKPOINT``.

    Raises:
        ValueError: If it has not this form.
    """
    name, equals, rest = text.partition("=")
    config, colon, checkpoint = rest.rpartition(":")
    if not (equals and colon and name and config and checkpoint):
        raise ValueError(
            f"--beside must be NAME=CONFIG:CHECKPOINT, got {text!r}. CHECKPOINT none "
            "has random weights"
        )
    return name, config_file(config), Path(checkpoint)


def _sequence(text: str) -> tuple[int, int]:
    """``5:12`` as (5, 12)."""
    views, _, gap = text.partition(":")
    return int(views), int(gap)


def export_deltas(argv: list[str] | None = None) -> None:
    """Write a trained DELTAS as the released code reads it.

    The file holds three state dicts. Configs load both kinds of file, so the way back
    needs no tool.
    """
    parser = command_parser(export_deltas.__doc__ or "")
    parser.add_argument("checkpoint", type=Path, help="of a DELTAS run")
    parser.add_argument("out", type=Path, help="usually .pth.tar")
    args = parser.parse_args(argv)
    from vantage3d.deltas.models import save_three
    from vantage3d.engine.checkpoints.file import read_checkpoint

    with one_message("stopped; nothing was written"):
        save_three(read_checkpoint(args.checkpoint)["state_dict"], args.out)


def export_onnx(argv: list[str] | None = None) -> None:
    """Write the three stages of a trained DELTAS as ONNX files of any image size.

    docs/deltas.md says what goes in and out, and what is done between them.

    Example:
        python tools/export_onnx.py configs/deltas/deltas_synthetic.py \\
            work_dirs/demo-deltas OUT
    """
    parser = command_parser(export_onnx.__doc__ or "")
    parser.add_argument("config", type=config_file, help="of the run")
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or a work dir")
    parser.add_argument("out", type=Path, help="folder of the files")
    args = parser.parse_args(argv)
    from vantage3d.deltas.inference import PosedDepth
    from vantage3d.deltas.models import DELTAS
    from vantage3d.deltas.onnx_export import export
    from vantage3d.inference.trained import find_trained

    with one_message("stopped; the same command writes them all"):
        trained = find_trained(args.checkpoint, args.config, PosedDepth.system)
        model = trained.build(**PosedDepth.changes)
        assert isinstance(model, DELTAS)
        for path in export(model, args.out):
            print(path)
