"""Compare two result folders of tools/evaluate_depth.py.

Example:
    python tools/compare_depth_runs.py work_dirs/eval_b work_dirs/eval_b_soft

Each run is compared with its own baseline; where both were evaluated on the same
windows, also with one another. Runs with different alignments are refused, and so are
different windows unless --relative is given. A difference marked "same" has an interval
that holds zero.
"""

import argparse
from pathlib import Path

from vantage3d.evaluation.results.compare import compare_runs
from vantage3d.evaluation.results.folder import HEADLINE
from vantage3d.evaluation.results.rows import to_csv, to_text
from vantage3d.process.command import one_message


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("first", type=Path, metavar="A", help="result folder")
    add("second", type=Path, metavar="B", help="result folder")
    add("--models", nargs=2, metavar=("OF_A", "OF_B"), help="default: the best ones")
    add("--metrics", nargs="+", default=list(HEADLINE), help="rows of the table")
    text = "compare each with its own baseline only; windows may differ"
    add("--relative", action="store_true", help=text)
    add("--csv", type=Path, help="also write the table here")
    args = parser.parse_args(argv)
    with one_message("stopped; call it again"):
        folders = args.first, args.second
        found = compare_runs(folders, args.models, args.metrics, args.relative)
        print("\n".join([*found.notes, "", to_text(found.table)]))
        if args.csv is not None:
            args.csv.write_text(to_csv(found.table))


if __name__ == "__main__":
    main()
