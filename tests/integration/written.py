"""One small file of every kind that the project writes, and how each is read."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose
from safetensors.torch import save
from torch import nn

from vantage3d.engine.checkpoints.file import read_checkpoint, write_checkpoint
from vantage3d.esam.converters.samples import FOLDERS, SampleStore
from vantage3d.esam.datasets import (
    LoadAnnotations3D_,
    LoadPointsFromFile_,
    ScanNet200SegDataset_,
)
from vantage3d.evaluation.results.folder import (
    MeasuredWindow,
    RecordFile,
    ResultFolder,
    summarise,
)
from vantage3d.evaluation.results.run import read_frames, read_run, read_windows
from vantage3d.evaluation.results.windows import (
    EvaluationWindow,
    WindowChoice,
    WindowRules,
    load_windows,
)
from vantage3d.io.arrays import load_arrays
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import read_sealed, seal
from vantage3d.io.depth_files import write_depth_npz, write_depth_png
from vantage3d.io.feature_identity import read_made_by
from vantage3d.io.features import FeatureSource, read_features, write_features
from vantage3d.io.image_checksums import sign_jpeg
from vantage3d.io.images import read_color, read_depth
from vantage3d.io.infos import load_info, save_info
from vantage3d.io.manifest import open_manifest
from vantage3d.io.sidecars import write_hashed_bytes
from vantage3d.vggt_lora.models.adapters import Adapters, LoraSettings, read_adapter
from vantage3d.views.frame import Frame
from vantage3d.views.index import Facts, FrameIndex, IndexedFrame
from vantage3d.views.kitti360 import read_view, write_view

POINTS, FRAME = 50, "scene0000_00_20"
PREFIXES = {
    "pts": "points",
    "pts_semantic_mask": "semantic_mask",
    "pts_instance_mask": "instance_mask",
    "sp_pts_mask": "super_points",
    "pixels": "pixels",
}
SOURCE = FeatureSource("net", "ab" * 32, (3,), (32, 24), (32, 24), 8, 4)


class Written(NamedTuple):
    """Files of one kind.

    Attributes:
        files: Those that are damaged.
        read: What the project reads from them.
    """

    files: list[Path]
    read: Callable[[], Any]


def kinds(root: Path) -> Iterator[tuple[str, Written]]:
    """Every kind, written below ``root``."""
    rng = np.random.default_rng(0)
    yield from _samples(root / "samples", rng)
    yield from _images(root / "images", rng)
    yield from _features(root / "features")
    yield from _weights(root / "weights")
    yield from _results(root / "results", rng)


def _samples(root: Path, rng: np.random.Generator) -> Iterator[tuple[str, Written]]:
    options = {"format": 3, "--seed": 0}
    key = open_manifest(root / ".create_data/x", options, overwrite=False)
    store = SampleStore(root, root / ".create_data/x", key)
    arrays = {
        "points": rng.integers(0, 255, (POINTS, 6)),
        "semantic_mask": rng.integers(0, 40, POINTS),
        "instance_mask": rng.integers(0, 9, POINTS),
        "super_points": np.arange(POINTS) % 7,
        "pixels": rng.integers(0, 99, (POINTS, 2)),
    }
    file = f"{FRAME}.bin"
    keys = ("pts_semantic_mask_path", "pts_instance_mask_path", "super_pts_path")
    entry = {
        "sample_idx": FRAME,
        "lidar_points": {"num_pts_feats": 6, "lidar_path": file},
        **dict.fromkeys((*keys, "pixels_path"), file),
        "pose": rng.normal(size=(4, 4)).tolist(),
        "num_points": POINTS,
    }
    marker = store.write(arrays, entry, {"purity": 0.5})
    info = root / "infos.json"
    save_info(info, {"dataset": "x"}, [marker["entry"]])
    arrays_of = partial(_load_sample, root)
    for folder in FOLDERS:
        yield folder, Written([root / folder / file], arrays_of)
    yield "info file", Written([info], partial(load_info, info))
    path = root / f".create_data/x/done/{FRAME}.json"
    yield "marker", Written([path], partial(store.read, FRAME))
    state = root / ".create_data/x"
    manifest = partial(open_manifest, state, options, overwrite=False)
    yield "manifest", Written([state / "manifest.json"], manifest)
    frames = [
        IndexedFrame(n, f"a/{n}.jpg", f"b/{n}.png", np.eye(3), _pose(rng), f"c/{n}.png")
        for n in range(5)
    ]
    index = root / "train.npz"
    columns = {"building": rng.random(5)}
    FrameIndex.build(Facts("integer", "."), {"s": frames}, columns).save(index)
    yield "frame index", Written([index], lambda: vars(FrameIndex.load(index)))


def _load_sample(root: Path) -> dict[str, Any]:
    data = ScanNet200SegDataset_(
        data_root=str(root), ann_file="infos.json", data_prefix=PREFIXES, pipeline=[]
    )
    steps = Compose([LoadPointsFromFile_(), LoadAnnotations3D_()])
    found = steps(data.get_data_info(0))
    found["points"] = found["points"].tensor
    return found


def _pose(rng: np.random.Generator) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = rng.normal(size=3)
    return pose


def _images(root: Path, rng: np.random.Generator) -> Iterator[tuple[str, Written]]:
    root.mkdir()
    ramp = np.add.outer(np.arange(24.0), np.arange(32.0)) / 10 + 1
    depth = (ramp + rng.normal(0, 0.01, ramp.shape)).astype(np.float32)
    color = rng.integers(0, 255, (24, 32, 3)).astype(np.uint8)
    files = [root / name for name in ("d.png", "d.npz", "c.jpg", "v.bin")]
    write_depth_png(files[0], depth, 256)
    yield "depth map", Written(files[:1], lambda: read_depth(files[0], 256))
    write_depth_npz(files[1], depth)
    arrays = partial(load_arrays, files[1], "depth", "Make it again", ("depth",))
    yield "depth archive", Written(files[1:2], arrays)
    smooth = cv2.GaussianBlur(color, (5, 5), 2)
    atomic_write_bytes(files[2], sign_jpeg(cv2.imencode(".jpg", smooth)[1].tobytes()))
    yield "photograph", Written(files[2:3], lambda: read_color(files[2]))
    labels = rng.integers(0, 9, depth.shape).astype(np.int16)
    write_view(files[3], Frame(color, depth, np.eye(3), np.eye(4), labels))
    yield "packed view", Written(files[3:], lambda: read_view(files[3], 24, 32))


def _features(root: Path) -> Iterator[tuple[str, Written]]:
    feats = torch.randn(SOURCE.shape, generator=torch.Generator().manual_seed(0))
    for form in ("pt", "safetensors"):
        path = root / f"scene0000_00/20.{form}"
        write_features(path, feats, SOURCE, FRAME)
        yield (
            f"features, {form}",
            Written([path], partial(read_features, path, SOURCE, FRAME)),
        )
    made_by = {
        "model": "net", "weights": "ab" * 32, "layers": [3], "patch": 8, "channels": 4,
        "input_size": None,
    }  # fmt: skip
    path = root / "extraction.json"
    atomic_write_bytes(path, _sealed(made_by))
    yield "extraction", Written([path], partial(read_made_by, root))


def _weights(root: Path) -> Iterator[tuple[str, Written]]:
    root.mkdir()
    path, exported = root / "a.pth", root / "b.safetensors"
    state = {"weight": torch.arange(200.0)}
    write_checkpoint({"meta": {"epoch": 1}, "state_dict": state}, path)
    sums = [Path(f"{file}.sha256") for file in (path, exported)]
    yield "checkpoint", Written([path, sums[0]], partial(read_checkpoint, path))
    write_hashed_bytes(exported, save(state))
    read = partial(read_checkpoint, exported)
    yield "exported weights", Written([exported, sums[1]], read)
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 2))
    adapters = Adapters(model, LoraSettings(["0"], rank=2))
    folder = root / "adapter"
    adapters.write(model.state_dict(), folder)
    files = sorted(folder.iterdir())
    yield "adapter", Written(files, lambda: _adapter(folder))


def _adapter(folder: Path) -> Any:
    state = read_adapter(folder)
    return dict(state), state._metadata


def _results(root: Path, rng: np.random.Generator) -> Iterator[tuple[str, Written]]:
    windows = tuple(
        EvaluationWindow(f"s_{n:010d}", "s", (n, n + 1), "rich") for n in range(4)
    )
    choice = WindowChoice(WindowRules("val"), "data", "ab", windows)
    choice.save(root / "windows.json")
    read = partial(load_windows, root / "windows.json")
    yield "windows", Written([root / "windows.json"], read)
    records = [_measured(window.id, rng) for window in windows]
    folder = ResultFolder(root)
    folder.write_model("baseline", choice, records, summarise(windows, records))
    folder.write_overall()
    files = [path for path in root.rglob("*") if path.suffix in (".csv", ".sha256")]
    files.append(root / "models/baseline/metrics.json")
    yield "results", Written(sorted(files), lambda: _run(root))
    log = root / "records.jsonl"
    kept = RecordFile(log, {"windows": "ab"})
    for record in records:
        kept.add(record)
    yield "records", Written([log], lambda: RecordFile(log, {"windows": "ab"}).known)
    result = root / "result.json"
    atomic_write_bytes(result, _sealed({"metrics": {"AP": 0.25}, "seed": 0}))
    read = partial(read_sealed, result, "result", "Run it again")
    yield "comparison", Written([result], read)


def _measured(name: str, rng: np.random.Generator) -> MeasuredWindow:
    frames = [{"depth.full.abs_rel": float(v)} for v in rng.random(2)]
    return MeasuredWindow(name, frames, {"camera.ate_trans": float(rng.random())}, 0.5)


def _run(root: Path) -> Any:
    run = read_run(root)
    metrics = ("depth.full.abs_rel", "camera.ate_trans")
    tables = [read(run.models[0], metrics) for read in (read_windows, read_frames)]
    return run.models, [vars(table) for table in tables if table is not None]


def _sealed(content: dict) -> bytes:

    return seal(json.dumps(content, indent=1))


def same(a: Any, b: Any) -> bool:
    """Whether two values that were read are equal bit by bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        a, b = a.numpy(), b.numpy()
    if isinstance(a, np.ndarray):
        is_alike = a.dtype == b.dtype and a.shape == b.shape
        return is_alike and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "__dict__") and not isinstance(a, type):
        return same(vars(a), vars(b))
    return a == b or (a != a and b != b)
