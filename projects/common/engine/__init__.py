"""Training and evaluation of every system: one runner, runs that survive."""

from projects.common.engine.launch import test, train
from projects.common.engine.runner import Vantage3DRunner

__all__ = ["Vantage3DRunner", "test", "train"]
