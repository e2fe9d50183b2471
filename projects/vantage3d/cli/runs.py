"""``train``, ``test`` and ``compare``."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from vantage3d.cli.arguments import (
    add_cfg_options,
    add_config,
    add_data_root,
    command_parser,
    config_file,
    keys_and_values,
)
from vantage3d.process.command import one_message


def train(argv: list[str] | None = None) -> None:
    """Train what a config describes."""
    example = "train_cfg.max_epochs=3 optim_wrapper.type=..."
    parser = _run_parser(train.__doc__ or "", example)
    add = parser.add_argument
    text = "continue from the newest intact checkpoint of the work dir, or from PATH"
    add(
        "--resume",
        nargs="?",
        type=lambda given: True if given == "auto" else given,
        const=True,
        default=False,
        metavar="auto|PATH",
        help=text,
    )
    add("--amp", action="store_true", help="mixed precision (CUDA)")
    text = (
        "learning rates times (batch size x processes) / auto_scale_lr's of the config"
    )
    add("--auto-scale-lr", action="store_true", help=text)
    args = parser.parse_args(argv)
    from vantage3d.engine import launch

    launch.run_command(launch.train, vars(args))


def test(argv: list[str] | None = None) -> None:  # noqa: PT028
    """Evaluate a checkpoint on the test data of a config."""
    parser = _run_parser(test.__doc__ or "", "test_dataloader.num_workers=0 ...")
    add = parser.add_argument
    add("checkpoint", help=".pth or .safetensors, or a work dir")
    add("--out", help="folder for the predicted instances of every frame (ESAM)")
    add("--show-dir", help="folder for pictures; default: WORK_DIR/pictures")
    add("--show", action="store_true", help="also show the pictures in windows")
    text = "seconds that each window stays; default: until it is closed"
    add("--wait-time", type=float, metavar="S", help=text)
    text = "predict from eight flipped and turned copies of each frame (ESAM)"
    add("--tta", action="store_true", help=text)
    args = parser.parse_args(argv)
    from vantage3d.engine import launch

    launch.run_command(launch.test, vars(args))


def _run_parser(doc: str, example: str) -> argparse.ArgumentParser:
    """The config of a run and what may differ from it."""
    parser = command_parser(doc)
    add_config(parser)
    parser.add_argument("--work-dir", help="default: work_dirs/<config name>")
    add_data_root(parser)
    add_cfg_options(parser, example)
    choices = ["none", "pytorch", "slurm"]
    parser.add_argument("--launcher", choices=choices, default="none")
    return parser


def compare(argv: list[str] | None = None) -> None:
    """Compare two results of `evaluate`, or train configs under equal conditions.

    Two folders of `evaluate` are set side by side where their inputs agree:
        python tools/compare.py work_dirs/evaluate/a work_dirs/evaluate/b

    Configs are trained and evaluated; the first one is the baseline. What stands behind
    a file overrides keys of this one alone.

    Example:
        python tools/compare.py --configs "3D only=configs/a.py" \\
            "injection=configs/b.py" "2 cm=configs/a.py model.voxel_size=0.02" \\
            --seeds 0 1 --data-root data/flush --out work_dirs/compare

    Call it again after a kill: finished runs are skipped, the rest goes on.
    """
    parser = command_parser(compare.__doc__ or "")
    add = parser.add_argument
    add("results", nargs="*", type=Path, metavar="RESULT", help="two, of `evaluate`")
    add("--configs", nargs="+", metavar="[NAME=]FILE", help='or "NAME=FILE KEY=VALUE"')
    add("--seeds", nargs="+", type=int, default=[0, 1, 2])
    add("--out", type=Path, help="folder of all runs and the report")
    add_data_root(parser)
    add("--load-from", type=Path, help="weights that all start from (default: random)")
    add_cfg_options(parser, "for all")
    add("--launcher", choices=["none", "pytorch"], default="none", help="of each run")
    add("--processes", default="auto", help="of the launcher; auto: one per GPU")
    args = parser.parse_args(argv)
    if args.results and not args.configs and len(args.results) == 2:
        _compare_results(*args.results)
        return
    if args.results or not args.configs or args.out is None:
        parser.error("either two results are needed, or --configs and --out")
    from vantage3d.comparison import Plan, run_all, write_report
    from vantage3d.process.lock import locked

    text = "stopped; the same command goes on from here"
    with one_message(text), locked(args.out, "--out"):
        configs, own_options = named_configs(args.configs)
        plan = Plan(
            configs=configs,
            seeds=tuple(args.seeds),
            out=args.out,
            options=args.cfg_options,
            own_options=own_options,
            data_root=args.data_root,
            load_from=args.load_from,
            launcher=args.launcher,
            processes=args.processes,
        )
        print(write_report(plan, run_all(plan)))


def _compare_results(first: Path, second: Path) -> None:
    from vantage3d.evaluation.results.folder import to_text
    from vantage3d.referee.comparison import compare as compare_results

    with one_message("stopped; call it again"):
        table, notes = compare_results(first, second)
        print("\n".join([*notes, "", to_text(table)]))


def named_configs(
    texts: list[str],
) -> tuple[dict[str, Path], dict[str, dict[str, Any]]]:
    """Config file and options by name, of texts ``[NAME=]FILE`` or
    ``NAME=FILE KEY=VALUE ...``. A file without a name is called after itself.

    Raises:
        ValueError: If two have one name, or an option is not KEY=VALUE.
    """
    configs: dict[str, Path] = {}
    own_options: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if " " in name and ".py" in name:
            raise ValueError(f"options need a name before the file, got {text!r}")
        file, *words = shlex.split(rest if equals else name) or [""]
        path = Path(config_file(file))
        name = name if equals else path.stem
        if name in configs:
            raise ValueError(f"two configs are named {name!r}. Give NAME=FILE")
        configs[name] = path
        own_options[name] = keys_and_values(words)
    return configs, own_options
