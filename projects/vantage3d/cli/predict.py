"""``predict``: from a recording to results."""

import argparse
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from vantage3d.cli.arguments import command_parser, config_file
from vantage3d.converters.runs import add_extra_roots
from vantage3d.process.command import one_message
from vantage3d.recordings.options import add_layout, add_remedies
from vantage3d.results.outputs import OUTPUTS

NPZ = "npz"  # always made: what a killed run goes on from, and outputs are made of
OF_ESAM = (
    "depth_from",
    "segmenter",
    "mask_dir",
    "segmenter_weights",
    "num_points",
    "labels",
    "bf16",
)
OF_VGGT = ("chunk", "overlap", "metric_from", "known_length", "without_adapters")
SEGMENTERS = ("fastsam", "geometry", "graph", "masks", "sam")


class System(NamedTuple):
    """A system on the command line.

    Attributes:
        package: Package of ``vantage3d``.
        name: Public name of its predictor.
        text: What it does, for people.
    """

    package: str
    name: str
    text: str


SYSTEMS = {
    "esam": System("esam", "RGBDSegmenter", "instances of RGB-D frames"),
    "vggt": System("vggt_lora", "DepthAndPoses", "depth and poses of images alone"),
    "deltas": System("deltas", "PosedDepth", "depth of images with poses"),
}


def add_source(parser: argparse.ArgumentParser) -> None:
    """What is predicted from, with which weights, and where to."""
    add = parser.add_argument
    add("source", type=Path, help="folder or file of the recording, in any layout")
    add("--weights", help="a checkpoint, or the work dir of a run")
    add("--config", type=config_file, help="if it does not lie beside the weights")
    add("--out", type=Path, required=True, help="folder of the results")
    add("--sequences", nargs="+", metavar="NAME", help="all if absent")
    add("--device", help="cpu, cuda, cuda:1; a GPU where there is one if absent")
    text = "forget what OUT has of another recording, other weights or options"
    add("--overwrite", action="store_true", help=text)
    text = "go on with a recording that the preflight finds wrong"
    add("--force", action="store_true", help=text)
    add_layout(parser)
    add_remedies(parser)
    add_extra_roots(parser)


def add_esam(parser: argparse._ActionsContainer) -> None:
    """Options that :func:`of_esam` reads."""
    add = parser.add_argument
    add("--segmenter", choices=SEGMENTERS, help="of superpoints; graph if absent")
    add("--mask-dir", type=Path, help="of --segmenter masks: <frame>.png")
    add("--segmenter-weights", type=Path, help="of --segmenter sam and fastsam")
    add("--num-points", type=int, help="drawn of a frame; 20000 if absent")
    text = "network of voxels in half precision, where the processor has AVX512-BF16"
    add("--bf16", action="store_true", default=None, help=text)


def predict(argv: list[str] | None = None) -> None:
    """Predict with trained weights on a recording: nothing is labelled or trained.

    Example:
        python tools/predict.py esam data/desk --weights work_dirs/demo --out OUT
        python tools/predict.py vggt tour.mp4 --weights work_dirs/depth --out OUT
        python tools/predict.py esam tour.mp4 --weights work_dirs/demo --out OUT \\
            --depth-from vggt --depth-weights work_dirs/depth
        python tools/predict.py esam images --weights work_dirs/demo --out OUT \\
            --depth-from FOLDER

    OUT has a folder per sequence with ``frames/<frame>.npz``, the arrays of every
    frame, and what --save asks for. Call it again after a kill: finished frames are
    kept, the rest goes on. docs/predict.md says what the files hold.
    """
    parser = command_parser(predict.__doc__ or "")
    add = parser.add_argument
    text = "; ".join(f"{name}: {system.text}" for name, system in SYSTEMS.items())
    add("system", choices=SYSTEMS, metavar="SYSTEM", help=text)
    add_source(parser)
    text = "what to make beside the arrays of every frame: "
    text += "; ".join(f"{name}: {said}" for name, (_, said) in OUTPUTS.items())
    add("--save", nargs="+", choices=[NPZ, *OUTPUTS], default=[NPZ], help=text)
    add("--show", action="store_true", help="open a page of each scene in a browser")
    add("--batch-size", type=int, default=1, help="frames at once")
    group = parser.add_argument_group("esam")
    add = group.add_argument
    text = "depth for recordings without: vggt, deltas, or a folder of .npz files"
    add("--depth-from", metavar="WHAT", help=text)
    add("--depth-weights", help="of --depth-from vggt or deltas")
    add("--depth-config", type=config_file, help="likewise")
    add_esam(group)
    text = "print AP against instance/<frame>.png of this folder, or of one in it of "
    text += "the sequence's name; 0 is none"
    add("--labels", type=Path, metavar="FOLDER", help=text)
    add = parser.add_argument_group("vggt").add_argument
    text = "frames at once, 24 if absent; `vantage3d plan` says how many fit"
    add("--chunk", type=int, help=text)
    add("--overlap", type=int, help="frames that chunks share; a third if absent")
    text = "where the scale in metres comes from; auto if absent: depth, else poses"
    add("--metric-from", choices=["auto", "depth", "poses", "none"], help=text)
    text = "a length that is known: a frame, two pixels of it, and metres between"
    place = ("FRAME", "X", "Y", "X", "Y", "METRES")
    add("--known-length", nargs=6, metavar=place, help=text)
    text = "predict without the adapters of the weights"
    add("--without-adapters", action="store_true", default=None, help=text)
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    from vantage3d.process.lock import locked

    text = "stopped; the same command goes on from here"
    with one_message(text), locked(args.out, "--out"):
        _predict(args)


def _predict(args: argparse.Namespace) -> None:
    from vantage3d.converters.index.preflight import refuse_wrong
    from vantage3d.converters.recordings import RecordingSource, opened
    from vantage3d.inference import depth_files, open_footage
    from vantage3d.inference.trained import find_trained

    _check(args)
    args.root_path = args.source
    recording = opened(args)
    names = args.sequences or recording.sequences()
    chained = args.depth_from in SYSTEMS
    first = args.depth_from if chained else args.system
    depths = None if chained or not args.depth_from else Path(args.depth_from)
    for name in names:  # before weights are read
        own = depths and depth_files(depths, name)
        _class(first).check(open_footage(recording, name, own))
    find_trained(args.weights, args.config, args.system)
    if chained:
        find_trained(args.depth_weights, args.depth_config, args.depth_from)
    if args.labels is not None:
        from vantage3d.esam.evaluation import labelled

        frames = {name: recording.names(name) for name in names}
        labels = labelled.label_files(args.labels, frames)
    refuse_wrong(RecordingSource(recording, trains=False), args.force, names)
    predictor = _predictor(args, args.system, args.weights, args.config)
    if chained:
        depths = args.out / f"depth_from_{args.depth_from}"
        weights = args.depth_weights, args.depth_config
        of_depth = _predictor(args, args.depth_from, *weights)
        _run(args, of_depth, recording, names, depths)
        del of_depth  # and its memory
    scenes = _run(args, predictor, recording, names, args.out, args.save, depths)
    if args.labels is not None:
        labelled.score(scenes, labels, args.out)


def _run(
    args: argparse.Namespace,
    predictor: Any,
    recording: Any,
    names: list[str],
    out: Path,
    kinds: Iterable[str] = (),
    depths: Path | None = None,
) -> dict[str, Any]:
    """Predict sequences into folders of ``out``, and make outputs of each; scenes."""
    from vantage3d.inference import depth_files, open_footage
    from vantage3d.io.names import public_name
    from vantage3d.results.outputs import save

    scenes = {}
    for name in names:
        own = depths and depth_files(depths, name)
        footage, folder = open_footage(recording, name, own), out / public_name(name)
        show, again = args.show and out == args.out, args.overwrite
        scene = predictor(footage, args.batch_size, folder, show, overwrite=again)
        scenes[name] = scene
        print(f"{folder}: {len(scene.frames)} of {len(footage)} frames")
        for path in save(scene, folder, [kind for kind in kinds if kind != NPZ]):
            print(f"  {path}")
    return scenes


def check_out(args: argparse.Namespace) -> None:
    """Refuse a device that is not there, to write among the files of a recording, and
    numbers below 1.
    """
    from vantage3d.process.machine import chosen_device

    chosen_device(args.device)
    if args.out.resolve() == args.source.resolve():
        raise ValueError(
            f"--out {args.out} is the recording itself: results would lie among its "
            "files. Choose another folder"
        )
    for name in ("batch_size", "num_points"):
        if (value := getattr(args, name, None)) is not None and value < 1:
            raise ValueError(f"{_option(name)} must be at least 1, got {value}")


def _check(args: argparse.Namespace) -> None:
    """Refuse options that would do nothing, or harm the recording."""
    check_out(args)
    given = [name for name in OF_ESAM if getattr(args, name) is not None]
    if given and args.system != "esam":
        raise ValueError(
            f"{_option(given[0])} is of esam, and {args.system} was chosen"
        )
    given = [name for name in OF_VGGT if getattr(args, name) is not None]
    if given and "vggt" not in (args.system, args.depth_from):
        raise ValueError(
            f"{_option(given[0])} is of vggt, and {args.system} was chosen"
        )
    if "coco" in args.save and args.system != "esam":
        raise ValueError(
            f"--save coco needs instances, which esam finds, and {args.system} was "
            "chosen"
        )
    for name in ("depth_weights", "depth_config"):
        if getattr(args, name) and args.depth_from not in SYSTEMS:
            raise ValueError(
                f"{_option(name)} needs --depth-from vggt or deltas, got "
                f"{args.depth_from}"
            )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _class(system: str) -> Any:
    package, name, _ = SYSTEMS[system]
    return getattr(import_module(f"vantage3d.{package}"), name)


def _predictor(
    args: argparse.Namespace, system: str, weights: str | None, config: str | None
) -> Any:
    """A system's predictor, with the arguments that it alone has."""
    own = {"esam": of_esam, "vggt": _of_vggt}.get(system, lambda _: {})(args)
    return _class(system)(weights, config, args.device, **own)


def _of_vggt(args: argparse.Namespace) -> dict[str, Any]:
    from vantage3d.vggt_lora.inference import KnownLength

    options = {
        name: getattr(args, name) for name in ("chunk", "overlap", "metric_from")
    }
    options = {name: value for name, value in options.items() if value is not None}
    if args.known_length is not None:
        name, *numbers = args.known_length
        try:
            x1, y1, x2, y2, metres = map(float, numbers)
        except ValueError:
            raise ValueError(
                f"--known-length needs five numbers after the frame, got {numbers}"
            ) from None
        options["length"] = KnownLength(name, (x1, y1), (x2, y2), metres)
    if args.without_adapters:
        options["adapters"] = False
    return options


def of_esam(args: argparse.Namespace) -> dict[str, Any]:
    """Arguments that predictors of instances have of the command line."""
    from vantage3d.esam.converters.segmenters import SegmenterOptions

    said = {
        "name": args.segmenter,
        "mask_dir": args.mask_dir,
        "weights": args.segmenter_weights,
    }
    given = {key: value for key, value in said.items() if value is not None}
    options: dict[str, Any] = {"segmenter": SegmenterOptions(**given)}
    if args.num_points is not None:
        options["num_points"] = args.num_points
    if args.bf16:
        options["bf16"] = True
    return options
