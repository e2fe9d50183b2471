"""Batch norms that stop following their batches, for batches of a few samples."""

from collections.abc import Sequence

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vantage3d.engine.checkpoints.state import bare_model
from vantage3d.engine.optim.param_groups import matching
from vantage3d.registry import HOOKS


@HOOKS.register_module()
class FreezeNormsHook(Hook):
    """From an iteration on, batch norms use the statistics gathered so far.

    The statistics of two samples are not those of the data: they hide what tells the
    two apart, such as how far away things are, and a test then does not compute what
    was trained. After ``begin`` it does. Their scale and shift are still learned.

    Every process continues with the statistics of the first, which are those that
    checkpoints hold.

    Args:
        begin: Iterations that use and gather the statistics of their batches; 0 keeps
            what the norms came with.
        modules: Patterns of module names; norms outside go on as before.

    Raises:
        ConfigError: At the start of a training, if a pattern matches no batch norm.
    """

    def __init__(self, begin: int, modules: Sequence[str] = ("*",)) -> None:
        self.begin, self.modules = begin, list(modules)
        self._norms: list[nn.Module] = []
        self._frozen = False

    def before_train(self, runner: Runner) -> None:
        """Find the norms."""
        modules = bare_model(runner.model).named_modules()
        norms = {name: m for name, m in modules if isinstance(m, _BatchNorm)}
        chosen = matching(self.modules, list(norms), "FreezeNormsHook.modules")
        self._norms, self._frozen = [norms[name] for name in chosen], False

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Freeze; again after each validation, which ends with ``model.train()``."""
        if runner.iter < self.begin:
            return
        for norm in self._norms:
            norm.eval()
        if not self._frozen:
            self._frozen = True
            for norm in self._norms:
                for statistics in norm.buffers():
                    broadcast(statistics)
            print_log(
                f"{len(self._norms)} batch norms keep their statistics from iteration "
                f"{runner.iter + 1} on",
                "current",
            )
