"""Reconstructed scenes as samples: vertices, and mesh segments as superpoints."""

import argparse
from functools import partial

from vantage3d.converters.runs import check_run, from_args
from vantage3d.esam.converters.convert import ConvertOptions, check_splits, make_all
from vantage3d.esam.converters.meshes import MeshLabeller
from vantage3d.esam.converters.samples import (
    Arrays,
    Entry,
    Quality,
    SampleName,
    quality_of,
)

FORMAT = 1  # Raise it when the bytes of a cloud change for the same options.


def cloud_options(args: argparse.Namespace, name: str, *counts: str) -> ConvertOptions:
    """What the command line says; ``name`` starts info files.

    Raises:
        FileNotFoundError: If ``--root-path`` is no folder.
        ValueError: If a number, such as those of ``counts``, is out of range.
    """
    check_run(args, *counts)
    return from_args(ConvertOptions, args, name=args.extra_tag or name)


def convert_clouds(labeller: MeshLabeller, options: ConvertOptions) -> None:
    """Write the cloud of every scene of ``labeller``, the info files and the reports.

    Finished clouds of an earlier run with the same options are kept.

    Raises:
        ValueError: If there are no scenes, the splits overlap, the folder was made with
            other options, or too many scenes are bad.
    """
    splits = {
        split: [SampleName(scene) for scene in scenes]
        for split, scenes in labeller.scenes().items()
    }
    check_splits(splits)
    made_with = {"cloud_format": FORMAT, **labeller.options}
    make_all(labeller, splits, options, made_with, partial(_cloud, labeller), "scenes")


def _cloud(labeller: MeshLabeller, name: SampleName) -> tuple[Arrays, Entry, Quality]:
    arrays, file = labeller.cloud(name.scene), f"{name.idx}.bin"
    entry = {
        "sample_idx": name.idx,
        "lidar_points": {"num_pts_feats": 6, "lidar_path": file},
        "pts_semantic_mask_path": file,
        "pts_instance_mask_path": file,
        "super_pts_path": file,
        "axis_align_matrix": labeller.axis_align(name.scene).tolist(),
        "num_points": len(arrays["points"]),
    }
    return arrays, entry, quality_of(arrays, labeller.label_column)
