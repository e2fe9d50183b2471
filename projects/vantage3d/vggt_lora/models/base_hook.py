"""Proof after a training that the base has the weights it started with."""

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from vantage3d.engine.errors import CheckpointError
from vantage3d.registry import HOOKS


@HOOKS.register_module()
class BaseUntouchedHook(Hook):
    """Hashes the base of a model with adapters after training or testing.

    Raises:
        CheckpointError: If a part of the base has other weights than it was built with.
    """

    def after_train(self, runner: Runner) -> None:
        """Compare, and log the hashes."""
        self._check(runner, f"after {runner.iter} iterations of training")

    def after_test(self, runner: Runner) -> None:
        """Compare, and log the hashes."""
        self._check(runner, "in this test")

    def _check(self, runner: Runner, when: str) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        before, now = model.adapters.base, model.adapters.base_now()
        for part, digest in before.items():
            if now[part] != digest:
                raise CheckpointError(
                    f"the base was changed {when}: SHA-256 of its {part} was "
                    f"{digest[:12]}, now it is {now[part][:12]}. Train nothing but "
                    "adapters, or drop `model.lora`"
                )
        short = ", ".join(f"{part} {digest[:16]}" for part, digest in now.items())
        print_log(f"base weights untouched {when}, SHA-256: {short}", "current")
