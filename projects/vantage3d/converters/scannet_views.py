"""``tools/create_data.py scannet_views``: an index of exported ScanNet scenes."""

import argparse

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import index_options
from vantage3d.converters.scannet import ScanNetSource, add_scannet_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_scannet_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Index exported scenes as the command line says."""
    options = index_options(args, "scannet_views")
    build_index(ScanNetSource(args.root_path, tuple(args.val_scenes)), options)
