"""``predict``: from a recording to results."""

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from vantage3d.cli.arguments import command_parser, config_file
from vantage3d.process.command import one_message

SYSTEMS = {  # name -> package and public name of its predictor, and what it does
    "esam": ("esam", "RGBDSegmenter", "instances of RGB-D frames"),
    "vggt": ("vggt_lora", "DepthAndPoses", "depth and poses of images"),
    "deltas": ("deltas", "PosedDepth", "depth of images with poses"),
}


def predict(argv: list[str] | None = None) -> None:
    """Predict with trained weights on a recording: nothing is labelled or trained.

    Example:
        python tools/predict.py esam data/desk --weights work_dirs/demo --out OUT
    """
    parser = command_parser(predict.__doc__ or "")
    lines = [f"{name}: {text}" for name, (_, _, text) in SYSTEMS.items()]
    add = parser.add_argument
    add("system", choices=SYSTEMS, metavar="SYSTEM", help="; ".join(lines))
    add("source", type=Path, help="folder or file of the recording, in any layout")
    add("--weights", help="a checkpoint, or the work dir of a run")
    add("--config", type=config_file, help="if it does not lie beside the weights")
    add("--out", type=Path, required=True, help="folder of the results")
    from vantage3d.results.outputs import OUTPUTS

    text = "what to make beside the arrays of every frame: "
    text += "; ".join(f"{name}: {said}" for name, (_, said) in OUTPUTS.items())
    add("--save", nargs="+", choices=["npz", *OUTPUTS], default=["npz"], help=text)
    add("--device", help="cpu, cuda, cuda:1; a GPU where there is one")
    add("--batch-size", type=int, default=1, help="frames at once")
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    from vantage3d.process.lock import locked

    text = "stopped; the same command goes on from here"
    with one_message(text), locked(args.out, "--out"):
        _predict(args)


def _predict(args: argparse.Namespace) -> None:
    from vantage3d.io.names import public_name
    from vantage3d.recordings.detection import open_recording
    from vantage3d.results.outputs import save

    recording = open_recording(args.source)
    package, name, _ = SYSTEMS[args.system]
    kind: Any = getattr(import_module(f"vantage3d.{package}"), name)
    predictor = kind(args.weights, args.config, args.device)
    for sequence in recording.sequences():
        folder = args.out / public_name(sequence)
        scene = predictor(recording, args.batch_size, folder, sequence=sequence)
        print(f"{folder}: {len(scene.frames)} frames")
        kinds = [one for one in args.save if one != "npz"]
        for path in save(scene, folder, kinds):
            print(f"  {path}")
