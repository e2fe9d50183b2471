"""``run-stream``: instances that keep their ids, of any recording, frame by frame."""

import argparse
import csv
import sys
import time
from pathlib import Path
from typing import Any

from vantage3d.cli.arguments import command_parser
from vantage3d.cli.predict import (
    NPZ,
    add_source,
    add_superpoints,
    check_out,
    of_esam,
)
from vantage3d.process.command import one_message
from vantage3d.results.outputs import OUTPUTS

ASSOCIATIONS = ("legacy", "voxels")
TABLE = "instances.csv"


def run_stream(argv: list[str] | None = None) -> None:
    """Segment a recording as a stream: instances keep their ids from frame to frame.

    Example:
        python tools/run_stream.py data/desk --weights work_dirs/demo --out OUT

    OUT has a folder per sequence with ``frames/<frame>.npz``, whose ``tracks`` are the
    ids, ``instances.csv``, a row per id, and what --save asks for. A recording needs
    depth and poses. Frames that cannot be used are told, counted and left out.
    """
    parser = command_parser(run_stream.__doc__ or "")
    add = parser.add_argument
    add_source(parser)
    text = "what to make of the scene: "
    text += "; ".join(f"{name}: {said}" for name, (_, said) in OUTPUTS.items())
    kinds = ["ply", "video"]
    add("--save", nargs="+", choices=[NPZ, *OUTPUTS], default=kinds, help=text)
    text = (
        "how a detection finds its instance: by the space that both fill, or as ESAM "
    )
    text += "was released, with an online model; voxels if absent"
    add("--association", choices=ASSOCIATIONS, default="voxels", help=text)
    text = "detections below it are forgotten; 0.3 if absent"
    add("--least-score", type=float, default=0.3, help=text)
    text = "detections of a frame, the best ones; all if absent"
    add("--most", type=int, metavar="K", help=text)
    add_superpoints(parser)
    text = "print whether ids are kept, against instance/<frame>.png of this folder, "
    text += "or of one in it of the sequence's name; 0 is none"
    add("--labels", type=Path, metavar="FOLDER", help=text)
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    from vantage3d.process.lock import locked

    with one_message("stopped"), locked(args.out, "--out"):
        _run(args)


def _run(args: argparse.Namespace) -> None:
    from vantage3d.converters.index.preflight import refuse_wrong
    from vantage3d.converters.recordings import RecordingSource, opened
    from vantage3d.esam import StreamSegmenter
    from vantage3d.inference import open_footage
    from vantage3d.inference.trained import find_trained
    from vantage3d.io.names import public_name
    from vantage3d.results.outputs import save

    check_out(args)
    args.root_path = args.source
    recording = opened(args)
    names = args.sequences or recording.sequences()
    for name in names:  # before weights are read
        StreamSegmenter.check(open_footage(recording, name))
    find_trained(args.weights, args.config, StreamSegmenter.system)
    if args.labels is not None:
        from vantage3d.esam.evaluation.labelled import label_files

        labels = label_files(args.labels, {one: recording.names(one) for one in names})
    refuse_wrong(RecordingSource(recording, trains=False), args.force, names)
    stream = StreamSegmenter(
        args.weights,
        args.config,
        args.device,
        association=args.association,
        least_score=args.least_score,
        most=args.most,
        **of_esam(args),
    )
    scenes = {}
    for name in names:
        footage, folder = open_footage(recording, name), args.out / public_name(name)
        start = time.perf_counter()
        scenes[name] = found = stream(footage, out_dir=folder, overwrite=args.overwrite)
        each = 1000 * (time.perf_counter() - start) / len(found.frames)
        table = stream.scene().table
        _write_table(folder / TABLE, table)
        print(
            f"{folder}: {len(found.frames)} of {len(footage)} frames, {len(table)} "
            f"instances, {each:.0f} ms a frame with reading and writing"
        )
        for path in save(found, folder, [kind for kind in args.save if kind != NPZ]):
            print(f"  {path}")
    if args.labels is not None:
        from vantage3d.esam.evaluation.stream_report import score

        score(scenes, labels, args.out)


def _write_table(path: Path, table: tuple[Any, ...]) -> None:
    """A row per instance: id, class, score, when it was seen, and where it is."""
    from io import StringIO

    from vantage3d.io.atomic import atomic_write_bytes

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    corners = [f"{axis}_{end}" for end in ("min", "max") for axis in "xyz"]
    names = ("id", "label", "score", "frames", "first", "last", "voxels", *corners)
    writer.writerow(names)
    for row in table:
        box = [f"{value:.3f}" for value in row.box]
        writer.writerow([row.id, row.label, f"{row.score:.3f}", *row[3:7], *box])
    atomic_write_bytes(path, text.getvalue().encode())
