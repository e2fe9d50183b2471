"""Figures, HTML report and summary of an evaluation by tools/evaluate_depth.py.

Example:
    python tools/visualize_depth_metrics.py work_dirs/street_eval

Writes into OUT/report: the figures 01 to 16, report.html (one file, works offline),
evaluation_summary.txt and top_checkpoints.csv. What is missing is named in all of them.
"""

import argparse
from pathlib import Path

from vantage3d.evaluation.report import build_report
from vantage3d.process.command import one_message


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="OUT", help="result folder of evaluate_depth.py")
    add("--output", type=Path, metavar="DIR", help="default: OUT/report")
    add("--top", type=int, default=5, help="checkpoints in the table of the best")
    args = parser.parse_args()
    with one_message("stopped; call it again"):
        output = args.output or args.folder / "report"
        report = build_report(args.folder, output, args.top)
        print(f"{len(report.figures)} figures and {report.page}")


if __name__ == "__main__":
    main()
