"""The one runner of all systems: MMEngine's, with runs that survive."""

import copy
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import broadcast_object_list, get_rank, is_main_process
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from torch.utils.data import DataLoader

from vantage3d.engine.checkpoints.file import (
    companion,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from vantage3d.engine.checkpoints.plain import from_plain, to_plain
from vantage3d.engine.checkpoints.state import (
    bare_model,
    collect_training,
    collect_weights,
    restore_training,
)
from vantage3d.engine.checkpoints.weights import LoadPolicy, load_weights
from vantage3d.engine.configs.config import check_settings, watched_settings
from vantage3d.engine.errors import CheckpointError, ConfigError, EngineError, closest
from vantage3d.engine.interrupt import quiet_worker
from vantage3d.engine.schedules import check_schedules
from vantage3d.engine.survival import SurvivingRunner
from vantage3d.engine.targets import check_targets
from vantage3d.process.lock import FolderInUseError, locked
from vantage3d.registry import RUNNERS

_RESUMABLE = ("progress", "random", "optimizer", "message_hub", "settings")


@RUNNERS.register_module()
class Vantage3DRunner(SurvivingRunner):
    """MMEngine's runner whose training can be killed at any moment.

    Beyond MMEngine's keys a config may hold ``load_from_policy`` (:class:`LoadPolicy`)
    and ``stop_within_s``, the seconds that a stop signal leaves (10), and ``resume``
    may be the path of a checkpoint. With ``resume=True`` the newest
    intact checkpoint of the work dir is taken; if there is none, training starts from
    ``load_from`` or from the beginning.
    """

    _resume: bool | str
    _resumed_from: Path | None = None

    def set_randomness(
        self,
        seed: int | None,
        diff_rank_seed: bool = False,
        deterministic: bool = False,
    ) -> None:
        """Seed every generator; ``deterministic``: same seed, same bits."""
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            # Costs time and only helps code that reads memory it never wrote.
            torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        super().set_randomness(seed, diff_rank_seed, deterministic)

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict,
        seed: int | None = None,
        diff_rank_seed: bool = False,
    ) -> DataLoader:
        """MMEngine's, with seeded batches and workers that survive a stop signal."""
        if isinstance(dataloader, DataLoader):
            return dataloader
        config = copy.deepcopy(dataloader)
        config["batch_sampler"] = {
            "type": "SeededBatchSampler",
            "seed": seed,
            "drop_last": config.pop("drop_last", False),
            "grouping": config.pop("batch_sampler", None),
        }
        workers = config.get("num_workers", 0)
        config["worker_init_fn"] = {
            "type": quiet_worker,
            "num_workers": workers,
            "rank": get_rank(),
            "seed": seed,
        }
        loader = Runner.build_dataloader(config, seed, diff_rank_seed)
        # Shared memory, which the config's copy would not be.
        shared = {"at_work": multiprocessing.RawArray("q", workers)}
        loader.worker_init_fn = partial(loader.worker_init_fn, **shared)
        # Else each new iterator would draw from the training's generator.
        loader.generator = torch.Generator()
        return loader

    def build_train_loop(self, loop: Any) -> Any:
        """The project's loop, also where the config says ``by_epoch``."""
        if isinstance(loop, dict) and "by_epoch" in loop:
            loop = copy.deepcopy(loop)
            kind = "Epoch" if loop.pop("by_epoch") else "Iter"
            loop["type"] = f"{kind}BasedTrainLoop"
        return super().build_train_loop(loop)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """MMEngine's; the wrapper tells when weights change.

        Every key of ``paramwise_cfg.custom_keys`` must be part of a parameter's name,
        and what only GroupingConstructor reads needs it.
        """
        if isinstance(optim_wrapper, dict):
            names = [name for name, _ in bare_model(self.model).named_parameters()]
            paramwise = optim_wrapper.get("paramwise_cfg") or {}
            for key in ("lr_mult", "no_decay"):
                if key in paramwise and "constructor" not in optim_wrapper:
                    raise ConfigError(
                        f"`optim_wrapper.paramwise_cfg` has {key!r}, which nothing "
                        "reads without optim_wrapper.constructor='GroupingConstructor'"
                    )
            for key in paramwise.get("custom_keys", {}):
                if not any(key in name for name in names):
                    raise ConfigError(
                        f"`optim_wrapper.paramwise_cfg.custom_keys` has {key!r}, which "
                        f"is part of none of the model's {len(names)} parameter names"
                        f"{closest(key, names)}"
                    )
        built = super().build_optim_wrapper(optim_wrapper)
        parts = [built] if isinstance(built, OptimWrapper) else list(built.values())
        for part in parts:
            if not hasattr(part, "guard"):
                self.logger.warning(
                    f"{type(part).__name__} does not check for losses that are not "
                    "finite: use type='OptimWrapper' or 'AmpOptimWrapper'"
                )
            part.guard = self._guard
            part.on_skip = self.step_skipped
        return built

    def train(self) -> Any:
        """Train; a folder with checkpoints of an earlier run is continued or refused.

        Raises:
            CheckpointError: If there are checkpoints and the run does not resume.
            EngineError: If another training writes there.
        """
        folder = self.checkpoint_folder()
        with self._alone(folder):
            earlier = sorted(path.name for path in folder.glob("*.pth"))
            if earlier and not self._resume:
                raise CheckpointError(
                    f"{folder} holds checkpoints of an earlier run "
                    f"({', '.join(earlier)}): continue it with --resume, choose "
                    "another --work-dir, or remove them"
                )
            super().dump_config()
            return super().train()

    def test(self) -> Any:
        """Evaluate on the test data."""
        super().dump_config()
        return super().test()

    def dump_config(self) -> None:
        """Nothing yet: a run that is refused must not replace the file of another."""

    @contextmanager
    def _alone(self, checkpoints: Path) -> Iterator[None]:
        """The locks of the folders that a training writes, one for all its processes.

        Raises:
            EngineError: In every process, if another training holds one.
        """
        problem: list[str | None] = [None]
        with ExitStack() as locks:
            if is_main_process():
                try:
                    for folder in {Path(self.work_dir), checkpoints.absolute()}:
                        locks.enter_context(locked(folder, "--work-dir"))
                except (FolderInUseError, OSError) as error:
                    problem = [str(error)]
            broadcast_object_list(problem)
            if problem[0] is not None:
                raise EngineError(problem[0])
            yield

    def load_or_resume(self) -> None:
        """Resume if asked to and possible, else load weights if there are any."""
        if self._has_loaded:
            return
        if isinstance(self._resume, str):
            self.resume(self._resume)
        elif self._resume:
            folder = self.checkpoint_folder()
            found = newest_checkpoint(folder)
            if found is not None:
                self._continue_from(*found)
            else:
                self.logger.info(
                    f"no checkpoint in {folder} yet: starting from the beginning"
                )
                self._resume = False
        if not self._has_loaded and self._load_from is not None:
            self.load_checkpoint(self._load_from)
        if isinstance(self._train_loop, BaseLoop):
            check_schedules(self, self._resumed_from)
            check_targets(self.train_dataloader.dataset)

    def load_checkpoint(
        self, filename: str, map_location: Any = "cpu", **unused: Any
    ) -> dict[str, Any]:
        """Load weights; see :func:`load_weights` for what counts as fitting.

        A model that reads files of another layout has ``import_checkpoint(content)``,
        which returns ours.

        Raises:
            CheckpointError: If the file is missing, damaged or of another model.
        """
        policy = LoadPolicy.from_config(self.cfg.get("load_from_policy"))
        checkpoint = read_checkpoint(filename)
        convert = getattr(bare_model(self.model), "import_checkpoint", dict)
        return self._load(dict(convert(checkpoint)), filename, policy)

    def resume(self, filename: str, **unused: Any) -> None:
        """Continue exactly where ``filename`` was saved.

        Raises:
            CheckpointError: If the file is missing, damaged, of another model, or holds
                weights only.
        """
        self._continue_from(Path(filename), read_checkpoint(filename))

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = True,
        backend_args: dict | None = None,
    ) -> None:
        """Write the state of the last safe point; call it in every process.

        A model that has ``export(state_dict, folder)`` exports with each checkpoint.

        The arguments are MMEngine's. Epoch and iteration are those that are completed,
        whatever ``by_epoch`` says.

        Raises:
            CheckpointError: If it cannot be written; earlier ones are intact.
        """
        if file_client_args or backend_args:
            raise CheckpointError(
                f"checkpoints go to local folders only, not to {backend_args}"
            )
        moment = self._current_moment()
        random = self.gather_random_states() if save_optimizer else []
        if not is_main_process():
            return
        checkpoint = collect_weights(self, moment, self._config_text)
        checkpoint["meta"].update(meta or {})
        if self._buffers is not None:
            checkpoint["state_dict"].update(self._buffers.copies)
        if save_optimizer:
            checkpoint.update(collect_training(self, moment, random))
            checkpoint["settings"] = watched_settings(self.cfg)
        self.call_hook("before_save_checkpoint", checkpoint=checkpoint)
        plain, path = to_plain(checkpoint), Path(out_dir) / filename
        # A model may export what it trains beside the checkpoint, and before it.
        export = getattr(bare_model(self.model), "export", None)
        if export is not None:
            export(plain["state_dict"], companion(path))
        write_checkpoint(plain, path)
        if save_optimizer:
            self._last_save = moment.key

    @cached_property
    def _config_text(self) -> str:
        return self.cfg.pretty_text if self.cfg else ""

    def _continue_from(self, path: Path, checkpoint: dict[str, Any]) -> None:
        lacking = [key for key in _RESUMABLE if key not in checkpoint]
        if lacking:
            raise CheckpointError(
                f"checkpoint {path} cannot be resumed from, it lacks {lacking}: it "
                "holds weights only. Use load_from to start anew from them"
            )
        check_settings(checkpoint["settings"], self.cfg, path)
        self._load(checkpoint, str(path), LoadPolicy())
        self._resumed_from = path
        meta, random = checkpoint["meta"], checkpoint["random"]
        if meta["seed"] != self.seed:
            self._randomness_cfg.update(seed=meta["seed"])
            self.set_randomness(**self._randomness_cfg)
        self.train_loop.load_state_dict(
            checkpoint["progress"], meta["epoch"], meta["iter"]
        )
        restore_training(self, checkpoint)
        if len(random) != self.world_size:
            self.logger.warning(
                f"{path} was saved by {len(random)} processes, now there are "
                f"{self.world_size}: the run goes on, but not with the same bits"
            )
        self._random_to_restore = from_plain(random[self.rank % len(random)])
        self.logger.info(
            f"resumed from {path}: {meta['epoch']} epochs and {meta['iter']} "
            "iterations are done"
        )

    def _load(
        self, checkpoint: dict[str, Any], source: str, policy: LoadPolicy
    ) -> dict[str, Any]:
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        load_weights(bare_model(self.model), checkpoint, source, policy)
        self._has_loaded = True
        return checkpoint
