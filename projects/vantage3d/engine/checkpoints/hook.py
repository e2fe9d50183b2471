"""When to save: MMEngine's rules, on files that are never lost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as _CheckpointHook

from vantage3d.engine.checkpoints.file import remove_checkpoint, write_pointer
from vantage3d.engine.errors import ConfigError
from vantage3d.io.atomic import remove_temporaries
from vantage3d.registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(_CheckpointHook):
    """Save regularly and when a metric is best; carries MMEngine's name on purpose.

    The hook only asks: the runner writes after all hooks of the event have run, and
    removes older files after the new one is safe.

    Args:
        interval: Epochs or iterations between two checkpoints; -1 for none.
        by_epoch: What ``interval`` counts.
        save_optimizer: Without it a checkpoint cannot be resumed from.
        out_dir: Folder in which a folder named like the work dir is made; None for
            the work dir itself.
        max_keep_ckpts: How many regular checkpoints stay; -1 for all.
        keep_exports: Whether what a model exports with a regular checkpoint, its
            adapters, stays when the checkpoint goes.
        save_last: Save at the end in any case.
        save_best: Metric, metrics or ``auto`` whose best checkpoint is kept; the
            validation before the first step does not count.
        rule: ``greater`` or ``less``; None to infer it from the metric's name.
        greater_keys: More names for which greater is better.
        less_keys: More names for which less is better.
        filename_tmpl: File name with one ``{}`` for the epoch or iteration.
        save_begin: First epoch or iteration to save at.
    """

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        save_optimizer: bool = True,
        out_dir: str | None = None,
        max_keep_ckpts: int = -1,
        keep_exports: bool = False,
        save_last: bool = True,
        save_best: str | list[str] | None = None,
        rule: str | list[str] | None = None,
        greater_keys: Sequence[str] | None = None,
        less_keys: Sequence[str] | None = None,
        filename_tmpl: str | None = None,
        save_begin: int = 0,
    ) -> None:
        super().__init__(
            interval=interval,
            by_epoch=by_epoch,
            save_optimizer=save_optimizer,
            out_dir=out_dir,
            max_keep_ckpts=max_keep_ckpts,
            save_last=save_last,
            save_best=save_best,
            rule=rule,
            greater_keys=greater_keys,
            less_keys=less_keys,
            filename_tmpl=filename_tmpl,
            save_begin=save_begin,
        )
        self.keep_exports = keep_exports
        self.kept: list[str] = []

    def folder(self, runner: Any) -> Path:
        """Where the checkpoints of ``runner`` go."""
        work_dir = Path(runner.work_dir)
        return work_dir if self.out_dir is None else Path(self.out_dir) / work_dir.name

    def before_train(self, runner: Any) -> None:
        """Tidy up after a killed run: half-written files, a checkpoint too many."""
        folder = self.folder(runner)
        runner.logger.info(f"checkpoints go to {folder}")
        self.kept = list(runner.message_hub.get_info("kept_checkpoints", []))
        if is_main_process():
            folder.mkdir(parents=True, exist_ok=True)
            remove_temporaries(folder)
            self._remove_old(runner)

    def after_train(self, runner: Any) -> None:
        """Nothing: the last checkpoint was asked for with the last step."""

    def save(self, runner: Any, name: str) -> Path:
        """Write checkpoint ``name`` now, then let older ones go."""
        folder = self.folder(runner)
        self.kept = [other for other in self.kept if other != name] + [name]
        # Files that are still there are listed, so that a run which is killed before
        # it removes them will do so after a resume.
        runner.message_hub.update_info("kept_checkpoints", list(self.kept))
        runner.message_hub.update_info("last_ckpt", str(folder / name))
        runner.save_checkpoint(str(folder), name, save_optimizer=self.save_optimizer)
        if is_main_process():
            write_pointer(Path(runner.work_dir), folder / name)
            self._remove_old(runner)
        runner.logger.info(f"saved {folder / name}")
        return folder / name

    def _remove_old(self, runner: Any) -> None:
        while 0 < self.max_keep_ckpts < len(self.kept):
            path = self.folder(runner) / self.kept.pop(0)
            remove_checkpoint(path, keep_export=self.keep_exports)
        runner.message_hub.update_info("kept_checkpoints", list(self.kept))

    def _save_checkpoint(self, runner: Any) -> None:
        step = runner.epoch + 1 if self.by_epoch else runner.iter + 1
        name = self.filename_tmpl.format(step)
        runner.save_when_safe(lambda: self.save(runner, name))

    def _save_best_checkpoint(self, runner: Any, metrics: Mapping[str, Any]) -> None:
        if not self.save_best:
            return
        if "auto" in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        for metric, rule in zip(self.key_indicators, self.rules):
            if metric not in metrics:
                raise ConfigError(
                    f"`save_best` names the metric `{metric}`, the evaluation gave "
                    f"{sorted(metrics)}"
                )
            if runner.iter == 0:  # validated before training: nothing was learned
                continue
            score = metrics[metric]
            suffix = "" if len(self.key_indicators) == 1 else f"_{metric}"
            best = runner.message_hub.get_info(
                f"best_score{suffix}", self.init_value_map[rule]
            )
            if score is not None and self.is_better_than[metric](score, best):
                self._keep_best(runner, metric, float(score), suffix)

    def _keep_best(self, runner: Any, metric: str, score: float, suffix: str) -> None:
        folder = self.folder(runner)
        step = runner.epoch if self.by_epoch else runner.iter
        name = f"best_{metric}_{self.filename_tmpl.format(step)}".replace("/", "_")
        before = runner.message_hub.get_info(f"best_ckpt{suffix}")
        runner.message_hub.update_info(f"best_score{suffix}", score)
        runner.message_hub.update_info(f"best_ckpt{suffix}", str(folder / name))

        def save() -> None:
            runner.save_checkpoint(str(folder), name, save_optimizer=False)
            if is_main_process() and before and Path(before).name != name:
                remove_checkpoint(folder / Path(before).name)
            runner.logger.info(f"best {metric} so far: {score:.4f}, {folder / name}")

        runner.save_when_safe(save)
        regular = self.filename_tmpl.format(step)
        if regular in self.kept:
            # Once more, now that it can tell the best score.
            runner.save_when_safe(lambda: self.save(runner, regular))
