"""Loading weights with a full account of what fitted and what did not."""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.logging import MMLogger
from torch import nn

from vantage3d.engine.errors import CheckpointError, ConfigError

_EXAMPLES = 3
_ADVICE = (
    "Take a checkpoint of this model, or declare what may differ: "
    "load_from_policy = dict(ignore=[patterns], allow_missing=[patterns])"
)
_MISMATCH = re.compile(
    r"size mismatch for (\S+): copying a param with shape torch\.Size\((.*?)\) from "
    r"checkpoint, the shape in current model is torch\.Size\((.*?)\)"
)


@dataclass(frozen=True)
class LoadPolicy:
    """Patterns (``re.search``) of a config's ``load_from_policy = dict(...)``."""

    ignore: tuple[str, ...] = ()  # of checkpoint keys to leave out
    allow_missing: tuple[str, ...] = ()  # of model keys that keep their initial values

    @classmethod
    def from_config(cls, config: Mapping[str, Iterable[str]] | None) -> "LoadPolicy":
        """Policy of a config's ``load_from_policy``.

        Raises:
            ConfigError: If it has another key.
        """
        known = {"ignore", "allow_missing"}
        for key in config or {}:
            if key not in known:
                raise ConfigError(
                    f"`load_from_policy.{key}` is not known: it has {sorted(known)}"
                )
        return cls(**{key: tuple(value) for key, value in (config or {}).items()})


@dataclass
class LoadReport:
    """Keys that did not fit, with shapes."""

    total: int  # number of model keys
    missing: dict[str, str] = field(default_factory=dict)  # the checkpoint lacks them
    unexpected: dict[str, str] = field(default_factory=dict)  # the model lacks them
    mismatched: dict[str, str] = field(default_factory=dict)  # of different shapes
    notes: list[str] = field(default_factory=list)  # differences declared harmless

    @property
    def fits(self) -> bool:
        """Whether nothing is left over."""
        return not (self.missing or self.unexpected or self.mismatched)

    def text(self) -> str:
        """The whole report, grouped by prefix."""
        lines = []
        for title, keys in (
            ("missing from the checkpoint", self.missing),
            ("in the checkpoint only", self.unexpected),
            ("of another shape", self.mismatched),
        ):
            if keys:
                lines.append(f"  {title} ({len(keys)} keys):")
                lines += _grouped(keys)
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def load_weights(
    model: nn.Module,
    checkpoint: Mapping[str, Any],
    source: str,
    policy: LoadPolicy = LoadPolicy(),
    advice: str = _ADVICE,
) -> LoadReport:
    """Load ``checkpoint["state_dict"]`` into ``model``; every key must fit.

    A model class may name keys that released checkpoints have and it has no use for:
    ``IGNORED_CHECKPOINT_KEYS = {pattern: reason}``.

    Args:
        model: Without a wrapper for distributed training.
        checkpoint: Mapping with ``state_dict``, and ``meta`` for messages.
        source: The file, for messages.
        policy: What the config allows to differ.
        advice: What to do when keys do not fit.

    Raises:
        CheckpointError: If keys do not fit; all of them are named by group. If a
            value is not finite.
        ConfigError: If a pattern of ``policy`` matches no key.
    """
    report = LoadReport(total=len(model.state_dict()))
    state = _without_ignored(model, checkpoint["state_dict"], policy, report)
    bad = {
        key: f"{count} of {value.numel()} values"
        for key, value in state.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
        if (count := int((~torch.isfinite(value)).sum()))
    }
    if bad:
        first = next(iter(bad))
        raise CheckpointError(
            f"{source}: {len(bad)} of {len(state)} tensors hold values that are not "
            f"finite, the first is {first} ({bad[first]}). Take an earlier checkpoint "
            "or fetch the file again"
        )
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        for name, theirs, ours in _MISMATCH.findall(str(error)):
            report.mismatched[name] = f"{theirs}, the model has {ours}"
        if not report.mismatched:
            raise
        missing = [key for key in model.state_dict() if key not in state]
        unexpected = [key for key in state if key not in model.state_dict()]
    _sort_missing(model, missing, policy, report)
    report.unexpected = {key: _shape(state[key]) for key in unexpected}
    if not report.fits:
        name, theirs = type(model).__name__, checkpoint.get("meta", {}).get("model")
        what = f"{source} does not fit {name}"
        if theirs and theirs != name:
            what += f": it was saved from {theirs}"
        if not set(checkpoint["state_dict"]) & set(model.state_dict()):
            what += ": it has not one key in common, it is another model's checkpoint"
        raise CheckpointError(f"{what}\n{report.text()}\n{advice}")
    logger = MMLogger.get_current_instance()
    for note in report.notes:
        logger.info(f"{source}: {note}")
    logger.info(f"{source}: {len(state)} of {report.total} keys loaded")
    return report


def _without_ignored(
    model: nn.Module, state: Mapping[str, Any], policy: LoadPolicy, report: LoadReport
) -> dict[str, Any]:
    """``state`` without DDP's prefix and without what is declared useless."""
    kept = OrderedDict((re.sub(r"^module\.", "", k), v) for k, v in state.items())
    if hasattr(state, "_metadata"):
        kept._metadata = state._metadata  # type: ignore[attr-defined]
    reasons = dict(getattr(model, "IGNORED_CHECKPOINT_KEYS", {}))
    declared = dict.fromkeys(policy.ignore, "load_from_policy.ignore")
    for pattern, reason in {**reasons, **declared}.items():
        matched = [key for key in kept if re.search(pattern, key)]
        if not matched and pattern in declared:
            raise ConfigError(
                f"`load_from_policy.ignore` has {pattern!r}, which matches none of the "
                f"{len(kept)} keys of the checkpoint: correct or remove it"
            )
        for key in matched:
            del kept[key]
        if matched:
            note = f"{len(matched)} keys left out by {pattern!r}: {reason}"
            report.notes.append(note)
    return kept


def _sort_missing(
    model: nn.Module, missing: list[str], policy: LoadPolicy, report: LoadReport
) -> None:
    """Distribute ``missing`` over errors and notes."""
    ours = model.state_dict()
    left = [key for key in missing if not key.endswith("num_batches_tracked")]
    if len(left) < len(missing):
        report.notes.append(
            f"{len(missing) - len(left)} num_batches_tracked missing: only counters"
        )
    for pattern in policy.allow_missing:
        if not any(re.search(pattern, key) for key in ours):
            raise ConfigError(
                f"`load_from_policy.allow_missing` has {pattern!r}, which matches none "
                f"of the {len(ours)} keys of the model: correct or remove it"
            )
        allowed = [key for key in left if re.search(pattern, key)]
        left = [key for key in left if key not in allowed]
        report.notes.append(
            f"{len(allowed)} keys missing as {pattern!r} allows: initial values stay"
        )
    report.missing = {key: _shape(ours[key]) for key in left}


def _grouped(keys: Mapping[str, str]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(".".join(key.split(".")[:-1][:2]), []).append(key)
    lines = []
    for prefix, members in sorted(groups.items()):
        examples = ", ".join(f"{key} {keys[key]}" for key in members[:_EXAMPLES])
        more = f", {len(members) - _EXAMPLES} more" if len(members) > _EXAMPLES else ""
        lines.append(f"    {prefix or 'top level'}: {len(members)} ({examples}{more})")
    return lines


def _shape(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return str(list(value.shape))
    return f"({type(value).__name__})"
