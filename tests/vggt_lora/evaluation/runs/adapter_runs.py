"""Work dirs with random adapters, and evaluations of them."""

from pathlib import Path

import torch
from mmengine.runner import set_random_seed

from tools import evaluate_depth
from vantage3d.engine.checkpoints.file import companion, write_checkpoint
from vantage3d.engine.configs.config import load_config
from vantage3d.registry import MODELS

CONFIG = str(Path(__file__).with_name("street_config.py"))
LAYERS = ["depth_head.*", "aggregator.*_blocks.1.*"]


def network(**lora):
    """The config's network, with adapters if there are settings for them."""
    cfg = load_config(CONFIG)
    cfg.model.lora = {"target_modules": LAYERS, **lora} if lora else None
    set_random_seed(cfg.randomness.seed)
    return MODELS.build(cfg.model)


def write_adapter(folder: Path, name: str, seed: int, rank=2, alpha=4):
    """``<name>.pth`` and its export; returns the network that was saved."""
    net = network(rank=rank, alpha=alpha)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in net.named_parameters():
            if ".lora_B." in key:
                value.copy_(0.1 * torch.randn(value.shape, generator=generator))
    path = folder / f"{name}.pth"
    write_checkpoint({"meta": {}, "state_dict": net.state_dict()}, path)
    net.export(net.state_dict(), companion(path))
    return net.eval()


def command(cache, out, *arguments, groups=("depth", "pose")):
    """Arguments of tools/evaluate_depth.py for the short street; paths are runs."""
    runs = [str(item) for item in arguments if isinstance(item, Path)]
    options = [item for item in arguments if not isinstance(item, Path)]
    rules = ["--seq-stride", "2", "--min-building", "20"]
    speed = ["--num-workers", "0", "--repeats", "0", "--device", "cpu"]
    return [
        CONFIG,
        *runs,
        *("--out-dir", str(out), "--data-root", str(cache)),
        *rules,
        *speed,
        *("--groups", *groups),
        *options,
    ]


def evaluate(cache, out, *arguments, **options):
    """Run tools/evaluate_depth.py."""
    evaluate_depth.main(command(cache, out, *arguments, **options))
