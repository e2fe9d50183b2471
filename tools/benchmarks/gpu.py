"""Everything that a GPU has to show, in under 8 minutes; also ``make gpu-check``.

The tests marked ``gpu``, one training step of each system at full size with its time
and memory, whether gradients repeat bit for bit, and the sparse engine beside
MinkowskiEngine or spconv where they are installed. Every part is a process of its own;
what they found is written as JSON. Exit code 0 if all is well, 1 if a part failed, 2
without a GPU.
"""

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from benchmarks.measuring import ROOT, TOOLS, PeakMemory, cameras_side_by_side, timed
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import Tensor, nn

SYSTEMS = {  # config at full size, config of the demonstration
    "esam": ("ESAM_CA/ESAM_sv_scannet200_CA", "ESAM_CA/ESAM_sv_synthetic_CA"),
    "vggt_lora": (
        "vggt_lora/lora_kitti360_strategy_b",
        "vggt_lora/lora_kitti360_strategy_b_demo",
    ),
    "deltas": ("deltas/deltas_scannet", "deltas/deltas_synthetic"),
}
PARTS = (*SYSTEMS, "sparse")
STEPS = 3  # timed, after one that also makes buffers
POINTS, NARROW_POINTS = 20_000, 800
VOXELS, NARROW_VOXELS = 120_000, 2_000
AGREEMENT = 1e-3  # of two engines, relative to the largest output
Found = dict[str, Any]
LIMITS_S = {"tests": 150, "esam": 70, "vggt_lora": 110, "deltas": 60, "sparse": 60}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("work_dirs/gpu_check.json"))
    add("--parts", nargs="+", choices=LIMITS_S, default=list(LIMITS_S))
    add("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: with --narrow")
    add("--narrow", action="store_true", help="small networks: tries this command")


def run(args: argparse.Namespace) -> int:
    """Run the parts, print a line of each and write the JSON."""
    if args.device == "cuda" and not torch.cuda.is_available():
        print(
            "error: torch finds no CUDA device, so there is nothing to check. On a "
            "machine with one see README, section GPU",
            file=sys.stderr,
        )
        return 2
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    found: Found = {"device": name, "torch": torch.__version__, "parts": {}}
    for part in args.parts:
        start = time.perf_counter()
        result = check(part, args.device, args.narrow)
        result["wall_s"] = round(time.perf_counter() - start, 1)
        found["parts"][part] = result
        print(f"{part}: {json.dumps(result)}", flush=True)
    found["ok"] = all(result["ok"] for result in found["parts"].values())
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{'all is well' if found['ok'] else 'PROBLEMS'}: {args.out}")
    return int(not found["ok"])


def check(part: str, device: str, narrow: bool) -> Found:
    """What a part's process says, or why it did not."""
    if part in PARTS:
        command = [__file__, part]
        command += ["--device", device, *(["--narrow"] if narrow else [])]
    else:
        command = ["-m", "pytest", "-q", "-m", "gpu", str(ROOT / "tests")]
    sources = os.pathsep.join([str(ROOT / "projects"), str(TOOLS)])
    environment = os.environ | {"PYTHONPATH": sources}
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMITS_S[part],
        )
    except subprocess.TimeoutExpired:
        return {"ok": False, "error": f"not done after {LIMITS_S[part]} s"}
    lines = done.stdout.strip().splitlines()
    if part == "tests":
        return {"ok": done.returncode == 0, "summary": lines[-1] if lines else ""}
    if done.returncode:
        end = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return {"ok": False, "error": end[0]}
    return json.loads(lines[-1])


def measure(part: str, device: torch.device, narrow: bool) -> Found:
    """What one of ``PARTS`` shows, and whether it is as it should be (``ok``)."""
    torch.manual_seed(0)
    if part == "sparse":
        return sparse_engines(device, NARROW_VOXELS if narrow else VOXELS)
    return training_step(part, device, narrow)


def training_step(system: str, device: torch.device, narrow: bool) -> Found:
    """Seconds and memory of a training step, and whether gradients repeat bit for bit.

    Under ``deterministic=True``, as the configs train.
    """
    from vantage3d.engine.configs.config import load_config
    from vantage3d.registry import MODELS

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    cfg = load_config(str(ROOT / "configs" / f"{SYSTEMS[system][narrow]}.py"))
    if "base_weights" in cfg.model:
        cfg.model.base_weights = None  # random weights change no time
    if system == "deltas":
        cfg.model.criterion.interest.teacher = dict(type="CornerTeacher")
    cfg.optim_wrapper.pop("accumulative_counts", None)
    with device:
        model = MODELS.build(cfg.model)
    model = model.to(device).train()
    data = BATCHES[system](cfg, narrow)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    gradients = [_gradients(model, data) for _ in range(2)]
    repeats = all(torch.equal(*pair) for pair in zip(*gradients, strict=True))
    del gradients
    losses: dict[str, Tensor] = {}

    def step() -> None:
        losses.update(model.train_step(data, optimizer))

    memory, seconds = PeakMemory(device), _seconds(step, device)
    loss = float(losses["loss"].detach())
    return {
        "config": SYSTEMS[system][narrow],
        "seconds": seconds,
        "memory_mb": memory.peak_mb(),
        "loss": loss,
        "gradients_repeat": repeats,
        "ok": repeats and math.isfinite(loss),
    }


def _gradients(model: nn.Module, data: dict) -> list[Tensor]:
    """On the CPU, after one pass from the same state and seed."""
    torch.manual_seed(0)
    model.zero_grad()
    losses = model(**model.data_preprocessor(data, True), mode="loss")
    sum(value for name, value in losses.items() if "loss" in name).backward()
    found = [p.grad.cpu() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    return found


def esam_batch(cfg: Config, narrow: bool) -> Found:
    """Frames of points on a floor and two walls, in superpoints, with instances."""
    from mmdet3d.structures import Det3DDataSample, PointData
    from mmengine.structures import InstanceData

    count = NARROW_POINTS if narrow else POINTS
    classes = cfg.model.criterion.num_semantic_classes
    points, samples = [], []
    for _ in range(cfg.train_dataloader.batch_size):
        xyz = torch.rand(count, 3) * torch.tensor([4.0, 3.0, 2.5])
        xyz[torch.arange(count), torch.randint(3, (count,))] = 0
        tiles, parts = (xyz // 0.3).unique(dim=0, return_inverse=True)
        owner = (tiles // 3) @ torch.tensor([1.0, 5, 25])  # instances of 0.9 m
        ids, of_tile = owner.unique(return_inverse=True)
        masks = torch.zeros(len(ids) + classes + 1, len(tiles), dtype=torch.bool)
        masks[of_tile, torch.arange(len(tiles))] = True
        masks[len(ids) + of_tile % classes, torch.arange(len(tiles))] = True
        sample = Det3DDataSample()
        labels = torch.zeros(len(masks), dtype=torch.int64)
        sample.gt_instances_3d = InstanceData(labels_3d=labels, sp_masks=masks)
        sample.gt_pts_seg = PointData(
            pts_semantic_mask=of_tile[parts] % classes,
            pts_instance_mask=of_tile[parts],
            sp_pts_mask=parts,
        )
        points.append(torch.cat([xyz, torch.rand(count, 3) * 2 - 1], 1))
        samples.append(sample)
    return {"inputs": {"points": points}, "data_samples": samples}


def views(samples: int, frames: int, height: int, width: int) -> Found:
    """Random images of cameras side by side, 10 cm apart, before a wavy wall."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    depth = 3 + torch.sin(x / 40) + 0.5 * torch.cos(y / 30)
    depth = depth.repeat(samples, frames, 1, 1)
    inputs = cameras_side_by_side(samples, frames, height, width) | dict(
        depth=depth,
        valid=depth > 0,
        pixel_weights=torch.ones_like(depth),
        semantics=torch.full(depth.shape, 11, dtype=torch.int16),  # buildings
    )
    return {
        "inputs": inputs,
        "data_samples": [{"name": str(i)} for i in range(samples)],
    }


def vggt_batch(cfg: Config, narrow: bool) -> Found:
    """Frames as wide and high as the config's."""
    loader, dataset = cfg.train_dataloader, cfg.train_dataloader.dataset
    height = round(dataset.image_size * dataset.aspect / 14) * 14
    return views(loader.batch_size, dataset.frames, height, dataset.image_size)


def deltas_batch(cfg: Config, narrow: bool) -> Found:
    """Anchors with two views each."""
    size = (96, 128) if narrow else (240, 320)
    return views(cfg.train_dataloader.batch_size, 3, *size)


BATCHES: dict[str, Callable[[Config, bool], Found]] = {
    "esam": esam_batch,
    "vggt_lora": vggt_batch,
    "deltas": deltas_batch,
}


def sparse_engines(device: torch.device, voxels: int) -> Found:
    """Seconds of Res16UNet34C, forward and backward, in each engine that is there."""
    from vantage3d.esam.models import Res16UNet34C

    side = round((voxels * 8) ** 0.5)  # on three layers of a floor, three of eight seen
    cells = torch.randperm(side * side * 3)[:voxels]
    cells = torch.stack(
        [cells * 0, cells % side, cells // side % side, cells // side**2]
    )
    cells = cells.T.int().contiguous().to(device)
    feats = torch.rand(voxels, 3, device=device)
    found: Found = {"voxels": voxels}
    outputs, state = {}, None
    for engine in ("torch", "minkowski"):
        if engine == "minkowski" and not _minkowski_runs_on(device):
            continue
        torch.manual_seed(0)
        net = Res16UNet34C(3, 96, backend=engine).to(device)
        state = state or net.state_dict()
        net.load_state_dict(state)

        def step(net: nn.Module = net) -> Tensor:
            out = net(net.engine.tensor(feats, cells)).features
            out.square().mean().backward()
            return out.detach()

        memory = PeakMemory(device)
        outputs[engine] = step()
        found[f"{engine}_seconds"] = _seconds(step, device)
        found[f"{engine}_memory_mb"] = memory.peak_mb()
    found["ok"] = True
    if "minkowski" in outputs:
        ours, theirs = outputs["torch"], outputs["minkowski"]
        difference = float((ours - theirs).abs().max() / theirs.abs().max())
        found |= {"difference": difference, "ok": difference < AGREEMENT}
    return found | _beside_spconv(feats, cells, device)


def _minkowski_runs_on(device: torch.device) -> bool:
    if importlib.util.find_spec("MinkowskiEngine") is None:
        return False
    from vantage3d.sparse import minkowski

    return device.type == "cpu" or minkowski.ME.is_cuda_available()


def _beside_spconv(feats: Tensor, cells: Tensor, device: torch.device) -> Found:
    """A 3 x 3 x 3 convolution of 64 channels, ours and spconv's where it is there."""
    if device.type != "cuda" or importlib.util.find_spec("spconv") is None:
        return {}
    import spconv.pytorch as spconv

    from vantage3d.sparse.backends import get_backend

    engine = get_backend("torch")
    wide = feats[:, :1].expand(-1, 64).contiguous().requires_grad_()
    ours = engine.Conv(64, 64, kernel_size=3).to(device)
    theirs = spconv.SubMConv3d(64, 64, 3).to(device)
    shape = (cells[:, 1:].amax(0) + 1).tolist()

    def our_step() -> None:
        ours(engine.tensor(wide, cells)).features.sum().backward()

    def their_step() -> None:
        theirs(spconv.SparseConvTensor(wide, cells, shape, 1)).features.sum().backward()

    return {
        "convolution_seconds": _seconds(our_step, device),
        "spconv_convolution_seconds": _seconds(their_step, device),
    }


def _seconds(step: Callable[[], Any], device: torch.device) -> float:
    """Median of a few runs, after one that does not count."""
    return statistics.median([timed(step, device)[0] for _ in range(1 + STEPS)][1:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--narrow", action="store_true")
    args = parser.parse_args()
    print(json.dumps(measure(args.part, torch.device(args.device), args.narrow)))
