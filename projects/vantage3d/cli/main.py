"""The entry point ``vantage3d COMMAND ...``."""

import argparse
import sys
from importlib import import_module

COMMANDS = {  # name -> module of this room; the function is the name with underscores
    "train": "runs",
    "test": "runs",
    "compare": "runs",
    "create-data": "data",
    "make-synthetic": "data",
    "check-recording": "recordings",
    "predict": "predict",
    "run-stream": "stream",
    "index-results": "results",
    "evaluate": "evaluate",
    "evaluate-depth": "depth",
    "evaluate-eth3d": "depth",
    "compare-depth-runs": "depth",
    "select-checkpoint": "depth",
    "visualize-depth-metrics": "depth",
    "merge-lora": "depth",
    "study-deltas": "depth",
    "export-deltas": "depth",
    "export-onnx": "depth",
    "extract-dino-v2-features": "features",
    "extract-clip-rn50-features": "features",
    "extract-efficientnet-lite2-features": "features",
    "check-fusion": "features",
    "probe-features": "features",
    "train-small-features": "features",
    "weights": "weights",
    "plan": "plan",
    "doctor": "doctor",
}


def main(argv: list[str] | None = None) -> None:
    """Run one command; the first argument is its name."""
    lines = [f"  {name}" for name in COMMANDS]
    parser = argparse.ArgumentParser(
        prog="vantage3d",
        description="Commands:\n" + "\n".join(lines) + "\n\nCOMMAND --help says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the command")
    args = parser.parse_args(argv)
    module = import_module(f"vantage3d.cli.{COMMANDS[args.command]}")
    sys.argv[0] = f"vantage3d {args.command}"
    getattr(module, args.command.replace("-", "_"))(args.arguments)
