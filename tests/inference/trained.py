"""Work dirs of networks that nobody trained: what prediction does needs no more."""

from pathlib import Path
from typing import Any

import torch

from tests.shared import ROOT
from vantage3d.engine.checkpoints.file import write_checkpoint
from vantage3d.engine.configs.config import load_config
from vantage3d.registry import MODELS

CONFIGS = {
    "esam": "ESAM_CA/ESAM_sv_synthetic_CA.py",
    "vggt": "vggt_lora/finetune_kitti360_demo.py",
    "deltas": "deltas/deltas_synthetic.py",
}


def work_dir(folder: Path, system: str, options: dict[str, Any] | None = None) -> Path:
    """A checkpoint of a system, or of a config, with its config beside it."""
    name = CONFIGS.get(system, system)
    cfg = load_config(ROOT / "configs" / name, options)
    folder.mkdir(parents=True)
    cfg.dump(folder / Path(name).name)
    torch.manual_seed(0)
    changes = {} if "pool" in cfg.model else {"criterion": None}
    model = MODELS.build({**cfg.model, **changes})
    meta = {"model": type(model).__name__}
    path = folder / "epoch_1.pth"
    write_checkpoint({"meta": meta, "state_dict": model.state_dict()}, path)
    return path
