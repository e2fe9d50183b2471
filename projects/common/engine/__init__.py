"""Training and evaluation of every system: one runner, runs that survive."""

from projects.common.engine.checkpoint_hook import CheckpointHook
from projects.common.engine.config import load_config
from projects.common.engine.freeze_norms import FreezeNormsHook
from projects.common.engine.launch import run_command, set_data_root, test, train
from projects.common.engine.loops import EpochBasedTrainLoop, IterBasedTrainLoop
from projects.common.engine.optim import AmpOptimWrapper, OptimWrapper
from projects.common.engine.param_groups import GroupingConstructor
from projects.common.engine.runner import Vantage3DRunner
from projects.common.engine.sampler import SeededBatchSampler

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
