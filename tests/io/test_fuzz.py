"""A thousand damaged files through every reader: read, or refused in words."""

import json
import pickle
import random
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.damage import CLEAN, damaged, falls
from vantage3d.converters.annotations import (
    AnnotatedFrame,
    parse_frames,
    read_annotations,
    write_annotations,
)
from vantage3d.engine.checkpoints.file import read_checkpoint, write_checkpoint
from vantage3d.engine.errors import CheckpointError
from vantage3d.io import depth_files, images, points
from vantage3d.io.colmap import read_colmap
from vantage3d.io.features import FeatureSource, read_features, write_features
from vantage3d.io.infos import load_info, save_info
from vantage3d.io.matrices import matrix_text, read_matrix, read_pose
from vantage3d.io.sens import SensFrame, SensHeader, open_sens, write_sens
from vantage3d.io.text import read_list
from vantage3d.io.trajectories import read_trajectory
from vantage3d.recordings.layouts.transforms import Transforms
from vantage3d.recordings.recording import RecordedFrame
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame

NUMBER = 1000
RNG = np.random.default_rng(3)
COLOR = RNG.integers(0, 255, (18, 24, 3), dtype=np.uint8)
DEPTH = RNG.uniform(0.5, 4, (18, 24)).astype(np.float32)
K = np.array([[20.0, 0, 12], [0, 20, 9], [0, 0, 1]])
POSE = np.eye(4)
POSE[:3, 3] = 0.1, -0.2, 0.30000000000000004
SOURCE = FeatureSource("net", "w", (1,), (56, 42), (56, 42), 14, 4)


class Reader(NamedTuple):
    """A kind of file.

    Attributes:
        name: Of the file, in a folder of its own.
        write: Writes a whole one.
        read: Reads it, and what follows from it.
    """

    name: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]


def image(path, values):
    Image.fromarray(values).save(path)


def encoded(path, values):
    path.write_bytes(cv2.imencode(path.suffix, values)[1].tobytes())


def exr(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENCV_IO_ENABLE_OPENEXR", "1")
        encoded(path, DEPTH)


def pages(path):
    """A TIFF of floats."""
    Image.fromarray(DEPTH).save(path)


def sens(path):
    eye = np.eye(4, dtype=np.float32)
    header = SensHeader(eye, eye, (24, 18), (24, 18), 1000.0, 2)
    jpeg = cv2.imencode(".jpg", COLOR)[1].tobytes()
    depth = (1000 * DEPTH).astype(np.uint16)
    write_sens(path, header, [SensFrame(eye, jpeg, depth)] * 2)


def read_sens(path):
    file = open_sens(path)
    return [file.frame(number) for number in range(file.header.frames)]


def index(path):
    frames = [IndexedFrame(n, f"{n}.jpg", f"{n}.png", K, POSE) for n in range(9)]
    found = FrameIndex.build(Facts("integer", "../raw"), {"a": frames, "b/c": frames})
    found.save(path)


def read_index(path):
    found = FrameIndex.load(path)
    return [list(found.frames(name)) for name in found.sequences]


def annotations(path):
    frames = [AnnotatedFrame(f"{n}.jpg", POSE, K, f"{n}.png") for n in range(4)]
    write_annotations(path, {"a": frames, "b": frames})


def read_frames(path):
    for name, entries in read_annotations(path).items():
        list(parse_frames(f"{name} of {path.name}", entries))


def entries():
    keys = ("pts_semantic_mask_path", "pts_instance_mask_path", "super_pts_path")
    lidar = {"num_pts_feats": 6, "lidar_path": "a_1.bin"}
    entry = {"sample_idx": "a_1", "lidar_points": lidar, "pose": POSE, "cam2img": K}
    return [entry | dict.fromkeys(keys, "a_1.bin") for _ in range(3)]


def legacy(path, protocol):
    info = {"metainfo": {"categories": {"chair": 2}}, "data_list": entries()}
    path.write_bytes(pickle.dumps(info, protocol))


def hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("dataset", data=DEPTH.astype("f2"), compression="gzip")


def checkpoint(path):
    model = {"a.weight": torch.ones(4, 3), "b": torch.arange(3)}
    write_checkpoint({"state_dict": model, "meta": {"epoch": 3}}, path)
    path.with_name(f"{path.name}.sha256").unlink()


def features(path):
    write_features(path, torch.ones(SOURCE.shape), SOURCE, "a_1")


def old_style(path):
    model = {"a": torch.ones(4, 3)}
    torch.save({"state_dict": model}, path, _use_new_zipfile_serialization=False)


def model(path):
    """A COLMAP model, one file of which is to be damaged."""
    import pycolmap

    made = pycolmap.Reconstruction()
    camera = pycolmap.Camera.create(1, pycolmap.CameraModelId.PINHOLE, 20.0, 24, 18)
    made.add_camera_with_trivial_rig(camera)
    for number in range(3):
        seen = [pycolmap.Point2D(np.array([3.0 * k, 2.0 * k])) for k in range(4)]
        view = pycolmap.Image(
            name=f"{number}.jpg", points2D=seen, camera_id=1, image_id=number + 1
        )
        made.add_image_with_trivial_frame(view, pycolmap.Rigid3d())
    for place in range(4):
        track = pycolmap.Track()
        for number in range(3):
            track.add_element(number + 1, place)
        made.add_point3D(np.array([0.1 * place, 0, 3.0]), track, np.zeros(3, np.uint8))
    write = made.write_binary if path.suffix == ".bin" else made.write_text
    write(str(path.parent))


def read_model(path):
    found = read_colmap(path.parent)
    return [image.camera.intrinsics() for image in found.images.values()]


def text(path, content):
    path.write_text(content)


def rows(path, columns, dtype):
    points.write_rows(path, DEPTH[:, :columns], dtype)


def trajectory(path):
    rows = [f"{n / 30:.4f} 0.1 {n / 10} 0 0 0 0 1" for n in range(12)]
    path.write_text("# timestamp tx ty tz qx qy qz qw\n" + "\n".join(rows) + "\n")


def transforms(path):
    image(path.parent / "a.png", COLOR)
    frame = {"file_path": "a.png", "transform_matrix": POSE.tolist()}
    shared = {"fl_x": 20.0, "fl_y": 20.0, "cx": 12.5, "cy": 9.5, "k1": 0.01}
    content = {**shared, "w": 24, "h": 18, "frames": [frame]}
    path.write_text(json.dumps(content))


def read_transforms(path):
    recording = Transforms(path)
    for frame in recording.frames(recording.sequences()[0]):
        if isinstance(frame, RecordedFrame):
            recording.read_color(frame)
        elif str(path.parent) not in frame.reason:
            raise RuntimeError(f"unusable without a name: {frame.reason}")


READERS = (
    Reader("a.jpg", partial(image, values=COLOR), images.read_color),
    Reader("a.png", partial(image, values=COLOR), images.read_color),
    Reader("b.webp", partial(image, values=COLOR), images.read_color),
    Reader("b.bmp", partial(image, values=COLOR), images.read_color),
    Reader(
        "d.png",
        lambda path: depth_files.write_millimetre_png(path, DEPTH),
        depth_files.read_depth_file,
    ),
    Reader(
        "half.png",
        lambda path: depth_files.write_float16_png(path, DEPTH),
        depth_files.read_float16_png,
    ),
    Reader("d.tif", pages, depth_files.read_depth_file),
    Reader("d.pfm", partial(encoded, values=DEPTH), depth_files.read_depth_file),
    Reader("d.exr", exr, depth_files.read_depth_file),
    Reader("d.npy", lambda p: np.save(p, DEPTH), depth_files.read_depth_file),
    Reader("d.h5", hdf5, depth_files.read_depth_file),
    Reader(
        "d.raw",
        lambda path: depth_files.write_raw_float32(path, DEPTH),
        partial(depth_files.read_raw_float32, size=(24, 18)),
    ),
    Reader("s.sens", sens, read_sens),
    Reader("train.npz", index, read_index),
    Reader("train.jgz", annotations, read_frames),
    Reader("i.json", lambda path: save_info(path, {}, entries()), load_info),
    Reader("i.pkl", partial(legacy, protocol=4), load_info),
    Reader("old.pkl", partial(legacy, protocol=0), load_info),
    Reader("f.pt", features, partial(read_features, expected=SOURCE)),
    Reader("f.safetensors", features, partial(read_features, expected=SOURCE)),
    Reader("c.pth", checkpoint, read_checkpoint),
    Reader("old.pth", old_style, read_checkpoint),
    Reader(
        "c.safetensors",
        lambda path: save_file({"a": torch.ones(4, 3)}, path),
        read_checkpoint,
    ),
    *(
        Reader(f"{name}{suffix}", model, read_model)
        for name in ("cameras", "images", "points3D")
        for suffix in (".bin", ".txt")
    ),
    Reader("p.bin", partial(rows, columns=6, dtype="<f4"), points.read_points),
    Reader("l.bin", partial(rows, columns=1, dtype="<i8"), points.read_labels),
    Reader("groundtruth.txt", trajectory, read_trajectory),
    Reader("pose.txt", partial(text, content=matrix_text(POSE)), read_pose),
    Reader(
        "k.txt",
        partial(text, content=matrix_text(K)),
        partial(read_matrix, what="intrinsics"),
    ),
    Reader("train.txt", partial(text, content="a_1\nb_2\nc_3\n"), read_list),
    Reader("transforms.json", transforms, read_transforms),
)
EACH = -(-NUMBER // len(READERS))


@cache
def whole(folder: Path) -> dict[str, bytes]:
    """A whole file of every kind."""
    found = {}
    for reader in READERS:
        path = folder / reader.name.replace(".", "_") / reader.name
        path.parent.mkdir()
        reader.write(path)
        found[reader.name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("damage")
    whole(found)
    return found


@pytest.mark.parametrize("reader", READERS, ids=[reader.name for reader in READERS])
def test_a_damaged_file_is_read_or_refused_in_words(folder, reader):
    path = folder / reader.name.replace(".", "_") / reader.name
    files = whole(folder)
    reader.read(path)
    others = [data for name, data in files.items() if name != reader.name]
    rng = random.Random(reader.name)
    contents = {n: damaged(files[reader.name], others, rng) for n in range(EACH)}
    found = falls(reader.read, path, contents, (*CLEAN, CheckpointError))
    assert not found, "\n".join(f"{reader.name} {n}: {reason}" for n, reason in found)
