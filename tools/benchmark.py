"""Measure: python tools/benchmark.py SUBJECT [options]; SUBJECT --help lists them."""

import argparse
import importlib
import sys

import vantage3d  # noqa: F401  its stand-ins come before any mmdet3d

# subject -> module with add_arguments(parser) and run(args), and what it measures
SUBJECTS = {
    "sparse": ("benchmarks.sparse", "sparse engine beside MinkowskiEngine"),
    "esam": ("benchmarks.esam", "ESAM's stages on frames of a recording"),
    "esam_stream": ("benchmarks.esam_stream", "a stream's stages, early and late"),
    "extraction": ("benchmarks.extraction", "image features beside timm's forward"),
    "image_features": ("benchmarks.image_features", "what image features cost"),
    "vggt": ("benchmarks.vggt", "VGGT's seconds and memory by number of frames"),
    "vggt_data": ("benchmarks.vggt_data", "KITTI-360 samples per second and core"),
    "depth_metrics": ("benchmarks.depth_metrics", "all depth metrics on 1000 frames"),
    "evaluation": ("benchmarks.evaluation", "depth of many models, shared and spread"),
    "deltas": ("benchmarks.deltas", "DELTAS's stages beside a bare ResNet-50"),
    "long": ("benchmarks.long", "long sequences in chunks (`make demo-long`)"),
    "gpu": ("benchmarks.gpu", "all that a GPU has to show (`make gpu-check`)"),
    "soak": ("benchmarks.soak", "kills, damage, memory over an hour (`make soak`)"),
    "scannet_ap": ("benchmarks.scannet_ap", "ScanNet AP beside mmdet3d"),
    "referee": ("benchmarks.referee", "evaluate instances at the size of ScanNet"),
    "preflight": ("benchmarks.preflight", "faults of recordings, named or not"),
}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="subject", required=True)
    for name, (module, text) in SUBJECTS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in argv[:1]:  # the others' imports may take many seconds
            subject = importlib.import_module(module)
            subject.add_arguments(command)
            command.set_defaults(run=subject.run)
    args = parser.parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
