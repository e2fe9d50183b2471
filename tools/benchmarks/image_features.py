"""What image features cost: detectors with them beside the one of points alone.

One frame of 20 000 points, offline DINOv2 ViT-L features of a 640 x 480 image, the
whole forward pass from points to masks. The detectors take turns.
"""

import argparse
from pathlib import Path
from statistics import median

import numpy as np
import torch
from benchmarks.measuring import DATA, RECORDING, ROOT, recorded_depth, timed
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.config import Config
from mmengine.registry import init_default_scope

from vantage3d.geometry import pixel_grid, unproject
from vantage3d.registry import MODELS

BASELINE = "ESAM_sv_scannet200_CA"
WAYS = ("dino_inject", "dino_bifusion", "dino_bifusion_inject")
SIZE, POINTS, CHANNELS, PATCH = (640, 480), 20_000, 1024, 14
LIMIT = 1.3  # of the time of points alone, for injection


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--repeats", type=int, default=7, help="turns of each detector")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="recordings")
    parser.add_argument("--device", default="cpu")


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 if injection costs more than 1.3 times the plain forward."""
    init_default_scope("vantage3d")
    torch.manual_seed(args.seed)
    source, batch = make_batch(args.data, args.seed)
    models = {"3D only": build(BASELINE, args.device)}
    for way in WAYS:
        models[way] = build(f"{BASELINE}_{way}", args.device)
    print(f"{POINTS} points of {source}, {torch.get_num_threads()} threads")
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(args.repeats + 1):
        for name, model in models.items():
            spent, _ = timed(lambda m=model: step(m, batch), args.device)
            if turn:  # the first step also makes buffers
                seconds[name].append(spent)
    plain = median(seconds["3D only"])
    for name, times in seconds.items():
        print(
            f"  {name:22s} median {median(times):.3f} s, best {min(times):.3f} s, "
            f"{median(times) / plain:.2f} of 3D only"
        )
    ratio = median(seconds["dino_inject"]) / plain
    print(f"injection costs {ratio:.2f} of 3D only (at most {LIMIT} wanted)")
    return int(ratio > LIMIT)


def build(name: str, device: str):
    """The detector of a config, in evaluation mode."""
    config = Config.fromfile(ROOT / f"configs/ESAM_CA/{name}.py")
    return MODELS.build(config.model).to(device).eval()


@torch.no_grad()
def step(model, batch: dict) -> None:
    """A forward pass, the features' way to the device included."""
    model(**model.data_preprocessor(batch))


def make_batch(data_root: Path, seed: int) -> tuple[str, dict]:
    """Where the geometry is from, and a batch of one frame with random features."""
    folder = data_root / RECORDING
    if folder.is_dir():
        source = f"a depth image of {RECORDING}"
        K = np.loadtxt(folder / "camera-intrinsics.txt")
        depth = recorded_depth(min(folder.glob("frame-*.depth.png")))
    else:
        source, (depth, K) = f"a made-up wall ({folder} is absent)", _made_up()
    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    xyz = unproject(depth, K, pose).reshape(-1, 3)
    chosen = rng.choice(np.flatnonzero(depth), POINTS, replace=False)
    pixels = pixel_grid(*depth.shape, depth).reshape(-1, 2)[chosen]
    center = xyz[chosen].mean(0)
    pose[:3, 3] -= center
    colors = rng.uniform(-1, 1, (POINTS, 3))
    points = np.hstack([xyz[chosen] - center, colors]).astype(np.float32)
    sample = Det3DDataSample()
    tiles = pixels // 40 @ [1, 100]  # superpoints of 40 x 40 pixels
    superpoints = np.unique(tiles, return_inverse=True)[1]
    sample.gt_pts_seg = PointData(sp_pts_mask=torch.from_numpy(superpoints))
    grid = {"image_size": SIZE, "input_size": SIZE, "patch": PATCH}
    facts = {"sample_idx": "benchmark", "pose": pose, "cam2img": K, "pixels": pixels}
    facts |= {"feat_grid": {**grid, "model": "dinov2_vitl14"}, "img_shape": SIZE[::-1]}
    sample.set_metainfo(facts)
    feats = torch.randn(CHANNELS, -(-SIZE[1] // PATCH), -(-SIZE[0] // PATCH))
    inputs = {"points": [torch.from_numpy(points)], "clip_pix": [feats.half()]}
    return source, {"inputs": inputs, "data_samples": [sample]}


def _made_up() -> tuple[np.ndarray, np.ndarray]:
    """A wavy wall two to three metres away."""
    K = np.array([[577.870605, 0, 319.5], [0, 577.870605, 239.5], [0, 0, 1]])
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    return 2.5 + 0.5 * np.sin(x / 60) * np.cos(y / 45), K
