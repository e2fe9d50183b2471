"""``tools/create_data.py co3d``: an index of Co3D with VGGT's annotations."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from vantage3d.converters.annotations import (
    AnnotatedFrame,
    AnnotationSource,
    add_annotation_folder,
    annotation_files,
)
from vantage3d.converters.index.build import build_index
from vantage3d.converters.runs import add_index_arguments, index_options
from vantage3d.views.index import IndexedFrame

# The categories that VGGT was trained on; Co3D's other ten are for evaluation.
SEEN_CATEGORIES = (
    *("apple", "backpack", "banana", "baseballbat", "baseballglove", "bench"),
    *("bicycle", "bottle", "bowl", "broccoli", "cake", "car", "carrot", "cellphone"),
    *("chair", "cup", "donut", "hairdryer", "handbag", "hydrant", "keyboard"),
    *("laptop", "microwave", "motorcycle", "mouse", "orange", "parkingmeter"),
    *("pizza", "plant", "stopsign", "teddybear", "toaster", "toilet", "toybus"),
    *("toyplane", "toytrain", "toytruck", "tv", "umbrella", "vase", "wineglass"),
)


@dataclass(frozen=True)
class Co3dSource(AnnotationSource):
    """Annotation files ``<category>_<split>.jgz``; depth beside the images."""

    reader: str = "co3d"

    def name(self, path: Path, name: str) -> str:
        category = _category(path)
        return name if name.startswith(f"{category}/") else f"{category}/{name}"

    def candidates(self, sequence: str) -> list[Path]:
        category = sequence.partition("/")[0]
        return [path for path in super().candidates("") if _category(path) == category]

    def frame(self, number: int, frame: AnnotatedFrame) -> IndexedFrame:
        depth = f"{frame.image.replace('/images', '/depths')}.geometric.png"
        return super().frame(number, frame._replace(depth=depth))


def _category(path: Path) -> str:
    return path.stem.rpartition("_")[0]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser, min_frames=24)
    add_annotation_folder(parser)
    text = "those of released training by default"
    add = parser.add_argument
    add("--categories", nargs="+", default=list(SEEN_CATEGORIES), help=text)


def run(args: argparse.Namespace) -> None:
    """Index Co3D as the command line says."""
    options = index_options(args, "co3d")
    prefixes = [f"{category}_" for category in args.categories]
    files = annotation_files(args, prefixes)
    build_index(Co3dSource(args.root_path, files), options)
