"""The shelf sample of the Amazon Picking Challenge toolbox, as an RGB-D folder.

Its depth images rotate the bits of a 16-bit value by three and count tenths of a
millimetre; poses and intrinsics of all frames share one text file.
"""

import argparse
import re
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray

from vantage3d.converters.runs import add_folders
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import unrotate_bits
from vantage3d.io.files import existing
from vantage3d.io.folders import matching
from vantage3d.io.images import encode_png, read_color, read_ids
from vantage3d.io.matrices import matrix_text
from vantage3d.io.raw_manifest import NAME, write_manifest
from vantage3d.io.sidecars import file_hash
from vantage3d.io.text import read_text, split_words
from vantage3d.process.progress import track

SCENE = "shelf"
VAL_FRAMES = ("000004", "000012")
UNITS_PER_MM = 10


def read_camera_file(path: Path) -> dict[str, NDArray[np.float64]]:
    """The matrices of ``cam.info.txt`` by their headings.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If a matrix is not 3 x 3 or 4 x 4.
    """
    existing(path, "camera file", "--root-path must be the folder with it")
    matrices = {}
    for block in re.split(r"^# ", read_text(path), flags=re.MULTILINE):
        heading, _, body = block.partition("\n")
        try:
            values = np.array(split_words(body), dtype=np.float64)
        except ValueError as error:
            raise ValueError(f"camera file {path}, {heading!r}: {error}") from None
        if values.size == 0:
            continue
        if values.size not in (9, 16):
            raise ValueError(
                f"camera file {path}, {heading!r}: {values.size} numbers, expected 9 "
                "or 16. Download it again"
            )
        side = 3 if values.size == 9 else 4
        matrices[heading.strip()] = values.reshape(side, side)
    return matrices


def decode_depth(raw: NDArray[np.integer]) -> NDArray[np.uint16]:
    """(H, W) depth in millimetres, rounded, from the stored 16-bit values."""
    return np.round(unrotate_bits(raw) / UNITS_PER_MM).astype(np.uint16)


def import_shelf(root: Path, out_dir: Path, val_frames: tuple[str, ...]) -> None:
    """Write the frames in ``root`` as an RGB-D folder with train.txt and val.txt.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If there are no frames, a file is damaged, or a frame of
            ``val_frames`` does not exist.
    """
    cameras = read_camera_file(root / "cam.info.txt")
    frames = [path.name[6:12] for path in matching(root, "frame-*.color.png")]
    if not frames:
        raise ValueError(f"no frames found: 0 files frame-*.color.png in {root}")
    if unknown := sorted(set(val_frames) - set(frames)):
        raise ValueError(
            f"--val-frames {unknown[0]} is not in {root}, which has {', '.join(frames)}"
        )
    scene = out_dir / SCENE
    K = _find(cameras, "Color camera intrinsic")
    atomic_write_bytes(scene / "intrinsic.txt", matrix_text(K).encode())
    for frame in track(frames, description="apc_shelf"):
        _import_frame(root, scene, frame, _find(cameras, f"for frame-{frame}"))
    for split, wanted in (("train", False), ("val", True)):
        chosen = [f"{SCENE}_{f}\n" for f in frames if (f in val_frames) == wanted]
        atomic_write_bytes(out_dir / f"{split}.txt", "".join(chosen).encode())
    written = [p for p in out_dir.rglob("[!.]*") if p.is_file() and p.name != NAME]
    names = {path.relative_to(out_dir).as_posix(): path for path in written}
    write_manifest(out_dir, {name: file_hash(path) for name, path in names.items()})
    print_log(f"{out_dir}: {len(frames)} frames", logger="current")


def _import_frame(root: Path, scene: Path, frame: str, cam2world: NDArray) -> None:
    color = root / f"frame-{frame}.color.png"
    read_color(color)  # refuses a damaged file
    atomic_write_bytes(scene / "color" / f"{frame}.png", color.read_bytes())
    depth = decode_depth(read_ids(root / f"frame-{frame}.depth.png", "depth image"))
    atomic_write_bytes(scene / "depth" / f"{frame}.png", encode_png(depth))
    instances = read_ids(root / "segm" / f"frame-{frame}.segm.png")
    ids = encode_png(instances.astype(np.uint16))
    atomic_write_bytes(scene / "instance" / f"{frame}.png", ids)
    pose = matrix_text(cam2world).encode()
    atomic_write_bytes(scene / "pose" / f"{frame}.txt", pose)


def _find(cameras: dict[str, NDArray], end: str) -> NDArray[np.float64]:
    for heading, matrix in cameras.items():
        if end in heading:
            return matrix
    raise ValueError(f"the camera file has no {end!r}, only {sorted(cameras)}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the shelf importer."""
    add_folders(parser)
    parser.add_argument(
        "--val-frames", nargs="*", default=list(VAL_FRAMES), help="held-out frames"
    )


def run(args: argparse.Namespace) -> None:
    """Import the shelf as the command line says."""
    import_shelf(args.root_path, args.out_dir, tuple(args.val_frames))
