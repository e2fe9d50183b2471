"""The part of the runner that keeps a training restartable while it runs.

What a checkpoint promises: a run that is killed at any moment and resumed ends with
the weights of an uninterrupted one, bit for bit, on the same machine with the same
libraries, number of threads and number of processes. Checkpoints are written at safe
points only: after all hooks of an iteration, epoch or validation. The generators of
``random``, numpy and torch (CUDA included) are stored with them; samples have seeds of
their own, so neither workers nor prefetched batches matter.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_distributed, is_main_process
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from vantage3d.engine.checkpoints.hook import CheckpointHook
from vantage3d.engine.checkpoints.state import (
    BufferCopies,
    Moment,
    accumulating,
    bare_model,
)
from vantage3d.engine.deaths import Deaths
from vantage3d.engine.errors import (
    EngineError,
    LostProcessError,
    NonFiniteError,
    TrainingInterruptedError,
)
from vantage3d.engine.exchange import Exchange
from vantage3d.engine.interrupt import StopSignals, UpdateGuard
from vantage3d.engine.nonfinite import (
    describe_batch,
    loss_terms,
    sample_names,
    write_report,
)
from vantage3d.process.seeding import set_random_states

# Seconds within which a stop signal has ended the process, and the part of it that the
# running iteration gets.
STOP_WITHIN_S = 10.0
FINISH_SHARE = 0.3


class _StopValidation(Exception):  # noqa: N818
    """Leaves a validation that a stop signal met."""


class SurvivingRunner(Runner):
    """Safe points, stop signals and the last words of a loss that is not finite."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._guard = UpdateGuard()
        self._signals: StopSignals | None = None
        self._moment: Moment | None = None
        self._exchange: Exchange | None = None  # of every process, at that moment
        self._buffers: BufferCopies | None = None
        self._due_saves: list[Callable[[], object]] = []
        self._random_to_restore: dict[str, Any] | None = None
        self._losses: dict[str, float] = {}
        self._batch: Any = None
        self._last_save: tuple | None = None
        # Whether averaged weights stand in for the trained ones; None while changing.
        self._averaged: bool | None = False
        super().__init__(*args, **kwargs)

    def save_when_safe(self, save: Callable[[], object]) -> None:
        """Call ``save`` at the next safe point."""
        self._due_saves.append(save)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """The block in which stop signals are answered at safe points."""
        model = bare_model(self.model)
        hook = model.register_forward_hook(self._remember_losses)
        self._buffers = BufferCopies(model)
        self._deaths = Deaths()
        self._take_moment()
        limit_s = self.cfg.get("stop_within_s", STOP_WITHIN_S)
        with StopSignals(
            self._guard, self._save_for_the_loop, FINISH_SHARE * limit_s, limit_s - 1
        ) as stop:
            self._signals = stop
            try:
                yield
            except RuntimeError as error:
                self._stop_after_a_death(error)
                raise
            finally:
                stop.finished()
                self._signals = None
                self._guard.end()
                hook.remove()

    def safe_point(self) -> None:
        """Weights belong to a completed step: write what is due, stop if asked to."""
        if is_distributed() and accumulating(self):
            return  # Each process holds gradients of its own.
        self._guard.begin()
        stop = self._take_moment()
        while self._due_saves:
            self._due_saves.pop(0)()
        if stop:
            self._save_and_stop()
        self._guard.end()

    def stop_point(self) -> None:
        """A batch is there, nothing was computed: stop if asked to."""
        if self._stop_requested() and not is_distributed() and not accumulating(self):
            self._guard.begin()
            self._save_and_stop()

    def run_validation(self) -> None:
        """Validate; a stop signal leaves the validation, and resume repeats it."""
        try:
            self.val_loop.run()
        except _StopValidation:
            self._undo_ema_swap()
            self._guard.begin()
            self._save_and_stop()

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """MMEngine's, with a way out of a validation."""
        if fn_name == "before_val_iter" and self._stop_requested():
            raise _StopValidation
        if fn_name not in ("before_val_epoch", "after_val_epoch"):
            super().call_hook(fn_name, **kwargs)
            return
        self._averaged = None
        super().call_hook(fn_name, **kwargs)
        self._averaged = fn_name == "before_val_epoch"

    def restore_random_states(self) -> None:
        """Once after a resume: the generators as they were at the checkpoint."""
        if self._random_to_restore is not None:
            set_random_states(self._random_to_restore)
            self._random_to_restore = None

    @contextmanager
    def naming_samples(self, data_batch: Any) -> Iterator[None]:
        """Report samples and loss terms if the block meets a non-finite loss.

        Raises:
            NonFiniteError: Again, with the samples' names.
        """
        self._batch = data_batch
        try:
            yield
        except NonFiniteError as error:
            path, terms, names = self._report_nonfinite(str(error))
            raise NonFiniteError(
                f"{error} in iteration {self.iter + 1} (terms: {terms}). "
                f"Samples: {names}. Weights were not updated; details "
                f"are in {path}. Look at these samples, lower the learning rate, or "
                "resume from the last checkpoint"
            ) from error
        finally:
            self._batch = None

    def step_skipped(self, problem: str) -> None:
        """Note a step that the optimizer left out; batch statistics forget it too."""
        if self._buffers is not None:
            self._buffers.restore()
        path, terms, names = self._report_nonfinite(problem)
        count = self.optim_wrapper.skipped_steps
        self.message_hub.update_scalar("train/skipped_steps", count)
        self.logger.warning(
            f"step {self.iter + 1} was skipped, number {count} of at most "
            f"{self.optim_wrapper.max_skipped}: {problem} (terms: {terms}). Samples: "
            f"{names}; details are in {path}"
        )

    def _report_nonfinite(self, problem: str) -> tuple[Path, dict[str, float], str]:
        """File, loss terms and sample names of what is not finite."""
        samples = describe_batch(self._batch)
        report = {
            "problem": problem,
            "epoch": self.epoch,
            "iteration": self.iter,
            "loss_terms": self._losses,
            "samples": samples,
        }
        path = write_report(self.work_dir, self.iter, self.rank, report)
        return path, self._losses, sample_names(samples)

    def checkpoint_hook(self) -> CheckpointHook | None:
        """The hook that saves regularly, if there is one."""
        hooks = (hook for hook in self.hooks if isinstance(hook, CheckpointHook))
        return next(hooks, None)

    def checkpoint_folder(self) -> Path:
        """Where checkpoints go."""
        hook = self.checkpoint_hook()
        return Path(self.work_dir) if hook is None else hook.folder(self)

    def gather_random_states(self) -> list[dict[str, Any]]:
        """States at the last safe point of every process, in the order of ranks."""
        if self._exchange is None:
            return all_gather_object(self._current_moment().random)
        return self._exchange.random_states()

    def _current_moment(self) -> Moment:
        return self._moment or Moment.now(self)

    def _take_moment(self) -> bool:
        """Remember this safe point; whether any process was asked to stop.

        Every process hears the generators' states of all, so that what is left of them
        can save when one is lost.
        """
        moment = Moment.now(self)
        if self._random_to_restore is not None:
            moment.random = self._random_to_restore
        if self._exchange is None:
            self._exchange = Exchange(moment.random)
        stop = self._exchange.tell(self._stop_requested(), moment.random)
        self._moment = moment
        if self._buffers is not None:
            self._buffers.refresh()
        return stop

    def _stop_requested(self) -> bool:
        return self._signals is not None and self._signals.requested is not None

    def _save_and_stop(self) -> None:
        signum = (self._signals and self._signals.requested) or 15
        raise TrainingInterruptedError(signum, self._save_now())

    def _save_now(self) -> str:
        moment = self._current_moment()
        hook = self.checkpoint_hook()
        if hook is None:
            return "no checkpoint hook, nothing saved"
        if self._last_save == moment.key:
            return f"iteration {moment.iteration} was already saved"
        path = hook.save(self, f"iter_{moment.iteration}.pth")
        return f"iteration {moment.iteration} is saved in {path}"

    def _stop_after_a_death(self, error: RuntimeError) -> None:
        """Save the last safe point if a process of the run died.

        Raises:
            LostProcessError: With the process and what was saved.
        """
        death = self._deaths.behind(error)
        if death is None:
            return
        saved = "weights were just changing, the last checkpoint stands"
        if not self._guard.held:
            self._guard.begin()
            saved = self._save_safe_point(computing=self._batch is not None)
        raise LostProcessError(f"{death}. {saved}. Continue with --resume") from error

    def _save_for_the_loop(self) -> str:
        """Save the state before the running iteration; for the watching thread."""
        lost = self._deaths.lost_ranks() if is_distributed() else ""
        saved = self._save_safe_point(computing=True)
        return f"{lost}; {saved}" if lost else saved

    def _save_safe_point(self, computing: bool) -> str:
        """Save the last safe point from within the next iteration; what was done.

        Within an accumulation schedules and averages are ahead of the weights: one
        process alone can save that between two iterations, several cannot.

        Args:
            computing: Whether gradients may be in the making.
        """
        if not is_main_process():
            return "rank 0 saves"
        torn = accumulating(self) and (computing or is_distributed())
        if (
            torn
            or self._averaged is None
            or self._buffers is None
            or not self._buffers.still_belong_to(bare_model(self.model))
        ):
            return "nothing saved, the last checkpoint stands"
        self._undo_ema_swap()
        try:
            return self._save_now()
        except EngineError as error:
            return str(error)

    def _undo_ema_swap(self) -> None:
        """Put the trained weights back if a validation was left."""
        for hook in self.hooks:
            if self._averaged and isinstance(hook, EMAHook):
                hook._swap_ema_parameters()
        self._averaged = False

    def _remember_losses(self, module: Any, inputs: Any, output: Any) -> None:
        self._losses = loss_terms(output)
