"""``evaluate``: judging predictions under a named protocol."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vantage3d.cli.arguments import command_parser
from vantage3d.process.command import one_message

if TYPE_CHECKING:
    from vantage3d.referee.protocol import Protocol


def evaluate(argv: list[str] | None = None) -> None:
    """Judge predictions, anybody's, under a named protocol.

    Example:
        python tools/evaluate.py instances work_dirs/predictions data/truth \\
            --protocol scannet200-official

    `--protocols` lists the protocols and says every choice of the one that `--protocol`
    names; `--self-test` tries whether they tell right from wrong; both of TASK alone if
    it is given. Formats are found out
    by content. Writes result.json, table.csv and units.npz, which
    `vantage3d compare A B` reads.
    """
    parser = command_parser(evaluate.__doc__ or "")
    add = parser.add_argument
    add("task", nargs="?", help="instances, streams, depth, poses, clouds")
    add("predictions", nargs="?", type=Path, help="folder of a model's files")
    add("truth", nargs="?", type=Path, help="folder of true ones, or an info file")
    add("--protocol", metavar="NAME", help="shipped one, or path of your own .toml")
    add("--protocols", action="store_true", help="list the protocols and end")
    add("--self-test", action="store_true", help="try the protocols and end")
    text = "default: work_dirs/evaluate/TASK/PROTOCOL/<name of predictions>"
    add("--out", type=Path, metavar="FOLDER", help=text)
    add("--format", metavar="NAME", help="of predictions, where several are there")
    add("--truth-format", metavar="NAME", help="of truth, likewise")
    text = "judge these alone: names, or a text file with one a line"
    add("--only", nargs="+", metavar="NAME", help=text)
    text = "units without prediction count as nothing found; else they are refused"
    add("--missing-is-empty", action="store_true", help=text)
    add("--workers", type=int, default=1, help="processes that measure")
    args = parser.parse_args(argv)
    if not (args.protocols or args.self_test) and (
        args.truth is None or args.protocol is None
    ):
        parser.error("TASK PREDICTIONS TRUTH and --protocol are needed")
    with one_message("stopped; nothing was written"):
        if args.protocols:
            _list(args.task, args.protocol)
        elif args.self_test:
            _self_test(args.task, args.protocol)
        else:
            _evaluate(args, sys.argv[1:] if argv is None else argv)


def _evaluate(args: argparse.Namespace, argv: list[str]) -> None:
    from vantage3d.referee.evaluate import Options, evaluate
    from vantage3d.referee.result import check_place
    from vantage3d.referee.tasks import find_task

    task = find_task(args.task, args.protocol)
    options = Options(
        format=args.format,
        truth_format=args.truth_format,
        units=_names(args.only),
        missing_is_empty=args.missing_is_empty,
        workers=args.workers,
    )
    name = args.predictions.resolve().name
    default = Path("work_dirs", "evaluate", task.name, task.protocol.name, name)
    out = args.out or default
    check_place(out, args.predictions, args.truth, task.protocol)
    command = shlex.join(["vantage3d", "evaluate", *argv])
    result = evaluate(task, args.predictions, args.truth, options, command)
    result.write(out)
    print(result.text())
    print(f"written to {out}")


def _names(given: list[str] | None) -> list[str] | None:
    """Names on the command line, or those in a file."""
    from vantage3d.io.text import read_text

    if given is None or len(given) > 1 or not Path(given[0]).is_file():
        return given
    return read_text(Path(given[0])).split()


def _list(task: str | None, name: str | None) -> None:
    for one in _protocols(task, name):
        line = f"{one.task:12s}{one.name:22s}v{one.version}  {one.title}"
        print(line if name is None else one.text())


def _protocols(task: str | None, name: str | None) -> "list[Protocol]":
    """The one of a name, or all that are shipped; of a task if it is given."""
    from vantage3d.checks import check_choice
    from vantage3d.referee.protocol import find_protocol, named, shipped
    from vantage3d.referee.tasks import TASKS

    if task is not None:
        check_choice("task", task, TASKS)
    if name is not None:
        return [named(name) if task is None else find_protocol(name, task)]
    return [one for one in shipped().values() if task in (None, one.task)]


def _self_test(task: str | None, name: str | None) -> None:
    from vantage3d.referee.self_test import self_test
    from vantage3d.referee.tasks import task_under

    failed = 0
    for one in _protocols(task, name):
        print(f"{one.name} ({one.task})")
        for verdict in self_test(task_under(one)):
            passed = "ok" if verdict.passed else "FAILED"
            print(f"  {passed:8s}{verdict.what}: {verdict.says}")
            failed += not verdict.passed
    if failed:
        raise ValueError(f"{failed} self-tests failed: do not trust these protocols")
