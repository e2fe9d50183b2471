"""``run-stream``: instances that keep their ids, of any recording, frame by frame."""

import argparse
import csv
import shutil
import sys
import time
from collections.abc import Sized
from pathlib import Path
from typing import Any

from vantage3d.cli.arguments import command_parser
from vantage3d.cli.predict import (
    NPZ,
    add_esam,
    add_source,
    check_out,
    of_esam,
)
from vantage3d.process.command import one_message
from vantage3d.results.outputs import OUTPUTS

ASSOCIATIONS = ("box_iou", "buffer", "legacy", "tracking", "voxels")
CAMERA = Path("realsense")  # a source, where no folder is called so
TABLE = "instances.csv"


def run_stream(argv: list[str] | None = None) -> None:
    """Segment a recording as a stream: instances keep their ids from frame to frame.

    Example:
        python tools/run_stream.py data/desk --weights work_dirs/demo --out OUT
        python tools/run_stream.py data/being_written --follow --weights ... --out OUT
        python tools/run_stream.py data/desk --realtime --weights ... --out OUT
        python tools/run_stream.py realsense --weights ... --out OUT  # stands still

    OUT has a folder per sequence with ``frames/<frame>.npz``, whose ``tracks`` are the
    ids, ``instances.csv``, a row per id, and what --save asks for. A recording needs
    depth and poses. Frames that cannot be used are told, counted and left out. After a
    kill the same command goes on from the last 50 frames that were finished.
    """
    parser = command_parser(run_stream.__doc__ or "")
    add = parser.add_argument
    add_source(parser)
    text = "what to make of the scene: "
    text += "; ".join(f"{name}: {said}" for name, (_, said) in OUTPUTS.items())
    kinds = ["ply", "video"]
    add("--save", nargs="+", choices=[NPZ, *OUTPUTS], default=kinds, help=text)
    text = "how a detection finds its instance: by the space that both fill, by boxes "
    text += "alone, or, with an online model, as ESAM was released or as AutoSeg3D; "
    text += "voxels if absent"
    add("--association", choices=ASSOCIATIONS, default="voxels", help=text)
    text = "detections below it are forgotten; 0.3 if absent"
    add("--least-score", type=float, default=0.3, help=text)
    text = "detections of a frame, the best ones; all if absent"
    add("--most", type=int, metavar="K", help=text)
    text = "name instances by what they look like: .npz with names and their vectors "
    text += "of CLIP RN50's text network"
    add("--text-features", type=Path, metavar="FILE", help=text)
    text = "of --text-features: CLIP RN50's image network; that of `vantage3d weights "
    text += "clip_rn50` if absent"
    add("--clip-weights", type=Path, metavar="FILE", help=text)
    add_esam(parser)
    text = "the source is still being written: take frames as they are finished, until "
    text += "none came for so many seconds, 10 if not given"
    add("--follow", type=float, nargs="?", const=10.0, metavar="SECONDS", help=text)
    text = "take frames when a camera would bring them, and drop those that came while "
    text += "another one was segmented; by time stamps, or so many a second"
    add("--realtime", type=float, nargs="?", const=0.0, metavar="FPS", help=text)
    text = "show the stream while it runs: a page for the browser, whose address is "
    text += "told, or the window of rerun; page if not said which"
    add("--view", nargs="?", const="page", choices=["page", "window"], help=text)
    text = "print whether ids are kept, against instance/<frame>.png of this folder, "
    text += "or of one in it of the sequence's name; 0 is none"
    add("--labels", type=Path, metavar="FOLDER", help=text)
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    from vantage3d.process.lock import locked

    text = "stopped; the same command goes on from here"
    with one_message(text), locked(args.out, "--out"):
        _run(args)


def _run(args: argparse.Namespace) -> None:
    from vantage3d.converters.index.preflight import refuse_wrong
    from vantage3d.converters.recordings import RecordingSource, opened
    from vantage3d.esam import StreamSegmenter
    from vantage3d.inference import open_footage
    from vantage3d.inference.trained import find_trained
    from vantage3d.io.names import public_name

    _check(args)
    if args.source == CAMERA and not args.source.exists():
        return _run_camera(args)
    args.root_path = args.source
    recording = opened(args)
    names = args.sequences or recording.sequences()
    for name in names:  # before weights are read
        StreamSegmenter.check(_footage(args, open_footage(recording, name)))
    find_trained(args.weights, args.config, StreamSegmenter.system)
    if args.labels is not None:
        from vantage3d.esam.evaluation.labelled import label_files

        labels = label_files(args.labels, {one: recording.names(one) for one in names})
    if args.follow is None:  # what is not there yet cannot be looked at
        refuse_wrong(RecordingSource(recording, trains=False), args.force, names)
    stream, scenes = _segmenter(args), {}
    for name in names:
        footage = _footage(args, open_footage(recording, name))
        scenes[name] = _stream(args, stream, footage, args.out / public_name(name))
    if args.labels is not None:
        from vantage3d.esam.evaluation.stream_report import score

        score(scenes, labels, args.out)


def _run_camera(args: argparse.Namespace) -> None:
    """Segment what a camera shows, until Ctrl-C."""
    from vantage3d.inference.realsense import RealSense
    from vantage3d.io.prediction_files import FRAMES

    frames = args.out / CAMERA / FRAMES
    if frames.is_dir() and not args.overwrite:
        raise ValueError(
            f"{frames} has frames of another time. Choose another --out, or --overwrite"
        )
    with RealSense() as camera:
        stream = _segmenter(args)
        shutil.rmtree(frames, ignore_errors=True)
        _stream(args, stream, camera, args.out / CAMERA)


def _segmenter(args: argparse.Namespace) -> Any:
    """The stream, and the viewer that shows it."""
    from vantage3d.esam import StreamSegmenter, Vocabulary

    names = None
    if args.text_features is not None:
        names = Vocabulary.of(args.text_features, args.clip_weights)
    stream = StreamSegmenter(
        args.weights,
        args.config,
        args.device,
        association=args.association,
        least_score=args.least_score,
        most=args.most,
        vocabulary=names,
        **of_esam(args),
    )
    if args.view is not None:
        from vantage3d.esam.online.viewer import StreamViewer

        stream.viewer = viewer = StreamViewer(args.view)
        if viewer.live.url:
            print(f"open {viewer.live.url} in a browser")
    return stream


def _check(args: argparse.Namespace) -> None:
    """Refuse options that would do nothing, or harm the recording."""
    check_out(args)
    if args.follow is not None and (args.realtime is not None or args.labels):
        other = "--labels" if args.labels else "--realtime"
        raise ValueError(
            f"{other} is for recordings that are finished, and --follow for those that "
            "are not. Leave one of them out"
        )
    if args.clip_weights is not None and args.text_features is None:
        raise ValueError("--clip-weights is of --text-features: give both, or none")
    for name, least in (("follow", 1.0), ("realtime", 0.0)):
        if (value := getattr(args, name)) is not None and value < least:
            raise ValueError(f"--{name} must be at least {least:g}, got {value:g}")


def _footage(args: argparse.Namespace, whole: Any) -> Any:
    """The frames of a sequence as they were asked for."""
    from vantage3d.inference.live import Followed, Paced

    if args.follow is not None:
        return Followed(whole.recording, whole.sequence, patience_s=args.follow)
    if args.realtime is not None:
        return Paced(whole.recording, whole.sequence, fps=args.realtime or None)
    return whole


def _stream(args: argparse.Namespace, stream: Any, footage: Any, folder: Path) -> Any:
    """Segment a sequence, tell and write what was found; the scene."""
    from vantage3d.io.prediction_files import FRAMES
    from vantage3d.results.outputs import save
    from vantage3d.results.prediction import ScenePrediction
    from vantage3d.results.store import StoredFrames

    again = args.overwrite or args.realtime is not None  # other frames every time
    start = time.perf_counter()
    try:
        found = stream(footage, out_dir=folder, overwrite=again)
    except KeyboardInterrupt:  # how one ends what has no end
        if args.follow is None and isinstance(footage, Sized):
            raise
        found = ScenePrediction(folder.name, StoredFrames(folder / FRAMES))
    each = 1000 * (time.perf_counter() - start) / len(found.frames)
    table = stream.scene().table
    _write_table(folder / TABLE, table)
    text = ""
    if args.realtime is not None:
        text = f", {len(footage.dropped)} dropped to keep real time"
    number = f"{len(found.frames)}"
    if isinstance(footage, Sized):
        number += f" of {len(footage)}"
    print(
        f"{folder}: {number} frames{text}, {len(table)} instances, {each:.0f} ms a "
        "frame with reading and writing"
    )
    for path in save(found, folder, [kind for kind in args.save if kind != NPZ]):
        print(f"  {path}")
    return found


def _write_table(path: Path, table: tuple[Any, ...]) -> None:
    """A row per instance: id, class, score, when it was seen, and where it is."""
    from io import StringIO

    from vantage3d.io.atomic import atomic_write_bytes

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    corners = [f"{axis}_{end}" for end in ("min", "max") for axis in "xyz"]
    counts = ("frames", "first", "last", "voxels")
    writer.writerow(["id", "label", "label_score", "score", *counts, *corners])
    for row in table:
        scores = [f"{value:.3f}" for value in (row.label_score, row.score)]
        box = [f"{value:.3f}" for value in row.box]
        values = [getattr(row, name) for name in counts]
        writer.writerow([row.id, row.label, *scores, *values, *box])
    atomic_write_bytes(path, text.getvalue().encode())
