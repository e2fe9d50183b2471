"""Training and evaluation of every system: one runner, runs that survive."""

from vantage3d.engine.checkpoints.hook import CheckpointHook
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.launch import run_command, set_data_root, test, train
from vantage3d.engine.loops import (
    EpochBasedTrainLoop,
    IterBasedTrainLoop,
    SeededBatchSampler,
)
from vantage3d.engine.optim import (
    AmpOptimWrapper,
    FreezeNormsHook,
    GroupingConstructor,
    OptimWrapper,
)
from vantage3d.engine.runner import Vantage3DRunner

__all__ = [
    "AmpOptimWrapper",
    "CheckpointHook",
    "EpochBasedTrainLoop",
    "FreezeNormsHook",
    "GroupingConstructor",
    "IterBasedTrainLoop",
    "OptimWrapper",
    "SeededBatchSampler",
    "Vantage3DRunner",
    "load_config",
    "run_command",
    "set_data_root",
    "test",
    "train",
]
