"""What a run left: its config and its weights, found and checked against a system."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import nn

import vantage3d
from vantage3d.engine.checkpoints.file import SUFFIXES, read_checkpoint
from vantage3d.engine.checkpoints.weights import LoadPolicy, load_weights
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.engine.launch import weights_file
from vantage3d.io.sidecars import file_hash
from vantage3d.registry import MODELS

# Class of the model -> name of its system on the command line.
SYSTEMS = {
    "ScanNet200MixFormer3D": "esam",
    "ScanNet200MixFormer3D_Online": "esam",
    "VGGTEstimator": "vggt",
    "DELTAS": "deltas",
}
PACKAGE = Path(vantage3d.__file__).parent
CONFIGS = PACKAGE / "configs", PACKAGE.parents[1] / "configs"  # of a wheel, a checkout
OF_MODEL = re.compile(r"^(_base_|model) = ", re.MULTILINE)  # a config's, no script's
_WEIGHTS = "docs/weights.md lists the released files and where to put them"


@dataclass(frozen=True, eq=False)
class Trained:
    """A config and the weights that were trained with it.

    Attributes:
        cfg: The config.
        checkpoint: The file; None of a model whose config names all its weights.
    """

    cfg: Config
    checkpoint: Path | None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file; empty without."""
        return "" if self.checkpoint is None else file_hash(self.checkpoint)

    @property
    def dataset(self) -> Mapping[str, Any]:
        """The dataset that the config tests on, out of its wrappers.

        Raises:
            ConfigError: If it has none: how frames are made ready is not known.
        """
        loader = self.cfg.get("test_dataloader") or self.cfg.get("val_dataloader") or {}
        node = loader.get("dataset")
        while node and ("dataset" in node or "datasets" in node):
            node = node.get("dataset") or node["datasets"][0]
        if not node:
            raise ConfigError(
                f"config {self.cfg.filename} has no test_dataloader: how frames are "
                "made ready for the network is not known. Take that of the training"
            )
        return node

    def argument(self, name: str) -> Any:
        """An argument of the model: the config's, or the default of its classes."""
        if name in self.cfg.model:
            return self.cfg.model[name]
        kinds = MODELS.get(self.cfg.model.type).__mro__
        known = (signature(kind.__init__).parameters.get(name) for kind in kinds)
        return next(found.default for found in known if found is not None)

    def build(self, **changes: Any) -> nn.Module:
        """The model with its weights, ready to predict; every key must fit.

        Args:
            **changes: Arguments of the model that prediction has otherwise.

        Raises:
            CheckpointError: If the file is damaged or of another model.
        """
        model: Any = MODELS.build({**self.cfg.model, **changes})
        if self.checkpoint is not None:
            content = read_checkpoint(self.checkpoint)
            convert = getattr(model, "import_checkpoint", dict)
            policy = self.cfg.get("load_from_policy") or {}
            ignored = LoadPolicy(ignore=tuple(policy.get("ignore", ())))
            load_weights(model, convert(content), str(self.checkpoint), ignored)
        return model.eval()


def find_trained(
    weights: str | Path | None, config: str | Path | None, system: str
) -> Trained:
    """Config and weights of a run; the file is not read yet.

    Args:
        weights: A .pth or .safetensors file, or the work dir of a run, which stands for
            its newest intact checkpoint. None where the config names all weights.
        config: The config; the one beside the checkpoint if not given.
        system: Name of the system that they must be of.

    Raises:
        CheckpointError: If there is no such file.
        ConfigError: If there is no config beside it or more than one, or it is another
            system's.
    """
    path = None
    if weights is not None:
        try:
            path = weights_file(Path(weights).expanduser())
        except CheckpointError as error:
            raise CheckpointError(f"{error}. {_WEIGHTS}") from error
        if path.suffix not in SUFFIXES:
            raise CheckpointError(
                f"weights {path} must be one of {', '.join(SUFFIXES)}. {_WEIGHTS}"
            )
        config = config or _beside(path)
    elif config is None:
        raise ConfigError(
            f"{system} needs weights, a checkpoint or the work dir of a run: --weights "
            f"(--depth-weights of --depth-from). {_WEIGHTS}"
        )
    cfg = load_config(config)
    kind = str((cfg.get("model") or {}).get("type"))
    if SYSTEMS.get(kind) != system:
        other = SYSTEMS.get(kind)
        use = f": use `{other}`" if other else ""
        raise ConfigError(
            f"{cfg.filename} describes {kind}, and {system} was asked for{use}"
        )
    return Trained(cfg, path)


def _beside(checkpoint: Path) -> Path:
    """The config that a run left beside its checkpoints, or in the folder above.

    Raises:
        ConfigError: If it is not the only one there; with the name of the one that the
            checkpoint says it was trained with.
    """
    for folder in (checkpoint.parent, checkpoint.resolve().parent.parent):
        programs = sorted(folder.glob("*.py"))
        found = [path for path in programs if OF_MODEL.search(path.read_text())]
        if len(found) == 1:
            return found[0]
        if found:
            break
    names = ", ".join(path.name for path in found) or "none"
    run = str(read_checkpoint(checkpoint)["meta"].get("experiment_name", "CONFIG"))
    name = re.sub(r"_\d{8}_\d{6}$", "", run) + ".py"
    own = next((p for root in CONFIGS for p in root.glob(f"*/{name}")), name)
    raise ConfigError(
        f"which config was {checkpoint} trained with? Its folder has {names}, expected "
        f"one. Add: --config {own} (--depth-config of --depth-from)"
    )
