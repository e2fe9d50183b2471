"""The models of a run: base, checkpoints, merged; each says what it is by itself."""

import copy
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.runner import set_random_seed
from torch import Tensor, nn

from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.engine.checkpoints.weights import load_weights
from vantage3d.engine.errors import CheckpointError, ConfigError
from vantage3d.evaluation.results.run import BASELINE
from vantage3d.io.sidecars import file_hash
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.models.adapters import (
    CONFIG,
    WEIGHTS,
    adapter_facts,
    base_hashes,
    merged_weights,
    read_adapter,
)

MERGED = "merged_"
PREDICTIONS, TRIVIAL = "predictions", "trivial"  # kinds without a network
LAST, NONE = "last", "none"  # besides names: which adapter is merged


@dataclass(frozen=True)
class EvaluatedModel:
    """One model, before its weights are in memory.

    Attributes:
        name: ``baseline``, ``checkpoint_<N>``, ``merged_<name>``, ``trivial_<name>``
            or that of a folder of predictions.
        kind: ``base``, ``adapter``, ``full`` (all weights) or ``merged``; without a
            network ``predictions`` or ``trivial``.
        path: Checkpoint or folder; empty for the base.
        weights_hash: SHA-256 of the file; of the network's weights for the base, of
            the files of predictions.
        rank: Rank of the adapter and ``alpha`` its scale, from its own file.
    """

    name: str
    kind: str
    path: str
    weights_hash: str
    rank: int | None = None
    alpha: float | None = None

    @property
    def is_network(self) -> bool:
        return self.kind not in (PREDICTIONS, TRIVIAL)


def find_checkpoints(run: Path) -> list[Path]:
    """Checkpoints of a work dir, in the order of their numbers.

    Where only exported adapters are left, these; a ``best`` checkpoint only if its
    number has no other file. A single checkpoint or exported adapter is itself.

    Raises:
        CheckpointError: If there is none.
    """
    if run.is_file() or (run / CONFIG).is_file():
        return [run]
    found = [*run.glob("*.pth"), *(p.parent for p in run.glob(f"*/{CONFIG}"))]
    by_number: dict[int, Path] = {}
    # The plain checkpoint of a number wins over its export, and over a best one.
    for path in sorted(found, key=lambda p: (p.stem.startswith("best"), p.is_dir())):
        by_number.setdefault(_number(path), path)
    if not by_number:
        raise CheckpointError(
            f"{run} holds no checkpoint and no adapter. Give the work dir of a run of "
            "tools/train.py, a .pth file or an exported adapter"
        )
    return [by_number[number] for number in sorted(by_number)]


def identify(path: Path) -> EvaluatedModel:
    """What a checkpoint or exported adapter says about itself.

    Raises:
        CheckpointError: If it is damaged.
    """
    name = f"checkpoint_{_number(path)}"
    facts = adapter_facts(_state(path))
    kind = "full" if facts is None else "adapter"
    rank, alpha = (None, None) if facts is None else (facts["rank"], facts["alpha"])
    # of an exported adapter the hash is that of its weights
    digest = file_hash(path / WEIGHTS if path.is_dir() else path)
    return EvaluatedModel(name, kind, str(path), digest, rank, alpha)


def list_models(
    factory: "ModelFactory", runs: Iterable[Path], merge: str, base: bool = True
) -> list[EvaluatedModel]:
    """The base, every checkpoint, and one merged: ``last``, ``none`` or by name.

    Without ``base`` the network of the config is not built.

    Raises:
        CheckpointError: If two have one name, or ``merge`` names no adapter.
    """
    found: dict[str, EvaluatedModel] = {}
    for path in (path for run in runs for path in find_checkpoints(run)):
        model = identify(path)
        if model.name in found:
            raise CheckpointError(
                f"{found[model.name].path} and {path} are both {model.name}. Evaluate "
                "one run at a time"
            )
        found[model.name] = model
    adapters = [m.name for m in found.values() if m.kind == "adapter"]
    if merge not in (LAST, NONE, *adapters):
        raise CheckpointError(
            f"--merge {merge} is no adapter of the run; there are: "
            f"{', '.join(adapters) or 'none'}"
        )
    wanted = adapters[-1:] if merge == LAST else [n for n in adapters if n == merge]
    merged = [replace(found[n], name=MERGED + n, kind="merged") for n in wanted]
    return [*([factory.baseline()] if base else []), *found.values(), *merged]


class ModelFactory:
    """Builds the models of a config.

    Args:
        cfg: A config with ``model``, a ``VGGTEstimator``. Of its ``lora`` nothing is
            read: rank, alpha and layers come from the adapter's own file.
        bf16: Run the networks under bfloat16 autocast, whatever the config says.

    Raises:
        ConfigError: If the model is another one.
    """

    def __init__(self, cfg: Mapping[str, Any], bf16: bool = False) -> None:
        if cfg["model"].get("type") != "VGGTEstimator":
            raise ConfigError(
                "depth evaluation needs a config whose model is a VGGTEstimator, got "
                f"{cfg['model'].get('type')!r}"
            )
        self.config = copy.deepcopy(dict(cfg["model"]))
        self.config.update(lora=None, criterion=None, freeze=())
        self.config.pop("predict_base", None)  # one model at a time
        if bf16:
            self.config["precision"] = "bfloat16"
        self.precision = self.config.get("precision", "float32")
        self.seed = cfg["randomness"]["seed"]

    def baseline(self) -> EvaluatedModel:
        """The base; its network is built to hash the weights."""
        parts = json.dumps(base_hashes(self._plain()), sort_keys=True)
        digest = hashlib.sha256(parts.encode()).hexdigest()
        return EvaluatedModel(BASELINE, "base", "", digest)

    def build(self, model: EvaluatedModel, merge: bool = False) -> nn.Module:
        """The network of a model, for inference; on request with merged adapters.

        Raises:
            CheckpointError: If the checkpoint does not fit the base.
        """
        if model.kind == "base":
            return self._plain().eval()
        path = Path(model.path)
        state = _state(path)
        if model.kind == "full":
            net = self._plain()
            load_weights(net, {"meta": {}, "state_dict": state}, str(path))
            return net.eval()
        net = self._adapted(path, state, model)
        if not (merge or model.kind == "merged"):
            return net.eval()
        weights = merged_weights(net)
        del net
        plain = self._plain()
        plain.load_state_dict(weights)
        return plain.eval()

    def _plain(self) -> nn.Module:
        # A random base, of a narrow network, is drawn as the runner draws it.
        set_random_seed(self.seed)
        return MODELS.build(copy.deepcopy(self.config))

    def _adapted(
        self, path: Path, state: Mapping[str, Tensor], model: EvaluatedModel
    ) -> nn.Module:
        # the layers that the adapters change, in the order of the file
        layers = list(dict.fromkeys(key.partition(".lora_")[0] for key in state))
        sizes = {"rank": model.rank, "alpha": model.alpha, "dropout": 0.0}
        lora = {"target_modules": layers, **sizes}
        set_random_seed(self.seed)
        try:
            net = MODELS.build({**copy.deepcopy(self.config), "lora": lora})
        except ConfigError as error:
            raise CheckpointError(
                f"{path} adapts layers that the model of the config lacks: it belongs "
                f"to another network. Give the config it was trained with ({error})"
            ) from error
        load_weights(net, {"meta": {}, "state_dict": state}, str(path))
        return net


def _state(path: Path) -> Mapping[str, Tensor]:
    if path.is_dir():
        return read_adapter(path)
    return read_checkpoint(path)["state_dict"]


def _number(path: Path) -> int:
    """The last number in a file's name; 0 if it has none."""
    numbers = re.findall(r"\d+", path.name if path.is_dir() else path.stem)
    return int(numbers[-1]) if numbers else 0
